"""What kustomize and helm make of `manifests`, as objects that can be compared."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster.binaries import binary

if TYPE_CHECKING:
    from collections.abc import Iterable

MANIFESTS = Path(__file__).parents[2] / "manifests"
CHART = MANIFESTS / "chart"
NAMESPACE = "multiarch-scheduler"
SETTINGS_DIGEST = "multiarch-scheduler.io/settings"
"""The annotation by which the chart makes new pods for other settings; kustomize has other ways."""

Object = dict[str, Any]
Key = tuple[str, str, str]


def kustomized(*overlays: str, components: Iterable[str] = (), manifests: Path = MANIFESTS) -> dict[Key, Object]:
    """The objects of these folders of `manifests`, together."""
    return objects(kustomize(*overlays, components=components, manifests=manifests))


def kustomize(*overlays: str, components: Iterable[str] = (), manifests: Path = MANIFESTS) -> str:
    """What kustomize writes of an overlay over these folders, with components."""
    with tempfile.TemporaryDirectory() as folder:
        written_kustomization(Path(folder), *overlays, components=components, manifests=manifests)
        return run("kubectl", "kustomize", folder)


def written_kustomization(
    folder: Path, *overlays: str, components: Iterable[str] = (), manifests: Path = MANIFESTS
) -> None:
    """An overlay in this folder, as a user writes one."""
    here = folder.resolve()
    kustomization = {
        "resources": [os.path.relpath(manifests / each, here) for each in overlays],
        "components": [os.path.relpath(manifests / each, here) for each in components],
    }
    (here / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))


def overlays() -> list[str]:
    """All folders that can be applied by themselves."""
    found = ((file, yaml.safe_load(file.read_text())) for file in MANIFESTS.rglob("kustomization.yaml"))
    return sorted(
        str(file.parent.relative_to(MANIFESTS)) for file, document in found if document["kind"] == "Kustomization"
    )


def templated(*values: str, namespace: str = NAMESPACE) -> dict[Key, Object]:
    """The chart's objects with these values (as for ``--set``), tests left out, its own definitions among them."""
    settings = [word for value in values for word in ("--set", value)]
    where = ["--namespace", namespace, "--include-crds", "--skip-tests"]
    return objects(run("helm", "template", NAMESPACE, str(CHART), *where, *settings))


def run(program: str, *arguments: str) -> str:
    done = subprocess.run([str(binary(program)), *arguments], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str) -> dict[Key, Object]:
    """By kind, namespace and name; what a namespace is not told for is in the release's."""
    found = {}
    for document in yaml.safe_load_all(text):
        if document is not None and document["kind"] != "Namespace":
            made = comparable(document)
            metadata = made["metadata"]
            found[made["kind"], metadata.get("namespace", ""), metadata["name"]] = made
    return found


def comparable(document: Object) -> Object:
    """Without what only one of the two ways writes."""
    metadata = document["metadata"]
    if metadata.get("namespace") is None and document["kind"] in {"PrometheusRule", "ServiceMonitor"}:
        metadata["namespace"] = NAMESPACE
    if document["kind"] == "ConfigMap":
        document["data"] = {
            name: yaml.safe_load(text) if name.endswith(".yaml") else text for name, text in document["data"].items()
        }
    if document["kind"] == "Deployment":
        template = document["spec"]["template"]["metadata"]
        template.get("annotations", {}).pop(SETTINGS_DIGEST, None)
        if not template.get("annotations"):
            template.pop("annotations", None)
    return document
