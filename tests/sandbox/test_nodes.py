"""Nodes as a kubelet registers them: accepted by the API server, and read back as the machines that they are."""

from __future__ import annotations

import msgspec
import pytest

from scheduler.api.node import Node
from scheduler.images.node_platform import disagreement, node_platform
from scheduler.sandbox.api_server import SandboxApiServer
from scheduler.sandbox.nodes import (
    AMD64_LINUX,
    ARM64_LINUX,
    WINDOWS_2019,
    WINDOWS_2022,
    Machine,
    node,
    scenario_nodes,
)
from scheduler.sandbox.scenario import NODES


def read(manifest: dict[str, object]) -> Node:
    return msgspec.convert(manifest, Node)


@pytest.mark.parametrize(
    ("machine", "platform"),
    [
        (ARM64_LINUX, "linux/arm64"),
        (AMD64_LINUX, "linux/amd64"),
        (WINDOWS_2019, "windows(10.0.17763)/amd64"),
        (WINDOWS_2022, "windows(10.0.20348)/amd64"),
    ],
)
def test_a_machine_is_recognised(machine: Machine, platform: str) -> None:
    registered = read(node("n", machine))
    assert str(node_platform(registered)) == platform
    assert disagreement(registered) is None
    assert registered.metadata.labels["kubernetes.io/hostname"] == "n"


def test_a_kubelet_keeps_some_memory_and_disk_for_itself() -> None:
    status = node("n", AMD64_LINUX, cpus=8, memory_gib=32, pods=250)["status"]
    assert status["capacity"] == {"cpu": "8", "memory": "32768Mi", "ephemeral-storage": "100Gi", "pods": "250"}
    assert status["allocatable"] == {"cpu": "8", "memory": "32668Mi", "ephemeral-storage": "90Gi", "pods": "250"}


def test_labels_and_taints_can_be_added() -> None:
    taint = {"key": "os", "value": "windows", "effect": "NoSchedule"}
    registered = read(node("n", WINDOWS_2022, labels={"zone": "a"}, taints=[taint]))
    assert registered.metadata.labels.items() >= {"zone": "a", "kubernetes.io/os": "windows"}.items()
    assert [each.key for each in registered.spec.taints] == ["os"]


def test_the_scenario_has_every_node_once_and_the_api_server_takes_them() -> None:
    server = SandboxApiServer()
    created = [server.create(manifest) for manifest in scenario_nodes()]
    assert sorted(each["metadata"]["name"] for each in created) == sorted(NODES)
    addresses = [each["status"]["addresses"][0]["address"] for each in created]
    assert len(set(addresses)) == len(addresses)
