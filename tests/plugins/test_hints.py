"""After which events a pod that a plugin rejected may be tried again."""

import pytest

from scheduler.plugins.catalogue import default_profile
from scheduler.queue.events import ClusterEvent, EventKind
from tests.builders import a_node, a_pod, a_taint, expressions, required

HINTS = default_profile("test").hints

ADD = EventKind.NODE_ADD
TAINT = EventKind.NODE_UPDATE_TAINT
ALLOCATABLE = EventKind.NODE_UPDATE_ALLOCATABLE
LABEL = EventKind.NODE_UPDATE_LABEL
PLATFORM = EventKind.NODE_UPDATE_PLATFORM
POD_DELETE = EventKind.ASSIGNED_POD_DELETE
POD_SCALE_DOWN = EventKind.ASSIGNED_POD_SCALE_DOWN
TOLERATION = EventKind.TARGET_POD_TOLERATION

POD = a_pod()
TOLERANT = a_pod(tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}])
BIG = a_pod(requests={"cpu": "2", "example.com/gpu": "1"})
WEB = a_pod(ports=[{"hostPort": 80}])
PICKY = a_pod(selector={"disk": "ssd"}, node_affinity=required(expressions(("zone", "In", ["a"]))))

OPEN, CORDONED = a_node(), a_node(unschedulable=True)
TAINTED = a_node(taints=[a_taint("t")])
GPU = {"example.com/gpu": "1"}

# plugin, pod, event, may help
CASES = [
    ("NodeName", POD, (ADD, None, OPEN), True),
    ("NodeUnschedulable", POD, (ADD, None, OPEN), True),
    ("NodeUnschedulable", POD, (ADD, None, CORDONED), False),
    ("NodeUnschedulable", POD, (TAINT, CORDONED, OPEN), True),
    ("NodeUnschedulable", POD, (TAINT, OPEN, OPEN), False),
    ("NodeUnschedulable", TOLERANT, (TOLERATION, POD, TOLERANT), True),
    ("NodeUnschedulable", POD, (TOLERATION, POD, POD), False),
    ("TaintToleration", POD, (ADD, None, OPEN), True),
    ("TaintToleration", POD, (ADD, None, TAINTED), False),
    ("TaintToleration", POD, (TAINT, TAINTED, OPEN), True),
    ("TaintToleration", POD, (TAINT, OPEN, OPEN), False),
    ("TaintToleration", POD, (TAINT, OPEN, TAINTED), False),
    ("TaintToleration", POD, (TOLERATION, POD, POD), True),
    ("NodeAffinity", PICKY, (ADD, None, a_node(labels={"disk": "ssd", "zone": "a"})), True),
    ("NodeAffinity", PICKY, (ADD, None, a_node(labels={"disk": "ssd"})), False),
    ("NodeAffinity", PICKY, (ADD, None, a_node(labels={"zone": "a"})), False),
    ("NodeAffinity", PICKY, (LABEL, OPEN, a_node(labels={"disk": "ssd", "zone": "a"})), True),
    ("NodeAffinity", PICKY, (LABEL, a_node(labels={"disk": "ssd", "zone": "a"}), OPEN), False),
    ("NodeAffinity", POD, (LABEL, OPEN, a_node(labels={"disk": "ssd"})), False),
    ("NodePorts", WEB, (ADD, None, OPEN), True),
    ("NodePorts", WEB, (POD_DELETE, a_pod(on="node", ports=[{"hostPort": 80}]), None), True),
    ("NodePorts", WEB, (POD_DELETE, a_pod(on="node", ports=[{"hostPort": 81}]), None), False),
    ("NodePorts", WEB, (POD_DELETE, None, None), True),
    ("NodeResourcesFit", BIG, (ADD, None, a_node(cpu="2", allocatable=GPU)), True),
    ("NodeResourcesFit", BIG, (ADD, None, a_node(cpu="1", allocatable=GPU)), False),
    ("NodeResourcesFit", BIG, (ADD, None, a_node(cpu="2")), False),
    ("NodeResourcesFit", BIG, (ADD, None, a_node(cpu="2", pods="0", allocatable=GPU)), False),
    ("NodeResourcesFit", BIG, (ALLOCATABLE, a_node(cpu="2"), a_node(cpu="2", allocatable=GPU)), True),
    ("NodeResourcesFit", BIG, (ALLOCATABLE, a_node(pods="1", allocatable=GPU), a_node(allocatable=GPU)), True),
    ("NodeResourcesFit", BIG, (ALLOCATABLE, a_node(memory="1Gi", allocatable=GPU), a_node(allocatable=GPU)), False),
    ("NodeResourcesFit", BIG, (ALLOCATABLE, a_node(cpu="8", allocatable=GPU), a_node(allocatable=GPU)), False),
    ("NodeResourcesFit", BIG, (POD_DELETE, a_pod(on="node"), None), True),
    ("NodeResourcesFit", BIG, (POD_SCALE_DOWN, a_pod(requests={"cpu": "2"}), a_pod(requests={"cpu": "1"})), True),
    ("NodeResourcesFit", BIG, (POD_SCALE_DOWN, a_pod(requests={"cpu": "2"}), a_pod(requests={"cpu": "2"})), False),
    ("NodeResourcesFit", BIG, (POD_SCALE_DOWN, a_pod(requests={"memory": "2"}), a_pod()), False),
    ("NodeResourcesFit", BIG, (POD_SCALE_DOWN, None, None), True),
    ("NodeResourcesFit", BIG, (EventKind.TARGET_POD_SCALE_DOWN, BIG, POD), True),
    ("ImagePlatform", POD, (ADD, None, OPEN), True),
    ("ImagePlatform", POD, (EventKind.NODE_UPDATE_IMAGES, None, None), True),
    ("ImagePlatform", POD, (PLATFORM, a_node(architecture="amd64"), a_node(architecture="arm64")), True),
    ("ImagePlatform", POD, (PLATFORM, OPEN, a_node(labels={"disk": "ssd"})), False),
    ("NodeDeclaredFeatures", POD, (ADD, None, OPEN), True),
]


@pytest.mark.parametrize(("plugin", "pod", "event", "helps"), CASES)
def test_an_event_may_help_the_pod_or_not(plugin, pod, event, helps):
    kind, old, new = event
    assert HINTS[plugin][kind](pod, ClusterEvent(kind, old, new)) is helps


KINDS = {
    "UnsupportedFields": set(),
    "NodeName": {ADD},
    "NodeUnschedulable": {ADD, TAINT, TOLERATION},
    "TaintToleration": {ADD, TAINT, TOLERATION},
    "NodeAffinity": {ADD, LABEL},
    "ImagePlatform": {ADD, PLATFORM, EventKind.NODE_UPDATE_IMAGES},
    "NodePorts": {ADD, POD_DELETE},
    "NodeResourcesFit": {ADD, ALLOCATABLE, POD_DELETE, POD_SCALE_DOWN, EventKind.TARGET_POD_SCALE_DOWN},
    "DynamicResources": set(),
    "NodeDeclaredFeatures": {ADD},
}


def test_a_plugin_listens_to_these_events_and_no_others():
    assert {plugin: set(hints) for plugin, hints in HINTS.items()} == KINDS


def test_every_event_that_a_plugin_listens_to_has_a_case():
    cased = {(plugin, event[0]) for plugin, _, event, _ in CASES}
    assert cased == {(plugin, kind) for plugin, kinds in KINDS.items() for kind in kinds}
