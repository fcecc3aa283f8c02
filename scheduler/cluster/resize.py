"""In-place resize: which statements about a pod's resources count while spec and reality differ.

Owns the choice between what is asked for (spec), what the kubelet has promised (allocated) and what the container has
(actuated); the greatest of them may be in use, so it counts (upstream: component-helpers ``resource/helpers.go``). The
sums over containers are in ``requests``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scheduler.api.pod import Container, ContainerStatus, Pod, ResourceList

View = Callable[[Container], ResourceList]
"""One way to read a container's requests."""


@dataclass(frozen=True, slots=True)
class Resize:
    """All that may be in use. A pod that is not being resized has one view, its spec."""

    views: tuple[View, ...]
    wholes: tuple[ResourceList, ...] = ()
    """Statements about the pod as a whole, each in place of a view."""
    pod_level: tuple[ResourceList, ...] = ()
    """Pod-level requests; what they name replaces the sum over containers."""


def resize_of(pod: Pod) -> Resize:
    """What counts for this pod now."""
    status = pod.status
    infeasible = any(c.type == "PodResizePending" and c.reason == "Infeasible" for c in status.conditions)
    pod_level = _pod_level(pod, infeasible)
    spec = () if infeasible else (_spec,)
    if spec and not (status.container_statuses or status.init_container_statuses or status.resources):
        return Resize(spec, pod_level=pod_level)
    if status.allocated_resources is not None and status.resources is not None and status.resources.requests:
        return Resize(spec, (status.allocated_resources, status.resources.requests), pod_level)
    return Resize((*spec, *_kubelet_views(pod, infeasible)), pod_level=pod_level)


def has_pod_level(name: str) -> bool:
    """Whether ``spec.resources`` can request this resource for the pod as a whole."""
    return name in {"cpu", "memory"} or name.startswith("hugepages-")


def _spec(container: Container) -> ResourceList:
    return container.resources.requests


def _kubelet_views(pod: Pod, infeasible: bool) -> tuple[View, View]:
    """Allocated and actuated. Without a statement the spec holds, unless the kubelet has refused the spec."""
    statuses = {s.name: s for s in (*pod.status.container_statuses, *pod.status.init_container_statuses)}

    def fallback(container: Container) -> ResourceList:
        return {} if infeasible else container.resources.requests

    def allocated(container: Container) -> ResourceList:
        stated = _allocated(statuses.get(container.name))
        return fallback(container) if stated is None else stated

    def actuated(container: Container) -> ResourceList:
        status = statuses.get(container.name)
        if status is not None and status.resources is not None:
            return status.resources.requests
        return allocated(container)

    return allocated, actuated


def _allocated(status: ContainerStatus | None) -> ResourceList | None:
    return None if status is None else status.allocated_resources


def _pod_level(pod: Pod, infeasible: bool) -> tuple[ResourceList, ...]:
    if pod.spec.resources is None:
        return ()
    asked = _supported(pod.spec.resources.requests)
    if not asked:
        return ()
    if pod.status.resources is None:
        return (asked,)
    stated = (_supported(pod.status.resources.requests), _supported(pod.status.allocated_resources or {}))
    return stated if infeasible else (asked, *stated)


def _supported(amounts: ResourceList) -> ResourceList:
    return {name: amount for name, amount in amounts.items() if has_pod_level(name)}
