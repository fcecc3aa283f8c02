"""``multiarch-scheduler platforms IMAGE...``: what images are built for, and which nodes can run them.

Asks registries as the scheduler does, with the docker credentials of whoever runs it. Owns what is asked and what the
exit code says; the look is in ``platforms_report``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import yaml

from scheduler.api.node import Node
from scheduler.images.content import ContentKind, ImageAnswer, ImageContent, ImageFailure, IndexEntry
from scheduler.images.matching import match_pod
from scheduler.images.node_platform import node_platform
from scheduler.images.platform import Platform
from scheduler.images.pod_images import PodImage, ResolvedImage
from scheduler.images.verdict import Outcome
from scheduler.kube.connection import connect
from scheduler.kube.errors import ApiError, InvalidConnection
from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import RegistrySettings

DOCKER_CONFIG = Path("~/.docker/config.json")

EVERYTHING_RUNS, UNREADABLE, NO_NODE = 0, 1, 3
"""Exit codes; 2 is click's for words that it does not understand."""


class InvalidNodes(Exception):
    """The nodes cannot be had. The text says from where, and why."""


class PlatformRow(msgspec.Struct, omit_defaults=True):
    """One platform that an image offers. ``size``: bytes of config and layers, compressed, where that was read."""

    platform: str
    digest: str
    size: int = 0


class NodeRow(msgspec.Struct, omit_defaults=True):
    """One node. ``why``: the reason that it cannot run the image."""

    node: str
    platform: str
    runs: bool
    why: str = ""


class ImageReport(msgspec.Struct, omit_defaults=True):
    """All about one image; ``error`` instead of the rest when it could not be read."""

    image: str
    digest: str = ""
    kind: str = ""
    platforms: list[PlatformRow] = []
    nodes: list[NodeRow] = []
    error: str = ""


class _NodeList(msgspec.Struct):
    items: list[Node]


async def report_images(
    images: Sequence[str], nodes: Sequence[Node], settings: RegistrySettings, resolver: Resolver | None = None
) -> list[ImageReport]:
    """One report an image, in order; all are asked for at once."""
    asked = resolver or Resolver(settings)
    try:
        answers = await asyncio.gather(*(asked.resolve(image) for image in images))
    finally:
        await asked.close()
    return [_report(image, answer, nodes) for image, answer in zip(images, answers, strict=True)]


def exit_code(reports: Sequence[ImageReport]) -> int:
    """UNREADABLE if an image could not be read, NO_NODE if nodes were given and none can run some image."""
    if any(report.error for report in reports):
        return UNREADABLE
    if any(report.nodes and not any(node.runs for node in report.nodes) for report in reports):
        return NO_NODE
    return EVERYTHING_RUNS


def read_nodes(path: Path) -> list[Node]:
    """The nodes in a file that ``kubectl get nodes -o yaml`` (or json) wrote. Raises InvalidNodes."""
    try:
        documents = [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each is not None]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidNodes(f"{path}: {error}") from error
    nodes = []
    for document in documents:
        listed = document.get("items", [document]) if isinstance(document, dict) else [document]
        for item in listed:
            if not isinstance(item, dict) or item.get("kind") != "Node":
                raise InvalidNodes(f"{path}: holds something that is no Node")
            nodes.append(item)
    try:
        return [msgspec.convert(node, Node) for node in nodes]
    except msgspec.ValidationError as error:
        raise InvalidNodes(f"{path}: {error}") from error


async def fetch_nodes(kubeconfig: str | None, context: str | None) -> list[Node]:
    """The nodes of a cluster. Raises InvalidNodes."""
    try:
        client = await connect(kubeconfig, context)
    except InvalidConnection as error:
        raise InvalidNodes(str(error)) from error
    try:
        return (await client.get("/api/v1/nodes", _NodeList)).items
    except ApiError as error:
        raise InvalidNodes(f"{client.server}: {error}") from error
    finally:
        await client.close()


def _report(image: str, answer: ImageAnswer, nodes: Sequence[Node]) -> ImageReport:
    if isinstance(answer, ImageFailure):
        return ImageReport(image, error=answer.message)
    resolved = ResolvedImage(PodImage(image, "command line"), answer)
    return ImageReport(
        image,
        digest=answer.digest,
        kind=_kind(answer),
        platforms=_platforms(answer),
        nodes=[_on_node(resolved, node) for node in nodes],
    )


def _kind(content: ImageContent) -> str:
    return {
        ContentKind.IMAGE: "single image",
        ContentKind.INDEX: "index",
        ContentKind.ARTIFACT: "artifact",
        ContentKind.SCHEMA1: "schema 1 manifest",
    }[content.kind]


def _platforms(content: ImageContent) -> list[PlatformRow]:
    if content.kind is ContentKind.INDEX:
        return [row for entry in content.entries if not entry.attestation for row in _of_entry(entry)]
    return [PlatformRow(_text(content.platform), content.digest, content.size)]


def _of_entry(entry: IndexEntry) -> list[PlatformRow]:
    if entry.content is not None and entry.is_index:
        return _platforms(entry.content)
    size = 0 if entry.content is None else entry.content.size
    platform = entry.platform or (entry.content.platform if entry.content is not None else None)
    return [PlatformRow(_text(platform), entry.digest, size)]


def _text(platform: Platform | None) -> str:
    return "unknown" if platform is None or not platform.architecture else str(platform)


def _on_node(image: ResolvedImage, node: Node) -> NodeRow:
    platform = node_platform(node)
    verdict = match_pod((image,), None, platform)
    name = Platform(platform.os, platform.architecture, platform.variant, platform.os_version)
    return NodeRow(node.name, str(name), verdict.outcome is Outcome.MATCH, verdict.reason)
