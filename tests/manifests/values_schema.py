"""The schema of the chart's values: the chart's own, with the settings of both programs as the code has them.

Run as a program, it writes the file; a test compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from extender.settings import ExtenderSettings
from scheduler.config.settings import Settings

CHART = Path(__file__).parents[2] / "manifests" / "chart"
SCHEMA = CHART / "values.schema.json"

STRING = {"type": "string"}
BOOLEAN = {"type": "boolean"}
STRINGS = {"type": "array", "items": STRING}
ANYTHING = {"type": "object"}
NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}


def values_schema() -> dict[str, Any]:
    """Strict: a value that nobody reads is a mistake."""
    (settings, extender_settings), definitions = msgspec.json.schema_components(
        (Settings, ExtenderSettings), ref_template="#/$defs/{name}"
    )
    pods = {
        "replicas": {"type": "integer", "minimum": 1},
        "resources": ANYTHING,
        "nodeSelector": {"type": "object", "additionalProperties": STRING},
        "tolerations": {"type": "array", "items": ANYTHING},
        "priorityClassName": STRING,
        "podAnnotations": {"type": "object", "additionalProperties": STRING},
        "podDisruptionBudget": BOOLEAN,
        "networkPolicy": BOOLEAN,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of the chart multiarch-scheduler",
        **_object(
            image=_object(
                repository={"type": "string", "minLength": 1},
                tag=STRING,
                pullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
            ),
            imagePullSecrets=STRINGS,
            scheduler=_object(
                enabled=BOOLEAN,
                settings=settings,
                configuration=ANYTHING,
                grpc=_object(enabled=BOOLEAN, tlsSecret=NAME),
                **pods,
            ),
            extender=_object(
                enabled=BOOLEAN,
                mode={"enum": ["filter", "narrow", "delegated"]},
                clusterIP=STRING,
                tlsSecret=NAME,
                settings=extender_settings,
                **pods,
            ),
            expander=_object(enabled=BOOLEAN, tlsSecret=NAME, settings=settings, **pods),
            grpcCallers={"type": "array", "items": ANYTHING, "minItems": 1},  # none would mean everybody
            pullSecrets=_object(
                mode={"enum": ["cluster", "namespaces", "none"]}, namespaces={"type": "array", "items": NAME}
            ),
            sharing=_object(enabled=BOOLEAN),
            optIn=_object(enabled=BOOLEAN),
            monitoring=_object(enabled=BOOLEAN, dashboard=BOOLEAN),
            **{"global": ANYTHING},  # of a chart that has this one as a part
        ),
        "$defs": _without_defaults(definitions),
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {**properties}}


def _without_defaults(schema: Any) -> Any:
    """Helm merges values by its own rules; defaults are the program's."""
    if isinstance(schema, dict):
        return {key: _without_defaults(value) for key, value in schema.items() if key != "default"}
    return [_without_defaults(each) for each in schema] if isinstance(schema, list) else schema


def rendered() -> str:
    return json.dumps(values_schema(), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(rendered())
