"""The part of an object that the server answers for: its place, its name, and what only the server writes."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

from scheduler.sandbox.apiserver.documents import Document, timestamp
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.statuses import bad_request, internal

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, no look-alikes: a suffix never spells a word
_SUFFIX_LENGTH = 5
_LONGEST_GENERATED = 63
_NAME_ATTEMPTS = 8
_COUNTS_GENERATIONS = frozenset(
    [
        *("Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController"),
        *("PodDisruptionBudget", "PriorityClass"),
    ]
)
_SERVER_FIELDS = ("creationTimestamp", "uid", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


def begin(resource: Resource, namespace: str, metadata: Document, is_taken: Callable[[str], bool]) -> None:
    """Make the metadata in place that of a new object. Raises StatusError (400, 500)."""
    if metadata.get("resourceVersion"):
        raise internal("resourceVersion should not be set on objects to be created")
    _place(resource, namespace, metadata)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = _generated(metadata["generateName"], is_taken)
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"):
        metadata.pop(field, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = timestamp()
    if resource.kind in _COUNTS_GENERATIONS:
        metadata["generation"] = 1


def _place(resource: Resource, namespace: str, metadata: Document) -> None:
    """Put the object into the URL's namespace, which its own must not contradict."""
    if not resource.namespaced:
        metadata.pop("namespace", None)
        return
    if (given := metadata.get("namespace") or namespace) != namespace:
        raise bad_request(
            f"the namespace of the provided object ({given}) does not match "
            f"the namespace sent on the request ({namespace})"
        )
    metadata["namespace"] = namespace


def _generated(base: str, is_taken: Callable[[str], bool]) -> str:
    """A name that is free, but for very bad luck, which then ends in a 409."""
    for _ in range(_NAME_ATTEMPTS):
        suffix = "".join(random.choices(_SUFFIX_LETTERS, k=_SUFFIX_LENGTH))
        name = base[: _LONGEST_GENERATED - _SUFFIX_LENGTH] + suffix
        if not is_taken(name):
            break
    return name


def require_name(metadata: Document, name: str) -> None:
    """Raises StatusError (400) when the object has another name than the URL."""
    if (given := metadata.get("name") or name) != name:
        raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")


def kept(metadata: Document, old: Document) -> Document:
    """The metadata that a client wants, with what only the server writes as it was.

    Its uid stays wrong if it is: that is a fault which validation names.
    """
    result = dict(metadata)
    for field in _SERVER_FIELDS:
        if field != "uid" or not result.get("uid"):
            keep(result, old, field)
    for field in ("name", "namespace"):
        if field in old:
            result.setdefault(field, old[field])
    return result


def keep(document: Document, old: Document, field: str) -> None:
    """Make the field of a document in place what it was, absent if it was absent."""
    if field in old:
        document[field] = old[field]
    else:
        document.pop(field, None)


def count_generation(resource: Resource, document: Document, old: Document) -> None:
    """The next generation, in place, when the spec has changed."""
    if resource.kind in _COUNTS_GENERATIONS and document.get("spec") != old.get("spec"):
        document["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
