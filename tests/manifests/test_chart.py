"""The chart: it makes the same objects as kustomize does, and takes no value that nobody reads."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.cluster.binaries import binary
from tests.manifests.rendering import CHART, NAMESPACE, kustomized, run, templated
from tests.manifests.values_schema import SCHEMA, rendered

real = pytest.mark.real


def test_the_schema_knows_the_settings_as_the_code_has_them() -> None:
    assert SCHEMA.read_text() == rendered(), "write it anew: python -m tests.manifests.values_schema"
    assert json.loads(rendered())["properties"]["scheduler"]["properties"]["settings"]["$ref"]


@real
@pytest.mark.parametrize(
    ("overlays", "values"),
    [
        (["base"], []),
        (["sharing"], ["sharing.enabled=true"]),
        (["base", "opt-in"], ["optIn.enabled=true"]),
        (["base", "monitoring"], ["monitoring.enabled=true"]),
    ],
    ids=" ".join,
)
def test_kustomize_and_helm_make_the_same_objects(overlays: list[str], values: list[str]) -> None:
    ours, theirs = kustomized(*overlays), templated(*values)
    assert ours.keys() == theirs.keys()
    for key, made in ours.items():
        assert made == theirs[key], key


@real
@pytest.mark.parametrize(
    ("overlay", "values"), [("extender/base", []), ("extender/delegated", ["extender.delegated=true"])]
)
def test_they_do_so_for_the_extender_alone(overlay: str, values: list[str]) -> None:
    ours = kustomized(overlay)
    theirs = templated("scheduler.enabled=false", "extender.enabled=true", *values, namespace="multiarch-extender")
    del theirs["CustomResourceDefinition", "", "imageplatforms.multiarch-scheduler.io"]
    assert ours == theirs


@real
def test_pull_secrets_may_be_read_everywhere_somewhere_or_nowhere() -> None:
    bindings = {
        mode: {
            (kind, namespace)
            for kind, namespace, name in templated(f"pullSecrets.mode={mode}", "pullSecrets.namespaces={a,b}")
            if name.endswith("pull-secrets") and kind.endswith("Binding")
        }
        for mode in ("cluster", "namespaces", "none")
    }
    assert bindings == {
        "cluster": {("ClusterRoleBinding", "")},
        "namespaces": {("RoleBinding", "a"), ("RoleBinding", "b")},
        "none": set(),
    }
    settings = templated("pullSecrets.mode=none")["ConfigMap", NAMESPACE, NAMESPACE]["data"]["settings.yaml"]
    assert settings["images"] == {"readPullSecrets": False, "registries": {"allowLoopback": False}}


@real
def test_profiles_get_a_file_of_their_own_beside_the_settings() -> None:
    data = templated("scheduler.configuration.kind=KubeSchedulerConfiguration")["ConfigMap", NAMESPACE, NAMESPACE][
        "data"
    ]
    assert data["profiles.yaml"] == {"kind": "KubeSchedulerConfiguration"}
    assert data["settings.yaml"]["schedulerConfiguration"] == "profiles.yaml"


@real
def test_other_settings_make_other_pods() -> None:
    def digest(*values: str) -> str:
        settings = [word for value in values for word in ("--set", value)]
        text = run("helm", "template", NAMESPACE, str(CHART), "--show-only", "templates/deployment.yaml", *settings)
        (line,) = [line for line in text.splitlines() if "multiarch-scheduler.io/settings" in line]
        return line

    assert digest() == digest("monitoring.enabled=true")
    assert digest() != digest("scheduler.settings.logging.level=debug")


@real
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("scheduler.replica=3", "additional properties 'replica' not allowed"),
        ("scheduler.settings.images.timeoutSecond=3", "additional properties 'timeoutSecond' not allowed"),
        ("scheduler.settings.images.timeoutSeconds=soon", "got string, want number"),
        ("pullSecrets.mode=some", "value must be one of"),
    ],
)
def test_a_value_that_nobody_reads_is_refused(value: str, told: str) -> None:
    command = [str(binary("helm")), "template", NAMESPACE, str(CHART), "--set", value]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert told in done.stderr


@real
def test_the_chart_is_without_fault_to_helm() -> None:
    assert "0 chart(s) failed" in run("helm", "lint", "--strict", str(CHART))
