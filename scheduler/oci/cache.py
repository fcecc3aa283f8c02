"""What was learnt from registries, bounded by bytes, and for how long it is good.

Owns two maps. `contents`: (registry, digest) -> content, which never ages. `answers`: (scope, name) -> the digest
that the name stood for, or why there was none; the scope names the credentials that were used, so no pod is answered
from what another pod's secret read. While a registry fails in a passing way, the last known digest stands in. Pure
but for its state: `now` is an argument, in seconds of any monotonic clock.
"""

from __future__ import annotations

import msgspec
from cachetools import LRUCache

from scheduler.images.content import FailureCause, ImageAnswer, ImageContent, ImageFailure, first_failure, size_of
from scheduler.images.policy import retry_delay
from scheduler.oci.settings import RegistrySettings

Key = tuple[str, str]
"""(scope, normalised name of the image)"""

Place = tuple[str, str]
"""(registry, digest). The bytes of a digest are the same everywhere, but the media type is what a registry says it is:
one registry must not decide how an image of another is understood."""

_STALE_FOR = frozenset(
    {FailureCause.TIMEOUT, FailureCause.NETWORK, FailureCause.SERVER_ERROR, FailureCause.RATE_LIMITED}
)
_ENTRY_BYTES = 400  # an entry with its key, numbers and places in the maps
_ONE_IN = 4  # bytes is for answers: as many images of two platforms fit as names, and more names than larger images


class _Entry(msgspec.Struct, gc=False):
    place: Place | None
    read: float
    """When the digest was read."""
    asked: float
    """When the registry was asked last."""
    until: float
    """How long the answer is good."""
    answer: ImageAnswer | None = None
    """A failure, or a content that lacks a child; None when the content at ``place`` is the answer."""
    failures: int = 0
    """In a row."""


class ImageCache:
    """The memory of a resolver."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        for_answers = settings.cache_size // _ONE_IN
        for_contents = settings.cache_size - for_answers
        self._contents: LRUCache[Place, ImageContent] = LRUCache(for_contents, getsizeof=size_of)
        self._answers: LRUCache[Key, _Entry] = LRUCache(for_answers, getsizeof=_entry_size)
        self.hits = 0
        """How often an answer was found here since the start."""

    @property
    def size(self) -> int:
        """About how many bytes are kept."""
        return int(self._contents.currsize + self._answers.currsize)

    def content(self, place: Place) -> ImageContent | None:
        return self._contents.get(place)

    def answer(self, key: Key, now: float, longest_age: float | None = None) -> ImageAnswer | None:
        """What is known and still good, for ``longest_age`` seconds since it was asked for at most."""
        entry = self._answers.get(key)
        if entry is None or now >= entry.until or (longest_age is not None and now >= entry.asked + longest_age):
            return None
        self.hits += 1
        return self._value(entry)

    def learnt(self, key: Key, registry: str, content: ImageContent, now: float) -> ImageAnswer:
        """Keep which content a name stands for; one that lacks a child, only as long as that child's failure lasts."""
        lifetime = self._settings.tag_lifetime
        kept: ImageAnswer | None = None
        failure = first_failure(content)
        if failure is not None:
            lifetime = min(lifetime, retry_delay(failure, 1))
            kept = content
        self._put(key, _Entry((registry, content.digest), read=now, asked=now, until=now + lifetime, answer=kept))
        return content

    def keep(self, registry: str, content: ImageContent) -> None:
        """Keep a content by its digest, unless it lacks a child or is larger than the whole cache."""
        if first_failure(content) is None and size_of(content) <= self._contents.maxsize:
            self._contents[registry, content.digest] = content

    def recall(self, key: Key, place: Place, read: float) -> None:
        """Take over that a name stood for a digest at ``read``, unless something newer is known of the name.

        ``read`` is by the cache's clock and may lie before its start.
        """
        entry = self._answers.get(key)
        if place in self._contents and (entry is None or entry.asked < read):
            self._put(key, _Entry(place, read=read, asked=read, until=read + self._settings.tag_lifetime))

    def failed(self, key: Key, failure: ImageFailure, now: float) -> ImageAnswer:
        """Keep a failure for as long as suits it. The answer is the last known content where that may stand in.

        The failure's ``retry_after`` becomes the time until the registry is asked again.
        """
        last = self._answers.get(key)
        failures = 0 if last is None else last.failures
        lifetime = retry_delay(failure, failures + 1)
        failure = msgspec.structs.replace(failure, retry_after=lifetime)
        entry = _Entry(None, read=now, asked=now, until=now + lifetime, answer=failure, failures=failures + 1)
        if last is not None and failure.cause in _STALE_FOR and now < last.read + self._settings.stale_lifetime:
            known = None if last.place is None else self._value(last)
            if known is not None:
                entry.place, entry.read = last.place, last.read
                entry.answer = last.answer
                self._put(key, entry)
                return known
        self._put(key, entry)
        return failure

    def _value(self, entry: _Entry) -> ImageAnswer | None:
        if entry.answer is not None:
            return entry.answer
        return None if entry.place is None else self._contents.get(entry.place)

    def _put(self, key: Key, entry: _Entry) -> None:
        if _entry_size(entry) <= self._answers.maxsize:
            self._answers[key] = entry


def _entry_size(entry: _Entry) -> int:
    match entry.answer:
        case ImageFailure():
            return _ENTRY_BYTES + len(entry.answer.message)
        case ImageContent():
            return _ENTRY_BYTES + size_of(entry.answer)
    return _ENTRY_BYTES
