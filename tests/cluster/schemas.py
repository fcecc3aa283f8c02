"""JSON schemas of every kind that an API server knows, for kubeconform: from its own OpenAPI document, made strict.

kubeconform's usual schemas come from a web site; these say what the very server says, custom resources among them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

LOCATION = "{{.Group}}-{{.ResourceAPIVersion}}-{{.ResourceKind}}.json"
"""How kubeconform finds a kind's file. Of the core group it says that the group is called like the version."""

_PREFIX = "#/definitions/"
_NUMBERS_TOO = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": ["string", "number"],
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": ["string", "integer"],
}
"""What the document calls strings, for want of a word."""


def write_schemas(openapi: Schema, folder: Path) -> None:
    """A file for each kind, with all that it refers to."""
    definitions = {name: strict(schema) for name, schema in openapi["definitions"].items()}
    for name, types in _NUMBERS_TOO.items():
        definitions[name] = {"type": types}
    for name, schema in openapi["definitions"].items():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            group, version = kind["group"] or kind["version"], kind["version"]
            document = {
                "$ref": _PREFIX + name,
                "definitions": {each: definitions[each] for each in needed(name, definitions)},
            }
            (folder / f"{group}-{version}-{kind['kind'].lower()}.json").write_text(json.dumps(document))


def strict(schema: Schema) -> Schema:
    """A field that is not described is an error, unless the schema says that any may be there."""
    made = {key: value for key, value in schema.items() if key not in {"description", "default", "example"}}
    if "properties" in made:
        made["properties"] = {name: strict(each) for name, each in made["properties"].items()}
        if not made.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    if made.get("format") == "int-or-string" or made.get("x-kubernetes-int-or-string"):
        return {"type": ["string", "integer"]}
    for key in ("items", "additionalProperties"):
        if isinstance(made.get(key), dict):
            made[key] = strict(made[key])
    return made


def needed(name: str, definitions: dict[str, Schema]) -> set[str]:
    """The definition and those that it refers to, directly or not."""
    found: set[str] = set()
    todo = [name]
    while todo:
        now = todo.pop()
        if now not in found:
            found.add(now)
            todo.extend(references(definitions[now]))
    return found


def references(schema: Schema) -> set[str]:
    found = {schema["$ref"].removeprefix(_PREFIX)} if isinstance(schema.get("$ref"), str) else set()
    children = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    return found.union(*(references(child) for child in children if isinstance(child, dict)))
