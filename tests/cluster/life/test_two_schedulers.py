"""Ours and kube-scheduler race for the same nodes: what the API server has is true, and kubelets heal the rest."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.cluster.kube_client import eventually
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.life.kubelet_admission import admission, running
from tests.cluster.nodes import amd64_node
from tests.cluster.pods import deployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.cluster_nodes import ClusterNodes
    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.place import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

ROOM = 8
REPLICAS = 12
SEEN_WITHIN = timedelta(seconds=1)
"""A binding is known to both schedulers after so long, on a machine that does much else."""


@pytest.fixture
def other(servers_folder: Path, control_plane: ControlPlane) -> Iterator[str]:
    """kube-scheduler, by the name that pods give."""
    configuration = {"profiles": [{"schedulerName": "the-other"}]}
    with KubeScheduler(servers_folder, control_plane.kubeconfig, configuration, name="kube-scheduler-racing"):
        yield "the-other"


async def test_a_race_for_one_node_is_overcommitted_by_no_more_than_the_race_and_healed(
    place: Place, other: str, cluster: ClusterNodes, control_plane: ControlPlane
) -> None:
    kube, namespace = place.kube, place.namespace
    await cluster.add(amd64_node("one", cpu=str(ROOM)))
    for name, scheduler in (("ours", place.scheduler), ("theirs", other)):
        await kube.create(deployment(name, 0, place.image, scheduler=scheduler, cpu="1"), namespace)
    await scale(place, ours=REPLICAS, theirs=REPLICAS)

    async def full() -> bool:
        return len((await running(kube, namespace)).get("one", ())) >= ROOM

    await eventually("the node is full", full, 30)
    await asyncio.sleep(2 * SEEN_WITHIN.total_seconds())
    bindings = bound_at(control_plane, namespace)
    too_late = [
        name
        for name, at in bindings.items()
        if sum(other_at <= at - SEEN_WITHIN for other_at in bindings.values()) >= ROOM
    ]
    assert not too_late, f"bound though all could know that the node was full: {too_late}"

    async with admission(kube, namespace, ROOM):
        await settles(place, ours=REPLICAS, theirs=REPLICAS)
        # Room that is left is taken again, by whoever is first, and by no more than fits.
        await scale(place, ours=1, theirs=1)
        await settles(place, ours=1, theirs=1)
        await scale(place, ours=ROOM, theirs=ROOM)
        await settles(place, ours=ROOM, theirs=ROOM)


async def scale(place: Place, **replicas: int) -> None:
    changes = ((name, {"spec": {"replicas": count}}) for name, count in replicas.items())
    await asyncio.gather(
        *(place.kube.patch("Deployment", name, change, place.namespace, "apps/v1") for name, change in changes)
    )


async def settles(place: Place, **wanted: int) -> None:
    """As many run as fit, the rest waits and is told why; and all stays so."""
    runs = min(ROOM, sum(wanted.values()))
    seen = [0]

    async def settled() -> bool:
        pods = await place.kube.list("Pod", place.namespace)
        waiting = [
            pod for pod in pods if not pod["spec"].get("nodeName") and pod["metadata"].get("deletionTimestamp") is None
        ]
        told = [pod for pod in waiting if "Insufficient cpu" in str(pod["status"].get("conditions"))]
        on = len((await running(place.kube, place.namespace)).get("one", ()))
        good = on == runs and len(told) == len(waiting) == sum(wanted.values()) - runs
        seen[0] = seen[0] + 1 if good else 0
        return seen[0] > 20

    await eventually(f"{runs} run, of {wanted}", settled, 45)


def bound_at(control_plane: ControlPlane, namespace: str) -> dict[str, datetime]:
    """By pod, when the API server had answered that it is bound."""
    return {
        event["objectRef"]["name"]: datetime.fromisoformat(event["stageTimestamp"])
        for event in control_plane.audit_events()
        if event["stage"] == "ResponseComplete"
        and event.get("objectRef", {}).get("subresource") == "binding"
        and event["objectRef"]["namespace"] == namespace
        and event["responseStatus"]["code"] == 201
    }
