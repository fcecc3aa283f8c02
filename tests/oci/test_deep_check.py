"""With the deep check, every image of an index is read, and its own word about its platform compared."""

from __future__ import annotations

import pytest

from scheduler.images.content import FailureCause, ImageContent, offered_platforms
from scheduler.images.matching import MatchRules, match
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform
from scheduler.images.runtime import Runtime
from scheduler.images.verdict import Cause, Outcome
from scheduler.oci.settings import RegistrySettings
from scheduler.sandbox import registry_faults as faults
from scheduler.sandbox.registry import SandboxRegistry
from scheduler.sandbox.registry_images import Entry, build_image, build_index
from tests.oci.conftest import MakeResolver

DEEP = RegistrySettings(open_children=True, attempts=1)
RULES = MatchRules(deep_check=True)
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
ON_ARM64 = NodePlatform(os="linux", architecture="arm64", runtime=Runtime.CONTAINERD_2_3)
ON_AMD64 = NodePlatform(os="linux", architecture="amd64", runtime=Runtime.CONTAINERD_2_3)


def push_mislabelled(registry: SandboxRegistry) -> str:
    """An index that calls an amd64 image one for arm64, as happens when it is put together by hand."""
    image = build_image(AMD64, "acme/app")
    registry.push("acme/app", None, image)
    return registry.push_document(
        "acme/app", "1", build_index([Entry(image.manifest, AMD64), Entry(image.manifest, ARM64)])
    )


async def test_an_image_that_the_index_calls_by_another_platform_is_refused_there_only(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    push_mislabelled(registry)
    answer = await make_resolver(DEEP).resolve(f"{registry.address}/acme/app:1")
    assert isinstance(answer, ImageContent)
    assert offered_platforms(answer) == (AMD64, ARM64)
    assert match(answer, ON_ARM64, RULES).cause is Cause.MISLABELLED
    assert match(answer, ON_AMD64, RULES).outcome is Outcome.MATCH
    assert registry.count("GET", "manifest") == 2  # one image, which both entries name


async def test_without_it_the_index_is_believed_for_one_get(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    push_mislabelled(registry)
    answer = await make_resolver().resolve(f"{registry.address}/acme/app:1")
    assert match(answer, ON_ARM64, RULES).outcome is Outcome.MATCH
    assert registry.count("GET", "manifest") == 1


async def test_it_costs_two_gets_a_platform_and_leaves_attestations_alone(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    registry.push_index("acme/app", "1", ["linux/amd64", "linux/arm64", "linux/s390x"], attestations=True)
    resolver = make_resolver(DEEP)
    answers = [await resolver.resolve(f"{registry.address}/acme/app:1") for _ in range(2)]
    assert match(answers[0], ON_ARM64, RULES).outcome is Outcome.MATCH
    assert answers[0] is answers[1]
    assert (registry.count("GET", "manifest"), registry.count("GET", "blob")) == (1 + 3, 3)


@pytest.mark.parametrize(
    ("kind", "fault", "verdict"),
    [
        ("blob", faults.status(503), Outcome.MATCH),  # the index is all there is to go by for the moment
        ("blob", faults.status(404), Outcome.NO_MATCH),  # nobody could pull it
    ],
    ids=["passing", "missing"],
)
async def test_a_child_that_cannot_be_read_is_judged_by_why(
    registry: SandboxRegistry, make_resolver: MakeResolver, kind: str, fault: faults.Fault, verdict: Outcome
) -> None:
    registry.push_index("acme/app", "1", ["linux/arm64"])
    registry.inject(fault, kind=kind)
    answer = await make_resolver(DEEP).resolve(f"{registry.address}/acme/app:1")
    assert match(answer, ON_ARM64, RULES).outcome is verdict


async def test_more_children_than_are_read_are_believed(registry: SandboxRegistry, make_resolver: MakeResolver) -> None:
    image = build_image(ARM64, "acme/app")
    registry.push("acme/app", None, image)
    others = [build_image(Platform("linux", "amd64", f"v{number}"), "acme/app") for number in range(40)]
    for other in others:
        registry.push("acme/app", None, other)
    entries = [Entry(each.manifest, Platform("linux", "amd64", f"v{n}")) for n, each in enumerate(others)]
    registry.push_document("acme/app", "1", build_index([*entries, Entry(image.manifest, ARM64)]))
    answer = await make_resolver(DEEP).resolve(f"{registry.address}/acme/app:1")
    assert isinstance(answer, ImageContent)
    assert answer.entries[-1].failure is not None
    assert answer.entries[-1].failure.cause is FailureCause.TOO_LARGE
    assert match(answer, ON_ARM64, RULES).outcome is Outcome.MATCH
