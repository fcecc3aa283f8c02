"""What is known of an image: immutable knowledge per digest, or the reason why there is none.

Owns the value that travels from the resolver through the cache into ``matching``: an index with its entries, a single
image with its platform, an artifact, a schema 1 manifest. A digest's content never changes, so neither does an
``ImageContent``; which digest a tag means today is the resolver's knowledge, not this one's.

Documents come from ``manifest``. A resolver builds the content of an index in two steps: ``content_of`` the document,
then ``with_opened`` the children that ``entries_to_open`` asks for. That is one request for an ordinary index.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from functools import lru_cache

import msgspec

from scheduler.images import media_types
from scheduler.images.digest import is_digest
from scheduler.images.manifest import Descriptor, Document, Index, Schema1
from scheduler.images.platform import Platform


class FailureCause(enum.StrEnum):
    """Why an image's platforms are not known. How long each lasts: ``policy``."""

    PENDING = "pending"
    TIMEOUT = "timeout"
    NETWORK = "network"
    SERVER_ERROR = "server-error"
    RATE_LIMITED = "rate-limited"
    NOT_FOUND = "not-found"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    TLS = "tls"
    BLOCKED = "blocked"
    DIGEST_MISMATCH = "digest-mismatch"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    INVALID_REFERENCE = "invalid-reference"


class ImageFailure(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """No answer. ``message`` is for users: which registry said what, without secrets, tokens or query strings.

    ``retry_after``: seconds the registry asked to wait.
    """

    cause: FailureCause
    message: str
    retry_after: float | None = None


class ContentKind(enum.StrEnum):
    IMAGE = "image"
    INDEX = "index"
    ARTIFACT = "artifact"
    SCHEMA1 = "schema1"


class IndexEntry(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """One entry of an index, with what is known of its child beyond the index itself.

    ``platform`` is None where the index gives none. ``content`` is the child as far as it was opened, ``failure`` why
    it could not be; an entry of an ordinary index has neither, and its child counts as present.
    """

    digest: str
    media_type: str
    platform: Platform | None = None
    zstd: bool = False
    attestation: bool = False
    content: ImageContent | None = None
    failure: ImageFailure | None = None

    @property
    def is_index(self) -> bool:
        return self.media_type in media_types.INDEXES


class ImageContent(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """All that matters of one manifest or index.

    ``platform``: of an image or schema 1 manifest, as written; empty fields where its config names none. ``entries``:
    of an index, in order. ``artifact_type``: of an artifact, its own or that of its config. ``size``: bytes of config
    and layers, 0 for an index.
    """

    digest: str
    kind: ContentKind
    media_type: str = ""
    platform: Platform | None = None
    entries: tuple[IndexEntry, ...] = ()
    artifact_type: str = ""
    size: int = 0


ImageAnswer = ImageContent | ImageFailure


@lru_cache(maxsize=1024)
def declared_content(platforms: tuple[Platform, ...]) -> ImageContent:
    """What an image is taken to be of which nothing was read, by someone's word that it was built for ``platforms``.

    One object per tuple: pods are told apart by the identity of their answers.
    """
    entries = tuple(IndexEntry("", media_types.OCI_MANIFEST, platform) for platform in platforms)
    return ImageContent("", ContentKind.INDEX, media_types.OCI_INDEX, entries=entries)


def content_of(digest: str, document: Document, platform: Platform | None = None) -> ImageContent:
    """The content of one document. ``platform`` is that of the config, which is read beside an image's manifest."""
    if isinstance(document, Index):
        entries = tuple(map(_entry, document.manifests))
        return ImageContent(digest, ContentKind.INDEX, document.media_type, entries=entries)
    if isinstance(document, Schema1):
        return ImageContent(digest, ContentKind.SCHEMA1, document.media_type, document.platform)
    if document.is_image:
        return ImageContent(digest, ContentKind.IMAGE, document.media_type, platform, size=document.size)
    artifact_type = document.artifact_type or document.config.media_type
    return ImageContent(
        digest, ContentKind.ARTIFACT, document.media_type, artifact_type=artifact_type, size=document.size
    )


def _entry(descriptor: Descriptor) -> IndexEntry:
    nowhere = ImageFailure(FailureCause.MALFORMED, "its index entry has no usable digest")
    return IndexEntry(
        descriptor.digest,
        descriptor.media_type,
        descriptor.platform,
        descriptor.zstd,
        descriptor.attestation,
        failure=None if is_digest(descriptor.digest) else nowhere,
    )


def entries_to_open(content: ImageContent) -> tuple[IndexEntry, ...]:
    """The entries whose platform the index alone does not tell: nested indexes, and those without a platform.

    Of the latter only the first that a runtime could take: every runtime looks at one and then gives up. CRI-O prefers
    one that says it is compressed by zstd.
    """
    candidates = openable(content)
    without = [entry for entry in candidates if entry.platform is None]
    chosen = {entry.digest for entry in (*without[:1], *[entry for entry in without if entry.zstd][:1])}
    chosen.update(entry.digest for entry in candidates if entry.is_index and entry.platform is not None)
    return tuple({entry.digest: entry for entry in candidates if entry.digest in chosen}.values())


def openable(content: ImageContent) -> list[IndexEntry]:
    """The entries that can be opened at all: for those who want to know every child's config or size."""
    return [entry for entry in content.entries if not entry.attestation and entry.failure is None]


def with_opened(content: ImageContent, children: Mapping[str, ImageAnswer]) -> ImageContent:
    """The content with what is now known of its children, by digest."""
    return msgspec.structs.replace(
        content, entries=tuple(_opened(entry, children.get(entry.digest)) for entry in content.entries)
    )


def _opened(entry: IndexEntry, answer: ImageAnswer | None) -> IndexEntry:
    if isinstance(answer, ImageContent):
        return msgspec.structs.replace(entry, content=answer, failure=None)
    if isinstance(answer, ImageFailure):
        return msgspec.structs.replace(entry, content=None, failure=answer)
    return entry


def first_failure(content: ImageContent) -> ImageFailure | None:
    """Why a child could not be read, if any could not: then the content is not all there is to know of its digest."""
    for entry in content.entries:
        failure = entry.failure
        if failure is None and entry.content is not None:
            failure = first_failure(entry.content)
        if failure is not None:
            return failure
    return None


def offered_platforms(content: ImageContent) -> tuple[Platform, ...]:
    """The distinct platforms that the image was built for, in its order. What describes another entry is left out."""
    return tuple(dict.fromkeys(platform for platform in _platforms(content) if _is_offer(platform)))


def _platforms(content: ImageContent) -> Iterator[Platform]:
    if content.platform is not None:
        yield content.platform
    for entry in content.entries:
        if entry.attestation:
            continue
        if entry.content is not None and (entry.platform is None or entry.is_index):
            yield from _platforms(entry.content)
        elif entry.platform is not None:
            yield entry.platform


def _is_offer(platform: Platform) -> bool:
    return bool(platform.architecture) and (platform.os, platform.architecture) != ("unknown", "unknown")


_STRUCT_BYTES = 120  # a content, entry or platform with its slots and the tuple cell that holds it
_STRING_BYTES = 49  # an ASCII string without its characters


def size_of(content: ImageContent) -> int:
    """About how many bytes of memory the content takes, for caches that are bounded by them."""
    own = _STRUCT_BYTES + _strings(content.digest, content.media_type, content.artifact_type)
    own += 0 if content.platform is None else _platform_bytes(content.platform)
    return own + sum(map(_entry_bytes, content.entries))


def _entry_bytes(entry: IndexEntry) -> int:
    own = _STRUCT_BYTES + _strings(entry.digest, entry.media_type)
    own += 0 if entry.platform is None else _platform_bytes(entry.platform)
    own += 0 if entry.failure is None else _STRUCT_BYTES + _strings(entry.failure.message)
    return own + (0 if entry.content is None else size_of(entry.content))


def _platform_bytes(platform: Platform) -> int:
    texts = (platform.os, platform.architecture, platform.variant, platform.os_version, *platform.os_features)
    return _STRUCT_BYTES + _strings(*texts)


def _strings(*texts: str) -> int:
    return sum(_STRING_BYTES + len(text) for text in texts)
