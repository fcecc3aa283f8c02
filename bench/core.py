"""The decision core alone: decisions per second against cluster size, and memory. Run ``python -m bench.core``.

Owns the measurement: CPU time of one process, all nodes considered, each pod assumed before the next is decided, no
API server and no registry. The cluster is in ``bench.cluster``.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from bench import relations
from bench.cluster import a_bench_node, a_bench_pod, resolved
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo, make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle, Unschedulable
from scheduler.plugins.catalogue import default_profile

SIZES = (100, 1_000, 5_000, 15_000)
PODS_PER_NODE = 20
MOST_DECISIONS = 20_000
RELATED_CLASSES = 10
MOST_RELATED = 4_000
MEMORY_NODES, MEMORY_PODS = 5_000, 10_000
NOWHERE = {"disk": "none"}
"""A node selector that no node meets."""

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Measurement:
    """``seconds`` of CPU time for so many decisions."""

    workload: str
    nodes: int
    decisions: int
    seconds: float

    @property
    def microseconds(self) -> float:
        return self.seconds / self.decisions * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.core", description="Measure the decision core.")
    parser.add_argument("--nodes", type=int, nargs="*", default=SIZES, help="cluster sizes (default: %(default)s)")
    arguments = parser.parse_args()
    console = Console()
    console.print(memory_table(MEMORY_NODES, MEMORY_PODS))
    console.print(speed_table(arguments.nodes))
    console.print(f"CPU time of one process. Machine: {machine()}")


def speed_table(sizes: Sequence[int]) -> Table:
    """Every workload at every size."""
    table = Table(title="Decisions, all nodes considered")
    table.add_column("workload", no_wrap=True)
    for column in ("nodes", "decisions/s", "us each"):
        table.add_column(column, justify="right", no_wrap=True)
    for workload in WORKLOADS:
        for measured in map(workload, sizes):
            each = measured.microseconds
            table.add_row(measured.workload, f"{measured.nodes:,}", f"{1e6 / each:,.0f}", f"{each:.1f}")
        table.add_section()
    return table


def memory_table(nodes: int, pods: int) -> Table:
    """What a filled cluster takes, by resident memory. Must run before anything else has grown the process."""
    table = Table(title=f"Resident memory, {nodes:,} nodes and {pods:,} pods")
    table.add_column("")
    table.add_column("MB", justify="right")
    table.add_column("KB each", justify="right")
    start = _resident()
    cache, cycle = a_cluster(nodes)
    with_nodes = _resident()
    waiting = pod_infos(cache, 100)
    for info in islice(waiting, 100):
        cycle.decide(info)
    with_classes = _resident()
    for info in islice(waiting, pods):
        confirm(cache, info, place(cache, cycle, info))
    with_pods = _resident()
    table.add_row("interpreter and libraries", f"{start / 1e6:.0f}", "")
    for what, number, grown in (
        ("nodes", nodes, with_nodes - start),
        ("pod classes remembered", 100, with_classes - with_nodes),
        ("placed pods", pods, with_pods - with_classes),
    ):
        table.add_row(f"{number:,} {what}", f"{grown / 1e6:.0f}", f"{grown / number / 1e3:.1f}")
    table.add_row("in all", f"{with_pods / 1e6:.0f}", "")
    return table


# Workloads


def one_class(nodes: int) -> Measurement:
    """simple pods, one class"""
    return _place_many(_title(one_class), nodes, 1)


def hundred_classes(nodes: int) -> Measurement:
    """simple pods, 100 classes in turn"""
    return _place_many(_title(hundred_classes), nodes, 100)


def new_classes(nodes: int) -> Measurement:
    """simple pods, each of a new class"""
    cache, cycle = a_cluster(nodes)
    infos = list(islice(pod_infos(cache, 500), 500))
    return _measured(_title(new_classes), nodes, infos, lambda info: place(cache, cycle, info))


def unschedulable(nodes: int) -> Measurement:
    """unschedulable, diagnosed anew"""
    cache, cycle = a_cluster(nodes)
    tries = [_pod_info(cache, number, 0, selector=NOWHERE) for number in range(1_000)]
    others = iter(list(islice(pod_infos(cache, 1), len(tries))))
    names = [node.name for _, node in cache.nodes]

    def attempt(info: PodInfo) -> None:
        cache.assume(next(others), names[len(cache) % len(names)])
        if not isinstance(cycle.decide(info), Unschedulable):
            raise TypeError(f"{info.key} found a node")

    return _measured(_title(unschedulable), nodes, tries, attempt)


def spread(nodes: int) -> Measurement:
    """spread: zones hard, hosts soft"""
    return _place_related(_title(spread), nodes, relations.spread)


def spread_by_default(nodes: int) -> Measurement:
    """of ReplicaSets: spread by default"""
    return _place_related(_title(spread_by_default), nodes, relations.nothing, owned=True)


def required_affinity(nodes: int) -> Measurement:
    """required: one zone, one per host"""
    return _place_related(_title(required_affinity), nodes, relations.required_affinity)


def preferred_affinity(nodes: int) -> Measurement:
    """preferred: one zone, one per host"""
    return _place_related(_title(preferred_affinity), nodes, relations.preferred_affinity)


WORKLOADS = (
    *(one_class, hundred_classes, new_classes, unschedulable),
    *(spread, spread_by_default, required_affinity, preferred_affinity),
)


# The parts they are made of


def a_cluster(nodes: int) -> tuple[Cache, SchedulingCycle]:
    """A cluster without pods, and the default profile over it."""
    cache = Cache()
    for number in range(nodes):
        cache.add_node(a_bench_node(number))
    return cache, SchedulingCycle(cache, default_profile("multiarch-scheduler"))


def pod_infos(cache: Cache, classes: int) -> Iterator[PodInfo]:
    """Pods without end, taking turns between the classes."""
    number = 0
    while True:
        number += 1
        yield _pod_info(cache, number, number % classes)


def place(cache: Cache, cycle: SchedulingCycle, info: PodInfo) -> str:
    """Decide and assume, as the scheduling loop does. Returns the node's name."""
    decision = cycle.decide(info)
    if not isinstance(decision, Placed):
        raise TypeError(f"{info.key} found no node: {decision.fit_error.message}")
    cache.assume(info, decision.node)
    return decision.node


def confirm(cache: Cache, info: PodInfo, node: str) -> None:
    """What the watch shows when a binding is done."""
    spec = msgspec.structs.replace(info.pod.spec, node_name=node)
    cache.add_pod(msgspec.structs.replace(info.pod, spec=spec))


def _pod_info(
    cache: Cache,
    number: int,
    pod_class: int,
    selector: dict[str, str] | None = None,
    spec: Mapping[str, object] | None = None,
) -> PodInfo:
    pod = a_bench_pod(number, pod_class, selector=selector, spec=spec)
    return make_pod_info(pod, resolved(pod), cache.classes)


def _place_many(workload: str, nodes: int, classes: int) -> Measurement:
    cache, cycle = a_cluster(nodes)
    pods = min(nodes * PODS_PER_NODE, MOST_DECISIONS)
    infos = list(islice(pod_infos(cache, classes), pods + classes))
    for info in infos[:classes]:  # a class's first decision evaluates all nodes: that is another workload
        place(cache, cycle, info)
    return _measured(workload, nodes, infos[classes:], lambda info: place(cache, cycle, info))


def _place_related(
    workload: str, nodes: int, relation: Callable[[str], Mapping[str, object]], *, owned: bool = False
) -> Measurement:
    """Ten Deployments in turn; of each so few pods that none is left over where two may not share a host."""
    cache, cycle = a_cluster(nodes)
    apps = [f"app-{number}" for number in range(RELATED_CLASSES)]
    for app in apps if owned else ():
        cache.add_workload(relations.a_replica_set(app))
    pods = min(nodes // 6, MOST_RELATED // len(apps)) * len(apps)
    infos = [
        _pod_info(cache, number, number % len(apps), spec=relation(apps[number % len(apps)]))
        for number in range(pods + len(apps))
    ]
    for info in infos[: len(apps)]:
        place(cache, cycle, info)
    return _measured(workload, nodes, infos[len(apps) :], lambda info: place(cache, cycle, info))


def _measured(workload: str, nodes: int, infos: Sequence[PodInfo], decide: Callable[[PodInfo], object]) -> Measurement:
    gc.collect()
    start = time.process_time()
    for info in infos:
        decide(info)
    return Measurement(workload, nodes, len(infos), time.process_time() - start)


def _title(workload: Callable[[int], Measurement]) -> str:
    return (workload.__doc__ or workload.__name__).strip()


def _resident() -> int:
    """Bytes of resident memory now; where the system does not tell (macOS), the most there ever was."""
    gc.collect()
    if not _STATM.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def machine() -> str:
    """What the figures come from."""
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()},"
        f" Python {platform.python_version()}, numpy {np.__version__}"
    )


if __name__ == "__main__":
    main()
