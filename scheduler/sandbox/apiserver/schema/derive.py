"""Write ``schemas.json`` anew from what the Kubernetes source tree publishes: OpenAPI v3 and protobuf definitions.

    python -m scheduler.sandbox.apiserver.schema.derive api/openapi-spec/v3 staging/src/k8s.io > schemas.json

The first directory holds the OpenAPI documents (``kubectl get --raw /openapi/v3/...`` gives them as well), and below
the second every ``generated.proto`` is read. Kept are the facts that the sandbox needs of the kinds it serves: the
fields, their types, how lists are merged, and the fields' numbers. The grammar of a type is explained in ``fields``,
which reads the result.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from scheduler.sandbox.apiserver.resources import RESOURCES

_REF = "#/components/schemas/"
_SCALARS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "any",
}
_OTHER_BODIES = (
    ("v1", "Binding"),
    ("policy/v1", "Eviction"),
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"),
)
# Times that are no pointers in Go, which OpenAPI does not tell: Go writes null for them when they are not set.
_WRITTEN_TIMES = frozenset(
    [
        "lastProbeTime",
        "lastTransitionTime",
        "lastHeartbeatTime",
        "lastUpdateTime",
        "startedAt",
        "finishedAt",
        "firstTimestamp",
        "lastTimestamp",
        "eventTime",
        "lastObservedTime",
        "deprecatedFirstTimestamp",
        "deprecatedLastTimestamp",
    ]
)
_PACKAGE = re.compile(r"^package k8s\.io\.([\w.]+);", re.MULTILINE)
_MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"^  (?:optional |repeated )?(map<[^>]*>|[\w.]+) (\w+) = (\d+);", re.MULTILINE)


class _Derivation:
    """Definitions gathered from a starting set by following references."""

    def __init__(self, documents: dict[str, Any], numbers: dict[str, dict[str, str]]) -> None:
        self._documents = documents  # full name -> OpenAPI schema
        self._numbers = numbers  # full name -> field -> number
        self._full_names: dict[str, str] = {}
        self.definitions: dict[str, dict[str, str]] = {}

    def add(self, full_name: str) -> str:
        """Take the definition in, with all that it refers to; return its short name."""
        name = short_name(full_name)
        if self._full_names.setdefault(name, full_name) != full_name:
            raise ValueError(f"{name} is short for {full_name} and for {self._full_names[name]}")
        if name not in self.definitions:
            fields = self.definitions[name] = {}
            numbers = self._numbers.get(full_name, {})
            document = self._documents[full_name]
            for field, schema in sorted(document.get("properties", {}).items()):
                written = field in _WRITTEN_TIMES or _is_written(schema, field in document.get("required", ()))
                fields[field] = self._type(schema, numbers.get(field, ""), written=written)
        return name

    def _type(self, schema: dict[str, Any], number: str, *, written: bool) -> str:
        merge = schema.get("x-kubernetes-patch-merge-key", "")
        strategy = schema.get("x-kubernetes-patch-strategy", "")
        keys = schema.get("x-kubernetes-list-map-keys", [])
        notes = [
            f"#{number}" if number else "",
            "written" if written else "",
            f"strategy={strategy}" if strategy else "",
            f"merge={merge}" if merge else "",
            f"keys={','.join(self._key(schema, key) for key in keys)}" if keys else "",
            "set" if schema.get("x-kubernetes-list-type") == "set" else "",
            "atomic" if schema.get("x-kubernetes-map-type") == "atomic" and schema.get("type") == "object" else "",
        ]
        return " ".join([self._shape(schema), *filter(None, notes)])

    def _key(self, schema: dict[str, Any], key: str) -> str:
        """The key with its default, if it has one: ``protocol:TCP``."""
        item = self._documents[_reference(schema["items"])]
        default = item["properties"][key].get("default")
        return f"{key}:{default}" if default else key

    def _shape(self, schema: dict[str, Any]) -> str:
        if full_name := _reference(schema):
            return _SCALARS.get(full_name) or self.add(full_name)
        match schema.get("type"):
            case "array":
                return "[]" + self._shape(schema["items"])
            case "object" if isinstance(schema.get("additionalProperties"), dict):
                return "{}" + self._shape(schema["additionalProperties"])
            case "string":
                return {"byte": "bytes", "date-time": "time"}.get(schema.get("format", ""), "string")
            case "integer" | "boolean" | "number" as plain:
                return str(plain)
            case _:
                return "any"


def _reference(schema: dict[str, Any]) -> str:
    """The full name of the definition that the schema stands for, if it does; with a default it is wrapped in allOf."""
    reference: str = schema.get("$ref") or (schema["allOf"][0]["$ref"] if "allOf" in schema else "")
    return reference.removeprefix(_REF)


def _is_written(schema: dict[str, Any], is_required: bool) -> bool:
    """Does Go write the field also when it is empty? OpenAPI tells by a default, which is the empty value then."""
    if schema.get("type") == "array":
        return is_required
    return "default" in schema and not schema["default"]


def short_name(full_name: str) -> str:
    """``Pod`` for ``io.k8s.api.core.v1.Pod``, and ``apps.Deployment``: names are unique only within a group."""
    *_, group, _version, name = full_name.split(".")
    return name if group in {"core", "meta"} else f"{group}.{name}"


def field_numbers(directory: Path) -> dict[str, dict[str, str]]:
    """Full name of a message -> field -> number, from all protobuf definitions below the directory.

    A Go struct that is embedded in another, without a JSON name, is a field of its own in protobuf; the fields in it
    are reached by a path: ``2.1``.
    """
    numbers: dict[str, dict[str, str]] = {}
    for path in sorted(directory.rglob("generated.proto")):
        text = path.read_text()
        package = _PACKAGE.search(text)
        messages = {name: _NUMBER.findall(body) for name, body in _MESSAGE.findall(text)}
        for name, fields in messages.items():
            own = {field: number for _, field, number in fields}
            embedded = {
                field: f"{number}.{inner}"
                for kind, outer, number in fields
                if kind.lower().endswith(outer.lower())
                for _, field, inner in messages.get(kind, ())
            }
            numbers[f"io.k8s.{package[1] if package else ''}.{name}"] = embedded | own
    return numbers


def derive(openapi: Path, protobuf: Path) -> dict[str, Any]:
    documents: dict[str, Any] = {}
    for path in sorted(openapi.glob("api*_openapi.json")):
        documents |= json.loads(path.read_text()).get("components", {}).get("schemas", {})
    by_kind = {
        ("/".join(filter(None, (gvk["group"], gvk["version"]))), gvk["kind"]): name
        for name, schema in documents.items()
        if len(schema.get("x-kubernetes-group-version-kind", ())) == 1
        for gvk in schema["x-kubernetes-group-version-kind"]
    }
    derivation = _Derivation(documents, field_numbers(protobuf))
    served = sorted({(resource.api_version, resource.kind) for resource in RESOURCES} | set(_OTHER_BODIES))
    kinds = {f"{version}/{kind}": derivation.add(by_kind[version, kind]) for version, kind in served}
    return {"kinds": kinds, "definitions": dict(sorted(derivation.definitions.items()))}


if __name__ == "__main__":
    json.dump(derive(Path(sys.argv[1]), Path(sys.argv[2])), sys.stdout, indent=1)
    sys.stdout.write("\n")
