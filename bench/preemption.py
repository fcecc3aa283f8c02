"""Preemption: how many pods a second find room by evicting others. Run ``python -m bench.preemption``.

Owns the cluster full of pods of lower priority and the steps of one preemption, as the scheduler's loops take them: the
pod finds no node; the dry run finds where evictions hurt least; the pod is nominated there; the victims go; the pod is
tried again and lands there. All of that is one decision here. CPU time of one process, all nodes considered, no API
server. Nodes and pods are those of ``bench.cluster``.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bench.cluster import a_bench_node, a_bench_pod, resolved
from scheduler.api.label_selector import LabelSelector
from scheduler.api.meta import ObjectMeta
from scheduler.api.pod import Pod
from scheduler.api.policy import PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo, make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle, Unschedulable
from scheduler.framework.post_filter import Candidate
from scheduler.plugins.catalogue import default_profile

NODES = 5_000
NODE_MILLICPU = 15_890
PREEMPTOR_PRIORITY = 100
APPS = 200
"""Deployments of the pods that fill the cluster."""


@dataclass(frozen=True, slots=True)
class Shape:
    """``victims`` fill a node, evenly, and a preemptor needs the room of ``wants`` of them.

    ``classes`` of preemptors take turns; of ``guarded`` in ten Deployments the pods have a disruption budget; on
    ``lingering`` nodes the victims are still there, and pods nominated, at any time.
    """

    workload: str
    victims: int = 4
    wants: int = 1
    classes: int = 1
    guarded: int = 0
    lingering: int = 0
    spec: Mapping[str, object] = field(default_factory=dict)
    """Laid over that of preemptors."""


_ZONE = "topology.kubernetes.io/zone"
_SPREAD = {
    "topologySpreadConstraints": [
        {
            "topologyKey": _ZONE,
            "maxSkew": 1,
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "app-1000"}},
        }
    ]
}
_COMPANY = {
    "affinity": {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": _ZONE, "labelSelector": {"matchLabels": {"app": "app-1"}}}
            ]
        }
    }
}

SHAPES = (
    Shape("4 pods a node"),
    Shape("20 pods a node", victims=20, wants=3),
    Shape("20 pods a node, 50 classes of preemptors", victims=20, wants=3, classes=50),
    Shape("20 pods a node, half with budgets", victims=20, wants=3, guarded=5),
    Shape("20 pods a node, 500 nominated", victims=20, wants=3, lingering=500),
    Shape("100 pods a node", victims=100, wants=10),
    Shape("20 pods a node, preemptors spread over zones", victims=20, wants=3, spec=_SPREAD),
    Shape("20 pods a node, preemptors want company", victims=20, wants=3, spec=_COMPANY),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """``seconds`` of CPU time for so many preemptions."""

    workload: str
    nodes: int
    decisions: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.decisions / self.seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.preemption", description="Measure preemption.")
    parser.add_argument("--nodes", type=int, default=NODES, help="size of the cluster (default: %(default)s)")
    parser.add_argument("--decisions", type=int, default=500, help="preemptions of each kind (default: %(default)s)")
    parser.add_argument("--only", default="", help="measure only kinds whose name has this in it")
    arguments = parser.parse_args()
    table = Table(title=f"Preemption, {arguments.nodes:,} nodes full of pods of lower priority")
    table.add_column("workload", no_wrap=True)
    for column in ("decisions/s", "ms each"):
        table.add_column(column, justify="right", no_wrap=True)
    for shape in SHAPES:
        if arguments.only in shape.workload:
            found = measure(shape, arguments.nodes, arguments.decisions)
            table.add_row(found.workload, f"{found.per_second:,.0f}", f"{1e3 / found.per_second:.2f}")
    Console().print(table)


def measure(shape: Shape, nodes: int, decisions: int) -> Figures:
    """One kind, after one unmeasured decision per class and as many as are to linger."""
    scene = Scene(shape, nodes)
    warm_up = shape.classes + shape.lingering
    preemptors = list(scene.preemptors(warm_up + decisions))
    for info in preemptors[:warm_up]:
        scene.preempt(info)
    gc.collect()
    start = time.process_time()
    for info in preemptors[warm_up:]:
        scene.preempt(info)
    seconds = time.process_time() - start
    return Figures(shape.workload, nodes, decisions, seconds)


class Scene:
    """A full cluster, and what becomes of it."""

    def __init__(self, shape: Shape, nodes: int) -> None:
        self._shape = shape
        self._cache = Cache()
        self._cycle = SchedulingCycle(self._cache, default_profile("multiarch-scheduler"))
        self._waiting: deque[tuple[PodInfo, Candidate]] = deque()
        self._budgets = {app: _a_budget(app) for app in range(APPS) if app % 10 < shape.guarded}
        for budget in self._budgets.values():
            self._cache.budgets.put(budget)
        for number in range(nodes):
            self._cache.add_node(a_bench_node(number))
        for pod in _fill(nodes, shape.victims):
            self._cache.add_pod(pod)

    def preemptors(self, number: int) -> Iterator[PodInfo]:
        """Each just too big for one victim less."""
        least = NODE_MILLICPU // self._shape.victims * self._shape.wants
        for count in range(number):
            cpu = f"{least - count % self._shape.classes}m"
            pod = a_bench_pod(count, 1_000, cpu, spec={"priority": PREEMPTOR_PRIORITY, **self._shape.spec})
            pod = replace(pod, metadata=replace(pod.metadata, uid=f"preemptor-{count}", name=f"preemptor-{count}"))
            yield make_pod_info(pod, resolved(pod), self._cache.classes)

    def preempt(self, info: PodInfo) -> None:
        """Find out, nominate, and carry out what was found so many preemptions ago."""
        decision = self._cycle.decide(info)
        if not isinstance(decision, Unschedulable):
            raise TypeError(f"{info.key} needs no room to be made")
        result = self._cycle.post_filter(info, decision.fit_error)
        if result is None or result.chosen is None:
            raise TypeError(f"no room can be made for {info.key}")
        self._cache.nominate(info.pod, result.node)
        self._waiting.append((info, result.chosen))
        if len(self._waiting) > self._shape.lingering:
            self._carry_out(*self._waiting.popleft())

    def _carry_out(self, info: PodInfo, chosen: Candidate) -> None:
        """The victims are gone, which counts in their budgets; the pod lands where room was made for it."""
        for victim in chosen.victims:
            self._cache.remove_pod(victim)
            self._count_eviction(int(victim.metadata.labels["app"].removeprefix("app-")))
        decision = self._cycle.decide(info)
        if not isinstance(decision, Placed) or decision.node != chosen.node:
            raise TypeError(f"{info.key} did not land on {chosen.node}: {decision}")
        self._cache.assume(info, decision.node)

    def _count_eviction(self, app: int) -> None:
        """As the disruption controller does; a budget that is spent is filled up again."""
        budget = self._budgets.get(app)
        if budget is not None:
            status = PodDisruptionBudgetStatus(disruptions_allowed=(budget.status.disruptions_allowed - 1) % 3)
            self._budgets[app] = budget = replace(budget, status=status)
            self._cache.budgets.put(budget)


def _fill(nodes: int, victims: int) -> Iterator[Pod]:
    """Pods of priority 0 to 3, started at any second of one day."""
    cpu, chance = f"{NODE_MILLICPU // victims}m", random.Random(0)
    templates = [a_bench_pod(app, app, cpu) for app in range(APPS)]
    for number in range(nodes * victims):
        template, second = templates[chance.randrange(APPS)], chance.randrange(86_400)
        started = f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
        yield replace(
            template,
            metadata=replace(template.metadata, uid=f"uid-{number}", name=f"pod-{number}"),
            spec=replace(template.spec, node_name=f"node-{number % nodes:06d}", priority=chance.randrange(4)),
            status=replace(template.status, phase="Running", start_time=started),
        )


def _a_budget(app: int) -> PodDisruptionBudget:
    selector = LabelSelector(match_labels={"app": f"app-{app}"})
    return PodDisruptionBudget(
        ObjectMeta(name=f"budget-{app}", namespace="bench"),
        PodDisruptionBudgetSpec(selector),
        PodDisruptionBudgetStatus(disruptions_allowed=1),
    )


def figures(shapes: Sequence[Shape] = SHAPES, nodes: int = NODES, decisions: int = 500) -> list[Figures]:
    """All kinds, for whoever writes a report."""
    return [measure(shape, nodes, decisions) for shape in shapes]


if __name__ == "__main__":
    main()
