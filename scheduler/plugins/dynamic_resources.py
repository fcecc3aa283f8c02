"""DynamicResources: pods with resource claims wait, since claims are not allocated here.

Stands where kube-scheduler has ``plugins/dynamicresources``. To any other pod it says what upstream says, which scores
every node 0 for a pod without claims.
"""

from __future__ import annotations

import numpy as np

from scheduler.cluster.columns import Rows, count
from scheduler.cluster.node_table import NodeTable
from scheduler.cluster.pod_class import PodClass
from scheduler.framework.plugin import SKIP, PreFilterAnswer, PreFilterPlugin, ScorePlugin, Scores
from scheduler.framework.post_filter import FailedAttempt, Nominating, Outcome, PostFilterPlugin, PostFilterResult
from scheduler.framework.status import Code, Rejection

REASON = "the pod has resource claims (spec.resourceClaims), which multiarch-scheduler does not allocate"


UNASKED = "not found"


class DynamicResources(PreFilterPlugin, ScorePlugin, PostFilterPlugin):
    """Rejects the whole pod. No event helps: a pod's claims cannot be changed."""

    name = "DynamicResources"

    def pre_filter(self, pod_class: PodClass) -> PreFilterAnswer:
        if not pod_class.spec.resource_claims:
            return SKIP
        return Rejection(Code.UNRESOLVABLE, self.name, (REASON,))

    def post_filter(self, attempt: FailedAttempt) -> PostFilterResult | None:
        """Upstream's plugin looks for what its PreFilter noted, and fails where that was never asked."""
        if self.name in attempt.reached:
            return None
        return PostFilterResult(Outcome.ERROR, UNASKED, Nominating.SET)

    def score(self, pod_class: PodClass, nodes: NodeTable, rows: Rows) -> Scores:
        return np.zeros(count(rows), dtype=np.int64)
