"""Deleting: grace periods, finalizers, and namespaces that take their content along.

After ``k8s.io/apiserver/pkg/registry/rest/delete.go``. A pod that runs somewhere is only marked, and its kubelet
deletes it for good; anything with finalizers waits for those. What a namespace's controller does in a real cluster is
done here at once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scheduler.sandbox.apiserver.bodies import DeleteOptions
from scheduler.sandbox.apiserver.documents import Document, copy_of, dig, encode, timestamp
from scheduler.sandbox.apiserver.preconditions import current, require_uid
from scheduler.sandbox.apiserver.resources import RESOURCES, Resource
from scheduler.sandbox.apiserver.rules.admission import NAMESPACES, check_deletion
from scheduler.sandbox.apiserver.statuses import conflict
from scheduler.sandbox.apiserver.store import Store, Stored
from scheduler.sandbox.apiserver.targets import Target


class Deletions:
    """All that leaves one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def delete(self, target: Target, options: DeleteOptions) -> tuple[Stored, bool]:
        """The object's last (or, while something holds it, latest) state, and whether it is gone.

        Raises StatusError: 403, 404, or 409 when a precondition fails.
        """
        resource = target.resource
        check_deletion(resource, target.name)
        before = current(self._store, target)
        require_uid(resource, before, options.preconditions.get("uid"))
        _require_revision(resource, before, options.preconditions.get("resourceVersion"))
        document = copy_of(before.document)
        _mark(resource, document, options.grace_period_seconds)
        finished = is_finished(document["metadata"])
        if options.dry_run:
            return Stored(before.key, document, encode(document), before.revision), finished
        if resource.kind == "Namespace":
            return self._delete_namespace(before, document)
        if not finished:
            return self._store.put(resource.storage, before.key, document), False
        if resource.kind == "Pod":  # what can be deleted gracefully is marked first, also when it goes at once
            marked = self._store.put(resource.storage, before.key, document)
            self.remove(resource, before.key)
            return marked, True
        return self.remove(resource, before.key), True

    def remove(self, resource: Resource, key: str) -> Stored:
        """Take the object out, and its namespace with it if that waited for it."""
        last = self._store.remove(resource.storage, key)
        if resource.namespaced:
            self._finish_namespace(last.document["metadata"]["namespace"])
        return last

    def _delete_namespace(self, before: Stored, document: Document) -> tuple[Stored, bool]:
        """Mark it as terminating and delete what is in it; it goes with the last of that."""
        name = document["metadata"]["name"]
        document["status"] = {**(document.get("status") or {}), "phase": "Terminating"}
        marked = self._store.put(NAMESPACES.storage, before.key, document)
        for resource, stored in self._content_of(name):
            self.delete(Target(resource, name, stored.document["metadata"]["name"]), DeleteOptions())
        self._finish_namespace(name)
        return marked, self._store.collection(NAMESPACES.storage).get(name) is None

    def _content_of(self, namespace: str) -> list[tuple[Resource, Stored]]:
        return [
            (resource, stored)
            for resource in RESOURCES
            if resource.namespaced and resource.storage == resource.qualified
            for stored in self._store.collection(resource.storage).in_order()
            if stored.document["metadata"]["namespace"] == namespace
        ]

    def _finish_namespace(self, name: str) -> None:
        namespace = self._store.collection(NAMESPACES.storage).get(name)
        if namespace is None or "deletionTimestamp" not in namespace.document["metadata"]:
            return
        if not self._content_of(name):
            self._store.remove(NAMESPACES.storage, name)


def is_finished(metadata: Document) -> bool:
    """Is it to be deleted, with nothing that holds it?"""
    return (
        "deletionTimestamp" in metadata
        and not metadata.get("deletionGracePeriodSeconds")
        and not metadata.get("finalizers")
    )


def _require_revision(resource: Resource, before: Stored, revision: str | None) -> None:
    if revision not in {None, "", str(before.revision)}:
        raise conflict(
            resource,
            before.document["metadata"]["name"],
            f"Precondition failed: ResourceVersion in precondition: {revision}, "
            f"ResourceVersion in object meta: {before.revision}",
        )


def _mark(resource: Resource, document: Document, asked: int | None) -> None:
    """Write when the object is to go. Only pods take time; a second deletion may only shorten it."""
    metadata = document["metadata"]
    grace = _grace_period(document, asked) if resource.kind == "Pod" else 0
    if "deletionTimestamp" in metadata:
        if grace >= metadata.get("deletionGracePeriodSeconds", 0):
            return
    elif "generation" in metadata:
        metadata["generation"] += 1
    metadata["deletionTimestamp"] = timestamp(datetime.now(UTC) + timedelta(seconds=grace))
    metadata["deletionGracePeriodSeconds"] = grace


def _grace_period(pod: Document, asked: int | None) -> int:
    """Seconds a pod has to end: none when nothing of it runs."""
    if not pod["spec"].get("nodeName") or dig(pod, "status", "phase") in {"Failed", "Succeeded"}:
        return 0
    grace = asked if asked is not None else pod["spec"].get("terminationGracePeriodSeconds", 0)
    return 1 if grace < 0 else int(grace)
