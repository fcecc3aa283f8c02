"""Where faults are made to happen: a cluster that is a little too small for the pods it gets.

Owns the nodes, the kinds of pods with what is true of each, and how pods are created whatever happens meanwhile. The
nodes are full when all is done, so a pod that was counted twice or not at all shows: as room that nobody takes, or as a
node that holds too much. Nobody plays kubelets: only scheduling is looked at.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from scheduler.kube.errors import AlreadyExists, ApiError
from scheduler.kube.requests import ApiClient
from scheduler.sandbox.demo import SCHEDULER_NAME
from scheduler.sandbox.nodes import AMD64_LINUX, ARM64_LINUX, node
from scheduler.sandbox.registry import SandboxRegistry
from scheduler.sandbox.scenario import AMD64, ARM64, MAINFRAME, ScenarioImage
from scheduler.sandbox.stage import SandboxStage, sandbox_stage

PODS = "/api/v1/namespaces/default/pods"
NODES = "/api/v1/nodes"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
PER_NODE = 50
"""Pods that fit on a node, by their requests of CPU."""
_AT_ONCE = 8
_PATIENCE = 60.0

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """Pods that are alike. ``waits_for``: what the ones without a node are told, besides that there is no room."""

    name: str
    image: ScenarioImage
    architectures: frozenset[str]
    waits_for: str = ""
    pushed: bool = True


ANYWHERE = Kind("web", ScenarioImage("shop/web", "1.4", (AMD64, ARM64)), frozenset({"amd64", "arm64"}))
ON_ARM = Kind("inference", ScenarioImage("shop/inference", "0.9", (ARM64,)), frozenset({"arm64"}))
ON_X86 = Kind("legacy", ScenarioImage("shop/legacy", "2.0", (AMD64,), index=False), frozenset({"amd64"}))
NOWHERE = Kind("ledger", ScenarioImage("shop/ledger", "1.0", (MAINFRAME,)), frozenset(), "(built for linux/s390x)")
GHOST = Kind("ghost", ScenarioImage("shop/ghost", "1.0", (AMD64,)), frozenset(), "404", pushed=False)
KINDS = {kind.name: kind for kind in (ANYWHERE, ON_ARM, ON_X86, NOWHERE, GHOST)}


class FaultStage(Protocol):
    """``client`` is an administrator's; ``kubeconfig`` is what schedulers connect with."""

    client: ApiClient
    kubeconfig: Path
    images: SandboxRegistry

    def bound(self) -> list[str]:
        """The pod (``namespace/name``) of each binding that the API server has accepted, by its own records."""

    def in_doubt(self) -> set[str]:
        """The pods of the bindings that it answered with a fault of its own: they may have taken effect or not."""

    async def stop_api_server(self) -> None:
        """Nobody can reach it any more, and what was under way is lost."""

    async def start_api_server(self) -> None:
        """At the same address, and with what it had."""


class SandboxFaultStage:
    """All of it in this process; ``server`` takes orders for faults."""

    def __init__(self, stage: SandboxStage) -> None:
        self.client = stage.client
        self.kubeconfig = stage.kubeconfig
        self.images = stage.images
        self.server = stage.server
        self._port = int(stage.server.url.rpartition(":")[2])

    def bound(self) -> list[str]:
        return [pod for pod, _ in self.server.bindings]

    def in_doubt(self) -> set[str]:
        return set()

    async def stop_api_server(self) -> None:
        await self.server.stop()

    async def start_api_server(self) -> None:
        await self.server.start(port=self._port)


@asynccontextmanager
async def sandbox_fault_stage(folder: Path, nodes: int) -> AsyncIterator[SandboxFaultStage]:
    async with sandbox_stage(folder, kubelets=False) as stage:
        faulty = SandboxFaultStage(stage)
        await fill(faulty, nodes)
        yield faulty


async def fill(stage: FaultStage, nodes: int) -> None:
    """Nodes, every other one ARM, and the images."""
    for number in range(nodes):
        machine = ARM64_LINUX if number % 2 else AMD64_LINUX
        await create(stage, [a_node(f"{machine.architecture}-{number}", machine.architecture)], NODES)
    for kind in KINDS.values():
        if kind.pushed and kind.image.index:
            stage.images.push_index(kind.image.repository, kind.image.tag, kind.image.platforms)
        elif kind.pushed:
            stage.images.push_image(kind.image.repository, kind.image.tag, kind.image.platforms[0])


def a_node(name: str, architecture: str) -> Manifest:
    """With room for ``PER_NODE`` pods."""
    machine = {each.architecture: each for each in (ARM64_LINUX, AMD64_LINUX)}[architecture]
    return node(name, machine, cpus=PER_NODE // 10, pods=2 * PER_NODE)


def a_pod(stage: FaultStage, name: str, kind: Kind = ANYWHERE, *, cpu: str = "100m") -> Manifest:
    container = {
        "name": "main",
        "image": f"{stage.images.address}/{kind.image.name}",
        "resources": {"requests": {"cpu": cpu}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": kind.name}},
        "spec": {"schedulerName": SCHEDULER_NAME, "containers": [container]},
    }


def a_crowd(stage: FaultStage, count: int, seed: int, prefix: str = "") -> list[Manifest]:
    """So many pods of all kinds, in a random order; most can run anywhere, one in a hundred nowhere."""
    dice = random.Random(seed)
    kinds = [ANYWHERE] * 68 + [ON_ARM] * 15 + [ON_X86] * 15 + [NOWHERE, GHOST]
    return [
        a_pod(stage, f"{prefix}{kind.name}-{number}", kind) for number, kind in enumerate(dice.choices(kinds, k=count))
    ]


async def create(stage: FaultStage, manifests: Iterable[Manifest], path: str = PODS) -> None:
    """A few at a time, each until the API server has it. Raises TimeoutError when it does not come back."""
    left = iter(list(manifests))

    async def some() -> None:
        for manifest in left:
            await _post(stage, path, msgspec.json.encode(manifest))

    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))


async def create_steadily(stage: FaultStage, manifests: Sequence[Manifest], seconds: float) -> None:
    """Spread over this time, unless the API server is slower."""
    slices = max(1, round(seconds / 0.05))
    for number in range(slices):
        slept = asyncio.create_task(asyncio.sleep(seconds / slices))
        await create(stage, manifests[number::slices])
        await slept


async def _post(stage: FaultStage, path: str, body: bytes) -> None:
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                await stage.client.post(path, body)
            except AlreadyExists:  # an earlier attempt did arrive
                return
            except ApiError as error:
                if not error.transient:
                    raise
                await asyncio.sleep(0.05)
            else:
                return
