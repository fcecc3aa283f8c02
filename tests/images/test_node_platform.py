"""A node's platform, from whatever the Node object says."""

from __future__ import annotations

import pytest

from scheduler.api.meta import ObjectMeta
from scheduler.api.node import Node, NodeStatus, NodeSystemInfo
from scheduler.images.node_platform import PLATFORM_LABELS, NodePlatform, disagreement, node_platform
from scheduler.images.runtime import Runtime


def a_node(*, os: str = "", architecture: str = "", kernel: str = "", runtime: str = "", **labels: str) -> Node:
    info = NodeSystemInfo(
        operating_system=os, architecture=architecture, kernel_version=kernel, container_runtime_version=runtime
    )
    spelled = {_LABELS[name]: value for name, value in labels.items()}
    return Node(metadata=ObjectMeta(name="node", labels=spelled), status=NodeStatus(node_info=info))


_LABELS = {
    "os_label": "kubernetes.io/os",
    "arch_label": "kubernetes.io/arch",
    "beta_os": "beta.kubernetes.io/os",
    "beta_arch": "beta.kubernetes.io/arch",
    "build": "node.kubernetes.io/windows-build",
    "variant": "multiarch-scheduler.io/variant",
    "fallback": "multiarch-scheduler.io/fallback",
    "arm32": "multiarch-scheduler.io/arm32",
}


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (a_node(os_label="linux", arch_label="amd64", os="windows", architecture="arm64"), "linux/amd64"),
        (a_node(os_label="linux", beta_os="windows", beta_arch="arm64", architecture="amd64"), "linux/arm64"),
        (a_node(os="linux", architecture="s390x"), "linux/s390x"),
        (a_node(os_label="linux", arch_label="arm"), "linux/arm"),
        (a_node(os_label="linux", arch_label="arm", variant="v6"), "linux/arm/v6"),
        (a_node(os_label="linux", arch_label="amd64", variant="v3"), "linux/amd64/v3"),
        (a_node(), "unknown/unknown"),
    ],
)
def test_the_label_speaks_before_the_beta_label_and_the_node_info(node: Node, text: str) -> None:
    platform = node_platform(node)
    assert str(platform) == text
    assert platform.is_known == ("unknown" not in text)


@pytest.mark.parametrize(
    ("architecture", "variant"), [("arm64", "v8"), ("arm", "v7"), ("amd64", ""), ("riscv64", ""), ("386", "")]
)
def test_the_variant_that_nearly_every_such_cpu_has_is_assumed(architecture: str, variant: str) -> None:
    assert node_platform(a_node(os_label="linux", arch_label=architecture)).variant == variant


@pytest.mark.parametrize(
    ("node", "version"),
    [
        (a_node(os="windows", architecture="amd64", build="10.0.20348", kernel="10.0.26100.1"), "10.0.20348"),
        (a_node(os="windows", architecture="amd64", kernel="10.0.20348.2700"), "10.0.20348"),
        (a_node(os="windows", architecture="amd64", build="odd", kernel="10.0.20348.2700"), "10.0.20348"),
        (a_node(os="windows", architecture="amd64", kernel="kwok-v0.8.0"), ""),
        (a_node(os="linux", architecture="amd64", kernel="6.1.0"), ""),
    ],
)
def test_the_windows_build_comes_from_its_label_then_from_the_kernel_version(node: Node, version: str) -> None:
    assert node_platform(node).os_version == version


def test_nodes_that_differ_in_nothing_that_matters_share_one_platform() -> None:
    one = a_node(os="windows", architecture="amd64", kernel="10.0.20348.2700", runtime="containerd://2.2.0")
    other = a_node(os="windows", architecture="amd64", kernel="10.0.20348.1", runtime="containerd://2.2.5")
    assert hash(node_platform(one)) == hash(node_platform(other))
    assert node_platform(one) == node_platform(other)


def test_the_runtime_and_what_labels_say_of_it_are_part_of_the_platform() -> None:
    node = a_node(os="linux", architecture="arm64", runtime="containerd://1.7.2", fallback="true", arm32="false")
    assert node_platform(node) == NodePlatform(
        "linux", "arm64", "v8", "", Runtime.CONTAINERD_1_7, fallback=True, arm32=False
    )
    silent = node_platform(a_node(os="linux", architecture="arm64", fallback="perhaps"))
    assert (silent.fallback, silent.arm32) == (None, None)


def test_every_label_that_is_read_is_named_for_those_who_watch_for_changes() -> None:
    assert frozenset(_LABELS.values()) == PLATFORM_LABELS


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        (a_node(os_label="linux", os="linux", arch_label="arm64", architecture="arm64"), None),
        (a_node(os_label="linux"), None),
        (a_node(os="linux"), None),
        (
            a_node(os_label="linux", os="linux", arch_label="arm64", architecture="amd64"),
            "label kubernetes.io/arch says 'arm64', nodeInfo says 'amd64'",
        ),
        (
            a_node(os="windows", kernel="10.0.26100.1", build="10.0.20348"),
            "label node.kubernetes.io/windows-build says '10.0.20348', nodeInfo says '10.0.26100'",
        ),
        (a_node(os="windows", kernel="10.0.20348.99", build="10.0.20348"), None),
        (a_node(os="windows", kernel="kwok-v0.8.0", build="10.0.20348"), None),
    ],
)
def test_a_contradiction_between_labels_and_node_info_is_told(node: Node, sentence: str | None) -> None:
    assert disagreement(node) == sentence
