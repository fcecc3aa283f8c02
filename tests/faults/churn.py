"""A cluster that lives while faults happen to it: rollouts, deletions, nodes that come, go and are cordoned.

Owns what happens, drawn from a seed. Every rollout brings an image, labels and selectors of its own, so that whatever
the scheduler remembers of those for ever shows as memory that grows.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import msgspec

from scheduler.api.pod import Pod
from scheduler.kube.requests import MERGE_PATCH
from scheduler.sandbox import registry_faults
from scheduler.sandbox.demo import PodList
from scheduler.sandbox.process import SchedulerProcess
from tests.faults.aftermath import Expected, must_hold
from tests.faults.stage import (
    ANYWHERE,
    EVENTS,
    GHOST,
    KINDS,
    NODES,
    NOWHERE,
    ON_ARM,
    PER_NODE,
    PODS,
    Kind,
    Manifest,
    SandboxFaultStage,
    a_node,
    a_pod,
    create,
)

BINDING = "/binding$"
AT_ONCE = b'{"gracePeriodSeconds": 0}'


class Churn:
    """``population``: about how many pods there are, once it is under way; ``alive`` are the names of all."""

    def __init__(self, stage: SandboxFaultStage, nodes: list[str], population: int, seed: int) -> None:
        self._stage = stage
        self._nodes = nodes
        self._population = population
        self._dice = random.Random(seed)
        self.rollouts = 0
        self._gone: set[str] = set()
        self.alive: set[str] = set()
        self.deleted: set[str] = set()
        """``namespace/name`` of those that are no more."""
        self.faults: list[Callable[[], object]] = [
            stage.server.cut_watches,
            self._forget_history,
            lambda: stage.server.faults.refuse("POST", BINDING, status=500, times=self._some()),
            lambda: stage.server.faults.refuse("POST", BINDING, status=429, retry_after=1, times=self._some()),
            lambda: stage.server.faults.hang_up("POST", BINDING, after_effect=True, times=self._some()),
            lambda: stage.server.faults.hang_up("POST", BINDING, after_effect=False, times=self._some()),
            lambda: stage.server.faults.delay("POST", BINDING, seconds=0.5, times=self._some()),
            lambda: stage.server.faults.refuse("PATCH", "/status$", status=503, times=self._some()),
            lambda: stage.server.faults.refuse("POST", "/events$", status=500, times=self._some()),
            lambda: stage.images.inject(registry_faults.status(503), times=2),
        ]

    async def live(self, seconds: float) -> None:
        """So long, with a fault about once a second."""
        end, fault_at = time.monotonic() + seconds, 0.0
        while time.monotonic() < end:
            if time.monotonic() >= fault_at:
                self._dice.choice(self.faults)()
                fault_at = time.monotonic() + self._dice.expovariate(1.0)
            await self._step()
            await asyncio.sleep(0.05)

    async def check(self, scheduler: SchedulerProcess) -> list[Pod]:
        """Ends the faults, and everything must hold."""
        self._stage.server.faults.clear()
        for node in self._nodes:
            await self._stage.client.patch(f"{NODES}/{node}", b'{"spec": {"unschedulable": null}}', MERGE_PATCH)
        asked_later = dict.fromkeys(KINDS, "asking again in")  # the registry's faults are part of this
        expected = Expected(asked_later, gone=self._gone, deleted=self.deleted)
        pods = await must_hold(self._stage, scheduler, self.alive, expected)
        await self._stage.client.delete(EVENTS)
        return pods

    async def _step(self) -> None:
        await self._roll_out()
        surplus = len(self.alive) - self._population
        if surplus > 0:
            await self._delete(self._dice.sample(sorted(self.alive), surplus))
        match self._dice.randrange(40):
            case 0:
                await self._replace_a_node()
            case 1 | 2:
                cordoned = {"spec": {"unschedulable": self._dice.random() < 0.5}}
                await self._patch_a_node(cordoned)
            case 3:
                await self._patch_a_node({"metadata": {"labels": {f"rollout-{self.rollouts}": "here"}}})

    async def _roll_out(self) -> None:
        self.rollouts += 1
        kind = self._dice.choice([ANYWHERE] * 6 + [ON_ARM] * 2 + [NOWHERE, GHOST])
        tag = f"rollout-{self.rollouts}"
        if kind.pushed:
            self._stage.images.push_index(kind.image.repository, tag, kind.image.platforms)
        pods = [self._a_replica(kind, tag, number) for number in range(self._some())]
        await create(self._stage, pods)
        self.alive |= {pod["metadata"]["name"] for pod in pods}

    def _a_replica(self, kind: Kind, tag: str, number: int) -> Manifest:
        pod = a_pod(self._stage, f"{kind.name}-{tag}-{number}", kind)
        pod["metadata"]["labels"]["rollout"] = tag
        pod["spec"]["containers"][0]["image"] = f"{self._stage.images.address}/{kind.image.repository}:{tag}"
        selector = {"matchLabels": {"rollout": tag}}
        host = "kubernetes.io/hostname"
        pod["spec"]["topologySpreadConstraints"] = [
            {"maxSkew": 1, "topologyKey": host, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector}
        ]
        wish = {"weight": 10, "podAffinityTerm": {"topologyKey": host, "labelSelector": selector}}
        pod["spec"]["affinity"] = {
            "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [wish]},
        }
        return pod

    async def _delete(self, names: list[str]) -> None:
        for name in names:
            await self._stage.client.delete(f"{PODS}/{name}", AT_ONCE)
            self.alive.discard(name)
            self.deleted.add(f"default/{name}")

    async def _replace_a_node(self) -> None:
        """Another one comes, then it goes. Whoever sits there is deleted, as a controller would do; who is just being
        bound to it comes too late for that."""
        number = self._dice.randrange(len(self._nodes))
        old = self._nodes[number]
        architecture = old.partition("-")[0]
        self._nodes[number] = f"{architecture}-{self.rollouts + len(self._nodes)}"
        await create(self._stage, [a_node(self._nodes[number], architecture)], NODES)
        await self._stage.client.delete(f"{NODES}/{old}")
        self._gone.add(old)
        sat = (await self._stage.client.get(PODS, PodList, fieldSelector=f"spec.nodeName={old}")).items
        await self._delete([pod.metadata.name for pod in sat])

    async def _patch_a_node(self, change: dict[str, Any]) -> None:
        path = f"{NODES}/{self._dice.choice(self._nodes)}"
        await self._stage.client.patch(path, msgspec.json.encode(change), MERGE_PATCH)

    def _forget_history(self) -> None:
        self._stage.server.forget_history()
        self._stage.server.cut_watches()

    def _some(self) -> int:
        return self._dice.randrange(1, 2 * PER_NODE // 3)
