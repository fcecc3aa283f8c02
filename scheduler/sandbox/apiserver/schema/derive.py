"""Write ``schemas.json`` anew from the OpenAPI v3 documents that a real API server publishes.

    python -m scheduler.sandbox.apiserver.schema.derive api/openapi-spec/v3 > schemas.json

The directory is that of the Kubernetes source tree (or one filled by ``kubectl get --raw /openapi/v3/...``). Kept are
the facts that the sandbox needs of the kinds it serves: the fields, their types, and how lists are merged. The grammar
of a type is explained in ``fields``, which reads the result.
"""

from __future__ import annotations

import json
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
_SUBRESOURCE_BODIES = (("v1", "Binding"), ("policy/v1", "Eviction"))


class _Derivation:
    """Definitions gathered from a starting set by following references."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self._documents = documents  # full name -> OpenAPI schema
        self.definitions: dict[str, dict[str, str]] = {}

    def add(self, full_name: str) -> str:
        """Take the definition in, with all that it refers to; return its short name."""
        name = short_name(full_name)
        if name not in self.definitions:
            fields = self.definitions[name] = {}
            for field, schema in sorted(self._documents[full_name].get("properties", {}).items()):
                fields[field] = self._type(schema)
        return name

    def _type(self, schema: dict[str, Any]) -> str:
        merge = schema.get("x-kubernetes-patch-merge-key", "")
        strategy = schema.get("x-kubernetes-patch-strategy", "")
        keys = schema.get("x-kubernetes-list-map-keys", [])
        notes = [
            f"strategy={strategy}" if strategy else "",
            f"merge={merge}" if merge else "",
            f"keys={','.join(keys)}" if keys else "",
            "set" if schema.get("x-kubernetes-list-type") == "set" else "",
            "atomic" if schema.get("x-kubernetes-map-type") == "atomic" and schema.get("type") == "object" else "",
        ]
        return " ".join([self._shape(schema), *filter(None, notes)])

    def _shape(self, schema: dict[str, Any]) -> str:
        if "allOf" in schema:
            return self._shape(schema["allOf"][0])
        if "$ref" in schema:
            full_name: str = schema["$ref"].removeprefix(_REF)
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


def short_name(full_name: str) -> str:
    """``Pod`` for ``io.k8s.api.core.v1.Pod``; of the two Events, the newer one keeps its group."""
    *package, name = full_name.split(".")
    return f"events.{name}" if package[-2] == "events" else name


def derive(directory: Path) -> dict[str, Any]:
    documents: dict[str, Any] = {}
    for path in sorted(directory.glob("api*_openapi.json")):
        documents |= json.loads(path.read_text()).get("components", {}).get("schemas", {})
    by_kind = {
        ("/".join(filter(None, (gvk["group"], gvk["version"]))), gvk["kind"]): name
        for name, schema in documents.items()
        if len(schema.get("x-kubernetes-group-version-kind", ())) == 1
        for gvk in schema["x-kubernetes-group-version-kind"]
    }
    derivation = _Derivation(documents)
    served = sorted({(resource.api_version, resource.kind) for resource in RESOURCES} | set(_SUBRESOURCE_BODIES))
    kinds = {f"{version}/{kind}": derivation.add(by_kind[version, kind]) for version, kind in served}
    return {"kinds": kinds, "definitions": dict(sorted(derivation.definitions.items()))}


if __name__ == "__main__":
    json.dump(derive(Path(sys.argv[1])), sys.stdout, indent=1)
    sys.stdout.write("\n")
