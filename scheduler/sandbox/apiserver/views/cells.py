"""Cells of kubectl's tables: functions from an object to what is printed of it (``pkg/printers/internalversion``).

Those that need more of a pod are in ``pod_columns``.
"""

from __future__ import annotations

from collections.abc import Callable

from scheduler.sandbox.apiserver.documents import Document, dig, items_at
from scheduler.sandbox.apiserver.views.ages import UNKNOWN, age

Cell = Callable[[Document], str | int | bool]
NONE = "<none>"
_ROLE_PREFIX = "node-role.kubernetes.io/"


def at(path: str, absent: str = "") -> Cell:
    keys = path.split(".")

    def cell(document: Document) -> str:
        value = dig(document, *keys)
        return absent if value in (None, "") else str(value)

    return cell


def number(path: str) -> Cell:
    keys = path.split(".")
    return lambda document: int(dig(document, *keys) or 0)


def size(path: str) -> Cell:
    return lambda document: str(len(dig(document, *path.split(".")) or ()))


def age_of(document: Document) -> str:
    return age(document["metadata"].get("creationTimestamp"))


def out_of(done: str, wanted: str) -> Cell:
    return lambda document: f"{number(done)(document)}/{number(wanted)(document)}"


def of_containers(field: str) -> Cell:
    def cell(document: Document) -> str:
        return ",".join(
            str(item.get(field, "")) for item in items_at(document, "spec", "template", "spec", "containers")
        )

    return cell


def labels_of(path: str) -> Cell:
    keys = path.split(".")

    def cell(document: Document) -> str:
        labels = dig(document, *keys)
        return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE

    return cell


def pod_ip(pod: Document) -> str:
    return next((entry["ip"] for entry in items_at(pod, "status", "podIPs")), NONE)


def readiness_gates(pod: Document) -> str:
    gates = [gate["conditionType"] for gate in items_at(pod, "spec", "readinessGates")]
    true = {c["type"] for c in items_at(pod, "status", "conditions") if c.get("status") == "True"}
    return f"{sum(gate in true for gate in gates)}/{len(gates)}" if gates else NONE


def node_status(node: Document) -> str:
    states = {c["type"]: c.get("status") for c in items_at(node, "status", "conditions")}
    words = ["Unknown" if "Ready" not in states else "Ready" if states["Ready"] == "True" else "NotReady"]
    return ",".join(words + (["SchedulingDisabled"] if dig(node, "spec", "unschedulable") else []))


def node_roles(node: Document) -> str:
    labels = node["metadata"].get("labels") or {}
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    return ",".join(sorted(roles - {""})) or NONE


def node_address(kind: str) -> Cell:
    def cell(node: Document) -> str:
        return next((a["address"] for a in items_at(node, "status", "addresses") if a.get("type") == kind), NONE)

    return cell


def kernel(node: Document) -> str:
    info = dig(node, "status", "nodeInfo") or {}
    architecture = info.get("architecture")
    return (info.get("kernelVersion") or UNKNOWN) + (f" ({architecture})" if architecture else "")


def first_seen(event: Document) -> str:
    return age(event.get("firstTimestamp") or event.get("eventTime"))


def last_seen(event: Document) -> str:
    last = dig(event, "series", "lastObservedTime") or event.get("lastTimestamp")
    return age(last) if last else first_seen(event)


def event_object(event: Document) -> str:
    involved = event.get("involvedObject") or {}
    kind, name = str(involved.get("kind", "")).lower(), involved.get("name")
    return f"{kind}/{name}" if name else kind


def event_source(event: Document) -> str:
    component = dig(event, "source", "component") or event.get("reportingComponent") or ""
    instance = dig(event, "source", "host") or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def event_count(event: Document) -> int:
    return int(dig(event, "series", "count") or event.get("count") or 1)


def service_ports(service: Document) -> str:
    return ",".join(f"{port.get('port')}/{port.get('protocol')}" for port in items_at(service, "spec", "ports")) or NONE


def claim_of(volume: Document) -> str:
    claim = dig(volume, "spec", "claimRef") or {}
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


def access_modes(path: str) -> Cell:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    return lambda document: ",".join(short.get(mode, mode) for mode in dig(document, *path.split(".")) or ())
