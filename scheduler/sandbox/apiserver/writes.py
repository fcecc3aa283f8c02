"""Create, update, patch and delete: the order of steps that every write goes through, whatever its kind.

    create: body -> names -> defaults -> admission -> status -> validation -> store
    update: body -> preconditions -> what may not be touched is restored -> defaults -> validation -> store
    patch:  the current object -> patched -> as an update
    delete: preconditions -> grace period, finalizers -> store

After ``k8s.io/apiserver/pkg/registry/generic/registry/store.go`` and ``registry/rest``. The rules of a kind are in
``defaulting``, ``admission`` and ``validation``; the subresources that act (binding, eviction) in ``pod_actions``.
"""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from scheduler.sandbox.apiserver.bodies import DeleteOptions, WriteOptions, conforming, decoded_copy
from scheduler.sandbox.apiserver.documents import Document, dig, encode, timestamp
from scheduler.sandbox.apiserver.patches.patching import APPLY_PATCH, patched
from scheduler.sandbox.apiserver.resources import RESOURCES, Resource
from scheduler.sandbox.apiserver.rules.admission import NAMESPACES, admit_new, admit_update, check_deletion
from scheduler.sandbox.apiserver.rules.defaulting import apply_defaults, status_on_creation
from scheduler.sandbox.apiserver.rules.events import from_core
from scheduler.sandbox.apiserver.rules.validation import check_new, check_status_update, check_update
from scheduler.sandbox.apiserver.schema.fields import definition_of
from scheduler.sandbox.apiserver.statuses import (
    Cause,
    StatusError,
    already_exists,
    bad_request,
    conflict,
    internal,
    invalid_kind,
    modified_meanwhile,
    not_found,
)
from scheduler.sandbox.apiserver.store import Store, Stored

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, no look-alikes: a suffix never spells a word
_SUFFIX_LENGTH = 5
_LONGEST_GENERATED = 63
_NAME_ATTEMPTS = 8
_COUNTS_GENERATIONS = frozenset(
    ["Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "PodDisruptionBudget", "PriorityClass"]
)
_SERVER_FIELDS = ("creationTimestamp", "uid", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


class Writer:
    """All writes to one store. Every method raises StatusError and leaves the store alone when it does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def current(self, resource: Resource, namespace: str, name: str) -> Stored:
        """Raises StatusError (404)."""
        stored = self._store.collection(resource.storage).get(key_of(resource, namespace, name))
        if stored is None:
            raise not_found(resource, name)
        return stored

    # Create

    def create(self, resource: Resource, namespace: str, value: Any, options: WriteOptions) -> Stored:
        document = conforming(resource, value, options)
        metadata = document["metadata"]
        if metadata.get("resourceVersion"):
            raise internal("resourceVersion should not be set on objects to be created")
        _place(resource, namespace, metadata)
        name = self._name(resource, namespace, metadata)
        key = key_of(resource, namespace, name)
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"):
            metadata.pop(field, None)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = timestamp()
        if resource.kind in _COUNTS_GENERATIONS:
            metadata["generation"] = 1
        apply_defaults(resource, document)
        admit_new(self._store, resource, document)
        status_on_creation(resource, document)
        check_new(resource, document)
        if self._store.collection(resource.storage).get(key) is not None:
            raise already_exists(resource, name)
        return self._put(resource, key, document, options)

    def _name(self, resource: Resource, namespace: str, metadata: Document) -> str:
        if metadata.get("name") or not metadata.get("generateName"):
            return str(metadata.get("name", ""))
        base = metadata["generateName"][: _LONGEST_GENERATED - _SUFFIX_LENGTH]
        for _ in range(_NAME_ATTEMPTS):
            name = base + "".join(random.choices(_SUFFIX_LETTERS, k=_SUFFIX_LENGTH))
            if self._store.collection(resource.storage).get(key_of(resource, namespace, name)) is None:
                break
        metadata["name"] = name
        return str(name)

    # Update and patch

    def update(
        self, resource: Resource, namespace: str, name: str, subresource: str, value: Any, options: WriteOptions
    ) -> Stored:
        before = self.current(resource, namespace, name)
        document = conforming(resource, value, options)
        _check_name(document, name)
        self.check_uid(resource, before, document["metadata"].get("uid"))
        return self._replace(resource, before, document, subresource, options)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        subresource: str,
        body: bytes,
        content_type: str,
        options: WriteOptions,
    ) -> tuple[Stored, bool]:
        """The object, and whether it was created, which only an apply does."""
        definition = definition_of(resource.api_version, resource.kind)
        applies = content_type.startswith(APPLY_PATCH)
        key = key_of(resource, namespace, name)
        if applies and not subresource and self._store.collection(resource.storage).get(key) is None:
            applied = patched({"metadata": {"name": name}}, body, content_type, definition)
            return self.create(resource, namespace, applied, options), True
        before = self.current(resource, namespace, name)
        document = decoded_copy(before.encoded)
        if resource.storage == "events" and resource.group:
            document = from_core(document)
        typed = {"kind": resource.kind, "apiVersion": resource.api_version, **document}
        changed = self._conforming_patch(resource, patched(typed, body, content_type, definition), options)
        _check_name(changed, name)
        return self._replace(resource, before, changed, subresource, options), False

    def _conforming_patch(self, resource: Resource, value: Any, options: WriteOptions) -> Document:
        """As ``conforming``, but a field that nobody knows is a fault of the patch, which has no kind."""
        try:
            return conforming(resource, value, options)
        except StatusError as error:
            cause = Cause("patch", "FieldValueInvalid", str(error))
            raise invalid_kind("", "", "", [cause]) if "strict" in str(error) else error from None

    def _replace(
        self, resource: Resource, before: Stored, document: Document, subresource: str, options: WriteOptions
    ) -> Stored:
        old = before.document
        if document["metadata"].get("resourceVersion") not in {None, "", str(before.revision)}:
            raise modified_meanwhile(resource, old["metadata"]["name"])
        document["metadata"] = _kept_metadata(document["metadata"], old["metadata"])
        if subresource == "status":
            document = _only_status(resource, document, old)
            check_status_update(resource, document, old)
        else:
            if resource.status:
                _keep(document, old, "status")
            apply_defaults(resource, document)
            admit_update(resource, document, old)
            if resource.kind in _COUNTS_GENERATIONS and document.get("spec") != old.get("spec"):
                document["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
            check_update(resource, document, old)
        if _is_finished(document["metadata"]) and not options.dry_run:
            return self._remove(resource, before.key)
        return self._put(resource, before.key, document, options)

    def check_uid(self, resource: Resource, before: Stored, uid: str | None) -> None:
        """Raises StatusError (409) when the object is another one of the same name."""
        metadata = before.document["metadata"]
        if uid not in {None, "", metadata["uid"]}:
            raise conflict(
                resource,
                metadata["name"],
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: {metadata['uid']}",
            )

    # Delete

    def delete(self, resource: Resource, namespace: str, name: str, options: DeleteOptions) -> tuple[Stored, bool]:
        """The object's last (or, while something holds it, latest) state, and whether it is gone."""
        check_deletion(resource, name)
        before = self.current(resource, namespace, name)
        self.check_uid(resource, before, options.preconditions.get("uid"))
        wanted = options.preconditions.get("resourceVersion")
        if wanted not in {None, "", str(before.revision)}:
            raise conflict(
                resource,
                name,
                f"Precondition failed: ResourceVersion in precondition: {wanted}, "
                f"ResourceVersion in object meta: {before.revision}",
            )
        document = decoded_copy(before.encoded)
        self._mark_deleted(resource, document, options.grace_period_seconds)
        finished = _is_finished(document["metadata"])
        if options.dry_run:
            return Stored(before.key, document, encode(document), before.revision), finished
        if resource.kind == "Namespace":
            return self._delete_namespace(before, document)
        if not finished:
            return self._store.put(resource.storage, before.key, document), False
        if resource.kind == "Pod":  # what can be deleted gracefully is marked first, also when it goes at once
            marked = self._store.put(resource.storage, before.key, document)
            self._remove(resource, before.key)
            return marked, True
        return self._remove(resource, before.key), True

    def _mark_deleted(self, resource: Resource, document: Document, asked: int | None) -> None:
        """Write when the object is to go. Only pods take time; a second deletion may only shorten it."""
        metadata = document["metadata"]
        grace = _grace_period(document, asked) if resource.kind == "Pod" else 0
        if "deletionTimestamp" in metadata:
            grace = min(grace, metadata.get("deletionGracePeriodSeconds", 0))
            if grace == metadata.get("deletionGracePeriodSeconds", 0):
                return
        elif "generation" in metadata:
            metadata["generation"] += 1
        metadata["deletionTimestamp"] = timestamp(datetime.now(UTC) + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace

    def _delete_namespace(self, before: Stored, document: Document) -> tuple[Stored, bool]:
        """Mark it as terminating and delete what is in it; it goes with the last of that."""
        name = document["metadata"]["name"]
        document["status"] = {**(document.get("status") or {}), "phase": "Terminating"}
        marked = self._store.put(NAMESPACES.storage, before.key, document)
        for resource, stored in self._content_of(name):
            self.delete(resource, name, stored.document["metadata"]["name"], DeleteOptions())
        self._finish_namespace(name)
        return marked, self._store.collection(NAMESPACES.storage).get(name) is None

    def _content_of(self, namespace: str) -> list[tuple[Resource, Stored]]:
        return [
            (resource, stored)
            for resource in RESOURCES
            if resource.namespaced and resource.storage == resource.qualified
            for stored in list(self._store.collection(resource.storage).in_order())
            if stored.document["metadata"]["namespace"] == namespace
        ]

    def _finish_namespace(self, name: str) -> None:
        namespace = self._store.collection(NAMESPACES.storage).get(name)
        if namespace is None or "deletionTimestamp" not in namespace.document["metadata"]:
            return
        if not self._content_of(name):
            self._store.remove(NAMESPACES.storage, name)

    def _remove(self, resource: Resource, key: str) -> Stored:
        last = self._store.remove(resource.storage, key)
        if resource.namespaced:
            self._finish_namespace(last.document["metadata"]["namespace"])
        return last

    # Both

    def put(self, resource: Resource, before: Stored, document: Document, *, dry_run: bool) -> Stored:
        """Store what another part of the server made of the object."""
        return self._put(resource, before.key, document, WriteOptions(dry_run=dry_run))

    def _put(self, resource: Resource, key: str, document: Document, options: WriteOptions) -> Stored:
        if options.dry_run:
            return Stored(key, document, encode(document), 0)
        return self._store.put(resource.storage, key, document)


def key_of(resource: Resource, namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if resource.namespaced else name


def _check_name(document: Document, name: str) -> None:
    if (given := document["metadata"].get("name") or name) != name:
        raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")


def _place(resource: Resource, namespace: str, metadata: Document) -> None:
    """Put the object into the URL's namespace, which its own must not contradict."""
    if not resource.namespaced:
        metadata.pop("namespace", None)
        return
    if (metadata.get("namespace") or namespace) != namespace:
        raise bad_request(
            f"the namespace of the provided object ({metadata['namespace']}) does not match "
            f"the namespace sent on the request ({namespace})"
        )
    metadata["namespace"] = namespace


def _kept_metadata(metadata: Document, old: Document) -> Document:
    """The new metadata with what only the server writes."""
    kept = dict(metadata)
    for field in _SERVER_FIELDS:
        if field == "uid" and kept.get("uid"):
            continue
        _keep(kept, old, field)
    for field in ("name", "namespace"):
        if field in old:
            kept.setdefault(field, old[field])
    return kept


def _keep(document: Document, old: Document, field: str) -> None:
    if field in old:
        document[field] = old[field]
    else:
        document.pop(field, None)


def _only_status(resource: Resource, document: Document, old: Document) -> Document:
    """A write to the status: everything outside it and the metadata stays as it was."""
    metadata = document["metadata"]
    if resource.kind == "Pod":
        _keep(metadata, old["metadata"], "ownerReferences")
        if "status" in document:
            document["status"].setdefault("qosClass", dig(old, "status", "qosClass"))
    kept = {**old, "metadata": metadata}
    kept.pop("status", None)
    return kept | ({"status": document["status"]} if "status" in document else {})


def _grace_period(pod: Document, asked: int | None) -> int:
    """Seconds a pod has to end: none when nothing of it runs."""
    if not pod["spec"].get("nodeName") or dig(pod, "status", "phase") in {"Failed", "Succeeded"}:
        return 0
    grace = asked if asked is not None else pod["spec"].get("terminationGracePeriodSeconds", 0)
    return 1 if grace < 0 else int(grace)


def _is_finished(metadata: Document) -> bool:
    """Is it to be deleted, with nothing that holds it?"""
    return (
        "deletionTimestamp" in metadata
        and not metadata.get("deletionGracePeriodSeconds")
        and not metadata.get("finalizers")
    )
