"""Claims for disks of nodes: answered for all nodes at once, and the same as when each node is asked singly."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.cluster.volumes.matching import Matching
from scheduler.cluster.volumes.reservation import bound_to
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.plugins.catalogue import upstream_profile
from scheduler.plugins.volume_binding import VolumeBinding
from tests.builders import a_node, a_pod
from tests.storage_builders import a_claim, a_storage_class, a_volume

LOCAL = a_storage_class("local", provisioner="kubernetes.io/no-provisioner")
ZONES = ["a", "b", "c", "d"]


def a_disk(name, zone, size, **more):
    return a_volume(name, storage_class="local", size=size, zones=[zone] if zone else (), **more)


def claiming(claim):
    return a_pod(f"with-{claim}", spec={"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]})


def answers(cache, state):
    """By node, whether the pod may run there, and the score."""
    state.refresh()
    mask = state.mask()
    scores = state.score(np.ones(cache.nodes.size, dtype=np.bool_))
    return {node.name: (mask is None or bool(mask[row]), int(scores[row])) for row, node in cache.nodes}


def asked_singly(cache, pod):
    """A state that knows nothing from before, in a cache that knows nothing from before, and no short cut."""
    fresh = Cache()
    for _, node in sorted(cache.nodes, key=lambda pair: pair[1].name, reverse=True):
        fresh.add_node(node)
    storage = cache.nodes.volumes.storage
    for thing in (*storage.classes.values(), *map(storage.claims.get, storage.claims)):
        fresh.put_storage(thing)
    for name in storage.volumes:
        fresh.put_storage(storage.volumes.get(name))
    with patch.object(Matching, "only_free", lambda _self: None):
        return answers(fresh, VolumeBinding().state(make_pod_info(pod, None, fresh.classes), fresh))


NAMES = st.sampled_from(["v1", "v2", "v3", "v4", "v5", "v6"])
STEPS = st.one_of(
    st.tuples(st.just("put"), NAMES, st.sampled_from([*ZONES, ""]), st.sampled_from(["0", "1Gi", "2Gi", "7Gi", "9Pi"])),
    st.tuples(st.just("drop"), NAMES),
    st.tuples(st.just("meant"), NAMES, st.sampled_from(ZONES)),
    st.tuples(st.just("assume"), NAMES),
    st.tuples(st.just("restore"), NAMES),
    st.tuples(st.just("node"), st.sampled_from(["n1", "n2", "n3"]), st.sampled_from([*ZONES, ""])),
    st.tuples(st.just("leaves"), st.sampled_from(["n1", "n2", "n3"])),
)


def take(step, cache, version):
    volumes = cache.nodes.volumes
    match step:
        case ("put", name, zone, size):
            cache.put_storage(a_disk(name, zone, size, version=version))
        case ("meant", name, zone):
            cache.put_storage(a_disk(name, zone, "3Gi", claim="data", version=version))
        case ("drop", name):
            volumes.drop_volume(name)
        case ("assume", name):
            volume = volumes.storage.volumes.watched(name)
            if volume is not None and volume.spec.claim_ref is None:
                volumes.storage.assume_volume(bound_to(volume, a_claim("other", storage_class="local")))
        case ("restore", name):
            volumes.storage.restore_volume(name)
        case ("node", name, zone):
            cache.add_node(a_node(name, labels={"zone": zone} if zone else {}))
        case ("leaves", name):
            cache.remove_node(name)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=25), st.sampled_from(["0", "1Gi", "2Gi"]))
def test_whatever_happens_the_answers_are_those_of_asking_each_node(steps, size):
    cache, pod = Cache(), claiming("data")
    cache.put_storage(LOCAL)
    cache.put_storage(a_claim("data", storage_class="local", size=size))
    for zone in ZONES:
        cache.add_node(a_node(f"in-{zone}", labels={"zone": zone}))
        cache.put_storage(a_disk(f"first-in-{zone}", zone, "5Gi"))
    state = VolumeBinding().state(make_pod_info(pod, None, cache.classes), cache)
    for version, step in enumerate(steps, start=2):
        take(step, cache, str(version))
        assert answers(cache, state) == asked_singly(cache, pod)


def test_no_node_is_asked_singly_where_one_label_decides():
    cache, pod = Cache(), claiming("data")
    cache.put_storage(LOCAL)
    cache.put_storage(a_claim("data", storage_class="local", size="2Gi"))
    for zone, size in (("a", "4Gi"), ("b", "1Gi"), ("c", "8Gi")):
        cache.add_node(a_node(zone, labels={"zone": zone}))
        cache.put_storage(a_disk(f"in-{zone}", zone, size))
    state = VolumeBinding().state(make_pod_info(pod, None, cache.classes), cache)
    with patch.object(Matching, "on", side_effect=AssertionError("asked")):
        assert answers(cache, state) == {"a": (True, 50), "b": (False, 0), "c": (True, 75)}
    cache.put_storage(a_disk("everywhere", "", "2Gi"))
    assert answers(cache, state) == {"a": (True, 0), "b": (True, 0), "c": (True, 0)}


def test_claims_that_ask_for_the_same_share_what_was_found():
    storage = Cache().nodes.volumes.storage
    one, same, other = a_claim("one"), a_claim("same"), a_claim("other", size="2Gi")
    assert storage.free_for(one) is storage.free_for(same)
    assert storage.free_for(one) is not storage.free_for(other)


@pytest.mark.parametrize("number", [1, 100])
def test_pods_that_differ_in_the_names_of_claims_share_what_follows_from_nodes_alone(number):
    cache = Cache()
    cycle = SchedulingCycle(cache, upstream_profile("test"))
    cache.put_storage(LOCAL)
    for count in range(number + 2):
        cache.add_node(a_node(f"n{count}", labels={"zone": f"z{count}"}))
        cache.put_storage(a_disk(f"v{count}", f"z{count}", "1Gi"))
        cache.put_storage(a_claim(f"c{count}", storage_class="local"))
    infos = [make_pod_info(claiming(f"c{count}"), None, cache.classes) for count in range(number + 1)]
    assert len({info.pod_class for info in infos}) == number + 1
    assert len({info.pod_class.on_rows for info in infos}) == 1
    assert make_pod_info(a_pod("without"), None, cache.classes).pod_class.on_rows is not infos[0].pod_class.on_rows
    cache.put_storage(a_disk("v0", "z0", "1Gi", version="2", claim="c1"))
    cache.put_storage(a_claim("c1", storage_class="local", volume="v0", version="2"))
    decisions = [cycle.decide(info) for info in infos]
    assert all(isinstance(decision, Placed) for decision in decisions)
    assert decisions[1].node == "n0", "its claim is bound to a disk of that node"
    assert all(decision.node != "n0" for decision in decisions[:1] + decisions[2:])
