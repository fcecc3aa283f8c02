"""ImagePlatforms: what images are built for, as objects that replicas share and administrators write.

Owns the shape of the custom resource (``manifests/base/crd-image-platforms.yaml``) and the requests that change one.
Which object is written when, and what becomes of what is read, is in ``loops.sharing``.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from scheduler.api.meta import ObjectMeta, WireStruct
from scheduler.images.content import ImageContent, offered_platforms, size_of
from scheduler.kube.requests import MERGE_PATCH

if TYPE_CHECKING:
    from scheduler.kube.requests import ApiClient

API_VERSION = "multiarch-scheduler.io/v1alpha1"
PATH = f"/apis/{API_VERSION}/imageplatforms"

MOST_NAMES = 32
"""Names of one image that are kept: builds give every commit a tag, and the newest are enough."""

# What the resource's schema takes. Registries may hold anything.
_MOST_PLATFORMS = 256
_LONGEST_PLATFORM = 256
_LONGEST_NAME = 512
_LONGEST_REGISTRY = 300
_LARGEST_CONTENT = 256 * 1024

_UNFIT_FOR_NAMES = re.compile(r"[^a-z0-9.]+", re.ASCII)
_LONGEST_HOST = 100


class Source(enum.StrEnum):
    READ = "Read"
    DECLARED = "Declared"


class NamedImage(WireStruct):
    """A full name of the image. ``seen``: when a registry said last that it stands for this digest."""

    name: str
    seen: datetime | None = None


class ImagePlatformsSpec(WireStruct):
    """Of what was read, ``content`` is the truth and ``platforms`` its summary; of a declaration, ``platforms`` is."""

    source: Source = Source.DECLARED
    images: list[NamedImage] = []
    platforms: list[str] = []
    registry: str = ""
    last_seen: datetime | None = None
    content: ImageContent | None = None


class ImagePlatforms(WireStruct):
    """One object."""

    metadata: ObjectMeta
    spec: ImagePlatformsSpec = msgspec.field(default_factory=ImagePlatformsSpec)


class _New(WireStruct, omit_defaults=False):
    metadata: ObjectMeta
    spec: ImagePlatformsSpec
    api_version: str = API_VERSION
    kind: str = "ImagePlatforms"


def object_name(registry: str, digest: str) -> str:
    """The name of the object for one digest of one registry: where it is from, and 16 hex digits of both together.

    Should two of them fall together, only the first is written.
    """
    mixed = hashlib.sha256(f"{registry}@{digest}".encode()).hexdigest()[:16]
    host = _UNFIT_FOR_NAMES.sub("-", registry.lower()[:_LONGEST_HOST]).strip("-.")
    return f"{host}-{mixed}" if host else mixed


def fits(registry: str, content: ImageContent) -> bool:
    """Whether an object can hold it. An index of thousands of entries is legal, and read again when it is needed."""
    return len(registry) <= _LONGEST_REGISTRY and size_of(content) <= _LARGEST_CONTENT


def timestamp(at: datetime | None) -> float:
    """Seconds since 1970; 0 for none, and a time without zone is taken for UTC."""
    if at is None:
        return 0.0
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


async def create(
    client: ApiClient, registry: str, content: ImageContent, images: Mapping[str, float], seen: float
) -> None:
    """Write down what was read. ``images``: name -> when it was seen, in seconds since 1970. Raises ApiError."""
    spec = ImagePlatformsSpec(
        source=Source.READ,
        images=_named(images),
        platforms=_platforms(content),
        registry=registry,
        last_seen=_time(seen),
        content=content,
    )
    metadata = ObjectMeta(name=object_name(registry, content.digest))
    await client.post(PATH, msgspec.json.encode(_New(metadata=metadata, spec=spec)))


async def touch(client: ApiClient, name: str, resource_version: str, images: Mapping[str, float], seen: float) -> None:
    """Write down that it was seen again, by these names. Raises ApiError: Conflict if somebody changed it meanwhile."""
    seen_again = ImagePlatformsSpec(images=_named(images), last_seen=_time(seen))
    change = {"metadata": {"resourceVersion": resource_version}, "spec": seen_again}
    await client.patch(f"{PATH}/{name}", msgspec.json.encode(change), MERGE_PATCH)


async def delete(client: ApiClient, name: str, resource_version: str) -> None:
    """Drop it unless somebody changed it meanwhile. Raises ApiError."""
    options = {"preconditions": {"resourceVersion": resource_version}}
    await client.delete(f"{PATH}/{name}", msgspec.json.encode(options))


def _platforms(content: ImageContent) -> list[str]:
    texts = map(str, offered_platforms(content))
    return [text for text in texts if len(text) <= _LONGEST_PLATFORM][:_MOST_PLATFORMS]


def _named(images: Mapping[str, float]) -> list[NamedImage]:
    known = (image for image in images if len(image) <= _LONGEST_NAME)
    newest = sorted(known, key=lambda image: (-images[image], image))[:MOST_NAMES]
    return [NamedImage(name=image, seen=_time(images[image])) for image in newest]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
