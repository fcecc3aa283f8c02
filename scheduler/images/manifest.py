"""Manifest bytes -> documents: indexes, image manifests, schema 1, configs.

Owns the shapes of all that a registry serves under ``/manifests/``, and the refusal of what is ambiguous: a document
that one reader takes for an index and another for an image could run anything anywhere. It draws no conclusions; what
is *known* of an image once its documents are read is ``content``. Digests are checked in ``digest``, sizes are limited
by the client that reads the bytes.

The rules are those of containerd (``core/images``: ``validateMediaType``) and containers/image
(``ValidateUnambiguousManifestFormat``); the fields are those of the OCI image specification 1.1.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from scheduler.images import media_types
from scheduler.images.platform import Platform

_ATTESTATION = ("vnd.docker.reference.type", "attestation-manifest")
_ZSTD = ("io.github.containers.compression.zstd", "true")

_T = TypeVar("_T")


class MalformedManifest(ValueError):
    """A document that no runtime would take for an image, an index or an artifact."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"malformed manifest: {problem}")


class Descriptor(msgspec.Struct, frozen=True, gc=False):
    """A pointer to content: in an index to a manifest, in a manifest to its config.

    ``platform`` is None where the descriptor has none, which is not the same as an empty one: runtimes look into the
    config of the former and never choose the latter.
    """

    media_type: str
    digest: str
    size: int = 0
    platform: Platform | None = None
    attestation: bool = False
    zstd: bool = False


class Index(msgspec.Struct, frozen=True, gc=False):
    """An OCI image index or Docker manifest list; ``manifests`` in the order of the document."""

    media_type: str
    manifests: tuple[Descriptor, ...]


class Manifest(msgspec.Struct, frozen=True, gc=False):
    """An OCI or Docker (schema 2) manifest, of an image or of an artifact. ``size``: bytes of config and layers."""

    media_type: str
    config: Descriptor
    artifact_type: str
    size: int

    @property
    def is_image(self) -> bool:
        """Only the type of the config tells: artifacts use their own, or the empty one beside ``artifactType``."""
        return self.config.media_type in media_types.IMAGE_CONFIGS


class Schema1(msgspec.Struct, frozen=True, gc=False):
    """A Docker manifest of schema 1, which names its platform itself."""

    media_type: str
    platform: Platform


Document = Index | Manifest | Schema1


class _Shape(msgspec.Struct, rename="camel"):
    """Just enough to tell the kinds apart. A key counts when it is there, even as null: so it does for containerd."""

    schema_version: int | None = None
    media_type: str | None = None
    manifests: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    config: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    layers: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    fs_layers: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    def has(self, *keys: str) -> bool:
        return any(getattr(self, key) is not msgspec.UNSET for key in keys)


class _WirePlatform(msgspec.Struct, rename={"os_version": "os.version", "os_features": "os.features"}):
    os: str | None = None
    architecture: str | None = None
    variant: str | None = None
    os_version: str | None = None
    os_features: list[str] | None = None

    def value(self) -> Platform:
        return Platform(
            self.os or "",
            self.architecture or "",
            self.variant or "",
            self.os_version or "",
            tuple(self.os_features or ()),
        )


class _WireDescriptor(msgspec.Struct, rename="camel"):
    media_type: str | None = None
    digest: str | None = None
    size: int | None = None
    platform: _WirePlatform | None = None
    annotations: dict[str, str | None] | None = None

    def value(self) -> Descriptor:
        annotations = (self.annotations or {}).items()
        return Descriptor(
            media_types.essence(self.media_type),
            self.digest or "",
            self.size or 0,
            None if self.platform is None else self.platform.value(),
            attestation=_ATTESTATION in annotations,
            zstd=_ZSTD in annotations,
        )


class _WireIndex(msgspec.Struct):
    manifests: list[_WireDescriptor] | None = None


class _WireManifest(msgspec.Struct, rename="camel"):
    config: _WireDescriptor | None = None
    layers: list[_WireDescriptor] | None = None
    blobs: list[_WireDescriptor] | None = None
    artifact_type: str | None = None


class _WireHistory(msgspec.Struct, rename="camel"):
    v1_compatibility: str = "{}"


class _WireSchema1(msgspec.Struct):
    architecture: str | None = None
    history: list[_WireHistory] | None = None


def parse_manifest(body: bytes, content_type: str | None) -> Document:
    """Read what a registry served under ``/manifests/``. Raises MalformedManifest.

    ``content_type`` is the header as received, or the media type of the descriptor that led here. It decides; when it
    is missing or no manifest type, the document's own ``mediaType`` does, and then its shape.
    """
    shape = _decode(body, _Shape)
    media_type = _media_type(shape, content_type)
    _refuse_ambiguity(shape, media_type)
    if media_type in media_types.INDEXES:
        entries = _decode(body, _WireIndex).manifests or ()
        return Index(media_type, tuple(entry.value() for entry in entries))
    if media_type in media_types.SCHEMA1_MANIFESTS:
        return _schema1(body, media_type)
    return _manifest(body, media_type)


def parse_config(body: bytes) -> Platform:
    """The platform that an image config names, as written; what it does not name is an empty string.

    Raises MalformedManifest.
    """
    return _decode(body, _WirePlatform).value()


def _decode(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedManifest(str(error)) from error


def _media_type(shape: _Shape, content_type: str | None) -> str:
    for claim in (media_types.essence(content_type), media_types.essence(shape.media_type)):
        if claim in _KNOWN:
            return claim
    if shape.schema_version == 1:
        return media_types.DOCKER_SCHEMA1
    if shape.has("config"):
        return media_types.OCI_MANIFEST
    if shape.has("manifests"):
        return media_types.OCI_INDEX
    claims = " and ".join(repr(claim) for claim in (content_type, shape.media_type) if claim)
    raise MalformedManifest(f"no manifest by its type ({claims or 'none given'}) or shape")


_KNOWN = (
    media_types.INDEXES
    | media_types.MANIFESTS
    | media_types.SCHEMA1_MANIFESTS
    | frozenset({media_types.OCI_ARTIFACT_MANIFEST})
)


def _refuse_ambiguity(shape: _Shape, media_type: str) -> None:
    own = media_types.essence(shape.media_type)
    if media_type in media_types.INDEXES:
        wrong = shape.has("config", "layers", "fs_layers") or own in media_types.MANIFESTS
    elif media_type in media_types.SCHEMA1_MANIFESTS:
        wrong = shape.has("manifests", "config", "layers")
    else:
        wrong = shape.has("manifests", "fs_layers") or own in media_types.INDEXES
    if wrong:
        raise MalformedManifest(f"served as {media_type}, but with the contents of another type")


def _manifest(body: bytes, media_type: str) -> Manifest:
    document = _decode(body, _WireManifest)
    if document.config is None and media_type != media_types.OCI_ARTIFACT_MANIFEST:
        raise MalformedManifest("it has no config")
    config = document.config.value() if document.config else Descriptor("", "")
    blobs = [*(document.layers or ()), *(document.blobs or ())]
    size = config.size + sum(blob.size or 0 for blob in blobs)
    return Manifest(media_type, config, document.artifact_type or "", size)


def _schema1(body: bytes, media_type: str) -> Schema1:
    document = _decode(body, _WireSchema1)
    newest = document.history[0].v1_compatibility if document.history else "{}"
    os = _decode(newest.encode(), _WirePlatform).os or ""
    return Schema1(media_type, Platform(os, document.architecture or ""))
