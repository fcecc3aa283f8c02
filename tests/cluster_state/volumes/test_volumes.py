"""What is counted on a node follows from claims, volumes, classes and attachments, in whatever order they come."""

from scheduler.cluster.cache import Cache
from scheduler.cluster.volumes.migration import Attachable
from tests.builders import a_node, a_pod
from tests.storage_builders import (
    a_claim,
    a_csi_node,
    a_storage_class,
    a_volume,
    an_attachment,
    claiming,
)


def a_cache(*things):
    cache = Cache()
    cache.add_node(a_node())
    for thing in things:
        cache.put_storage(thing)
    return cache


def count(cache, driver="csi"):
    column = cache.nodes.volumes.attached.count(driver)
    return 0 if column is None else int(column[cache.nodes.row_of("node")])


BOUND, VOLUME = a_claim("data", volume="volume"), a_volume()
USER = a_pod("user", on="node", spec=claiming("data"))


def test_a_volume_counts_once_however_many_pods_and_attachments_have_it():
    cache = a_cache(BOUND, VOLUME, an_attachment())
    assert count(cache) == 1
    cache.add_pod(USER)
    cache.add_pod(a_pod("second", on="node", spec=claiming("data")))
    assert count(cache) == 1
    cache.drop_storage(an_attachment())
    cache.remove_pod(USER)
    assert count(cache) == 1
    cache.remove_pod(a_pod("second"))
    assert count(cache) == 0


def test_objects_may_come_after_the_pod_that_uses_them():
    cache = a_cache()
    cache.add_pod(USER)
    assert count(cache) == 0
    cache.put_storage(BOUND)
    cache.put_storage(VOLUME)
    assert count(cache) == 1
    cache.drop_storage(VOLUME)
    assert count(cache) == 0


def test_an_unbound_claim_counts_for_the_driver_of_its_class_and_later_for_its_volume():
    cache = a_cache(a_claim("data"))
    cache.add_pod(USER)
    assert count(cache) == 0
    cache.put_storage(a_storage_class())
    assert count(cache) == 1
    cache.put_storage(BOUND)
    cache.put_storage(VOLUME)
    assert count(cache) == 1
    attached = cache.nodes.volumes.attached
    assert attached.users(0, Attachable("csi", "volume")) == 1
    cache.drop_storage(a_storage_class())
    assert count(cache) == 1


def test_a_node_that_comes_back_still_has_its_volumes():
    cache = a_cache(BOUND, VOLUME, an_attachment(volume="other"), a_volume("other"), a_csi_node(drivers={"csi": 3}))
    cache.add_pod(USER)
    assert count(cache) == 2
    cache.remove_node("node")
    cache.add_node(a_node("another"))  # takes the row
    assert int(cache.nodes.volumes.attached.count("csi")[0]) == 0
    assert not cache.nodes.volumes.drivers.present[0]
    cache.add_node(a_node())
    assert count(cache) == 2
    assert cache.nodes.volumes.drivers.limit("csi")[cache.nodes.row_of("node")] == 3


def test_rows_are_told_of_when_their_counts_change_and_only_then():
    cache = a_cache(BOUND, VOLUME)
    cache.add_pod(USER)
    before = cache.nodes.counters.sequence
    cache.put_storage(a_claim("data", volume="volume", version="2"))
    assert cache.nodes.counters.sequence == before
    cache.drop_storage(BOUND)
    assert cache.nodes.counters.sequence == before + 1


def test_an_ephemeral_volume_whose_claim_belongs_to_another_is_a_fault_of_its_node():
    cache = a_cache(a_claim("user-scratch", owner="somebody"))
    cache.add_pod(a_pod("user", on="node", spec={"volumes": [{"name": "scratch", "ephemeral": {}}]}))
    assert list(cache.nodes.volumes.faults[0]) == [
        "PVC default/user-scratch was not created for pod default/user (pod is not owner)"
    ]
    cache.put_storage(a_claim("user-scratch", owner="uid-user"))
    assert cache.nodes.volumes.faults == {}


def test_a_cluster_without_storage_keeps_nothing():
    cache = a_cache()
    cache.add_pod(a_pod("user", on="node", spec={"volumes": [{"name": "v", "emptyDir": {}}]}))
    volumes = cache.nodes.volumes
    assert (list(volumes.uses), volumes.faults, volumes.attached.count("csi")) == ([], {}, None)


def test_the_revision_differs_when_something_differs_that_the_claims_depend_on():
    cache = a_cache(a_claim("data"), a_storage_class())
    volumes, wanted = cache.nodes.volumes, USER
    pod = cache.classes.of(wanted, None).volumes
    seen = [volumes.revision(pod)]

    def differs(change):
        change()
        now = volumes.revision(pod)
        changed = now != seen[-1]
        seen.append(now)
        return changed

    assert not differs(lambda: cache.put_storage(a_claim("other")))
    assert differs(lambda: cache.put_storage(VOLUME))
    assert not differs(lambda: cache.put_storage(a_volume("elsewhere", storage_class="another")))
    assert differs(lambda: cache.put_storage(BOUND))
    assert differs(lambda: cache.put_storage(a_volume(size="5Gi")))
    assert differs(lambda: cache.add_pod(USER))
    assert not differs(lambda: cache.add_pod(a_pod("second", on="node", spec=claiming("data"))))
    assert differs(lambda: cache.put_storage(a_storage_class(zones=["a"])))
