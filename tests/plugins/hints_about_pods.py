"""Cases for ``test_hints``: which events may help a pod that other pods keep from being placed."""

from __future__ import annotations

from scheduler.queue.events import EventKind
from tests.builders import a_constraint, a_node, a_pod, a_pod_term, a_taint, away, matching, near, spread

NODE_ADD, NODE_DELETE = EventKind.NODE_ADD, EventKind.NODE_DELETE
LABEL, TAINT = EventKind.NODE_UPDATE_LABEL, EventKind.NODE_UPDATE_TAINT
POD_ADD, POD_LABEL, POD_DELETE = EventKind.ASSIGNED_POD_ADD, EventKind.ASSIGNED_POD_LABEL, EventKind.ASSIGNED_POD_DELETE
OWN_LABEL, OWN_TOLERATION = EventKind.TARGET_POD_LABEL, EventKind.TARGET_POD_TOLERATION

SPREAD, AFFINITY = "PodTopologySpread", "InterPodAffinity"

WEB = {"app": "web"}
ONE, OTHER = a_pod(on="n", labels=WEB), a_pod(on="n", labels={"app": "db"})
FAR = a_pod(on="n", namespace="far", labels=WEB)

EVEN = a_pod(labels=WEB, spec=spread(a_constraint("zone", matching(**WEB)), a_constraint("rack", matching(**WEB))))
WARY = a_pod(labels=WEB, spec=spread(a_constraint("zone", matching(**WEB), nodeTaintsPolicy="Honor")))
BROKEN = a_pod(spec=spread(a_constraint("zone", {"matchExpressions": [{"key": "a", "operator": "?"}]})))
PLAIN = a_pod(labels=WEB)

ZONED, RACKED = a_node(labels={"zone": "a"}), a_node(labels={"zone": "a", "rack": "1"})
MOVED, TAINTED = a_node(labels={"zone": "b", "rack": "1"}), a_node(labels=RACKED.metadata.labels, taints=[a_taint("t")])
BARE = a_node()

TOGETHER = a_pod(spec=near(a_pod_term("zone", matching(**WEB)), a_pod_term("zone", {})))
APART = a_pod(labels={"app": "new"}, spec=away(a_pod_term("zone", matching(**WEB))))
EVERYWHERE = a_pod(spec=near(a_pod_term("zone", matching(**WEB), namespaceSelector={})))
UNREADABLE = a_pod(spec=near(a_pod_term("zone", {"matchExpressions": [{"key": "a", "operator": "?"}]})))
HOSTILE = a_pod(on="n", spec=away(a_pod_term("zone", matching(app="new"))))

CASES = [
    (SPREAD, EVEN, (POD_ADD, None, ONE), True),
    (SPREAD, EVEN, (POD_ADD, None, OTHER), False),
    (SPREAD, EVEN, (POD_ADD, None, FAR), False),
    (SPREAD, BROKEN, (POD_ADD, None, ONE), True),
    (SPREAD, EVEN, (POD_LABEL, OTHER, ONE), True),
    (SPREAD, EVEN, (POD_LABEL, ONE, ONE), False),
    (SPREAD, EVEN, (POD_DELETE, ONE, None), True),
    (SPREAD, EVEN, (POD_DELETE, OTHER, None), False),
    (SPREAD, EVEN, (OWN_LABEL, OTHER, EVEN), True),
    (SPREAD, EVEN, (OWN_LABEL, EVEN, EVEN), False),
    (SPREAD, EVEN, (OWN_TOLERATION, EVEN, EVEN), False),
    (SPREAD, WARY, (OWN_TOLERATION, WARY, WARY), True),
    (SPREAD, BROKEN, (OWN_TOLERATION, BROKEN, BROKEN), True),
    (SPREAD, EVEN, (NODE_ADD, None, RACKED), True),
    (SPREAD, EVEN, (NODE_ADD, None, ZONED), False),
    (SPREAD, BROKEN, (NODE_ADD, None, BARE), True),
    (SPREAD, EVEN, (NODE_DELETE, RACKED, None), True),
    (SPREAD, EVEN, (NODE_DELETE, ZONED, None), False),
    (SPREAD, EVEN, (LABEL, ZONED, RACKED), True),
    (SPREAD, EVEN, (LABEL, RACKED, ZONED), True),
    (SPREAD, EVEN, (LABEL, RACKED, MOVED), True),
    (SPREAD, EVEN, (LABEL, BARE, ZONED), False),
    (SPREAD, EVEN, (LABEL, RACKED, RACKED), False),
    (SPREAD, EVEN, (TAINT, RACKED, TAINTED), True),
    (SPREAD, EVEN, (TAINT, BARE, ZONED), False),
    (AFFINITY, TOGETHER, (POD_ADD, None, ONE), True),
    (AFFINITY, TOGETHER, (POD_ADD, None, OTHER), False),
    (AFFINITY, TOGETHER, (POD_ADD, None, FAR), False),
    (AFFINITY, EVERYWHERE, (POD_ADD, None, FAR), True),
    (AFFINITY, PLAIN, (POD_ADD, None, ONE), False),
    (AFFINITY, UNREADABLE, (POD_ADD, None, ONE), False),
    (AFFINITY, TOGETHER, (POD_LABEL, OTHER, ONE), True),
    (AFFINITY, TOGETHER, (POD_LABEL, ONE, OTHER), False),
    (AFFINITY, APART, (POD_LABEL, ONE, OTHER), True),
    (AFFINITY, APART, (POD_LABEL, OTHER, ONE), False),
    (AFFINITY, APART, (POD_DELETE, ONE, None), True),
    (AFFINITY, APART, (POD_DELETE, OTHER, None), False),
    (AFFINITY, APART, (POD_DELETE, HOSTILE, None), True),
    (AFFINITY, PLAIN, (POD_DELETE, HOSTILE, None), False),
    (AFFINITY, PLAIN, (POD_DELETE, None, None), True),
    (AFFINITY, PLAIN, (OWN_LABEL, PLAIN, PLAIN), True),
    (AFFINITY, TOGETHER, (NODE_ADD, None, ZONED), True),
    (AFFINITY, TOGETHER, (NODE_ADD, None, BARE), False),
    (AFFINITY, APART, (NODE_ADD, None, BARE), True),
    (AFFINITY, TOGETHER, (LABEL, BARE, ZONED), True),
    (AFFINITY, TOGETHER, (LABEL, RACKED, MOVED), True),
    (AFFINITY, TOGETHER, (LABEL, ZONED, BARE), False),
    (AFFINITY, APART, (LABEL, ZONED, BARE), True),
    (AFFINITY, APART, (LABEL, RACKED, MOVED), True),
    (AFFINITY, APART, (LABEL, BARE, ZONED), False),
]

KINDS = {
    SPREAD: {POD_ADD, POD_LABEL, POD_DELETE, OWN_LABEL, OWN_TOLERATION, NODE_ADD, NODE_DELETE, LABEL, TAINT},
    AFFINITY: {POD_ADD, POD_LABEL, POD_DELETE, OWN_LABEL, NODE_ADD, LABEL},
}
