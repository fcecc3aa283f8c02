"""The answers of the real libraries, and how to ask our code the same questions.

The files under ``tests/cases/images`` were computed by Go programs that call the libraries named in each file's
``source`` header; nothing in them was written by hand.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from scheduler.images.content import (
    FailureCause,
    ImageAnswer,
    ImageContent,
    ImageFailure,
    content_of,
    entries_to_open,
    with_opened,
)
from scheduler.images.manifest import Manifest, parse_config, parse_manifest
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform
from scheduler.images.runtime import Runtime

_FOLDER = Path(__file__).parent.parent / "cases" / "images"

RUNTIMES = {
    "containerd": Runtime.CONTAINERD,
    "containerd-transfer": Runtime.CONTAINERD,
    "containerd-2.2": Runtime.CONTAINERD_2_2,
    "containerd-2.1": Runtime.CONTAINERD_2_1,
    "containerd-1.7": Runtime.CONTAINERD_1_7,
    "docker": Runtime.DOCKER,
    "cri-o": Runtime.CRI_O,
}

Case = dict[str, Any]


def load(name: str) -> dict[str, Any]:
    """The whole file, ``source`` header included."""
    path = _FOLDER / name
    body = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    document: dict[str, Any] = json.loads(body)
    return document


def node_of(case: Case) -> NodePlatform:
    node = case["node"]
    return NodePlatform(
        node["os"], node["arch"], node["variant"], node.get("os_version", ""), RUNTIMES[case["runtime"]]
    )


def image_platform_of(case: Case) -> Platform:
    image = case["image"]
    return Platform(
        image["os"],
        image["arch"],
        image["variant"],
        image.get("os_version", ""),
        tuple(image.get("os_features", ())),
    )


def serialise(document: Any) -> bytes:
    """The bytes whose digests the index cases name."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


class Store:
    """The registry of the index cases: whatever it lacks does not exist."""

    def __init__(self, blobs: dict[str, Any]) -> None:
        self.blobs = {digest: serialise(document) for digest, document in blobs.items()}

    def content(self, digest: str, body: bytes, media_type: str) -> ImageContent:
        """What a resolver would find out, told of missing children beyond what it would look at."""
        document = parse_manifest(body, media_type)
        config = self.blobs.get(document.config.digest) if isinstance(document, Manifest) else None
        content = content_of(digest, document, parse_config(config) if config is not None else None)
        missing = ImageFailure(FailureCause.NOT_FOUND, "registry.test answered 404")
        children: dict[str, ImageAnswer] = {
            entry.digest: missing for entry in content.entries if entry.digest not in self.blobs
        }
        for entry in entries_to_open(content):
            if entry.digest in self.blobs:
                children[entry.digest] = self.content(entry.digest, self.blobs[entry.digest], entry.media_type)
        return with_opened(content, children)
