"""What the API server's admission plugins do to a new object: NamespaceLifecycle, Priority, DefaultTolerationSeconds.

The plugins ServiceAccount and TaintNodesByCondition are left out, since they need controllers that the sandbox does
not run: a pod gets no token volume, and a new node is not tainted not-ready.
"""

from __future__ import annotations

from scheduler.sandbox.apiserver.documents import Document, items_at
from scheduler.sandbox.apiserver.resources import Resource, the_resource
from scheduler.sandbox.apiserver.statuses import forbidden, not_found
from scheduler.sandbox.apiserver.store import Store

NAMESPACES = the_resource("namespaces")
PRIORITY_CLASSES = the_resource("priorityclasses", "scheduling.k8s.io")

_TOLERATED_SECONDS = 300
_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def admit_new(store: Store, resource: Resource, document: Document) -> None:
    """Complete a new document in place. Raises StatusError (403, 404) when it may not be created."""
    if resource.namespaced:
        _require_namespace(store, resource, document)
    if resource.kind == "Pod":
        _set_priority(store, resource, document)
        tolerate_for_a_while(document["spec"])


def admit_update(resource: Resource, document: Document, before: Document) -> None:
    """Restore in place what admission wrote when the object was created, where the client left it out."""
    if resource.kind == "Pod":
        for field in ("priority", "preemptionPolicy"):
            if field in before["spec"]:
                document["spec"].setdefault(field, before["spec"][field])
        tolerate_for_a_while(document["spec"])


def _require_namespace(store: Store, resource: Resource, document: Document) -> None:
    name = document["metadata"]["namespace"]
    namespace = store.collection(NAMESPACES.storage).get(name)
    if namespace is None:
        raise not_found(NAMESPACES, name)
    if "deletionTimestamp" in namespace.document["metadata"]:
        raise forbidden(
            resource,
            document["metadata"]["name"],
            f"unable to create new content in namespace {name} because it is being terminated",
        )


def _set_priority(store: Store, resource: Resource, pod: Document) -> None:
    spec = pod["spec"]
    name, priority, preemption = _priority_class(store, resource, pod)
    if name:
        spec["priorityClassName"] = name
    for field, value, kind in (("priority", priority, "integer"), ("preemptionPolicy", preemption, "string")):
        if spec.get(field) not in {None, value}:
            raise forbidden(
                resource,
                pod["metadata"]["name"],
                f"the {kind} value of {field} ({spec[field]}) must not be provided in pod spec; "
                f"priority admission controller computed {value} from the given PriorityClass name",
            )
        spec[field] = value


def _priority_class(store: Store, resource: Resource, pod: Document) -> tuple[str, int, str]:
    classes = store.collection(PRIORITY_CLASSES.storage)
    if wanted := pod["spec"].get("priorityClassName"):
        found = classes.get(wanted)
        if found is None:
            raise forbidden(resource, pod["metadata"]["name"], f"no PriorityClass with name {wanted} was found")
        return wanted, *_values(found.document)
    by_default = [stored.document for stored in classes.in_order() if stored.document.get("globalDefault")]
    if not by_default:
        return "", 0, "PreemptLowerPriority"
    lowest = min(by_default, key=lambda document: int(document.get("value", 0)))
    return lowest["metadata"]["name"], *_values(lowest)


def _values(priority_class: Document) -> tuple[int, str]:
    return int(priority_class.get("value", 0)), str(priority_class.get("preemptionPolicy", "PreemptLowerPriority"))


def tolerate_for_a_while(spec: Document) -> None:
    """Complete a pod spec in place: its pods stay for a time on a node that is in trouble."""
    tolerations = list(items_at(spec, "tolerations"))
    added = [
        {"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _TOLERATED_SECONDS}
        for taint in _TOLERATED
        if not any(_covers(toleration, taint) for toleration in tolerations)
    ]
    if added:
        spec["tolerations"] = tolerations + added


def _covers(toleration: Document, taint: str) -> bool:
    return toleration.get("key", "") in {"", taint} and toleration.get("effect", "") in {"", "NoExecute"}


def check_deletion(resource: Resource, name: str) -> None:
    """Raises StatusError (403) for the namespaces that a cluster cannot be without."""
    if resource.kind == "Namespace" and name in {"default", "kube-system", "kube-public"}:
        raise forbidden(resource, name, "this namespace may not be deleted")
