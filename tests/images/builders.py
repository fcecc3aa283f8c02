"""Images and nodes for tests, in as few words as a test needs."""

from __future__ import annotations

import hashlib

from scheduler.images import media_types
from scheduler.images.content import ContentKind, FailureCause, ImageAnswer, ImageContent, ImageFailure, IndexEntry
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform
from scheduler.images.pod_images import PodImage, ResolvedImage
from scheduler.images.runtime import Runtime

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")
ARM_V7 = Platform("linux", "arm", "v7")
WINDOWS_2019 = Platform("windows", "amd64", os_version="10.0.17763.5936")
WINDOWS_2022 = Platform("windows", "amd64", os_version="10.0.20348.2700")

AMD64_NODE = NodePlatform("linux", "amd64", runtime=Runtime.CONTAINERD)
ARM64_NODE = NodePlatform("linux", "arm64", "v8", runtime=Runtime.CONTAINERD)
ARM_NODE = NodePlatform("linux", "arm", "v7", runtime=Runtime.CONTAINERD)
WINDOWS_2019_NODE = NodePlatform("windows", "amd64", "", "10.0.17763", Runtime.CONTAINERD)
WINDOWS_2022_NODE = NodePlatform("windows", "amd64", "", "10.0.20348", Runtime.CONTAINERD)
WINDOWS_2025_NODE = NodePlatform("windows", "amd64", "", "10.0.26100", Runtime.CONTAINERD)
CRIO_AMD64_NODE = NodePlatform("linux", "amd64", runtime=Runtime.CRI_O)
CRIO_ARM64_NODE = NodePlatform("linux", "arm64", "v8", runtime=Runtime.CRI_O)


def a_digest(seed: object) -> str:
    return f"sha256:{hashlib.sha256(repr(seed).encode()).hexdigest()}"


def an_entry(
    platform: Platform | None,
    *,
    child: ImageContent | None = None,
    failure: ImageFailure | None = None,
    media_type: str = media_types.OCI_MANIFEST,
    attestation: bool = False,
) -> IndexEntry:
    digest = child.digest if child is not None else a_digest((platform, media_type, attestation))
    return IndexEntry(digest, media_type, platform, attestation=attestation, content=child, failure=failure)


def an_attestation() -> IndexEntry:
    return an_entry(Platform("unknown", "unknown"), attestation=True)


def an_index(*entries: IndexEntry | Platform, media_type: str = media_types.OCI_INDEX) -> ImageContent:
    whole = tuple(an_entry(entry) if isinstance(entry, Platform) else entry for entry in entries)
    return ImageContent(a_digest(whole), ContentKind.INDEX, media_type, entries=whole)


def an_image(platform: Platform | None) -> ImageContent:
    return ImageContent(a_digest(platform), ContentKind.IMAGE, media_types.OCI_MANIFEST, platform)


def an_artifact(artifact_type: str = "application/vnd.example.model") -> ImageContent:
    return ImageContent(
        a_digest(artifact_type), ContentKind.ARTIFACT, media_types.OCI_MANIFEST, artifact_type=artifact_type
    )


def a_schema1_image(platform: Platform) -> ImageContent:
    return ImageContent(a_digest(platform), ContentKind.SCHEMA1, media_types.DOCKER_SCHEMA1_SIGNED, platform)


def a_failure(cause: FailureCause, message: str = "registry.test answered 503") -> ImageFailure:
    return ImageFailure(cause, message)


def resolved(answer: ImageAnswer, name: str = "ghcr.io/acme/app:1", *, volume: bool = False) -> ResolvedImage:
    return ResolvedImage(PodImage(name, "container main", volume), answer)
