"""What a pod takes of a node: the sum over its containers, with all that upstream has learnt about it.

Owns pod resource arithmetic (upstream: component-helpers ``resource/helpers.go``; the counters' defaults:
``pkg/scheduler/framework/types.go``). Which statements count while a pod is resized in place is decided in ``resize``.
It does not know nodes: counting per node is in ``resources``.

Sums are taken in thousandths of every resource and rounded up once, at the end, as upstream's Quantity does.
"""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.api.pod import Pod, ResourceList
from scheduler.api.quantity import milli_value
from scheduler.cluster.columns import MAX_AMOUNT
from scheduler.cluster.resize import Resize, View, resize_of

CPU, MEMORY, EPHEMERAL_STORAGE, PODS = "cpu", "memory", "ephemeral-storage", "pods"

DEFAULT_CPU = 100
DEFAULT_MEMORY = 200 * 1024 * 1024
"""What a container that asks for nothing is taken to need when nodes are compared (``util/pod_resources.go``)."""

_PLAIN = frozenset({CPU, MEMORY, EPHEMERAL_STORAGE})
_DEFAULTS = {CPU: DEFAULT_CPU, MEMORY: DEFAULT_MEMORY * 1000}

Thousandths = dict[str, int]
"""Resource name -> thousandths. A name that is absent was not asked for; zero was asked for."""


def is_counted(name: str) -> bool:
    """Whether the scheduler counts this resource (upstream: ``Resource.Add``, ``IsScalarResourceName``)."""
    if name in _PLAIN or name.startswith(("hugepages-", "attachable-volumes-")):
        return True
    return "kubernetes.io/" in name or ("/" in name and not name.startswith("requests."))


class PodRequests:
    """What one pod adds to a node's counters. A value: pods that take the same share their column vectors."""

    __slots__ = ("_hash", "amounts", "nonzero_cpu", "nonzero_memory")

    def __init__(self, amounts: Mapping[str, int], nonzero_cpu: int, nonzero_memory: int) -> None:
        self.amounts = tuple(sorted((name, amount) for name, amount in amounts.items() if amount))
        """(name, amount) of what is asked for, by name; zeros are left out."""
        self.nonzero_cpu = nonzero_cpu
        self.nonzero_memory = nonzero_memory
        self._hash = hash((self.amounts, nonzero_cpu, nonzero_memory))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, PodRequests)
            and self.amounts == other.amounts
            and self.nonzero_cpu == other.nonzero_cpu
            and self.nonzero_memory == other.nonzero_memory
        )

    def __repr__(self) -> str:
        return f"PodRequests({dict(self.amounts)}, {self.nonzero_cpu}, {self.nonzero_memory})"


def pod_requests(pod: Pod) -> PodRequests:
    """What the pod counts for on its node: cpu in thousandths, all else in units. Raises InvalidQuantity."""
    resize = resize_of(pod)
    asked = _total(pod, resize, {})
    missing = _DEFAULTS if not resize.pod_level else {k: v for k, v in _DEFAULTS.items() if k not in asked}
    nonzero = _total(pod, resize, missing)
    return PodRequests(
        {name: in_units(name, amount) for name, amount in asked.items()},
        in_units(CPU, nonzero.get(CPU, 0)),
        in_units(MEMORY, nonzero.get(MEMORY, 0)),
    )


def scoring_requests(pod: Pod) -> dict[str, int]:
    """What NodeResourcesFit scores an incoming pod by: its containers, with defaults, and overhead.

    ``spec.resources`` is left out: upstream builds the scorer without the pod-level option, though the filter has it.
    """
    total = _containers_total(pod, lambda container: container.resources.requests, _DEFAULTS)
    _add(total, read(pod.spec.overhead))
    return {name: in_units(name, amount) for name, amount in total.items() if amount}


def read(amounts: ResourceList) -> Thousandths:
    """The counted resources of a list. Raises InvalidQuantity."""
    return {name: milli_value(text) for name, text in amounts.items() if is_counted(name)}


def in_units(name: str, thousandths: int) -> int:
    """As the columns count: cpu stays in thousandths, all else is rounded up to units; capped at MAX_AMOUNT."""
    return min(thousandths if name == CPU else -(-thousandths // 1000), MAX_AMOUNT)


def _total(pod: Pod, resize: Resize, defaults: Thousandths) -> Thousandths:
    """The greatest of all that may be in use, pod-level requests in place of what they name, and overhead on top."""
    total: Thousandths = {}
    for view in resize.views:
        _raise_to(total, _containers_total(pod, view, defaults))
    for whole in resize.wholes:
        _raise_to(total, read(whole))
    level: Thousandths = {}
    for amounts in resize.pod_level:
        _raise_to(level, read(amounts))
    total.update(level)
    _add(total, read(pod.spec.overhead))
    return total


def _containers_total(pod: Pod, view: View, defaults: Thousandths) -> Thousandths:
    """The most that is needed at once: while running, or in some step of the initialisation."""
    sidecars: Thousandths = {}
    peak: Thousandths = {}
    for container in pod.spec.init_containers:
        own = defaults | read(view(container))
        _add(own, sidecars)
        if container.restart_policy == "Always":
            sidecars = own
        _raise_to(peak, own)
    running = sidecars
    for container in pod.spec.containers:
        _add(running, defaults | read(view(container)))
    _raise_to(running, peak)
    return running


def _add(total: Thousandths, amounts: Thousandths) -> None:
    for name, amount in amounts.items():
        total[name] = total.get(name, 0) + amount


def _raise_to(total: Thousandths, amounts: Thousandths) -> None:
    for name, amount in amounts.items():
        total[name] = max(total.get(name, 0), amount)
