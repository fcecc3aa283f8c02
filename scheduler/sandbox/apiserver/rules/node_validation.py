"""What makes a Node acceptable: its taints and its quantities."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.sandbox.apiserver.causes import check_format, duplicate, not_supported
from scheduler.sandbox.apiserver.documents import Document, items_at
from scheduler.sandbox.apiserver.names import label_value, qualified_name
from scheduler.sandbox.apiserver.statuses import Cause

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def node_causes(node: Document) -> Iterator[Cause]:
    seen = set()
    for index, taint in enumerate(items_at(node, "spec", "taints")):
        field = f"metadata.taints[{index}]"  # where the real validation says it looked
        key, effect = taint.get("key", ""), taint.get("effect", "")
        yield from check_format(f"{field}.key", key, qualified_name)
        yield from check_format(f"{field}.value", taint.get("value") or "", label_value)
        if effect not in _EFFECTS:
            yield not_supported(f"{field}.effect", effect, _EFFECTS)
        if (key, effect) in seen:
            yield duplicate(field, taint)
        seen.add((key, effect))
