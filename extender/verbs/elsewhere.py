"""Where a pod could run that no node of kube-scheduler's sample can run: the node that it is nominated to.

Owns the choice among all nodes of our picture. kube-scheduler's own plugins look at the nominated node before it is
used: what is left out here, volumes and devices, which narrowing does not watch, costs an attempt and no correctness.
The pod counts on that node meanwhile (``promises``), so that the next ones do not take the same room.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from extender.verbs.promises import Promises
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.cycle import SchedulingCycle
from scheduler.images.matching import DEFAULT_RULES, MatchRules
from scheduler.plugins.catalogue import Selection, make_profile
from scheduler.plugins.extension_points import IMAGE_PLATFORM, IMAGE_PLATFORM_WEIGHT

FILTERS = (
    "NodeName",
    "NodeUnschedulable",
    "TaintToleration",
    "NodeAffinity",
    IMAGE_PLATFORM,
    "NodePorts",
    "NodeResourcesFit",
    "PodTopologySpread",
    "InterPodAffinity",
)
"""What nodes, namespaces and pods are enough for, in kube-scheduler's order."""

SCORES = ((IMAGE_PLATFORM, IMAGE_PLATFORM_WEIGHT), ("NodeResourcesFit", 1), ("ImageLocality", 1))
"""By which narrowing chooses among the nodes of the sample, too."""

REMEMBERED_ROWS = 250_000
"""50 pod classes at 5,000 nodes: few are refused by a whole sample."""


class Elsewhere:
    """Looks at the nodes of ``cache``. ``weights``, ``rules``: as for the plugin ImagePlatform.

    ``scores`` are the plugins by which nodes are put in order, with their weights.
    """

    def __init__(
        self,
        cache: Cache,
        promises: Promises,
        weights: Mapping[str, int] | None = None,
        rules: MatchRules = DEFAULT_RULES,
    ) -> None:
        profile = make_profile(Selection("elsewhere", FILTERS, SCORES, ()), platform_weights=weights, match_rules=rules)
        self.scores = profile.scores
        self._nodes = cache.nodes
        self._cycle = SchedulingCycle(cache, profile, remembered_rows=REMEMBERED_ROWS)
        self._promises = promises

    def nominate(self, info: PodInfo, now: float) -> str | None:
        """The best node that can run the pod, which is promised; None if there is none.

        Never the node that it is nominated to already: had that been possible, nobody would have asked about others.
        """
        live = self._nodes.live.copy()
        own = self._nodes.row_of(info.pod.status.nominated_node_name or "")
        if own is not None:
            live[own] = False
        rows = np.flatnonzero(live)
        placed = self._cycle.decide_among(info, rows) if len(rows) else None
        if placed is None:
            return None
        self._promises.make(info, placed.node, now)
        return placed.node
