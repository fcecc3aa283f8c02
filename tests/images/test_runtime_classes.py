"""Pods whose RuntimeClass does not run what the node runs: skipped, or held to the platform of the handler."""

from __future__ import annotations

import pytest

from scheduler.images.content import ContentKind, FailureCause, ImageContent, ImageFailure
from scheduler.images.matching import match_pod
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform
from scheduler.images.pod_images import EXEMPT, PodImage, ResolvedImage
from scheduler.images.runtime import Runtime
from scheduler.images.runtime_classes import InvalidRuntimeClass, RuntimeClasses
from scheduler.images.verdict import Outcome

CLASSES = RuntimeClasses({"qemu-user": "skip", "wasmtime": "wasi/wasm"})
NODE = NodePlatform("linux", "amd64", runtime=Runtime.CONTAINERD)


def an_image(platform: Platform) -> ResolvedImage:
    content = ImageContent("sha256:1", ContentKind.IMAGE, platform=platform)
    return ResolvedImage(PodImage("app:1", "container main"), content)


WASM = an_image(Platform("wasi", "wasm"))
X86 = an_image(Platform("linux", "amd64"))
ARM = an_image(Platform("linux", "arm64"))
LOST = ResolvedImage(PodImage("lost:1", "container main"), ImageFailure(FailureCause.NOT_FOUND, "404"))


@pytest.mark.parametrize("runtime_class", ["", "kata", "unheard-of"])
def test_a_class_that_is_not_listed_changes_nothing(runtime_class: str) -> None:
    assert CLASSES.judge((X86, LOST), runtime_class) == (X86, LOST)


def test_a_skipped_class_makes_no_demand_and_asks_for_nothing() -> None:
    assert CLASSES.skips("qemu-user")
    assert [image.answer for image in CLASSES.judge((ARM, LOST), "qemu-user")] == [EXEMPT, EXEMPT]


def test_what_the_handler_runs_fits_every_node() -> None:
    assert match_pod(CLASSES.judge((WASM,), "wasmtime"), None, NODE).outcome is Outcome.MATCH
    assert match_pod((WASM,), None, NODE).outcome is Outcome.NO_MATCH


def test_what_the_handler_does_not_run_fits_no_node_and_says_why() -> None:
    verdict = match_pod(CLASSES.judge((X86,), "wasmtime"), None, NODE)
    assert verdict.outcome is Outcome.NO_MATCH
    assert verdict.reason == "can't run image app:1 (built for linux/amd64: RuntimeClass wasmtime runs wasi/wasm)"


def test_a_misfit_is_one_object_for_all_pods() -> None:
    (first,), (second,) = CLASSES.judge((X86,), "wasmtime"), CLASSES.judge((X86,), "wasmtime")
    assert first.answer is second.answer


def test_what_is_neither_skip_nor_a_platform_is_named() -> None:
    with pytest.raises(InvalidRuntimeClass, match=r"wasmtime: 'wasm!' is neither 'skip' nor a platform"):
        RuntimeClasses({"wasmtime": "wasm!"})
