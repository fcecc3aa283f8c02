"""How many volumes a node takes: counted for a pod, and counted anew when others would leave or come."""

import pytest

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.plugins.node_volume_limits import REASON, NodeVolumeLimits
from tests.builders import a_node, a_pod
from tests.storage_builders import a_claim, a_csi_driver, a_csi_node, a_storage_class, a_volume, an_attachment, claiming

PLUGIN = NodeVolumeLimits()


class Node:
    """One node that attaches two volumes of a driver; ``x``, ``y`` and ``z`` are bound claims."""

    def __init__(self, *things, limit=2):
        self.cache = Cache()
        self.cache.add_node(a_node())
        for thing in (a_csi_node(drivers={"csi": limit}), *things):
            self.cache.put_storage(thing)
        for name in "xyz":
            self.cache.put_storage(a_claim(name, volume=f"volume-{name}"))
            self.cache.put_storage(a_volume(f"volume-{name}"))

    def place(self, name, *claims):
        self.cache.add_pod(a_pod(name, on="node", spec=claiming(*claims)))
        return dict(self.cache)[f"uid-{name}"]

    def says(self, *claims, gone=(), come=(), spec=None):
        info = make_pod_info(a_pod("new", spec=spec or claiming(*claims)), (), self.cache.classes)
        state = PLUGIN.state(info, self.cache)
        state.refresh()
        rejection = state.rejection_if(0, gone, come)
        if not (gone or come):
            mask = state.mask()
            assert (mask is None or bool(mask[0])) == (rejection is None)
        return rejection and rejection.reasons[0]


def test_a_node_takes_as_many_volumes_as_its_driver_attaches():
    node = Node()
    node.place("one", "x")
    assert node.says("y") is None
    assert node.says("y", "z") == REASON
    assert node.says("x", "y") is None, "x is attached already"


def test_a_pod_that_leaves_takes_its_volumes_along_unless_others_use_them():
    node = Node()
    one, two = node.place("one", "x"), node.place("two", "x", "y")
    assert node.says("z") == REASON
    assert node.says("z", gone=[two]) is None
    assert node.says("z", gone=[one]) == REASON, "two still uses x"
    assert node.says("x", "z", gone=[two]) is None
    assert node.says("x", "z", gone=[one, two]) is None
    assert node.says("x", "y", "z", gone=[one, two]) == REASON


def test_a_pod_that_comes_brings_its_volumes():
    node = Node()
    two = node.place("two", "x", "y")
    node.cache.remove_pod(a_pod("two"))
    assert node.says("z", come=[two]) == REASON
    assert node.says("y", come=[two]) is None


def test_an_attachment_that_no_pod_uses_counts_until_it_is_gone():
    node = Node(an_attachment(volume="volume-x"))
    node.place("one", "y")
    assert node.says("z") == REASON
    node.cache.drop_storage(an_attachment())
    assert node.says("z") is None


def test_a_driver_without_a_limit_attaches_as_many_as_there_are():
    node = Node(limit=None)
    node.place("one", "x", "y")
    assert node.says("z") is None


@pytest.mark.parametrize("required", [True, False])
def test_a_driver_may_ask_to_be_installed(required):
    node = Node(a_csi_driver("other", required=required), a_storage_class("other", provisioner="other"))
    node.cache.put_storage(a_claim("new", storage_class="other"))
    reason = "other CSI driver is not installed on the node" if required else None
    assert node.says("new") == reason


def test_an_old_volume_that_a_pod_names_itself_counts_for_the_driver_that_serves_it_now():
    node = Node(a_csi_node(drivers={"pd.csi.storage.gke.io": 1}))
    disk = {"volumes": [{"name": "d", "gcePersistentDisk": {"pdName": "a"}}]}
    other = {"volumes": [{"name": "d", "gcePersistentDisk": {"pdName": "b"}}]}
    assert node.says(spec=disk) is None
    node.cache.add_pod(a_pod("one", on="node", spec=disk))
    assert node.says(spec=disk) is None
    assert node.says(spec=other) == REASON
