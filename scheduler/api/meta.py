"""What all objects share: metadata, and the base class that fixes the wire's spelling.

Owns no behaviour. The kinds follow in ``pod`` and ``node``.
"""

from __future__ import annotations

import msgspec


class WireStruct(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    """A part of an API object. Holds no reference cycles, hence ``gc=False``."""


class OwnerReference(WireStruct):
    kind: str
    name: str
    api_version: str = ""
    uid: str = ""
    controller: bool = False


class ObjectMeta(WireStruct):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []
