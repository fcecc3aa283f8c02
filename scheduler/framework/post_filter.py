"""What happens after no node was found: plugins that may make room, and what they can answer.

Owns the extension point PostFilter and how the answers are put together (upstream: ``framework/runtime/framework.go``,
RunPostFilterPlugins). The one that makes room is ``preemption``; carrying it out is the loops' business.
"""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.plugin import Plugin
from scheduler.framework.status import Rejection

if TYPE_CHECKING:  # both are made for a profile, which lists the plugins that are declared here
    from scheduler.framework.diagnosis import FitError
    from scheduler.framework.pod_evaluation import PodEvaluation


class Outcome(enum.StrEnum):
    """Names as upstream prints them."""

    SUCCESS = "Success"
    """Room can be made on ``node``."""
    UNSCHEDULABLE = "Unschedulable"
    ERROR = "Error"


class Nominating(enum.Enum):
    """What becomes of the pod's nomination."""

    KEEP = enum.auto()
    SET = enum.auto()
    """To ``node``; or to none if that is empty."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node where room can be made by evicting ``victims``, the most important first."""

    node: str
    victims: tuple[Pod, ...]
    violations: int
    """How many of the victims exceed a disruption budget."""


@dataclass(frozen=True, slots=True)
class Trials:
    """All nodes that were tried. ``equals``: the best candidates' names, sorted; ``rejected``: by name, why not."""

    candidates: tuple[Candidate, ...]
    equals: tuple[str, ...]
    rejected: Mapping[str, Rejection]


NOTHING_TRIED = Trials((), (), {})


@dataclass(frozen=True, slots=True)
class PostFilterResult:
    """``message`` is what the pod's condition says after the FitError. ``chosen``: with SUCCESS, where to make room."""

    outcome: Outcome
    message: str
    nominating: Nominating
    chosen: Candidate | None = None
    trials: Callable[[], Trials] = lambda: NOTHING_TRIED
    """Works out what can be said of every node, which a decision does not need; while nothing has changed."""

    @property
    def node(self) -> str:
        """To which the pod is nominated; empty if to none."""
        return "" if self.chosen is None else self.chosen.node


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt for which no node was found. ``reached``: the plugins whose PreFilter was asked."""

    info: PodInfo
    evaluation: PodEvaluation
    fit_error: FitError
    cache: Cache
    reached: frozenset[str]


class PostFilterPlugin(Plugin):
    """Is asked once no node is left."""

    @abstractmethod
    def post_filter(self, attempt: FailedAttempt) -> PostFilterResult | None:
        """Whether room can be made. Changes nothing. None: nothing to say."""


def run_post_filters(plugins: Iterable[PostFilterPlugin], attempt: FailedAttempt) -> PostFilterResult | None:
    """The first success or error; else the last answer, with the messages of all."""
    last: PostFilterResult | None = None
    messages: list[str] = []
    for plugin in plugins:
        result = plugin.post_filter(attempt)
        if result is None:
            continue
        if result.outcome is not Outcome.UNSCHEDULABLE:
            return result
        messages.append(result.message)
        last = result
    if last is None or len(messages) == 1:
        return last
    return PostFilterResult(last.outcome, ", ".join(messages), last.nominating, trials=last.trials)
