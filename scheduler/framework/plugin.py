"""Extension points: what a plugin may implement, and what it promises by doing so.

Owns the base classes. The cycle calls them in this order::

    pre_filter(class)              once per class: does it apply? is the pod impossible? only certain nodes?
    filter(class, nodes, rows)     verdicts of many rows at once
    pre_score(class)               once per class: does it apply?
    score(class, nodes, rows)      raw scores of many rows at once, then normalised over the feasible ones

Those plugins are **row-local**: what they say of a row follows from the pod class and that row's columns alone. That
is why verdicts and raw scores can be kept and repaired row by row. What a row's verdict depends on:

* *facts*: the node itself (taints, labels, platform, ...): repaired when the node changes;
* *counters* (``CounterFilter``, ``CounterScore``): also what is placed on the row: repaired at every placement. Those
  plugins also answer for a single row, in plain Python, because for one row that is several times faster than arrays.

A score that also depends on something global (how many nodes have an image) declares it as its ``epoch``.

A plugin for which that is not enough, since pods on one node or objects that are no nodes decide about other nodes, is
a ``ClusterPlugin``. It makes a ``PluginState`` for each likeness of pods, which is kept between decisions and answers
for all rows at once, after the row-local plugins have spoken (``pod_evaluation``).
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import ID, Ids, Mask, RowIndexes, Rows, count
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.placed_pod import PlacedPod
from scheduler.cluster.pod_class import PodClass
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.status import Rejection
from scheduler.queue.events import QueueingHints

Scores = NDArray[np.int64]


class Skip(enum.Enum):
    """``SKIP``: the plugin has nothing to say to pods of this class and is not asked again.

    ``ZERO``, as an answer about scores: the same, but it counts as having scored every node 0.
    """

    SKIP = enum.auto()
    ZERO = enum.auto()


SKIP = Skip.SKIP


@dataclass(frozen=True, slots=True)
class OnlyNodes:
    """The pod can run on no other nodes than these."""

    names: frozenset[str]


PreFilterAnswer = Skip | OnlyNodes | Rejection | None
"""None: go on and filter."""


class Plugin(ABC):
    """``name`` is the upstream plugin's, where there is one."""

    name: ClassVar[str]

    @property
    def hints(self) -> QueueingHints:
        """The events after which a pod that this plugin rejected may be tried again. Default: none."""
        return {}


class PreFilterPlugin(Plugin):
    """Says whether a pod can be placed at all. Every filter does."""

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        """Whether to ask for nodes at all. Called once per class; must not look at nodes. Default: ask."""
        return None


class FilterPlugin(PreFilterPlugin):
    """Says which nodes are possible."""

    @abstractmethod
    def filter(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Mask:
        """bool[rows]: True where the pod may run. Rows that hold no node may get any answer."""

    @abstractmethod
    def explain(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> tuple[Ids, Sequence[Rejection]]:
        """Why ``filter`` said no to each of these rows: int32[rows] into the distinct rejections.

        Called only with rows that hold a node and that ``filter`` rejects, and only when no node is left.
        """


class CounterFilter(FilterPlugin):
    """A filter that looks at what is placed on the node."""

    @abstractmethod
    def filter_row(self, pod_class: PodClass, nodes: NodeTable, row: int) -> bool:
        """The same as ``filter`` for one row."""

    @abstractmethod
    def rejection_if(
        self, pod_class: PodClass, nodes: NodeTable, row: int, gone: Sequence[PlacedPod], come: Sequence[PlacedPod]
    ) -> Rejection | None:
        """What the filter would say of one row if these pods left its node and those came to it.

        For dry runs of preemption and for nominated pods. ``gone`` are on the row now; ``come`` are not, unless they
        are among those gone and were put back. That pods go never makes a filter reject. Changes nothing.
        """


class AdditiveFilter(CounterFilter):
    """A filter that adds up: the pod fits if of each resource it asks for there is enough left beside the others."""

    @abstractmethod
    def asked(self, pod_class: PodClass) -> Sequence[tuple[str, int]]:
        """(name, amount) of all that must be left, "pods" included, in the units of ``nodes.resources``."""


class Normalization(enum.Enum):
    """What becomes of raw scores once all feasible nodes have one (``plugins/helper/normalize_score.go``)."""

    NONE = enum.auto()
    """They are 0..100 already."""
    SCALED = enum.auto()
    """100 * raw / greatest raw; all 0 if that is 0."""
    REVERSED = enum.auto()
    """100 - 100 * raw / greatest raw; all 100 if that is 0."""


class ScorePlugin(Plugin):
    """Says which of the possible nodes are better."""

    normalization: ClassVar[Normalization] = Normalization.NONE

    def pre_score(self, pod_class: PodClass) -> Skip | None:
        """Whether to score at all. Called once per class; raises AttemptError if the pod cannot be scored."""
        return None

    @abstractmethod
    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        """int64[rows], not negative; 0..100 unless normalised. Rows that hold no node may get any score."""

    def epoch(self, pod_class: PodClass, nodes: NodeTable) -> Hashable:
        """A value that differs when scores of rows that did not change may differ. Default: they never do."""
        return None


class CounterScore(ScorePlugin):
    """A score that looks at what is placed on the node. Never normalised."""

    @abstractmethod
    def score_row(self, pod_class: PodClass, nodes: NodeTable, row: int) -> int:
        """The same as ``score`` for one row."""


class Leaving(enum.Enum):
    """What it means for a filter's verdict about a row that pods leave the row's node."""

    NEVER_MATTERS = enum.auto()
    """Nothing, and neither do pods that come."""
    ONLY_HELPS = enum.auto()
    """It may let a pod in that it kept out, never the reverse."""
    MAY_HURT = enum.auto()


class PluginState(ABC):
    """What a ``ClusterPlugin`` keeps for one likeness of pods. ``refresh`` first; then all else is as of now."""

    rejection: Rejection | None = None
    """PreFilter's "no" to the pod as a whole, if it is one now; then no node is asked about."""

    is_idle = False
    """Whether it has nothing to say as of now, so that it need not be asked: no rejection, no mask, no score."""

    @abstractmethod
    def refresh(self) -> bool:
        """Bring the answers up to date with the cluster. True if any of them, ``is_idle`` included, may have changed.

        Called before every decision, so it must be quick to see that nothing has happened.
        """

    @abstractmethod
    def close(self) -> None:
        """The likeness is forgotten: give back what was registered on its behalf."""

    # Filter

    @property
    def fails(self) -> bool:
        """Whether ``explain`` may say of some row that nothing can be said of it (``Code.ERROR``). Default: never."""
        return False

    def mask(self) -> Mask | None:
        """bool[size of the node table]: True where the pod may run; None: everywhere. Default: everywhere."""
        return None

    def explain(self, rows: RowIndexes) -> tuple[Ids, Sequence[Rejection]]:
        """Why ``mask`` is False on each of these rows, as ``FilterPlugin.explain``. Needed if ``mask`` ever is."""
        raise NotImplementedError(f"{type(self).__name__} rejects nodes without reasons")

    def rejection_if(self, row: int, gone: Sequence[PlacedPod], come: Sequence[PlacedPod]) -> Rejection | None:
        """What the filter would say of one row if these pods left its node and those came to it.

        For dry runs of preemption and for nominated pods (upstream: PreFilterExtensions, AddPod and RemovePod).
        ``gone`` are on the row now; ``come`` are not, unless they are among those gone and were put back. Changes
        nothing. Default: the same as without the changes.
        """
        mask = self.mask()
        if mask is None or mask[row]:
            return None
        ids, rejections = self.explain(np.array([row], dtype=np.intp))
        return rejections[int(ids[0])]

    @property
    def leaving(self) -> Leaving:
        """What ``rejection_if`` makes of pods that are gone, and not put back."""
        return Leaving.NEVER_MATTERS

    # Score

    def score(self, possible: Mask) -> Scores | None:
        """int64[size]: 0..100, normalised over the ``possible`` rows; the others may hold anything within 0..100.

        None: the plugin has nothing to say (upstream: PreScore skips). Default: nothing. At least one row is possible.
        Raises AttemptError if the pod cannot be scored, which matters only if more rows than one are.
        """
        return None


class ClusterPlugin(PreFilterPlugin):
    """A plugin that is not row-local: a filter, a score or both, by where it stands in the profile."""

    def pre_score(self, pod_class: PodClass) -> Skip | None:
        """Whether to score at all, if the class alone decides that. Default: ask the state."""
        return None

    @abstractmethod
    def state(self, pod: PodInfo, cache: Cache) -> PluginState:
        """A new state for all pods like this one. It may keep the pod, and reads the cache at every ``refresh``."""


def same_for_all(rows: Rows, rejection: Rejection) -> tuple[Ids, Sequence[Rejection]]:
    """The answer to ``explain`` of a filter that has only one reason."""
    return np.zeros(count(rows), dtype=ID), (rejection,)
