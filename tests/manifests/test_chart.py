"""The chart: it makes the same objects as kustomize does, and takes no value that nobody reads."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from scheduler.config.settings import InvalidSettings, parse_settings
from tests.cluster.binaries import binary
from tests.manifests.rendering import CHART, MANIFESTS, NAMESPACE, kustomized, run, templated
from tests.manifests.values_schema import SCHEMA, rendered

if TYPE_CHECKING:
    from pathlib import Path

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
        (["with-expander"], ["scheduler.grpc.enabled=true"]),
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
@pytest.mark.parametrize("components", [[], ["without-pull-secrets"]], ids=["all", "without pull secrets"])
@pytest.mark.parametrize(
    ("overlay", "values"),
    [
        ("extender/base", ["extender.enabled=true"]),
        ("extender/narrow", ["extender.enabled=true", "extender.mode=narrow"]),
        ("extender/delegated", ["extender.enabled=true", "extender.mode=delegated"]),
        ("expander", ["expander.enabled=true"]),
    ],
)
def test_they_do_so_for_a_program_alone(overlay: str, values: list[str], components: list[str]) -> None:
    namespace = f"multiarch-{overlay.partition('/')[0]}"
    mode = "pullSecrets.mode=none" if components else "pullSecrets.mode=cluster"
    theirs = templated("scheduler.enabled=false", mode, *values, namespace=namespace)
    del theirs["CustomResourceDefinition", "", "imageplatforms.multiarch-scheduler.io"]
    assert kustomized(overlay, components=components) == theirs


@real
@pytest.mark.parametrize(
    ("overlay", "values"),
    [("base", []), ("sharing", ["sharing.enabled=true"]), ("with-expander", ["scheduler.grpc.enabled=true"])],
)
def test_the_component_does_without_pull_secrets_as_the_value_does(overlay: str, values: list[str]) -> None:
    ours = kustomized(overlay, components=["without-pull-secrets"])
    assert ours == templated("pullSecrets.mode=none", *values)
    assert not [name for _, _, name in ours if name.endswith("pull-secrets")]
    settings = ours["ConfigMap", NAMESPACE, NAMESPACE]["data"]["settings.yaml"]
    assert settings["images"]["readPullSecrets"] is False


@real
def test_settings_in_which_the_component_finds_nothing_to_rewrite_are_refused(tmp_path: Path) -> None:
    """Rather than read as if nobody had asked for anything."""
    copied = shutil.copytree(MANIFESTS, tmp_path / "manifests")
    file = copied / "base" / "settings.yaml"
    file.write_text(file.read_text().replace("readPullSecrets: true", ""))
    made = kustomized("base", components=["without-pull-secrets"], manifests=copied)
    settings = made["ConfigMap", NAMESPACE, NAMESPACE]["data"]["settings.yaml"]
    with pytest.raises(InvalidSettings, match="readPullSecrets"):
        parse_settings(yaml.safe_dump(settings), "settings.yaml")


@real
@pytest.mark.parametrize("program", ["scheduler", "extender", "expander"])
def test_pull_secrets_may_be_read_everywhere_somewhere_or_nowhere(program: str) -> None:
    only = [f"{each}.enabled={str(each == program).lower()}" for each in ("scheduler", "extender", "expander")]
    bindings = {
        mode: {
            (kind, namespace)
            for kind, namespace, name in templated(f"pullSecrets.mode={mode}", "pullSecrets.namespaces={a,b}", *only)
            if name == f"multiarch-{program}-pull-secrets" and kind.endswith("Binding")
        }
        for mode in ("cluster", "namespaces", "none")
    }
    assert bindings == {
        "cluster": {("ClusterRoleBinding", "")},
        "namespaces": {("RoleBinding", "a"), ("RoleBinding", "b")},
        "none": set(),
    }
    made = templated("pullSecrets.mode=none", *only)
    settings = made["ConfigMap", NAMESPACE, f"multiarch-{program}"]["data"]["settings.yaml"]
    assert settings["images"] == {"readPullSecrets": False, "registries": {"allowLoopback": False}}


@real
def test_profiles_get_a_file_of_their_own_beside_the_settings() -> None:
    data = templated("scheduler.configuration.kind=KubeSchedulerConfiguration")["ConfigMap", NAMESPACE, NAMESPACE][
        "data"
    ]
    assert data["profiles.yaml"] == {"kind": "KubeSchedulerConfiguration"}
    assert data["settings.yaml"]["schedulerConfiguration"] == "profiles.yaml"


@real
@pytest.mark.parametrize("program", ["scheduler", "extender", "expander"])
def test_other_settings_make_other_pods(program: str) -> None:
    folder = "" if program == "scheduler" else f"{program}/"

    def digest(*values: str) -> str:
        settings = [word for value in (f"{program}.enabled=true", *values) for word in ("--set", value)]
        only = f"templates/{folder}deployment.yaml"
        text = run("helm", "template", NAMESPACE, str(CHART), "--show-only", only, *settings)
        (line,) = [line for line in text.splitlines() if "multiarch-scheduler.io/settings" in line]
        return line

    assert digest() == digest("monitoring.enabled=true")
    assert digest() != digest(f"{program}.settings.logging.level=debug")
    assert digest() != digest("pullSecrets.mode=none")


@real
def test_other_profiles_make_other_pods_too() -> None:
    def annotations(*values: str) -> Any:
        settings = [word for value in values for word in ("--set", value)]
        only = "templates/deployment.yaml"
        return yaml.safe_load(run("helm", "template", NAMESPACE, str(CHART), "--show-only", only, *settings))

    assert annotations("scheduler.configuration.kind=A") != annotations("scheduler.configuration.kind=B")


def test_every_value_is_shown_with_its_default_and_every_group_is_explained() -> None:
    text = (CHART / "values.yaml").read_text()
    schema = json.loads(SCHEMA.read_text())["properties"]
    shown = yaml.safe_load(text)
    assert shown.keys() == schema.keys() - {"global"}
    for group, values in shown.items():
        if isinstance(values, dict):
            assert values.keys() == schema[group]["properties"].keys(), group
    lines = text.splitlines()
    unexplained = [line for before, line in itertools.pairwise(lines) if line[:1].isalpha() and before[:1] != "#"]
    assert not unexplained


@real
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("scheduler.replica=3", "additional properties 'replica' not allowed"),
        ("scheduler.settings.images.timeoutSecond=3", "additional properties 'timeoutSecond' not allowed"),
        ('scheduler.settings.images.timeoutSeconds="soon"', "got string, want number"),
        ('pullSecrets.mode="some"', "value must be one of"),
        ("grpcCallers=[]", "minItems: got 0, want 1"),
    ],
)
def test_a_value_that_nobody_reads_is_refused(value: str, told: str) -> None:
    command = [str(binary("helm")), "template", NAMESPACE, str(CHART), "--set-json", value]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert told in done.stderr


@real
@pytest.mark.parametrize("parts", [(), ("extender", "expander", "scheduler.grpc", "sharing", "optIn", "monitoring")])
def test_the_chart_is_without_fault_to_helm(parts: tuple[str, ...]) -> None:
    settings = [word for part in parts for word in ("--set", f"{part}.enabled=true")]
    assert "0 chart(s) failed" in run("helm", "lint", "--strict", str(CHART), *settings)
