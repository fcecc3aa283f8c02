"""The subresources of a pod that act on it: ``binding``, by which a scheduler places it, and ``eviction``.

After ``pkg/registry/core/pod/storage``. A budget does not hold an eviction back, since no controller counts here.
"""

from __future__ import annotations

from typing import Any

from scheduler.sandbox.apiserver.bodies import DeleteOptions, WriteOptions, without_type
from scheduler.sandbox.apiserver.documents import Document, copy_of, dig, items_at, timestamp
from scheduler.sandbox.apiserver.names import dns_subdomain
from scheduler.sandbox.apiserver.preconditions import require_revision, require_uid
from scheduler.sandbox.apiserver.resources import the_resource
from scheduler.sandbox.apiserver.schema.decoding import conform
from scheduler.sandbox.apiserver.schema.fields import definition_of
from scheduler.sandbox.apiserver.statuses import bad_request, conflict, internal
from scheduler.sandbox.apiserver.store import Stored
from scheduler.sandbox.apiserver.writes import Writer

PODS = the_resource("pods")


def bind(writer: Writer, before: Stored, value: Any, options: WriteOptions) -> str:
    """Assign the pod to a node, and return its name. Nobody looks whether there is such a node, as in the real server.

    Raises StatusError: 409 when it is bound, being deleted, gated or another pod than meant.
    """
    name = before.document["metadata"]["name"]
    binding = _binding(value, name)
    metadata = binding["metadata"]
    require_uid(PODS, before, metadata.get("uid"))
    require_revision(PODS, before, metadata.get("resourceVersion"))
    if (obstacle := _obstacle(before.document)) is not None:
        raise conflict(PODS, name, obstacle, subresource="binding")
    pod = copy_of(before.document)
    pod["spec"]["nodeName"] = binding["target"]["name"]
    status = pod.setdefault("status", {})
    status.pop("nominatedNodeName", None)
    for field in ("annotations", "labels"):
        if metadata.get(field):
            pod["metadata"][field] = (pod["metadata"].get(field) or {}) | metadata[field]
    _set_condition(status, "PodScheduled")
    writer.put(PODS, before.key, pod, options)
    return str(pod["spec"]["nodeName"])


def eviction_options(value: Any, options: WriteOptions) -> DeleteOptions:
    """How the body of an eviction wants its pod to be deleted."""
    eviction = without_type(value, "policy/v1", "Eviction")
    conform(eviction, definition_of("policy/v1", "Eviction"))
    asked = eviction.get("deleteOptions") or {}
    return DeleteOptions(
        grace_period_seconds=asked.get("gracePeriodSeconds"),
        preconditions=asked.get("preconditions") or {},
        dry_run=["All"] if options.dry_run or asked.get("dryRun") else [],
    )


def _binding(value: Any, name: str) -> Document:
    binding = without_type(value, "v1", "Binding")
    conform(binding, definition_of("v1", "Binding"))
    if (dig(binding, "metadata", "name") or "") != name:
        raise bad_request("name in URL does not match name in Binding object")
    kind, node = dig(binding, "target", "kind") or "Node", dig(binding, "target", "name") or ""
    if kind != "Node":
        raise internal(f'target.kind: Unsupported value: "{kind}": supported values: "<empty>", "Node"')
    if not node:
        raise internal("target.name: Required value")
    if (fault := dns_subdomain(node)) is not None:
        raise internal(f'target.name: Invalid value: "{node}": {fault}')
    return binding


def _obstacle(pod: Document) -> str | None:
    name, spec = pod["metadata"]["name"], pod["spec"]
    if "deletionTimestamp" in pod["metadata"]:
        return f"pod {name} is being deleted, cannot be assigned to a host"
    if spec.get("nodeName"):
        return f'pod {name} is already assigned to node "{spec["nodeName"]}"'
    if spec.get("schedulingGates"):
        return f"pod {name} has non-empty .spec.schedulingGates"
    return None


def _set_condition(status: Document, kind: str) -> None:
    """Make the condition True; its transition time moves only when it was not."""
    for condition in items_at(status, "conditions"):
        if condition["type"] == kind:
            if condition["status"] != "True":
                condition["lastTransitionTime"] = timestamp()
            condition.update(status="True", lastProbeTime=None)
            condition.pop("reason", None)
            condition.pop("message", None)
            return
    status.setdefault("conditions", []).append(
        {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": timestamp()}
    )
