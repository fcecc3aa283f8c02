"""The parts of each program's manifests fit together, and fit the program: names, ports, settings, arguments, rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import extender.cli
import scheduler.cli
from extender.settings import ExtenderSettings, parse_extender_settings
from scheduler.config.settings import Settings, parse_settings

MANIFESTS = Path(__file__).parents[2] / "manifests"
FOLDERS = ("base", "extender/base", "expander")
SETTINGS = (
    "base",
    "sharing",
    "with-expander",
    "expander",
    "extender/base",
    "extender/narrow",
    "extender/delegated",
)

Object = dict[str, Any]


def objects(folder: str) -> dict[str, Object]:
    """What the folder's kustomization names, by kind; of a kind that is there twice the first."""
    found: dict[str, Object] = {}
    for name in yaml.safe_load((MANIFESTS / folder / "kustomization.yaml").read_text())["resources"]:
        for each in yaml.safe_load_all((MANIFESTS / folder / name).read_text()):
            found.setdefault(each["kind"], each)
    return found


def settings(folder: str) -> Settings | ExtenderSettings:
    text = yaml.safe_load((MANIFESTS / folder / "settings.yaml").read_text())["data"]["settings.yaml"]
    return (parse_extender_settings if folder.startswith("extender") else parse_settings)(text, folder)


@pytest.mark.parametrize("folder", SETTINGS)
def test_settings_are_read_and_end_with_what_the_component_rewrites(folder: str) -> None:
    assert settings(folder).images.read_pull_secrets
    assert not settings(folder).images.registries.allow_loopback
    assert (MANIFESTS / folder / "settings.yaml").read_text().endswith("      readPullSecrets: true\n")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_container_is_started_with_the_settings_and_ports_that_it_has(folder: str) -> None:
    there = objects(folder)
    pod = there["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    program, command, *arguments = [*container.get("command", ["multiarch-scheduler"]), *container.get("args", [])]
    group = {"multiarch-scheduler": scheduler.cli.main, "multiarch-extender": extender.cli.main}[program]
    given = group.get_command(None, command).make_context(command, arguments).params
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert given["config"] == Path(mounts["settings"]["mountPath"]) / "settings.yaml"
    assert all(mount["readOnly"] for mount in mounts.values())
    sources = {volume["name"]: volume for volume in pod["volumes"]}
    assert mounts.keys() == sources.keys()
    assert sources["settings"]["configMap"]["name"] == there["ConfigMap"]["metadata"]["name"]
    told = settings(folder)
    expected = {told.serving.port}
    if isinstance(told, ExtenderSettings):
        expected.add(told.listening.port)
    elif command == "expander":
        expected.add(told.rpc.port)
    assert {port["containerPort"] for port in container["ports"]} == expected
    health = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ("livenessProbe", "readinessProbe"):
        assert health[container[probe]["httpGet"]["port"]] == told.serving.port


@pytest.mark.parametrize("folder", FOLDERS)
def test_selectors_and_ports_name_what_is_there(folder: str) -> None:
    there = objects(folder)
    template = there["Deployment"]["spec"]["template"]
    labels = template["metadata"]["labels"]
    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert there["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert there["Service"]["spec"]["selector"] == labels
    assert {port["targetPort"] for port in there["Service"]["spec"]["ports"]} <= ports
    assert there["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    policy = there["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"] == labels
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == ports
    for constraint in template["spec"]["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == labels


@pytest.mark.parametrize("folder", FOLDERS)
def test_own_pods_survive_drains_and_may_do_nothing_to_their_node(folder: str) -> None:
    there = objects(folder)
    deployment = there["Deployment"]["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert pod.get("schedulerName", "default-scheduler") == "default-scheduler"
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert pod["serviceAccountName"] == there["ServiceAccount"]["metadata"]["name"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


def test_prometheus_finds_a_service_of_each_program_at_its_port_for_metrics() -> None:
    monitors = list(yaml.safe_load_all((MANIFESTS / "monitoring" / "service-monitors.yaml").read_text()))
    watched = {each["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]: each["spec"] for each in monitors}
    for folder in FOLDERS:
        there = objects(folder)
        service = there["Service"]
        (endpoint,) = watched.pop(service["metadata"]["name"])["endpoints"]
        (port,) = [each for each in service["spec"]["ports"] if each["name"] == endpoint["port"]]
        (container,) = there["Deployment"]["spec"]["template"]["spec"]["containers"]
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        assert ports[port["targetPort"]] == settings(folder).serving.port
    assert not watched
