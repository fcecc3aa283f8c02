"""After which events a pod that a plugin rejected may be tried again."""

import pytest

from scheduler.plugins.catalogue import default_profile
from scheduler.queue.events import ClusterEvent, EventKind
from tests.builders import a_node, a_pod, a_taint, expressions, required
from tests.plugins import hints_about_pods
from tests.storage_builders import (
    a_capacity,
    a_claim,
    a_csi_driver,
    a_csi_node,
    a_storage_class,
    a_volume,
    an_attachment,
    claiming,
)

HINTS = default_profile("test").hints

ADD = EventKind.NODE_ADD
TAINT = EventKind.NODE_UPDATE_TAINT
ALLOCATABLE = EventKind.NODE_UPDATE_ALLOCATABLE
LABEL = EventKind.NODE_UPDATE_LABEL
FEATURE = EventKind.NODE_UPDATE_DECLARED_FEATURE
PLATFORM = EventKind.NODE_UPDATE_PLATFORM
POD_DELETE = EventKind.ASSIGNED_POD_DELETE
POD_SCALE_DOWN = EventKind.ASSIGNED_POD_SCALE_DOWN
TOLERATION = EventKind.TARGET_POD_TOLERATION

POD = a_pod()
TOLERANT = a_pod(tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}])
BIG = a_pod(requests={"cpu": "2", "example.com/gpu": "1"})
WEB = a_pod(ports=[{"hostPort": 80}])
PICKY = a_pod(selector={"disk": "ssd"}, node_affinity=required(expressions(("zone", "In", ["a"]))))

NEEDED = "UserNamespacesHostNetworkSupport"
NEEDY = a_pod(spec={"hostNetwork": True, "hostUsers": False})

OPEN, CORDONED = a_node(), a_node(unschedulable=True)
TAINTED = a_node(taints=[a_taint("t")])
GPU = {"example.com/gpu": "1"}

CLAIM_ADD, CLAIM_UPDATE = EventKind.CLAIM_ADD, EventKind.CLAIM_UPDATE
VOLUME_ADD, VOLUME_UPDATE = EventKind.VOLUME_ADD, EventKind.VOLUME_UPDATE
CLASS_ADD, CLASS_UPDATE = EventKind.STORAGE_CLASS_ADD, EventKind.STORAGE_CLASS_UPDATE
CSI_NODE_ADD, CSI_NODE_UPDATE = EventKind.CSI_NODE_ADD, EventKind.CSI_NODE_UPDATE
DRIVER_UPDATE = EventKind.CSI_DRIVER_UPDATE
CAPACITY_ADD, CAPACITY_UPDATE = EventKind.STORAGE_CAPACITY_ADD, EventKind.STORAGE_CAPACITY_UPDATE
DETACHED = EventKind.VOLUME_ATTACHMENT_DELETE

CLAIMING = a_pod(spec=claiming("data"))
EPHEMERAL = a_pod(spec={"volumes": [{"name": "scratch", "ephemeral": {}}]})
DISK = a_pod(spec={"volumes": [{"name": "disk", "gcePersistentDisk": {"pdName": "disk"}}]})
INLINE_CSI = a_pod(spec={"volumes": [{"name": "inline", "csi": {"driver": "csi"}}]})
DATA, OTHER = a_claim("data"), a_claim("other")
ZONE_A, ZONE_B = ({"topology.kubernetes.io/zone": zone} for zone in "ab")

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
    ("NodeDeclaredFeatures", NEEDY, (ADD, None, a_node(features=[NEEDED])), True),
    ("NodeDeclaredFeatures", NEEDY, (ADD, None, OPEN), False),
    ("NodeDeclaredFeatures", NEEDY, (FEATURE, OPEN, a_node(features=["Other", NEEDED])), True),
    ("NodeDeclaredFeatures", NEEDY, (FEATURE, OPEN, a_node(features=["Other"])), False),
    ("ImagePlatform", POD, (ADD, None, OPEN), True),
    ("ImagePlatform", POD, (EventKind.NODE_UPDATE_IMAGES, None, None), True),
    ("ImagePlatform", POD, (PLATFORM, a_node(architecture="amd64"), a_node(architecture="arm64")), True),
    ("ImagePlatform", POD, (PLATFORM, OPEN, a_node(labels={"disk": "ssd"})), False),
    ("VolumeRestrictions", CLAIMING, (POD_DELETE, a_pod(on="node", spec=claiming("data")), None), True),
    ("VolumeRestrictions", CLAIMING, (POD_DELETE, a_pod(on="node", spec=claiming("other")), None), False),
    ("VolumeRestrictions", CLAIMING, (POD_DELETE, None, None), True),
    ("VolumeRestrictions", DISK, (POD_DELETE, DISK, None), True),
    ("VolumeRestrictions", DISK, (POD_DELETE, INLINE_CSI, None), False),
    ("VolumeRestrictions", CLAIMING, (CLAIM_ADD, None, DATA), True),
    ("VolumeRestrictions", CLAIMING, (CLAIM_ADD, None, OTHER), False),
    ("VolumeRestrictions", EPHEMERAL, (CLAIM_ADD, None, a_claim("pod-scratch")), False),
    ("VolumeRestrictions", CLAIMING, (ADD, None, OPEN), True),
    ("NodeVolumeLimits", CLAIMING, (CSI_NODE_ADD, None, a_csi_node()), True),
    (
        "NodeVolumeLimits",
        CLAIMING,
        (CSI_NODE_UPDATE, a_csi_node(drivers={"csi": 1}), a_csi_node(drivers={"csi": 2})),
        True,
    ),
    ("NodeVolumeLimits", CLAIMING, (CSI_NODE_UPDATE, a_csi_node(), a_csi_node(drivers={"csi": 2})), True),
    (
        "NodeVolumeLimits",
        CLAIMING,
        (CSI_NODE_UPDATE, a_csi_node(drivers={"csi": 2}), a_csi_node(drivers={"csi": 1})),
        False,
    ),
    (
        "NodeVolumeLimits",
        CLAIMING,
        (CSI_NODE_UPDATE, a_csi_node(drivers={"csi": 2}), a_csi_node(drivers={"csi": None})),
        False,
    ),
    ("NodeVolumeLimits", CLAIMING, (CSI_NODE_UPDATE, None, a_csi_node()), True),
    ("NodeVolumeLimits", CLAIMING, (POD_DELETE, CLAIMING, None), True),
    ("NodeVolumeLimits", CLAIMING, (POD_DELETE, DISK, None), True),
    ("NodeVolumeLimits", CLAIMING, (POD_DELETE, POD, None), False),
    ("NodeVolumeLimits", CLAIMING, (POD_DELETE, None, None), True),
    ("NodeVolumeLimits", CLAIMING, (CLAIM_ADD, None, DATA), True),
    ("NodeVolumeLimits", CLAIMING, (CLAIM_ADD, None, OTHER), False),
    ("NodeVolumeLimits", EPHEMERAL, (CLAIM_ADD, None, a_claim("pod-scratch")), True),
    ("NodeVolumeLimits", CLAIMING, (DETACHED, an_attachment(), None), True),
    ("NodeVolumeLimits", DISK, (DETACHED, an_attachment(attacher="pd.csi.storage.gke.io"), None), True),
    ("NodeVolumeLimits", DISK, (DETACHED, an_attachment(), None), False),
    ("NodeVolumeLimits", DISK, (DETACHED, None, None), True),
    ("VolumeBinding", CLAIMING, (CLASS_ADD, None, a_storage_class()), True),
    ("VolumeBinding", CLAIMING, (CLASS_UPDATE, a_storage_class(), a_storage_class(zones=["a"])), True),
    ("VolumeBinding", CLAIMING, (CLASS_UPDATE, a_storage_class(), a_storage_class()), False),
    ("VolumeBinding", CLAIMING, (CLASS_UPDATE, None, a_storage_class()), True),
    ("VolumeBinding", CLAIMING, (CLAIM_ADD, None, DATA), True),
    ("VolumeBinding", CLAIMING, (CLAIM_UPDATE, DATA, DATA), True),
    ("VolumeBinding", CLAIMING, (CLAIM_UPDATE, OTHER, OTHER), False),
    ("VolumeBinding", EPHEMERAL, (CLAIM_ADD, None, a_claim("pod-scratch")), True),
    ("VolumeBinding", CLAIMING, (VOLUME_ADD, None, a_volume()), True),
    ("VolumeBinding", CLAIMING, (VOLUME_UPDATE, a_volume(), a_volume()), True),
    ("VolumeBinding", CLAIMING, (ADD, None, OPEN), True),
    ("VolumeBinding", CLAIMING, (LABEL, OPEN, OPEN), True),
    ("VolumeBinding", CLAIMING, (CSI_NODE_ADD, None, a_csi_node()), True),
    ("VolumeBinding", CLAIMING, (CSI_NODE_UPDATE, a_csi_node(), a_csi_node(migrated="kubernetes.io/gce-pd")), True),
    ("VolumeBinding", CLAIMING, (CSI_NODE_UPDATE, a_csi_node(), a_csi_node(drivers={"csi": 2})), False),
    ("VolumeBinding", CLAIMING, (CSI_NODE_UPDATE, None, a_csi_node()), True),
    ("VolumeBinding", INLINE_CSI, (DRIVER_UPDATE, a_csi_driver(capacity=True), a_csi_driver()), True),
    ("VolumeBinding", INLINE_CSI, (DRIVER_UPDATE, a_csi_driver(), a_csi_driver(capacity=True)), False),
    ("VolumeBinding", CLAIMING, (DRIVER_UPDATE, a_csi_driver(capacity=True), a_csi_driver()), False),
    ("VolumeBinding", CLAIMING, (DRIVER_UPDATE, None, a_csi_driver()), True),
    ("VolumeBinding", CLAIMING, (CAPACITY_ADD, None, a_capacity()), True),
    ("VolumeBinding", CLAIMING, (CAPACITY_UPDATE, a_capacity(capacity="1Gi"), a_capacity(capacity="2Gi")), True),
    ("VolumeBinding", CLAIMING, (CAPACITY_UPDATE, a_capacity(capacity=None), a_capacity()), True),
    (
        "VolumeBinding",
        CLAIMING,
        (CAPACITY_UPDATE, a_capacity(largest="1Gi"), a_capacity(capacity="20Gi", largest="1Gi")),
        False,
    ),
    ("VolumeBinding", CLAIMING, (CAPACITY_UPDATE, a_capacity(), a_capacity(capacity=None)), False),
    ("VolumeBinding", CLAIMING, (CAPACITY_UPDATE, None, a_capacity()), True),
    ("VolumeZone", CLAIMING, (CLASS_ADD, None, a_storage_class()), True),
    ("VolumeZone", CLAIMING, (CLASS_ADD, None, a_storage_class(mode="Immediate")), False),
    ("VolumeZone", CLAIMING, (ADD, None, OPEN), True),
    ("VolumeZone", CLAIMING, (LABEL, OPEN, OPEN), True),
    ("VolumeZone", CLAIMING, (CLAIM_ADD, None, DATA), True),
    ("VolumeZone", CLAIMING, (CLAIM_UPDATE, DATA, DATA), True),
    ("VolumeZone", EPHEMERAL, (CLAIM_UPDATE, None, a_claim("pod-scratch")), False),
    ("VolumeZone", CLAIMING, (VOLUME_ADD, None, a_volume()), True),
    ("VolumeZone", CLAIMING, (VOLUME_UPDATE, a_volume(labels=ZONE_A), a_volume(labels=ZONE_B)), True),
    ("VolumeZone", CLAIMING, (VOLUME_UPDATE, a_volume(labels=ZONE_A), a_volume(labels=ZONE_A, phase="Bound")), False),
    ("VolumeZone", CLAIMING, (VOLUME_UPDATE, None, a_volume()), True),
    *hints_about_pods.CASES,
    ("NodeDeclaredFeatures", POD, (ADD, None, OPEN), True),
]


@pytest.mark.parametrize(("plugin", "pod", "event", "helps"), CASES)
def test_an_event_may_help_the_pod_or_not(plugin, pod, event, helps):
    kind, old, new = event
    assert HINTS[plugin][kind](pod, ClusterEvent(kind, old, new)) is helps


KINDS = {
    "NodeName": {ADD},
    "NodeUnschedulable": {ADD, TAINT, TOLERATION},
    "TaintToleration": {ADD, TAINT, TOLERATION},
    "NodeAffinity": {ADD, LABEL},
    "ImagePlatform": {ADD, PLATFORM, EventKind.NODE_UPDATE_IMAGES},
    "NodePorts": {ADD, POD_DELETE},
    "NodeResourcesFit": {ADD, ALLOCATABLE, POD_DELETE, POD_SCALE_DOWN, EventKind.TARGET_POD_SCALE_DOWN},
    "DynamicResources": set(),
    "VolumeRestrictions": {POD_DELETE, ADD, CLAIM_ADD},
    "NodeVolumeLimits": {CSI_NODE_ADD, CSI_NODE_UPDATE, POD_DELETE, CLAIM_ADD, DETACHED},
    "VolumeBinding": {
        *(CLASS_ADD, CLASS_UPDATE, CLAIM_ADD, CLAIM_UPDATE, VOLUME_ADD, VOLUME_UPDATE, ADD, LABEL),
        *(CSI_NODE_ADD, CSI_NODE_UPDATE, DRIVER_UPDATE, CAPACITY_ADD, CAPACITY_UPDATE),
    },
    "VolumeZone": {CLASS_ADD, ADD, LABEL, CLAIM_ADD, CLAIM_UPDATE, VOLUME_ADD, VOLUME_UPDATE},
    **hints_about_pods.KINDS,
    "NodeDeclaredFeatures": {ADD, FEATURE},
}


def test_a_plugin_listens_to_these_events_and_no_others():
    assert {plugin: set(hints) for plugin, hints in HINTS.items()} == KINDS


def test_every_event_that_a_plugin_listens_to_has_a_case():
    cased = {(plugin, event[0]) for plugin, _, event, _ in CASES}
    assert cased == {(plugin, kind) for plugin, kinds in KINDS.items() for kind in kinds}
