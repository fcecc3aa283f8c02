"""What a scheduler that does not look at images would have done with the same pods on the same nodes.

Runs the decision core without the plugin ImagePlatform, pod after pod, each assumed before the next, and counts the
pods that land where they cannot run. It is the demo's comparison: same rules, same order, one plugin less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.plugins.catalogue import upstream_profile


@dataclass(frozen=True, slots=True)
class Misplacement:
    """A pod on a node that cannot run it."""

    pod: str
    node: str


def misplaced(nodes: Iterable[Node], pods: Iterable[tuple[Pod, frozenset[str]]]) -> list[Misplacement]:
    """The pods that would land on a node outside their set of nodes that can run them."""
    cache = Cache()
    for node in nodes:
        cache.add_node(node)
    cycle = SchedulingCycle(cache, upstream_profile("blind"))
    found = []
    for pod, runs_on in pods:
        info = make_pod_info(_unplaced(pod), None, cache.classes)
        decision = cycle.decide(info)
        if isinstance(decision, Placed):
            cache.assume(info, decision.node)
            if decision.node not in runs_on:
                found.append(Misplacement(pod.metadata.name, decision.node))
    return found


def _unplaced(pod: Pod) -> Pod:
    """The pod as it was before anybody placed it."""
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, node_name=""))
