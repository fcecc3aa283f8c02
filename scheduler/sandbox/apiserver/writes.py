"""Create, update and patch: the order of steps that every write goes through, whatever its kind.

    create: body -> metadata -> defaults -> admission -> status -> validation -> store
    update: body -> preconditions -> what may not be touched is restored -> defaults -> validation -> store
    patch:  the current object -> patched -> as an update

After ``k8s.io/apiserver/pkg/registry/generic/registry/store.go`` and ``registry/rest``. The rules of a kind are in
``rules``; what leaves the store goes by ``deletions``.
"""

from __future__ import annotations

from typing import Any

from scheduler.sandbox.apiserver.bodies import UnknownFields, WriteOptions, conforming
from scheduler.sandbox.apiserver.deletions import Deletions, is_finished
from scheduler.sandbox.apiserver.documents import Document, copy_of, dig, encode
from scheduler.sandbox.apiserver.metadata import begin, count_generation, keep, kept, require_name
from scheduler.sandbox.apiserver.patches.patching import APPLY_PATCH, patched
from scheduler.sandbox.apiserver.preconditions import current, require_revision, require_uid
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.rules.admission import admit_new, admit_update
from scheduler.sandbox.apiserver.rules.defaulting import apply_defaults, status_on_creation
from scheduler.sandbox.apiserver.rules.events import from_core
from scheduler.sandbox.apiserver.rules.validation import check_new, check_status_update, check_update
from scheduler.sandbox.apiserver.schema.fields import definition_of
from scheduler.sandbox.apiserver.statuses import Cause, already_exists, invalid_kind
from scheduler.sandbox.apiserver.store import Store, Stored
from scheduler.sandbox.apiserver.targets import Target


class Writer:
    """All writes to one store. Every method raises StatusError and leaves the store alone when it does."""

    def __init__(self, store: Store, deletions: Deletions) -> None:
        self._store = store
        self._deletions = deletions

    def create(self, target: Target, value: Any, options: WriteOptions) -> Stored:
        """The new object, in the target's namespace."""
        resource = target.resource
        collection = self._store.collection(resource.storage)
        document = conforming(resource, value, options)
        metadata = document["metadata"]
        begin(resource, target.namespace, metadata, lambda name: collection.get(target.named(name).key) is not None)
        apply_defaults(resource, document)
        admit_new(self._store, resource, document)
        status_on_creation(resource, document)
        check_new(resource, document)
        key = target.named(metadata["name"]).key
        if collection.get(key) is not None:
            raise already_exists(resource, metadata["name"])
        return self.put(resource, key, document, options)

    def update(self, target: Target, value: Any, options: WriteOptions) -> Stored:
        """The object, or its status, replaced."""
        before = current(self._store, target)
        document = conforming(target.resource, value, options)
        require_name(document["metadata"], target.name)
        require_uid(target.resource, before, document["metadata"].get("uid"))
        return self._replace(target, before, document, options)

    def patch(self, target: Target, body: bytes, content_type: str, options: WriteOptions) -> tuple[Stored, bool]:
        """The object, and whether it was created, which only an apply does."""
        resource = target.resource
        definition = definition_of(resource.api_version, resource.kind)
        if content_type.startswith(APPLY_PATCH) and self._is_missing(target):
            applied = patched({"metadata": {"name": target.name}}, body, content_type, definition)
            return self.create(target, applied, options), True
        before = current(self._store, target)
        document = copy_of(before.document)
        if resource.storage == "events" and resource.group:
            document = from_core(document)
        typed = {"kind": resource.kind, "apiVersion": resource.api_version, **document}
        changed = _conforming_patch(resource, patched(typed, body, content_type, definition), options)
        require_name(changed["metadata"], target.name)
        return self._replace(target, before, changed, options), False

    def put(self, resource: Resource, key: str, document: Document, options: WriteOptions) -> Stored:
        """Store a document that has passed everything."""
        if options.dry_run:
            return Stored(key, document, encode(document), 0)
        return self._store.put(resource.storage, key, document)

    def _is_missing(self, target: Target) -> bool:
        return not target.subresource and self._store.collection(target.resource.storage).get(target.key) is None

    def _replace(self, target: Target, before: Stored, document: Document, options: WriteOptions) -> Stored:
        resource, old = target.resource, before.document
        require_revision(resource, before, document["metadata"].get("resourceVersion"))
        document["metadata"] = kept(document["metadata"], old["metadata"])
        if target.subresource == "status":
            document = _only_status(resource, document, old)
            check_status_update(resource, document, old)
        else:
            if resource.status:
                keep(document, old, "status")
            apply_defaults(resource, document)
            admit_update(resource, document, old)
            count_generation(resource, document, old)
            check_update(resource, document, old)
        if is_finished(document["metadata"]) and not options.dry_run:
            return self._deletions.remove(resource, before.key)
        return self.put(resource, before.key, document, options)


def _conforming_patch(resource: Resource, value: Any, options: WriteOptions) -> Document:
    """As ``conforming``, but a field that nobody knows is a fault of the patch, which has no kind."""
    try:
        return conforming(resource, value, options)
    except UnknownFields as error:
        raise invalid_kind("", "", "", [Cause("patch", "FieldValueInvalid", str(error))]) from error


def _only_status(resource: Resource, document: Document, old: Document) -> Document:
    """A write to the status: everything outside it and the metadata stays as it was."""
    metadata = document["metadata"]
    if resource.kind == "Pod":
        keep(metadata, old["metadata"], "ownerReferences")
        if "status" in document:
            document["status"].setdefault("qosClass", dig(old, "status", "qosClass"))
    result = {**old, "metadata": metadata}
    keep(result, document, "status")
    return result
