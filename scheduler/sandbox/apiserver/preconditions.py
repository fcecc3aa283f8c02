"""What must hold before a write: the object exists, and is the one and in the state that the client means."""

from __future__ import annotations

from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.statuses import conflict, modified_meanwhile, not_found
from scheduler.sandbox.apiserver.store import Store, Stored
from scheduler.sandbox.apiserver.targets import Target


def current(store: Store, target: Target) -> Stored:
    """The object. Raises StatusError (404)."""
    stored = store.collection(target.resource.storage).get(target.key)
    if stored is None:
        raise not_found(target.resource, target.name)
    return stored


def require_uid(resource: Resource, before: Stored, uid: str | None) -> None:
    """Raises StatusError (409) when the object is another one of the same name. Nothing given is always right."""
    metadata = before.document["metadata"]
    if uid not in {None, "", metadata["uid"]}:
        raise conflict(
            resource,
            metadata["name"],
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: {metadata['uid']}",
        )


def require_revision(resource: Resource, before: Stored, revision: str | None) -> None:
    """Raises StatusError (409) when somebody wrote the object meanwhile."""
    if revision not in {None, "", str(before.revision)}:
        raise modified_meanwhile(resource, before.document["metadata"]["name"])
