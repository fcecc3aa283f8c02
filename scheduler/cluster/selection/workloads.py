"""Workloads: which pods belong together by default, since a service or a controller selects them.

Owns the objects' selectors and what follows from them for a pod (upstream: ``plugins/helper/spread.go``,
DefaultSelector): the selectors of all services that select the pod, and that of the controller that owns it.
"""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.api.label_selector import LabelSelector
from scheduler.api.requirement import Requirement
from scheduler.api.selectors import InvalidSelector, parse_label_selector
from scheduler.api.workloads import ReplicaSet, ReplicationController, Service, StatefulSet, Workload
from scheduler.cluster.pod_info import Controller
from scheduler.cluster.selection.label_index import LabelIndex
from scheduler.cluster.selection.pod_selectors import Requirements
from scheduler.cluster.shapes import PodShape

_SERVICE = ("v1", "Service")
_REPLICATION_CONTROLLER = ("v1", "ReplicationController")
_KINDS: dict[type[Workload], tuple[str, str]] = {
    Service: _SERVICE,
    ReplicationController: _REPLICATION_CONTROLLER,
    ReplicaSet: ("apps/v1", "ReplicaSet"),
    StatefulSet: ("apps/v1", "StatefulSet"),
}


class Workloads:
    """The services and controllers of the cluster. A service without selector, or with an empty one, adds nothing."""

    def __init__(self) -> None:
        self._selectors: dict[tuple[str, tuple[str, str], str], Requirements] = {}
        self._services: dict[str, LabelIndex[str]] = {}
        self._versions: dict[str, int] = {}

    def version(self, namespace: str) -> int:
        """Rises whenever something in the namespace may select other pods than before."""
        return self._versions.get(namespace, 0)

    def put(self, workload: Workload) -> None:
        """A service or controller came or changed."""
        namespace, name = workload.metadata.namespace, workload.metadata.name
        key = (namespace, _KINDS[type(workload)], name)
        requirements = _requirements(workload)
        if self._selectors.get(key) == requirements:
            return
        self.drop(workload)
        self._selectors[key] = requirements
        if key[1] == _SERVICE:
            self._services.setdefault(namespace, LabelIndex()).add(name, requirements)
        self._versions[namespace] = self.version(namespace) + 1

    def drop(self, workload: Workload) -> None:
        """A service or controller is gone. Nothing happens if it was not known."""
        namespace, name = workload.metadata.namespace, workload.metadata.name
        key = (namespace, _KINDS[type(workload)], name)
        known = self._selectors.pop(key, None)
        if known is None:
            return
        if key[1] == _SERVICE:
            self._services[namespace].discard(name, known)
        self._versions[namespace] = self.version(namespace) + 1

    def selector_of(self, shape: PodShape, controller: Controller | None) -> Requirements:
        """Which pods of its namespace a pod is to be spread from. Nothing if nobody selects it."""
        exact: dict[str, Requirement] = {}
        for requirements in self._services_of(shape):
            exact.update((requirement.key, requirement) for requirement in requirements)
        rest: Requirements = ()
        if controller is not None:
            kind = (controller.api_version, controller.kind)
            owned = self._selectors.get((shape.namespace, kind, controller.name), ())
            if kind == _REPLICATION_CONTROLLER:
                exact.update((requirement.key, requirement) for requirement in owned)
            elif kind != _SERVICE:
                rest = owned
        return tuple(dict.fromkeys((*(exact[key] for key in sorted(exact)), *rest)))

    def _services_of(self, shape: PodShape) -> Iterator[Requirements]:
        """The selectors of the services that select the pod; they agree wherever they name the same label."""
        index = self._services.get(shape.namespace)
        for name in index.candidates(shape.labels) if index is not None else ():
            requirements = self._selectors[shape.namespace, _SERVICE, name]
            if all(requirement.matches(shape.labels.get(requirement.key)) for requirement in requirements):
                yield requirements


def _requirements(workload: Workload) -> Requirements:
    """A selector that is absent or malformed adds nothing, like an empty one."""
    selector = workload.spec.selector
    if isinstance(selector, LabelSelector):
        try:
            return parse_label_selector(selector)
        except InvalidSelector:
            return ()
    exact = sorted((selector or {}).items())
    return tuple(Requirement(key, "In", frozenset({value})) for key, value in exact)
