"""Namespace: its metadata, of which annotations set policies for its pods and labels select it."""

from __future__ import annotations

from scheduler.api.meta import ObjectMeta, WireStruct


class Namespace(WireStruct):
    metadata: ObjectMeta

    @property
    def name(self) -> str:
        return self.metadata.name
