"""When each pod was created and bound, by the API server's own clock: its audit log, read as it grows.

Owns the audit policy and its reading. Nothing else watches the pods of a benchmark, so that what is measured is the
scheduler's own traffic; one line a write costs every contender the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

NAMESPACE = "default"

_WRITES = [{"group": "", "resources": ["pods", "pods/binding"]}, {"group": "events.k8s.io", "resources": ["events"]}]
_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "verbs": ["create"], "namespaces": [NAMESPACE], "resources": _WRITES},
        {"level": "None"},
    ],
}
_LARGEST_MEGABYTES = 10_000
"""kube-apiserver starts another file at 100 MB otherwise."""


def audit_flags(folder: Path) -> list[str]:
    """Flags of the kube-apiserver whose journal is ``folder / "journal.log"``."""
    policy = folder / "journal-policy.json"
    policy.write_text(json.dumps(_POLICY), encoding="utf-8")
    return [
        f"--audit-policy-file={policy}",
        f"--audit-log-path={folder / 'journal.log'}",
        f"--audit-log-maxsize={_LARGEST_MEGABYTES}",
    ]


class _Object(msgspec.Struct):
    resource: str = ""
    subresource: str = ""
    name: str = ""


class _Status(msgspec.Struct):
    code: int = 0


class _Entry(msgspec.Struct, rename="camel"):
    stage_timestamp: datetime
    object_ref: _Object
    response_status: _Status


_entries = msgspec.json.Decoder(_Entry)


@dataclass
class Journal:
    """What happened since ``clear``. Times in seconds since 1970: when the API server had answered."""

    path: Path
    created: dict[str, float] = field(default_factory=dict)
    bound: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    """Bindings that the API server did not take."""
    events: int = 0
    _offset: int = 0

    def clear(self) -> None:
        self.read()
        self.created, self.bound, self.refused, self.events = {}, {}, 0, 0

    def read(self) -> None:
        """Take in what was added to the file."""
        with self.path.open("rb") as log:
            log.seek(self._offset)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            self._take(_entries.decode(line))

    def _take(self, entry: _Entry) -> None:
        granted = entry.response_status.code < 300
        if entry.object_ref.resource == "events":
            self.events += granted
        elif entry.object_ref.subresource == "binding":
            if granted:
                self.bound[entry.object_ref.name] = entry.stage_timestamp.timestamp()
            else:
                self.refused += 1
        elif granted:
            self.created[entry.object_ref.name] = entry.stage_timestamp.timestamp()

    def seconds_of_binding(self) -> float:
        """From the first pod bound to the last."""
        return max(self.bound.values()) - min(self.bound.values())

    def latencies(self) -> list[float]:
        """Seconds from created to bound, sorted. A binding may be answered before the creation is: those are 0."""
        return sorted(
            max(0.0, bound - self.created[name]) for name, bound in self.bound.items() if name in self.created
        )
