"""What makes a Pod acceptable, and what of it may change; after ``ValidatePodCreate`` and ``ValidatePodUpdate``.

Checked is what decides where a pod runs and what a user is likely to get wrong there: containers, images, quantities,
ports, selectors, tolerations, gates. Probes, security contexts and volume sources are only checked for their types.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scheduler.api.quantity import InvalidQuantity, milli_value
from scheduler.sandbox.apiserver.causes import (
    check_format,
    duplicate,
    forbidden_value,
    invalid_value,
    not_supported,
    required,
)
from scheduler.sandbox.apiserver.documents import Document, dig, items_at
from scheduler.sandbox.apiserver.names import dns_label, dns_subdomain, label_value, qualified_name
from scheduler.sandbox.apiserver.statuses import Cause

_OPERATORS = ("Exists", "Equal", "Lt", "Gt")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_RESTART_POLICIES = ("Always", "Never", "OnFailure")
_NODE_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_SYSTEM_CONDITIONS = ("PodScheduled", "Ready", "Initialized")


def pod_causes(pod: Document) -> Iterator[Cause]:
    """The faults of one state of a pod."""
    spec = pod["spec"]
    if not spec.get("containers"):
        yield required("spec.containers")
    yield from _container_causes(spec)
    volumes: set[str] = set()
    for index, volume in enumerate(items_at(spec, "volumes")):
        yield from _name_causes(f"spec.volumes[{index}].name", volume.get("name", ""), volumes)
    if spec.get("restartPolicy") not in _RESTART_POLICIES:
        yield not_supported("spec.restartPolicy", spec.get("restartPolicy"), _RESTART_POLICIES)
    if spec.get("nodeName"):
        yield from check_format("spec.nodeName", spec["nodeName"], dns_subdomain)
    for key, value in (spec.get("nodeSelector") or {}).items():
        yield from check_format("spec.nodeSelector", key, qualified_name)
        yield from check_format("spec.nodeSelector", value, label_value)
    yield from _toleration_causes(spec)
    yield from _node_affinity_causes(dig(spec, "affinity", "nodeAffinity"))
    yield from _gate_causes(spec)


def _container_causes(spec: Document) -> Iterator[Cause]:
    names: set[str] = set()
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(items_at(spec, kind)):
            field = f"spec.{kind}[{index}]"
            yield from _name_causes(f"{field}.name", container.get("name", ""), names)
            yield from _image_causes(f"{field}.image", container.get("image", ""))
            if container.get("imagePullPolicy") not in {"Always", "IfNotPresent", "Never"}:
                yield not_supported(
                    f"{field}.imagePullPolicy", container["imagePullPolicy"], ("Always", "IfNotPresent", "Never")
                )
            yield from _resource_causes(f"{field}.resources", container.get("resources") or {})
            yield from _port_causes(f"{field}.ports", container)


def _name_causes(field: str, name: str, seen: set[str]) -> Iterator[Cause]:
    if not name:
        yield required(field)
        return
    yield from check_format(field, name, dns_label)
    if name in seen:
        yield duplicate(field, name)
    seen.add(name)


def _image_causes(field: str, image: str) -> Iterator[Cause]:
    if not image:
        yield required(field)
    elif image != image.strip():
        yield invalid_value(field, image, "must not have leading or trailing whitespace")


def _resource_causes(field: str, resources: Document) -> Iterator[Cause]:
    amounts: dict[str, dict[str, int]] = {"limits": {}, "requests": {}}
    for kind, by_name in amounts.items():
        for name, quantity in (resources.get(kind) or {}).items():
            yield from check_format(f"{field}.{kind}", name, qualified_name)
            try:
                by_name[name] = milli_value(quantity)
            except InvalidQuantity:  # the schema has refused it before
                continue
            if by_name[name] < 0:
                yield invalid_value(f"{field}.{kind}[{name}]", quantity, "must be greater than or equal to 0")
    for name, amount in amounts["requests"].items():
        if amount > amounts["limits"].get(name, amount):
            limit = resources["limits"][name]
            yield invalid_value(
                f"{field}.requests",
                resources["requests"][name],
                f"must be less than or equal to {name} limit of {limit}",
            )


def _port_causes(field: str, container: Document) -> Iterator[Cause]:
    for index, port in enumerate(items_at(container, "ports")):
        for name in ("containerPort", "hostPort"):
            number = port.get(name, 0)
            if not number:
                if name == "containerPort":
                    yield required(f"{field}[{index}].{name}")
            elif not 0 < number < 65536:
                yield invalid_value(f"{field}[{index}].{name}", number, "must be between 1 and 65535, inclusive")
        if port.get("protocol") not in {"TCP", "UDP", "SCTP"}:
            yield not_supported(f"{field}[{index}].protocol", port.get("protocol"), ("SCTP", "TCP", "UDP"))


def _toleration_causes(spec: Document) -> Iterator[Cause]:
    for index, toleration in enumerate(items_at(spec, "tolerations")):
        field = f"spec.tolerations[{index}]"
        operator = toleration.get("operator") or "Equal"
        if toleration.get("key"):
            yield from check_format(f"{field}.key", toleration["key"], qualified_name)
        elif operator != "Exists":
            yield invalid_value(f"{field}.operator", operator, "operator must be Exists when `key` is empty")
        if operator not in _OPERATORS:
            yield not_supported(f"{field}.operator", operator, _OPERATORS)
        if operator == "Exists" and toleration.get("value"):
            yield invalid_value(f"{field}.operator", toleration, "value must be empty when `operator` is 'Exists'")
        if toleration.get("effect") and toleration["effect"] not in _EFFECTS:
            yield not_supported(f"{field}.effect", toleration["effect"], _EFFECTS)
        if "tolerationSeconds" in toleration and toleration.get("effect") != "NoExecute":
            yield invalid_value(
                f"{field}.effect",
                toleration.get("effect", ""),
                "effect must be 'NoExecute' when `tolerationSeconds` is set",
            )


def _node_affinity_causes(affinity: Any) -> Iterator[Cause]:
    field = "spec.affinity.nodeAffinity"
    required_field = f"{field}.requiredDuringSchedulingIgnoredDuringExecution"
    needed = dig(affinity, "requiredDuringSchedulingIgnoredDuringExecution")
    if needed is not None and not needed.get("nodeSelectorTerms"):
        yield required(f"{required_field}.nodeSelectorTerms", "must have at least one node selector term")
    for index, term in enumerate(items_at(needed, "nodeSelectorTerms")):
        yield from _term_causes(f"{required_field}.nodeSelectorTerms[{index}]", term)
    for index, preferred in enumerate(items_at(affinity, "preferredDuringSchedulingIgnoredDuringExecution")):
        where = f"{field}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        if not 1 <= preferred.get("weight", 0) <= 100:
            yield invalid_value(f"{where}.weight", preferred.get("weight", 0), "must be in the range 1-100")
        yield from _term_causes(f"{where}.preference", preferred.get("preference") or {})


def _term_causes(field: str, term: Document) -> Iterator[Cause]:
    for index, expression in enumerate(items_at(term, "matchExpressions")):
        where = f"{field}.matchExpressions[{index}]"
        operator, values = expression.get("operator"), expression.get("values") or []
        yield from check_format(f"{where}.key", expression.get("key", ""), qualified_name)
        if operator not in _NODE_OPERATORS:
            yield invalid_value(f"{where}.operator", operator, "not a valid selector operator")
        elif operator in {"In", "NotIn"} and not values:
            yield required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in {"Exists", "DoesNotExist"} and values:
            yield forbidden_value(
                f"{where}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            )
        elif operator in {"Gt", "Lt"} and len(values) != 1:
            yield required(f"{where}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")


def _gate_causes(spec: Document) -> Iterator[Cause]:
    seen = set()
    for index, gate in enumerate(items_at(spec, "schedulingGates")):
        field = f"spec.schedulingGates[{index}]"
        name = gate.get("name", "")
        yield from check_format(field, name, qualified_name)
        if name in seen:
            yield duplicate(field, name)
        seen.add(name)
    if seen and spec.get("nodeName"):
        yield forbidden_value("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


def pod_update_causes(pod: Document, before: Document) -> Iterator[Cause]:
    """The faults of a step from one state to another: most of a pod's spec may not change."""
    new, old = pod["spec"], before["spec"]
    for kind in ("containers", "initContainers"):
        if len(new.get(kind) or ()) != len(old.get(kind) or ()):
            yield forbidden_value(f"spec.{kind}", "pod updates may not add or remove containers")
            return
    tolerations = [_but_its_seconds(toleration) for toleration in items_at(new, "tolerations")]
    if any(_but_its_seconds(toleration) not in tolerations for toleration in items_at(old, "tolerations")):
        yield forbidden_value(
            "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"
        )
    gates = [gate["name"] for gate in items_at(old, "schedulingGates")]
    for gate in items_at(new, "schedulingGates"):
        if gate["name"] not in gates:
            yield forbidden_value(
                "spec.schedulingGates", f"only deletion is allowed, but found new scheduling gate '{gate['name']}'"
            )
    if _fixed_part(new, gated=bool(gates)) != _fixed_part(old, gated=bool(gates)):
        changed = sorted(field for field in new.keys() | old.keys() if new.get(field) != old.get(field))
        yield forbidden_value(
            "spec", f"pod updates may not change fields other than {_UPDATABLE}; changed: {', '.join(changed)}"
        )


def _fixed_part(spec: Document, *, gated: bool) -> Document:
    """The spec without what may change. A pod behind gates may still narrow where it runs."""
    free = {"tolerations", "schedulingGates", "activeDeadlineSeconds"} | (
        {"nodeSelector", "affinity"} if gated else set()
    )
    fixed = {field: value for field, value in spec.items() if field not in free and value not in (None, [], {})}
    for kind in ("containers", "initContainers"):
        fixed[kind] = [
            {field: value for field, value in container.items() if field != "image"}
            for container in items_at(spec, kind)
        ]
    return fixed


def _but_its_seconds(toleration: Document) -> Document:
    return {field: value for field, value in toleration.items() if field != "tolerationSeconds"}


def pod_status_causes(pod: Document, before: Document) -> Iterator[Cause]:
    """The faults of a new status."""
    for index, condition in enumerate(items_at(pod, "status", "conditions")):
        kind = condition.get("type", "")
        if kind not in _SYSTEM_CONDITIONS:
            yield from check_format(f"status.conditions[{index}].Type", kind, qualified_name)
    nominated, was = (dig(state, "status", "nominatedNodeName") or "" for state in (pod, before))
    if nominated and nominated != was:
        yield from check_format("status.nominatedNodeName", nominated, dns_subdomain)
        if before["spec"].get("nodeName"):
            yield forbidden_value("status.nominatedNodeName", "may not be set on pods that are already bound to a node")
    if dig(pod, "status", "qosClass") != dig(before, "status", "qosClass"):
        yield invalid_value("status.qosClass", dig(pod, "status", "qosClass"), "field is immutable")
