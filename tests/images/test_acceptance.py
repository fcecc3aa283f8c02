"""One node platform against one image platform, by the answers of the libraries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from scheduler.images.acceptance import Acceptance, exact, executable, strict, with_fallback
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform
from scheduler.images.runtime import Runtime
from tests.images.builders import AMD64_NODE, ARM64_NODE, ARM_NODE, ARM_V7, WINDOWS_2022_NODE
from tests.images.cases import RUNTIMES, Case, image_platform_of, load, node_of

_FILE = load("platform-match-cases.json")


_BUILDERS: dict[str, Callable[[NodePlatform], Acceptance]] = {"containerd-transfer": strict, "cri-o": exact}


def _acceptance(case: Case) -> Acceptance:
    return _BUILDERS.get(case["runtime"], with_fallback)(node_of(case))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_platform_is_accepted_where_the_library_accepts_it(runtime: str) -> None:
    cases = [case for case in _FILE["cases"] if case["runtime"] == runtime]
    wrong = [
        f"{case['id']}: {image_platform_of(case)} on {case['node']} should be {case['match']}"
        for case in cases
        if (_acceptance(case).position(image_platform_of(case)) is not None) != case["match"]
    ]
    assert wrong == []
    assert (
        dict(Counter("match" if case["match"] else "no_match" for case in cases))
        == _FILE["source"]["runtimes"][runtime]["rows"]
    )


@pytest.mark.parametrize(
    ("node", "order"),
    [
        (AMD64_NODE, ["linux/amd64", "linux/386"]),
        (ARM64_NODE, ["linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]),
        (ARM_NODE, ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]),
        (
            NodePlatform("linux", "amd64", "v3", runtime=Runtime.DOCKER),
            ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"],
        ),
        (
            NodePlatform("linux", "arm64", "v8.2", runtime=Runtime.CONTAINERD),
            ["linux/arm64/v8.2", "linux/arm64/v8.1", "linux/arm64", "linux/arm/v8"],
        ),
        (
            NodePlatform("linux", "arm64", "v9.1", runtime=Runtime.CONTAINERD),
            ["linux/arm64/v9.1", "linux/arm64/v9", "linux/arm64/v8.6", "linux/arm64/v8.5"],
        ),
        (NodePlatform("linux", "riscv64", runtime=Runtime.CONTAINERD), ["linux/riscv64"]),
    ],
    ids=str,
)
def test_the_best_platform_for_a_machine_comes_first(node: NodePlatform, order: list[str]) -> None:
    acceptance = with_fallback(node)
    texts = [str(Platform(node.os, *machine)) for machine in acceptance.machines]
    assert texts[: len(order)] == order
    assert [acceptance.position(Platform(node.os, *machine)) for machine in acceptance.machines] == list(
        range(len(texts))
    )


@pytest.mark.parametrize(
    ("node", "variants"),
    [
        (NodePlatform("linux", "arm64", "v8"), ("v8", "")),
        (NodePlatform("linux", "arm64", ""), ("", "v8")),
        (NodePlatform("linux", "arm", "v6"), ("v6", "v5", "")),
        (NodePlatform("linux", "arm", ""), ("", "v8", "v7", "v6", "v5")),
        (NodePlatform("linux", "amd64", ""), ("",)),
        (NodePlatform("linux", "arm64", "v9"), ("v9", "")),
    ],
)
def test_cri_o_prefers_the_variant_of_the_node(node: NodePlatform, variants: tuple[str, ...]) -> None:
    assert exact(node).variants == variants


def test_an_unlisted_arm64_level_accepts_nothing_by_fallback_but_still_executes_itself() -> None:
    node = NodePlatform("linux", "arm64", "v10", runtime=Runtime.CONTAINERD)
    image = Platform("linux", "arm64", "v10")
    assert with_fallback(node).position(image) is None
    assert strict(node).position(image) == 0
    assert executable(node).position(image) == 0


@pytest.mark.parametrize("runtime", Runtime)
def test_what_a_machine_executes_does_not_depend_on_its_runtime(runtime: Runtime) -> None:
    arm64 = NodePlatform("linux", "arm64", "v8", runtime=runtime)
    assert executable(arm64).position(ARM_V7) is not None
    assert executable(arm64).position(Platform("linux", "aarch64", os_features=("future",))) == 0
    amd64 = NodePlatform("linux", "amd64", runtime=runtime)
    assert executable(amd64).position(Platform("Linux", "i386")) is not None
    assert executable(amd64).position(Platform("linux", "amd64", "v2")) is None
    windows = NodePlatform("windows", "amd64", "", "10.0.17763", runtime)
    assert executable(windows).position(Platform("windows", "amd64", os_version="10.0.99")) == 0
    assert executable(windows).position(Platform("windows", "386")) is None


def test_an_absent_os_is_that_of_the_node_for_containerd_only() -> None:
    assert strict(WINDOWS_2022_NODE).position(Platform("", "amd64")) == 0
    assert exact(AMD64_NODE).position(Platform("", "amd64")) is None
