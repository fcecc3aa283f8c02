"""What programs have to show once they are installed: pods placed, questions answered, nothing refused to them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from scheduler.rpc.proto.expander_pb2 import BestOptionsResponse
from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.scenario import ARM_NODES, IMAGES, Workload
from tests.cluster.installation import requests
from tests.cluster.installed import Installed, installed
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.stage import RealStage, real_stage
from tests.rpc.builders import node_bytes, pod_bytes, question
from tests.rpc.serving import BEST_OPTIONS, channel
from tests.scenarios.walking import PODS, all_bound, sized, told_why

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path
    from typing import Any

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kube_client import KubeClient

Program = tuple[str, str]  # its name and namespace
ON_ARM, NOWHERE = "shop/inference:0.9", "shop/ledger:1.0"


@contextlib.asynccontextmanager
async def the_scenario(control_plane: ControlPlane, publisher: Publisher) -> AsyncIterator[RealStage]:
    """Its nodes and images, and no scheduler; nodes and pods are gone afterwards."""
    async with real_stage(control_plane, publisher) as stage:
        await create(stage, map(stage.as_node, scenario_nodes()), "/api/v1/nodes")
        for image in IMAGES:
            stage.push(image)
        try:
            yield stage
        finally:
            await stage.clear()


@contextlib.asynccontextmanager
async def all_of(
    programs: Sequence[Program], control_plane: ControlPlane, kube: KubeClient, folder: Path
) -> AsyncIterator[dict[str, Installed]]:
    """The programs, each as installed, by their names. A request of theirs that is refused is what fails."""
    before = len(control_plane.audit_events())
    prepared = {name: await installed(control_plane, kube, folder, name, namespace) for name, namespace in programs}
    try:
        with contextlib.ExitStack() as running:
            for program in prepared.values():
                running.enter_context(program)
            yield prepared
    finally:
        for program in prepared.values():
            asked = requests(control_plane, program.account, before)
            refused = [event for event in asked if event["responseStatus"]["code"] == 403]
            assert not refused, refused[0]


async def each_does_its_work(programs: dict[str, Installed], stage: RealStage) -> None:
    for name, program in programs.items():
        if name == "multiarch-scheduler":
            await places_pods(stage, SCHEDULER_NAME)
        elif name == "multiarch-extender":
            with KubeScheduler(program.folder, stage.kubeconfig, program.extended()):
                await places_pods(stage, "default-scheduler")
        if "rpc" in program.settings:
            assert await best_options(program, f"{stage.registry}/{ON_ARM}") == ["arm"]


async def places_pods(stage: RealStage, scheduler: str) -> None:
    """One where its image can run; one for which there is no node waits, and is told why."""
    for image in (ON_ARM, NOWHERE):
        app = f"{scheduler}-{image.partition('/')[2].partition(':')[0]}"
        manifests = Workload(app, (image,), 1, frozenset()).pods(stage.registry, scheduler)
        await create(stage, sized(manifests, cpu="10m"), PODS)
        if image == ON_ARM:
            (pod,) = await all_bound(stage, app, 1)
            assert pod.spec.node_name in ARM_NODES
        else:
            await told_why(stage, app, "can't run image")


async def best_options(program: Installed, image: str, **pod: Any) -> list[str]:
    """Asked as an autoscaler does, which group to grow for a pod: one of amd64, or one of arm64."""
    pods = [pod_bytes("web", image, **pod)]
    asked = question({"amd": (node_bytes("linux/amd64"), pods), "arm": (node_bytes("linux/arm64"), pods)})
    address = f"127.0.0.1:{program.settings['rpc']['port']}"
    async with channel(address, program.certificates / "ca.crt") as connection:
        call = connection.unary_unary(BEST_OPTIONS, response_deserializer=BestOptionsResponse.FromString)
        response: Any = await call(asked.SerializeToString(), timeout=5)
        return [option.nodeGroupId for option in response.options]
