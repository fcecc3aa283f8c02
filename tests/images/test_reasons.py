"""The sentences that users read."""

from __future__ import annotations

import pytest

from scheduler.images.content import FailureCause, ImageAnswer, ImageFailure
from scheduler.images.matching import match_pod
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform
from scheduler.images.runtime import Runtime
from tests.images.builders import (
    AMD64,
    AMD64_NODE,
    ARM64,
    ARM64_NODE,
    ARM_V7,
    CRIO_AMD64_NODE,
    WINDOWS_2019,
    WINDOWS_2022,
    WINDOWS_2025_NODE,
    a_failure,
    a_schema1_image,
    an_artifact,
    an_attestation,
    an_entry,
    an_image,
    an_index,
    resolved,
)

IMAGE = "ghcr.io/acme/app:1"
HELM = "application/vnd.cncf.helm.config.v1+json"
BUILDLESS = NodePlatform("windows", "amd64", runtime=Runtime.CONTAINERD)
NINE = an_index(*(Platform("linux", f"a{number}") for number in range(9)))


@pytest.mark.parametrize(
    ("answer", "node", "reason"),
    [
        (
            an_index(AMD64, ARM64, an_attestation()),
            WINDOWS_2025_NODE,
            f"can't run image {IMAGE} (built for linux/amd64, linux/arm64)",
        ),
        (an_image(ARM64), AMD64_NODE, f"can't run image {IMAGE} (built for linux/arm64)"),
        (
            NINE,
            AMD64_NODE,
            f"can't run image {IMAGE} (built for linux/a0, linux/a1, linux/a2, linux/a3, linux/a4, linux/a5, +3 more)",
        ),
        (an_index(WINDOWS_2022), AMD64_NODE, f"can't run image {IMAGE} (built for windows(10.0.20348.2700)/amd64)"),
        (an_index(WINDOWS_2019, AMD64), WINDOWS_2025_NODE, f"can't run image {IMAGE} (built for Windows 10.0.17763)"),
        (
            an_index(ARM_V7),
            ARM64_NODE,
            f"can't run image {IMAGE} (built for linux/arm/v7: 32-bit and lower variants are not enabled there)",
        ),
        (
            an_index(Platform("linux", "amd64", "v3")),
            AMD64_NODE,
            f"can't run image {IMAGE} (built for linux/amd64/v3: a CPU level not known to be there)",
        ),
        (
            an_index(Platform("linux", "x86_64")),
            CRIO_AMD64_NODE,
            f"can't run image {IMAGE} (built for linux/x86_64: names that the container runtime does not take)",
        ),
        (an_index(), AMD64_NODE, f"can't run image {IMAGE} (its index lists no platform)"),
        (an_artifact(HELM), AMD64_NODE, f"can't run image {IMAGE} (it is a Helm chart, not a container image)"),
        (
            an_artifact("application/x"),
            AMD64_NODE,
            f"can't run image {IMAGE} (it is an artifact of type application/x, not a container image)",
        ),
        (an_artifact(""), AMD64_NODE, f"can't run image {IMAGE} (it is an artifact, not a container image)"),
        (
            an_index(an_entry(None, child=an_artifact())),
            CRIO_AMD64_NODE,
            f"can't run image {IMAGE} (its index leads to something that is not a container image)",
        ),
        (a_schema1_image(AMD64), AMD64_NODE, f"can't run image {IMAGE} (its manifest is of the outdated schema 1)"),
        (an_image(None), AMD64_NODE, f"might not run image {IMAGE} (its config names no architecture)"),
        (an_index(AMD64), NodePlatform("", ""), "don't tell their operating system and architecture"),
        (an_index(WINDOWS_2019), BUILDLESS, f"don't tell their Windows build, on which image {IMAGE} depends"),
        (
            a_failure(FailureCause.PENDING),
            AMD64_NODE,
            f"might not run image {IMAGE} (its platforms are still being read)",
        ),
        (
            a_failure(FailureCause.SERVER_ERROR, "ghcr.io answered 503"),
            AMD64_NODE,
            f"might not run image {IMAGE} (ghcr.io answered 503)",
        ),
    ],
)
def test_the_reason_names_the_image_and_what_it_offers(answer: ImageAnswer, node: NodePlatform, reason: str) -> None:
    assert match_pod((resolved(answer),), None, node).reason == reason


def test_a_volume_is_mounted_not_run() -> None:
    verdict = match_pod((resolved(an_image(ARM64), volume=True),), None, AMD64_NODE)
    assert verdict.reason == f"can't mount image {IMAGE} (built for linux/arm64)"


def test_the_operating_system_that_the_pod_asks_for_is_named() -> None:
    verdict = match_pod((), "windows", AMD64_NODE)
    assert verdict.reason == "have another operating system than the pod asks for (windows)"


def test_a_name_that_is_none_is_quoted_with_what_is_wrong() -> None:
    failure = ImageFailure(FailureCause.INVALID_REFERENCE, "any message")
    verdict = match_pod((resolved(failure, 'Not "an" image'),), None, AMD64_NODE)
    assert verdict.reason == r"""can't run image "Not \"an\" image" (invalid image name: it contains white space)"""


def test_a_name_that_others_refuse_gives_their_message() -> None:
    failure = ImageFailure(FailureCause.INVALID_REFERENCE, "short names are not allowed here")
    verdict = match_pod((resolved(failure, "nginx"),), None, AMD64_NODE)
    assert verdict.reason == "can't run image nginx (short names are not allowed here)"


def test_a_digest_is_shortened() -> None:
    name = f"ghcr.io/acme/app:1@sha256:{'0123456789ab' * 5}cdef"
    verdict = match_pod((resolved(an_index(ARM64), name),), None, AMD64_NODE)
    assert verdict.reason == "can't run image ghcr.io/acme/app:1@sha256:0123456789ab (built for linux/arm64)"


def test_what_strangers_wrote_is_cut() -> None:
    endless = "x" * 10_000
    for image in (
        resolved(ImageFailure(FailureCause.INVALID_REFERENCE, ""), f"{endless} {endless}"),
        resolved(ImageFailure(FailureCause.INVALID_REFERENCE, ""), f"{endless}@/a"),
        resolved(a_failure(FailureCause.MALFORMED, endless)),
        resolved(an_artifact(endless)),
        resolved(an_index(Platform(endless, endless, endless, endless))),
    ):
        assert len(match_pod((image,), None, AMD64_NODE).reason) < 400


def test_what_strangers_wrote_stays_on_one_line() -> None:
    platform = Platform("linux", "amd64\n\x1b[31mfake")
    reason = match_pod((resolved(an_index(platform)),), None, AMD64_NODE).reason
    assert reason == f"can't run image {IMAGE} (built for linux/amd64??[31mfake)"
