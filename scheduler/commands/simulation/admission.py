"""What the API server would make of a pod or claim that a person wrote: defaults, and what admission plugins add.

Owns the plugins that decide where a pod may go: Priority, RuntimeClass, DefaultTolerationSeconds and, for claims,
DefaultStorageClass. Field defaults are the embedded API server's. Left out are LimitRange, quotas and webhooks, which
are a cluster's own: a pod that they would change must be written as they leave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

import msgspec

from scheduler.api.meta import ObjectMeta
from scheduler.api.pod import Pod
from scheduler.api.quantity import InvalidQuantity
from scheduler.api.storage import StorageClass
from scheduler.cluster.requests import pod_requests, scoring_requests
from scheduler.commands.simulation.classes import PriorityClass, RuntimeClass, classes
from scheduler.commands.simulation.controllers import DEFAULT_NAMESPACE
from scheduler.commands.simulation.documents import Object, Sourced
from scheduler.commands.snapshot import InvalidObject, in_words, odd_quantity
from scheduler.sandbox.apiserver.documents import dig, items_at
from scheduler.sandbox.apiserver.rules.admission import tolerate_for_a_while
from scheduler.sandbox.apiserver.rules.pod_defaulting import default_pod

_SYSTEM = {
    name: PriorityClass(metadata=ObjectMeta(name=name), value=value)
    for name, value in (("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000))
}
_NO_CLASS = PriorityClass(metadata=ObjectMeta(name=""))
_IS_DEFAULT = "storageclass.kubernetes.io/is-default-class"


class Admission:
    """By the classes among these objects. Raises InvalidObject."""

    def __init__(self, objects: Sequence[Sourced]) -> None:
        self._runtimes = classes(RuntimeClass, objects)
        self._priorities = _SYSTEM | classes(PriorityClass, objects)
        self._default_priority = _default_priority(self._priorities.values())
        self._default_storage = _default_storage(classes(StorageClass, objects).values())

    def admit_pod(self, document: Object, where: str, path: str = "") -> Pod:
        """Complete a pod in place, and read it. Raises InvalidObject; ``path``: where in its object the pod stands."""
        _read(document, where, path)  # so that what follows meets the types that it expects
        document.setdefault("metadata", {}).setdefault("namespace", DEFAULT_NAMESPACE)
        spec = document["spec"]
        self._set_runtime(spec, where, path)
        default_pod(document)
        self._set_priority(spec, where, path)
        tolerate_for_a_while(spec)
        for term in _pod_terms(spec):
            _merge_label_keys(term, document["metadata"].get("labels") or {})
        pod = _read(document, where, path)
        check_quantities(pod, document, where, path)
        return pod

    def admit_claim(self, document: Object) -> None:
        """Complete a claim in place, as far as it is one."""
        spec = document.setdefault("spec", {})
        if self._default_storage and isinstance(spec, dict):
            spec.setdefault("storageClassName", self._default_storage)

    def _set_priority(self, spec: Object, where: str, path: str) -> None:
        name = spec.get("priorityClassName")
        found = self._priorities.get(str(name)) if name else self._default_priority
        if found is None:
            _refuse(where, path, "priorityClassName", f"no PriorityClass {name!r} is among the objects")
        spec.setdefault("priority", found.value)
        spec.setdefault("preemptionPolicy", found.preemption_policy)

    def _set_runtime(self, spec: Object, where: str, path: str) -> None:
        name = spec.get("runtimeClassName")
        if not name:
            return
        found = self._runtimes.get(name)
        if found is None:
            _refuse(where, path, "runtimeClassName", f"no RuntimeClass {name!r} is among the objects")
        if found.overhead.pod_fixed:
            spec["overhead"] = found.overhead.pod_fixed
        spec["nodeSelector"] = {**spec.get("nodeSelector", {}), **found.scheduling.node_selector}
        spec["tolerations"] = [*spec.get("tolerations", []), *found.scheduling.tolerations]


def check_quantities(pod: Pod, document: Object | msgspec.Raw, where: str, path: str = "") -> None:
    """Raises InvalidObject for a pod whose requests cannot be added up."""
    try:
        pod_requests(pod)
        scoring_requests(pod)
    except InvalidQuantity as error:
        read = document if isinstance(document, dict) else msgspec.json.decode(document)
        raise InvalidObject(f"{where}: {path}{odd_quantity(read)}: {error}") from error


def _read(document: Object, where: str, path: str) -> Pod:
    try:
        pod = msgspec.convert({"metadata": {"name": ""}, "spec": None} | document, Pod)
    except msgspec.ValidationError as error:
        raise InvalidObject(f"{where}: {path}{in_words(error)}") from error
    if not pod.spec.containers:
        raise InvalidObject(f"{where}: {path}spec.containers: a pod must have one")
    return pod


def _refuse(where: str, path: str, field: str, why: str) -> NoReturn:
    raise InvalidObject(f"{where}: {path}spec.{field}: {why}")


def _default_priority(found: Iterable[PriorityClass]) -> PriorityClass:
    """Of the classes that are meant for pods that name none, the lowest."""
    return min((each for each in found if each.global_default), key=lambda each: each.value, default=_NO_CLASS)


def _default_storage(found: Iterable[StorageClass]) -> str:
    """Of the classes that are meant for claims that name none, the newest; empty if there is none."""
    by_default = [each.metadata for each in found if each.metadata.annotations.get(_IS_DEFAULT) == "true"]
    newest = max(by_default, key=lambda metadata: metadata.creation_timestamp or "", default=None)
    return "" if newest is None else newest.name


def _pod_terms(spec: Object) -> Iterator[Object]:
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity = dig(spec, "affinity", kind)
        yield from items_at(affinity, "requiredDuringSchedulingIgnoredDuringExecution")
        for wish in items_at(affinity, "preferredDuringSchedulingIgnoredDuringExecution"):
            if isinstance(term := wish.get("podAffinityTerm"), dict):
                yield term


def _merge_label_keys(term: Object, labels: Object) -> None:
    """The keys whose values the pod's peers must share, or must not, become part of the selector."""
    for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")):
        keys = term.get(field)
        for key in keys if isinstance(keys, list) else ():
            if isinstance(key, str) and key in labels and "labelSelector" in term:
                requirement = {"key": key, "operator": operator, "values": [labels[key]]}
                term["labelSelector"].setdefault("matchExpressions", []).append(requirement)
