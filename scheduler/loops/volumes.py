"""Binds a placed pod's claims before the pod: writes what was planned, and waits until the cluster has carried it out.

Owns the writes and the waiting; what is planned, done or failed is for ``cluster.volumes.reservation`` to say. The pod
is nominated to its node, which tells others where it will go (upstream: NominatedNodeNameForExpectation). A volume is
written as the claim's, a claim gets the node for which a volume is to be made; then the persistent volume controller
and the drivers work, which may take minutes, so these pods take no room from the bindings that go straight through.

    reserved -> nominated -> written -> (claims bound by the cluster) -> handed over to ``binding``
        +-----------+-----------+--------- failed, cancelled, or out of time: given back, the pod is tried again
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec
import structlog

from scheduler.api.pod import Pod
from scheduler.api.storage import BOUND_BY_CONTROLLER, SELECTED_NODE, PersistentVolume, PersistentVolumeClaim
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo
from scheduler.cluster.volumes.matching import Static
from scheduler.cluster.volumes.reservation import BindingFailed, Reservation, give_back, is_done, reserve
from scheduler.kube.errors import ApiError
from scheduler.kube.pod_status import patch_nomination
from scheduler.kube.requests import MERGE_PATCH, ApiClient
from scheduler.kube.retrying import retrying
from scheduler.loops.clock import now

log = structlog.get_logger()

LOOK_AGAIN = 1.0
"""Seconds after which is looked at the state again without news of a claim, as often as kube-scheduler looks."""

Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _UnderWay:
    task: asyncio.Task[None]
    reservation: Reservation
    failed: Callable[[str], None]


class VolumeBinder:
    """``timeouts``: seconds that the cluster has for binding a pod's claims, by the pod's ``spec.schedulerName``."""

    def __init__(self, client: ApiClient, cache: Cache, timeouts: Mapping[str, float]) -> None:
        self._client = client
        self._cache = cache
        self._timeouts = timeouts
        self._under_way: dict[str, _UnderWay] = {}
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def reserve(self, info: PodInfo, node: str) -> Reservation | None:
        """Plan for a pod that was just placed; None if it has nothing to bind. Raises BindingFailed."""
        row = self._cache.nodes.row_of(node)
        if row is None or not info.pod_class.volumes.claims:
            return None
        return reserve(self._cache.nodes.volumes, info.pod_class.volumes, self._cache.nodes.node(row))

    def submit(self, info: PodInfo, reservation: Reservation, done: Step, failed: Callable[[str], None]) -> None:
        """Carry the plan out. Then one of the two is called, or none if the pod is gone meanwhile."""
        task = asyncio.create_task(self._carry_out(info, reservation, done, failed), name=f"volumes of {info.key}")
        self._under_way[info.uid] = _UnderWay(task, reservation, failed)

    def cancel(self, uid: str, why: str) -> bool:
        """What goes on for a pod fails at once; False if nothing goes on, or does not any more."""
        under_way = self._under_way.pop(uid, None)
        if under_way is None:
            return False
        under_way.task.cancel()
        give_back(self._cache.nodes.volumes, under_way.reservation)
        under_way.failed(_failure(why))
        return True

    def claim_changed(self, claim: PersistentVolumeClaim) -> None:
        """News of a claim: whoever waits for it looks again."""
        for event in self._waiting.get(claim.key, ()):
            event.set()

    async def stop(self) -> None:
        """Those under way are left as they are: what is written is found by whoever decides next."""
        tasks = [under_way.task for under_way in self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry_out(
        self, info: PodInfo, reservation: Reservation, done: Step, failed: Callable[[str], None]
    ) -> None:
        problem = await self._bind(info, reservation)
        under_way = self._under_way.get(info.uid)
        if under_way is None or under_way.task is not asyncio.current_task():
            return  # cancelled in this very moment
        del self._under_way[info.uid]
        if problem:
            give_back(self._cache.nodes.volumes, reservation)
        if not self._cache.is_assumed(info.uid):
            return
        if problem:
            failed(problem)
        else:
            done()

    async def _bind(self, info: PodInfo, reservation: Reservation) -> str:
        """Why the claims are not bound; empty if they are, or if nobody wants them to be any more."""
        try:
            await self._nominate(info.pod, reservation.node)
            await self._write(reservation)
            await self._wait(info, reservation)
        except (ApiError, BindingFailed) as error:
            return _failure(str(error))
        except Exception as error:  # a fault of ours must not leave the pod assumed, and never tried again
            log.exception("binding volumes failed", pod=info.key)
            return f"{type(error).__name__}: {error}"
        return ""

    async def _nominate(self, pod: Pod, node: str) -> None:
        """Worth telling, not worth failing for."""
        if pod.status.nominated_node_name == node:
            return
        try:
            await patch_nomination(self._client, pod, node)
        except ApiError as error:
            log.warning("nomination not written", pod=pod.key, node=node, why=str(error))

    async def _write(self, reservation: Reservation) -> None:
        """What is written is replaced by what the API server made of it, so that older news can be told."""
        for i, (claim, volume) in enumerate(reservation.static):
            answer = await self._patch(f"/api/v1/persistentvolumes/{volume.name}", volume_patch(claim, volume))
            reservation.static[i] = Static(claim, msgspec.json.decode(answer, type=PersistentVolume))
        for i, claim in enumerate(reservation.dynamic):
            path = f"/api/v1/namespaces/{claim.metadata.namespace}/persistentvolumeclaims/{claim.metadata.name}"
            answer = await self._patch(path, claim_patch(claim))
            reservation.dynamic[i] = msgspec.json.decode(answer, type=PersistentVolumeClaim)

    def _patch(self, path: str, body: bytes) -> Awaitable[bytes]:
        return retrying(lambda: self._client.patch(path, body, MERGE_PATCH))

    async def _wait(self, info: PodInfo, reservation: Reservation) -> None:
        keys = [claim.key for claim, _ in reservation.static] + [claim.key for claim in reservation.dynamic]
        news, deadline = asyncio.Event(), now() + self._timeouts[info.pod.spec.scheduler_name]
        for key in keys:
            self._waiting[key].add(news)
        try:
            while self._cache.is_assumed(info.uid) and not self._is_done(reservation):
                if now() >= deadline:
                    raise BindingFailed("binding volumes: context deadline exceeded")
                await _set_or_later(news, LOOK_AGAIN)
        finally:
            for key in keys:
                self._waiting[key].discard(news)
                if not self._waiting[key]:
                    del self._waiting[key]

    def _is_done(self, reservation: Reservation) -> bool:
        row = self._cache.nodes.row_of(reservation.node)
        if row is None:
            raise BindingFailed(f'binding volumes: failed to get node "{reservation.node}": node not found')
        try:
            return is_done(self._cache.nodes.volumes, reservation, self._cache.nodes.node(row))
        except BindingFailed as error:
            raise BindingFailed(f"binding volumes: {error}") from error


def volume_patch(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bytes:
    """Bind the volume to the claim, unless somebody has changed the volume since."""
    metadata = {"resourceVersion": volume.metadata.resource_version}
    reference = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": claim.metadata.namespace,
        "name": claim.metadata.name,
        "uid": claim.metadata.uid,
        "resourceVersion": claim.metadata.resource_version,
    }
    by_controller = {key: value for key, value in volume.metadata.annotations.items() if key == BOUND_BY_CONTROLLER}
    return msgspec.json.encode({"metadata": metadata | {"annotations": by_controller}, "spec": {"claimRef": reference}})


def claim_patch(claim: PersistentVolumeClaim) -> bytes:
    """Have a volume made for the node, unless somebody has changed the claim since."""
    selected = {SELECTED_NODE: claim.metadata.annotations[SELECTED_NODE]}
    metadata = {"resourceVersion": claim.metadata.resource_version, "annotations": selected}
    return msgspec.json.encode({"metadata": metadata})


def _failure(why: str) -> str:
    """As kube-scheduler's framework words it."""
    return f'running PreBind plugin "VolumeBinding": {why}'


async def _set_or_later(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set, which it is no longer then, or after some time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
    event.clear()
