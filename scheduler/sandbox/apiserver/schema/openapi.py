"""``/openapi``: what kubectl needs of it for validation, ``apply`` and ``explain``.

Made from ``schema``: the fields and types of each kind without their descriptions, and for each kind the parameters of
its PATCH, from which kubectl learns that the server validates fields and can run dry.

All of that is version 3. Version 2, where kubectl looks up a kind that version 3 does not have, is an empty document.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from scheduler.sandbox.apiserver.documents import Document, encode
from scheduler.sandbox.apiserver.resources import RESOURCES, Resource
from scheduler.sandbox.apiserver.schema.fields import FieldType, definition_of, fields_of, is_definition, read_type
from scheduler.sandbox.apiserver.statuses import page_not_found

_SCALARS: dict[str, Document] = {
    "any": {},
    "time": {"type": "string", "format": "date-time"},
    "bytes": {"type": "string", "format": "byte"},
    "quantity": {"type": "string"},
    "int-or-string": {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
}
V2_JSON = encode({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "sandbox"}, "paths": {}})
V2_PROTOBUF_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
V2_PROTOBUF = b"\x0a\x032.0" + b"\x12\x15\x0a\x0aKubernetes\x12\x07sandbox" + b"\x42\x00"
"""The same in protobuf: fields 1 (swagger), 2 (info: 1 title, 2 version) and 8 (paths)."""

_PATCH_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")


@cache
def index() -> Document:
    """``/openapi/v3``: where the document of each API version is."""
    paths = sorted({_path(resource) for resource in RESOURCES})
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={_hash(path)}"} for path in paths}}


@cache
def document(path: str) -> bytes:
    """``/openapi/v3/<path>``, encoded. Raises StatusError (404)."""
    served = [resource for resource in RESOURCES if _path(resource) == path]
    if not served:
        raise page_not_found()
    schemas: dict[str, Document] = {}
    for resource in served:
        name = definition_of(resource.api_version, resource.kind)
        _add(name, schemas)
        schemas[name]["x-kubernetes-group-version-kind"] = [_kind(resource)]
    return encode(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "sandbox"},
            "paths": {_url(resource): _operations(resource) for resource in served},
            "components": {"schemas": schemas},
        }
    )


def _path(resource: Resource) -> str:
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.api_version}"


def _hash(path: str) -> str:
    return hashlib.sha256(document(path)).hexdigest()


def _kind(resource: Resource) -> Document:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _url(resource: Resource) -> str:
    scope = "namespaces/{namespace}/" if resource.namespaced else ""
    return f"/{_path(resource)}/{scope}{resource.plural}/{{name}}"


def _operations(resource: Resource) -> Document:
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _PATCH_PARAMETERS]
    return {
        "patch": {
            "parameters": parameters,
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": _kind(resource),
        }
    }


def _add(name: str, schemas: dict[str, Document]) -> None:
    """Take in a definition and all that it refers to."""
    if name in schemas:
        return
    properties: Document = {}
    schemas[name] = {"type": "object", "properties": properties}
    for field, text in fields_of(name).items():
        properties[field] = _schema(read_type(text), schemas)


def _schema(kind: FieldType, schemas: dict[str, Document]) -> dict[str, Any]:
    if kind.container == "[]":
        return {"type": "array", "items": _schema(kind.item, schemas)} | _merging(kind)
    if kind.container == "{}":
        return {"type": "object", "additionalProperties": _schema(kind.item, schemas)}
    if is_definition(kind.word):
        _add(kind.word, schemas)
        return {"allOf": [{"$ref": f"#/components/schemas/{kind.word}"}], "default": {}}
    return _SCALARS.get(kind.word) or {"type": kind.word}


def _merging(kind: FieldType) -> Document:
    notes: Document = {}
    if kind.strategies:
        notes["x-kubernetes-patch-strategy"] = ",".join(kind.strategies)
    if kind.merge_key:
        notes["x-kubernetes-patch-merge-key"] = kind.merge_key
    if kind.apply_keys:
        notes |= {"x-kubernetes-list-map-keys": list(kind.apply_keys), "x-kubernetes-list-type": "map"}
    return notes
