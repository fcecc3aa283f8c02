"""The picture of all ImagePlatforms objects, and what follows from it.

Owns two directions. What was read elsewhere goes to the resolver, and so does what an administrator declares, which
goes before it. What our resolver learns is compared with the picture: is it worth writing down, and what is too old to
keep? Writes are values; sending them at a decent pace is ``sharing``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from scheduler.images.content import ImageContent, declared_content
from scheduler.images.platform import InvalidPlatform, parse_platform
from scheduler.images.pod_images import name_on_nodes
from scheduler.kube.image_platforms import MOST_NAMES, ImagePlatforms, Source, fits, object_name, timestamp
from scheduler.oci.resolver import Learnt, Resolver

REFRESH_SECONDS = 3600.0
"""How old the written time of an image may grow before it is written again, seen again."""


@dataclass(frozen=True, slots=True)
class Create:
    """Write down a content that has no object yet. Times are seconds since 1970."""

    registry: str
    content: ImageContent
    images: dict[str, float]
    seen: float


@dataclass(frozen=True, slots=True)
class Touch:
    """Write down that it was seen again."""

    name: str
    resource_version: str
    images: dict[str, float]
    seen: float


@dataclass(frozen=True, slots=True)
class Delete:
    name: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class _Written:
    """An object that a scheduler wrote: what there is to know of it apart from its content."""

    resource_version: str
    registry: str
    digest: str
    images: dict[str, float]
    seen: float


@dataclass(slots=True)
class _Picture:
    written: dict[str, _Written] = field(default_factory=dict)
    declared: dict[str, dict[str, ImageContent]] = field(default_factory=dict)
    """Object -> image -> content."""


class SharedImages:
    """A handler for the reflector.

    ``on_declared`` gets the full names of images for which what is declared has changed, ``on_problem`` a sentence for
    each object that makes no sense. ``clock``: seconds since 1970.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        on_declared: Callable[[frozenset[str]], None],
        on_problem: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._resolver = resolver
        self._on_declared = on_declared
        self._on_problem = on_problem
        self._clock = clock
        self._picture = _Picture()
        self._in_force: dict[str, ImageContent] = {}

    def __len__(self) -> int:
        return len(self._picture.written) + len(self._picture.declared)

    # As the reflector's handler

    def replaced(self, items: list[ImagePlatforms]) -> None:
        self._picture = _Picture()
        for item in items:
            self._take(item)
        self._declare()

    def added(self, item: ImagePlatforms) -> None:
        self.modified(item)

    def modified(self, item: ImagePlatforms) -> None:
        was_declared = self._forget(item)
        self._take(item)
        if was_declared or item.spec.source is Source.DECLARED:
            self._declare()

    def deleted(self, item: ImagePlatforms) -> None:
        if self._forget(item):
            self._declare()

    # What is to be written

    def worth_writing(self, learnt: Learnt) -> Create | Touch | None:
        """None when there is nothing new in it, or when an administrator has taken the object over."""
        now = self._clock()
        images = {learnt.image: now} if learnt.image else {}
        name = object_name(learnt.registry, learnt.content.digest)
        if name in self._picture.declared or not fits(learnt.registry, learnt.content):
            return None
        written = self._picture.written.get(name)
        if written is None:
            return Create(learnt.registry, learnt.content, images, now)
        if (written.registry, written.digest) != (learnt.registry, learnt.content.digest):
            return None  # two that fell together under one name
        is_listed = learnt.image in written.images or (learnt.image and len(written.images) < MOST_NAMES)
        last = written.images.get(learnt.image, 0.0) if is_listed else written.seen
        if now - last < REFRESH_SECONDS:
            return None
        return Touch(name, written.resource_version, {**written.images, **images}, now)

    def outdated(self, longest_age: float, most: int) -> Iterator[Delete]:
        """The objects that were not seen for ``longest_age`` seconds, and the oldest that are more than ``most``."""
        now = self._clock()
        by_age = sorted(self._picture.written.items(), key=lambda item: item[1].seen)
        for position, (name, written) in enumerate(by_age):
            if now - written.seen > longest_age or position < len(by_age) - most:
                yield Delete(name, written.resource_version)

    # Private

    def _take(self, item: ImagePlatforms) -> None:
        if item.spec.source is Source.DECLARED:
            self._picture.declared[item.metadata.name] = self._declared_by(item)
            return
        content, registry = item.spec.content, item.spec.registry
        if content is None or not registry:
            self._on_problem(f"imageplatforms {item.metadata.name} is skipped: it was read, and has no content")
            return
        images = {image.name: timestamp(image.seen) for image in item.spec.images}
        seen = timestamp(item.spec.last_seen)
        self._picture.written[item.metadata.name] = _Written(
            item.metadata.resource_version, registry, content.digest, images, seen
        )
        now = self._clock()
        self._resolver.recall(registry, content, {image: max(0.0, now - at) for image, at in images.items()})

    def _declared_by(self, item: ImagePlatforms) -> dict[str, ImageContent]:
        try:
            content = declared_content(tuple(map(parse_platform, item.spec.platforms)))
        except InvalidPlatform as error:
            self._on_problem(f"imageplatforms {item.metadata.name} declares nothing: {error}")
            return {}
        declared = {}
        for image in item.spec.images:
            name = name_on_nodes(image.name)
            if name:
                declared[name] = content
            else:
                self._on_problem(f"imageplatforms {item.metadata.name}: {image.name!r} is no name of an image")
        return declared

    def _forget(self, item: ImagePlatforms) -> bool:
        """Whether it was a declaration."""
        self._picture.written.pop(item.metadata.name, None)
        return self._picture.declared.pop(item.metadata.name, None) is not None

    def _declare(self) -> None:
        """Of two declarations for one image, the object that comes first by name counts."""
        in_force: dict[str, ImageContent] = {}
        for name in sorted(self._picture.declared, reverse=True):
            in_force.update(self._picture.declared[name])
        before = self._in_force
        changed = frozenset(
            image for image in before.keys() | in_force.keys() if before.get(image) is not in_force.get(image)
        )
        if changed:
            self._in_force = in_force
            self._resolver.declare(in_force)
            self._on_declared(changed)
