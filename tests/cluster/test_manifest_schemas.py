"""Every object of every overlay and set of values keeps to the schemas of the API server, as kubeconform reads them."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.cluster.binaries import binary
from tests.cluster.installation import NAME, know_prometheus, kubectl
from tests.cluster.schemas import LOCATION, write_schemas
from tests.cluster.test_chart import CHART, RELEASES, settings
from tests.manifests.rendering import MANIFESTS, kustomize, overlays, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane

OF_CUSTOM_RESOURCES = (
    "monitoring.coreos.com-v1-servicemonitor",
    "monitoring.coreos.com-v1-prometheusrule",
    "multiarch-scheduler.io-v1alpha1-imageplatforms",
)
"""What the API server's document describes a moment after the kinds are served."""

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def schemas(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the API server once it knows Prometheus's kinds and ours."""
    folder = tmp_path_factory.mktemp("schemas")
    know_prometheus(control_plane)
    crd = MANIFESTS / "base" / "crd-image-platforms.yaml"
    kubectl(control_plane, "apply", "--server-side", "--force-conflicts", "--filename", str(crd))
    wanted = {f"{name}.json" for name in OF_CUSTOM_RESOURCES}
    for _ in range(100):
        write_schemas(json.loads(kubectl(control_plane, "get", "--raw", "/openapi/v2")), folder)
        if wanted <= {file.name for file in folder.iterdir()}:
            break
        time.sleep(0.3)
    return folder


def complaints(text: str, schemas: Path) -> list[str]:
    """What kubeconform has to say about the objects; a kind without a schema is a complaint too."""
    command = [str(binary("kubeconform")), "-strict", f"-schema-location={schemas}/{LOCATION}", "-output=json"]
    done = subprocess.run([*command, "-"], check=False, input=text, capture_output=True, text=True, timeout=60)
    assert done.stdout, done.stderr
    said = [f"{each['kind']}: {each['msg']}" for each in json.loads(done.stdout)["resources"]]
    assert (done.returncode == 0) is not said
    return said


@pytest.mark.parametrize("overlay", overlays())
def test_an_overlay_keeps_to_the_schemas(schemas: Path, overlay: str) -> None:
    assert not complaints(kustomize(overlay), schemas)
    assert not complaints(kustomize(overlay, components=["without-pull-secrets"]), schemas)


@pytest.mark.parametrize("values", RELEASES)
def test_what_helm_makes_keeps_to_the_schemas(schemas: Path, values: str) -> None:
    made = run(
        "helm", "template", NAME, str(CHART), "--include-crds", "--namespace", NAME, *settings(RELEASES[values][0])
    )
    assert not complaints(made, schemas)


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("replicas: 2", "replicas: two", "got string, want integer"),
        (
            "readOnlyRootFilesystem",
            "readOnlyRootFileSystem",
            "additional properties 'readOnlyRootFileSystem' not allowed",
        ),
        ("maxUnavailable: 1\n", "maxUnavailable: [1]\n", "got array, want integer or string"),
        ("kind: NetworkPolicy", "kind: NetworkPolice", "could not find schema"),
    ],
)
def test_an_object_that_does_not_is_complained_about(schemas: Path, right: str, wrong: str, complaint: str) -> None:
    text = kustomize("base")
    assert right in text
    said = complaints(text.replace(right, wrong), schemas)
    assert [each for each in said if complaint in each], said
