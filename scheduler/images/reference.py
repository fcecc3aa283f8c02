"""Image references: the grammar that the kubelet applies to ``spec.containers[].image``.

Owns the splitting of a name into registry, repository, tag and digest, and the reasons why a string is none. The rules
are those of github.com/distribution/reference (``ParseNormalizedNamed``, then ``TagNameOnly``), with one difference:
a name that the library accepts with an *empty* registry can be pulled from nowhere and is refused here.

Which registry host is asked, with which credentials, is the business of ``scheduler.oci``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from scheduler.images.digest import HEX_LENGTHS, is_digest

DOCKER_HUB = "docker.io"
_LEGACY_DOCKER_HUB = "index.docker.io"
_OFFICIAL_REPOSITORIES = "library/"
DEFAULT_TAG = "latest"

_MAX_REPOSITORY = 255  # characters, registry not counted

_HOST = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_REGISTRY = rf"(?:{_HOST}(?:\.{_HOST})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
# Any algorithm and length pass the grammar; which digests are usable is checked after it, as the library does.
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REMAINDER = re.compile(rf"({_COMPONENT}(?:/{_COMPONENT})*)(?::({_TAG}))?(?:@({_DIGEST}))?", re.ASCII)
_REGISTRY_FORM = re.compile(_REGISTRY, re.ASCII)
_BARE_IMAGE_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://", re.ASCII)


class InvalidReference(ValueError):
    """A string that no kubelet would pull. ``text`` is the string as given, ``reason`` what is wrong with it."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"image name {text!r} is invalid: {reason}")
        self.text = text
        self.reason = reason


class Reference(msgspec.Struct, frozen=True, gc=False):
    """Where an image is: never without a tag or a digest.

    ``registry`` is the host as written (not lower-cased: credentials and caches tell such hosts apart), ``docker.io``
    for Docker Hub. With a digest beside it, a tag is decoration: no runtime looks it up.
    """

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def name(self) -> str:
        """``registry/repository``: what credentials are matched against."""
        return f"{self.registry}/{self.repository}"

    @property
    def target(self) -> str:
        """What to ask the registry for: the digest where there is one, else the tag."""
        return self.digest or self.tag or DEFAULT_TAG

    def __str__(self) -> str:
        """The full name, ``docker.io/library/nginx:latest``."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def parse_reference(text: str) -> Reference:
    """Read an image name as the kubelet does. Raises InvalidReference."""
    registry, remainder = _split_registry(text)
    form = _REMAINDER.fullmatch(remainder)
    if form is None or not _REGISTRY_FORM.fullmatch(registry) or _BARE_IMAGE_ID.fullmatch(text):
        raise InvalidReference(text, _why_invalid(text, registry, remainder))
    repository, tag, digest = form.groups()
    if len(repository) > _MAX_REPOSITORY:
        raise InvalidReference(text, f"the repository has more than {_MAX_REPOSITORY} characters")
    if digest is not None and not is_digest(digest):
        raise InvalidReference(text, _why_unusable(digest))
    if tag is None and digest is None:
        tag = DEFAULT_TAG
    return Reference(registry, repository, tag, digest)


def _split_registry(text: str) -> tuple[str, str]:
    """(registry, the rest). The first part is a registry if it could not be a repository of Docker Hub."""
    first, slash, rest = text.partition("/")
    if not slash or not (first == "localhost" or "." in first or ":" in first or first != first.lower()):
        registry, remainder = DOCKER_HUB, text
    elif first in (DOCKER_HUB, _LEGACY_DOCKER_HUB):
        registry, remainder = DOCKER_HUB, rest
    else:
        return first, rest
    return registry, remainder if "/" in remainder else _OFFICIAL_REPOSITORIES + remainder


def _why_invalid(text: str, registry: str, remainder: str) -> str:
    """The first thing wrong that a person can act on."""
    return next(_problems(text, registry, remainder), "it is not of the form [registry/]repository[:tag][@digest]")


def _problems(text: str, registry: str, remainder: str) -> Iterator[str]:
    path = remainder.partition(":")[0]
    if not text:
        yield "it is empty"
    if _BARE_IMAGE_ID.fullmatch(text):
        yield "it is a bare image ID of 64 hexadecimal digits"
    if _SCHEME.match(text):
        yield "it starts with a scheme"
    if any(character.isspace() for character in text):
        yield "it contains white space"
    if path != path.lower():
        yield "the repository must be lower case"
    if not _REGISTRY_FORM.fullmatch(registry):
        yield f"{registry!r} is no registry host"


def _why_unusable(digest: str) -> str:
    algorithm, _, _ = digest.partition(":")
    length = HEX_LENGTHS.get(algorithm)
    if length is None:
        return f"the digest algorithm {algorithm!r} is not supported (sha256, sha384, sha512)"
    return f"a {algorithm} digest has {length} lower-case hexadecimal digits"
