"""A placed pod's claims: what is written for them, when they are done, and what becomes of the pod when they fail."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from scheduler.api.storage import BOUND_BY_CONTROLLER, SELECTED_NODE, PersistentVolume, PersistentVolumeClaim
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo, make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.kube.errors import Conflict
from scheduler.loops.volumes import VolumeBinder
from scheduler.plugins.catalogue import upstream_profile
from tests.builders import a_node, a_pod
from tests.storage_builders import a_claim, a_storage_class, a_volume, claiming

VOLUME_PATH = "/api/v1/persistentvolumes/volume"
CLAIM_PATH = "/api/v1/namespaces/default/persistentvolumeclaims/data"
WAITING = a_claim("data")
MADE_BY_HAND = a_storage_class(provisioner="kubernetes.io/no-provisioner")


class World:
    """A cluster with one node, and an API server that takes every patch, as version 2 of the object."""

    def __init__(self, *things: Any, timeout: float = 60.0) -> None:
        self.cache = Cache()
        self.cache.add_node(a_node(labels={"zone": "a"}))
        for thing in things:
            self.cache.put_storage(thing)
        self.patches: dict[str, Any] = {}
        self.refuses: Exception | None = None
        self.told: list[str] = []
        self.nominated = ""
        self.binder = VolumeBinder(self, self.cache, {"default-scheduler": timeout, "patient": 60.0})

    async def patch(self, path: str, body: bytes, _type: str = "") -> bytes:
        if path.endswith("/status"):
            self.nominated = json.loads(body)["status"]["nominatedNodeName"]
            return b""
        if self.refuses is not None:
            raise self.refuses
        self.patches[path] = json.loads(body)
        written = json.loads(body)
        written["metadata"] |= {"name": path.rpartition("/")[2], "namespace": "default", "resourceVersion": "2"}
        return json.dumps(written).encode()

    def assume(self, pod: Any) -> PodInfo:
        info = make_pod_info(pod, (), self.cache.classes)
        self.cache.assume(info, "node")
        return info

    async def bind(self, pod: Any) -> PodInfo:
        """Returns when everything is written, or has failed."""
        info = self.assume(pod)
        reservation = self.binder.reserve(info, "node")
        assert reservation is not None
        self.binder.submit(info, reservation, lambda: self.told.append("bound"), self.told.append)
        await asyncio.sleep(0.01)
        return info

    async def news(self, thing: PersistentVolume | PersistentVolumeClaim) -> None:
        self.cache.put_storage(thing)
        if isinstance(thing, PersistentVolumeClaim):
            self.binder.claim_changed(thing)
        await asyncio.sleep(0.01)

    @property
    def outcome(self) -> str:
        (told,) = self.told
        return told


POD = a_pod(spec=claiming("data"))


def bound(version: str = "3") -> PersistentVolumeClaim:
    return a_claim("data", volume="volume", version=version)


def taken(**more: Any) -> PersistentVolume:
    volume = a_volume(version="2", claim="data", **more)
    reference = msgspec.structs.replace(volume.spec.claim_ref, uid="uid-data")
    return msgspec.structs.replace(volume, spec=msgspec.structs.replace(volume.spec, claim_ref=reference))


def selected(node: str = "node", **more: Any) -> PersistentVolumeClaim:
    return a_claim("data", node=node, **more)


def bound_and_selected() -> PersistentVolumeClaim:
    return selected(volume="volume", version="3")


async def test_a_pod_whose_claims_are_bound_has_nothing_to_wait_for() -> None:
    world = World(bound(), a_volume())
    assert world.binder.reserve(world.assume(POD), "node") is None
    assert world.binder.reserve(world.assume(a_pod("plain")), "node") is None


async def test_a_volume_is_written_as_the_claims_and_the_pod_is_bound_when_the_claim_is() -> None:
    world = World(WAITING, MADE_BY_HAND, a_volume())
    await world.bind(POD)
    patch = world.patches[VOLUME_PATH]
    assert patch["metadata"] == {"resourceVersion": "1", "annotations": {BOUND_BY_CONTROLLER: "yes"}}
    assert patch["spec"]["claimRef"] == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": "default",
        "name": "data",
        "uid": "uid-data",
        "resourceVersion": "1",
    }
    await world.news(taken())
    assert world.told == []
    await world.news(bound())
    assert world.outcome == "bound"


async def test_a_claim_is_told_its_node_and_the_pod_is_bound_when_the_volume_is_made() -> None:
    world = World(WAITING, a_storage_class())
    await world.bind(POD)
    assert world.patches == {CLAIM_PATH: {"metadata": {"resourceVersion": "1", "annotations": {SELECTED_NODE: "node"}}}}
    await world.news(selected(version="2"))
    await world.news(taken(phase="Bound"))
    assert world.told == []
    await world.news(bound_and_selected())
    assert world.outcome == "bound"


async def test_two_pods_that_are_decided_before_any_news_do_not_get_the_same_volume() -> None:
    world = World(WAITING, a_claim("other"), MADE_BY_HAND, a_volume())
    await world.bind(POD)
    cycle = SchedulingCycle(world.cache, upstream_profile("test"))
    second = make_pod_info(a_pod("second", spec=claiming("other")), (), world.cache.classes)
    assert not isinstance(cycle.decide(second), Placed)
    await world.news(a_volume("another"))
    assert isinstance(cycle.decide(second), Placed)


FAILURES: list[tuple[tuple[Any, ...], tuple[Any, ...], str]] = [
    (
        (MADE_BY_HAND, a_volume()),
        (a_volume(version="3"), a_claim("data", version="2")),
        'ClaimRef got reset for pv "volume"',
    ),
    (
        (MADE_BY_HAND, a_volume()),
        (taken(zones=["b"]), a_claim("data", version="2")),
        'pv "volume" node affinity doesn\'t match node "node": no matching NodeSelectorTerms',
    ),
    ((a_storage_class(),), (a_claim("data", version="3"),), 'provisioning failed for PVC "data"'),
    (
        (a_storage_class(),),
        (taken(zones=["b"], phase="Bound"), bound_and_selected()),
        'pv "volume" node affinity doesn\'t match node "node": no matching NodeSelectorTerms',
    ),
]


@pytest.mark.parametrize(("there", "news", "reason"), FAILURES)
async def test_what_goes_wrong_meanwhile_is_told_in_upstreams_words(
    there: tuple[Any, ...], news: tuple[Any, ...], reason: str
) -> None:
    world = World(WAITING, *there)
    await world.bind(POD)
    for thing in news:
        await world.news(thing)
    assert world.outcome == f'running PreBind plugin "VolumeBinding": binding volumes: {reason}'


async def test_time_runs_out() -> None:
    world = World(WAITING, a_storage_class(), timeout=0.0)
    await world.bind(POD)
    assert world.outcome == 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded'


async def test_the_pod_is_nominated_before_anything_else_is_written() -> None:
    world = World(WAITING, a_storage_class())
    world.refuses = Conflict("somebody was faster")
    await world.bind(POD)
    assert world.nominated == "node"


async def test_each_scheduler_name_has_its_own_patience() -> None:
    world = World(WAITING, a_storage_class(), timeout=0.0)
    await world.bind(a_pod(spec=claiming("data") | {"schedulerName": "patient"}))
    assert world.told == []


async def test_what_is_cancelled_fails_at_once_and_gives_the_volume_back() -> None:
    world = World(WAITING, MADE_BY_HAND, a_volume())
    info = await world.bind(POD)
    assert world.binder.cancel(info.uid, "preempted by DefaultPreemption")
    assert world.outcome == 'running PreBind plugin "VolumeBinding": preempted by DefaultPreemption'
    assert not world.binder.cancel(info.uid, "again")
    await world.news(taken())
    await world.news(bound())
    assert len(world.told) == 1


@pytest.mark.parametrize("turns", range(6))
async def test_what_is_cancelled_about_when_it_is_done_has_either_failed_or_succeeded(turns: int) -> None:
    world = World(WAITING, a_storage_class())
    info = await world.bind(POD)
    for thing in (selected(version="2"), taken(phase="Bound"), bound_and_selected()):
        world.cache.put_storage(thing)
    world.binder.claim_changed(bound_and_selected())
    for _ in range(turns):
        await asyncio.sleep(0)
    failed = world.binder.cancel(info.uid, "in the last moment")
    await asyncio.sleep(0.01)
    assert world.outcome == ('running PreBind plugin "VolumeBinding": in the last moment' if failed else "bound")
    assert all(task is asyncio.current_task() for task in asyncio.all_tasks())


async def test_it_is_too_late_to_cancel_what_is_done() -> None:
    world = World(WAITING, a_storage_class())
    info = await world.bind(POD)
    await world.news(selected(version="2"))
    await world.news(taken(phase="Bound"))
    await world.news(bound_and_selected())
    assert not world.binder.cancel(info.uid, "too late")
    assert world.outcome == "bound"


async def test_a_refused_write_gives_the_volume_back() -> None:
    world = World(WAITING, MADE_BY_HAND, a_volume())
    world.refuses = Conflict("somebody was faster")
    await world.bind(POD)
    assert "somebody was faster" in world.outcome
    volume = world.cache.nodes.volumes.storage.volumes.get("volume")
    assert volume is not None
    assert volume.spec.claim_ref is None


async def test_a_pod_that_is_gone_is_not_bound_nor_tried_again() -> None:
    world = World(WAITING, a_storage_class())
    info = await world.bind(POD)
    world.cache.forget(info.uid)
    await world.news(bound_and_selected())
    assert world.told == []


async def test_stopping_leaves_what_is_written() -> None:
    world = World(WAITING, a_storage_class())
    await world.bind(POD)
    await world.binder.stop()
    assert world.told == []
    assert set(world.patches) == {CLAIM_PATH}
