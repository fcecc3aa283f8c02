"""The labels of namespaces, by which namespace selectors select them.

Owns nothing but them and a number that tells readers of a change.
"""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.api.namespace import Namespace

NO_LABELS: Mapping[str, str] = {}


class NamespaceLabels:
    """Namespace name -> labels."""

    def __init__(self) -> None:
        self.version = 0
        """Rises whenever a namespace comes, goes or changes its labels."""
        self._labels: dict[str, Mapping[str, str]] = {}

    def get(self, name: str) -> Mapping[str, str] | None:
        """Those of a namespace; None if it is not known."""
        return self._labels.get(name)

    def put(self, namespace: Namespace) -> bool:
        """True if that is news."""
        labels = namespace.metadata.labels
        if self._labels.get(namespace.name) == labels:
            return False
        self._labels[namespace.name] = labels
        self.version += 1
        return True

    def drop(self, name: str) -> bool:
        """True if it was known."""
        if self._labels.pop(name, None) is None:
            return False
        self.version += 1
        return True
