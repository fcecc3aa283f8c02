"""Small builders for tests of ``simulate``: clusters and workloads as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import yaml

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.commands.simulate import Question, simulate
from scheduler.commands.simulation.outcome import Outcome
from tests.builders import Object, a_node


def an_object(kind: str, built: Node | Pod | Object) -> Object:
    """As kubectl prints it, with its kind."""
    fields = built if isinstance(built, dict) else msgspec.to_builtins(built)
    return {"apiVersion": "v1", "kind": kind, **fields}


def nodes(*built: Node) -> list[Object]:
    return [an_object("Node", node) for node in built]


def a_template(cpu: str = "1", labels: Object | None = None, image: str = "app:1", **spec: Any) -> Object:
    resources = {"requests": {"cpu": cpu}}
    containers = [{"name": "main", "image": image, "resources": resources}]
    return {"metadata": {"labels": labels or {"app": "web"}}, "spec": {"containers": containers, **spec}}


def a_workload(kind: str, name: str = "web", template: Object | None = None, **spec: Any) -> Object:
    """Of the namespace ``shop``."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": a_template() if template is None else template,
            **spec,
        },
    }


PRIORITIES = [
    {"kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1000},
    {"kind": "PriorityClass", "metadata": {"name": "quiet"}, "value": 1000, "preemptionPolicy": "Never"},
]


def a_wanted_pod(name: str, cpu: str = "1", **spec: Any) -> Object:
    return {"kind": "Pod", "metadata": {"name": name}, "spec": a_template(cpu, **spec)["spec"]}


def simulated(folder: Path, snapshot: list[Object], workloads: list[Object] | None = None, **more: Any) -> Outcome:
    """The snapshot as one list in JSON, as ``kubectl get`` prints it, the workloads as documents of YAML."""
    cluster, wanted = folder / "cluster.json", folder / "workloads.yaml"
    cluster.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": snapshot}))
    wanted.write_text(yaml.safe_dump_all(workloads or []))
    return simulate(Question([str(cluster)], [str(wanted)] if workloads else [], **more))


def on(outcome: Outcome) -> dict[str, str]:
    """Pod -> node."""
    return {placement.pod: placement.node for placement in outcome.placements}


def two_platforms() -> list[Object]:
    return nodes(a_node("arm", architecture="arm64"), a_node("x86"))
