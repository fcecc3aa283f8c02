"""What a filled cluster takes of memory: nodes, pod classes and placed pods, each by how much the process grows.

Owns the measurement. It must run before anything else has grown the process, since freed memory is used again.
"""

from __future__ import annotations

import gc
import os
import resource
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from bench import workloads
from bench.runner import CoreRunner, WrongOutcome
from bench.workloads import CreateNodes, MeasurePods
from scheduler.cluster.pod_info import PodInfo
from scheduler.framework.cycle import Placed

NODES, CLASSES, PODS = 5_000, 100, 50_000

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that the process grew by, for so many of each."""

    nodes: int
    classes: int
    pods: int
    at_start: int
    for_nodes: int
    for_classes: int
    for_pods: int

    @property
    def in_all(self) -> int:
        return self.at_start + self.for_nodes + self.for_classes + self.for_pods


def measure(nodes: int = NODES, classes: int = CLASSES, pods: int = PODS) -> Memory:
    """Fill a cluster: nodes, one decision for each class, then pods, which the watch confirms."""
    workload = workloads.load("hundred-classes")
    params = {"nodes": nodes, "known": 0, "measured": classes + pods}
    steps = workload.steps(params)
    runner = CoreRunner(workload)
    at_start = _resident()
    for step in steps:
        if isinstance(step.op, CreateNodes):
            runner.create(step)
    with_nodes = _resident()
    waiting = runner.infos(next(step for step in steps if isinstance(step.op, MeasurePods)))
    for info in islice(waiting, classes):
        runner.cycle.decide(info)
    with_classes = _resident()
    for info in waiting:
        _place_and_confirm(runner, info)
    with_pods = _resident()
    return Memory(
        nodes, classes, pods, at_start, with_nodes - at_start, with_classes - with_nodes, with_pods - with_classes
    )


def _place_and_confirm(runner: CoreRunner, info: PodInfo) -> None:
    """The watch shows the pod bound, as an object of its own that takes the place of the pending one."""
    decision = runner.cycle.decide(info)
    if not isinstance(decision, Placed):
        raise WrongOutcome(f"{info.key} found no node: {decision.fit_error.message}")
    runner.cache.assume(info, decision.node)
    spec = msgspec.structs.replace(info.pod.spec, node_name=decision.node)
    runner.cache.add_pod(msgspec.structs.replace(info.pod, spec=spec))


def _resident() -> int:
    """Bytes of resident memory now; where the system does not tell (macOS), the most there ever was."""
    gc.collect()
    if not _STATM.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
