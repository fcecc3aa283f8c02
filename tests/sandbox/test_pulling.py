"""The container runtime's verdict on an image."""

from __future__ import annotations

import msgspec
import pytest

from scheduler.api.node import Node
from scheduler.sandbox.kubelet_status import ImageTrouble
from scheduler.sandbox.nodes import AMD64_LINUX, ARM64_LINUX, WINDOWS_2019, WINDOWS_2022, Machine, node, scenario_nodes
from scheduler.sandbox.pulling import PushedImages
from scheduler.sandbox.scenario import IMAGES, WORKLOADS

NO_MATCH = ImageTrouble("no match for platform in manifest: not found")
EXEC_FORMAT = ImageTrouble("exec /entrypoint: exec format error", pulled=True)
WRONG_SYSTEM = ImageTrouble("the image's operating system is not that of the host", pulled=True)


@pytest.fixture
def pushed() -> PushedImages:
    images = PushedImages()
    for image in IMAGES:
        images.push(image.name, image.platforms, index=image.index)
    return images


@pytest.mark.parametrize(
    ("image", "machine", "trouble"),
    [
        ("shop/web:1.4", AMD64_LINUX, None),
        ("shop/web:1.4", ARM64_LINUX, None),
        ("shop/web:1.4", WINDOWS_2022, NO_MATCH),
        ("shop/inference:0.9", AMD64_LINUX, NO_MATCH),
        ("shop/legacy:2.0", AMD64_LINUX, None),
        ("shop/legacy:2.0", ARM64_LINUX, EXEC_FORMAT),
        ("shop/legacy:2.0", WINDOWS_2019, WRONG_SYSTEM),
        ("shop/dotnet:8", WINDOWS_2022, None),
        ("shop/dotnet:8", WINDOWS_2019, NO_MATCH),
    ],
)
def test_a_runtime_runs_what_is_for_its_machine(
    pushed: PushedImages, image: str, machine: Machine, trouble: ImageTrouble | None
) -> None:
    assert pushed.can_run(image, msgspec.convert(node("n", machine), Node)) == trouble


def test_an_unknown_image_is_not_found(pushed: PushedImages) -> None:
    trouble = pushed.can_run("shop/ghost:1.0", msgspec.convert(node("n", AMD64_LINUX), Node))
    assert trouble is not None
    assert (trouble.pulled, trouble.message.endswith("shop/ghost:1.0: not found")) == (False, True)


def test_it_agrees_with_the_scenario(pushed: PushedImages) -> None:
    nodes = [msgspec.convert(manifest, Node) for manifest in scenario_nodes()]
    for workload in WORKLOADS:
        runs_on = {each.name for each in nodes if all(pushed.can_run(image, each) is None for image in workload.images)}
        assert runs_on == workload.runs_on, workload.name
