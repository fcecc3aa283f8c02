"""Image name -> what the image is: the way in to everything about registries.

Owns the order of things for one image: name, allow list, cache, one flight per (scope, name), the credentials in
their order, the deadline. Whatever a registry does ends as an `ImageFailure` value with a sentence for users. When
images are asked for, and who waits, is `scheduler.loops.resolving`; what an answer means for a node is
`scheduler.images.matching`.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from scheduler.images.content import FailureCause, ImageAnswer, ImageContent, ImageFailure, openable
from scheduler.images.reference import Reference
from scheduler.oci.addresses import check_registry
from scheduler.oci.cache import ImageCache, Key, Place
from scheduler.oci.credential import ANONYMOUS, Credential
from scheduler.oci.credentials import NO_CREDENTIALS, CredentialSource, Keyring
from scheduler.oci.docker_credentials import OnProblem
from scheduler.oci.endpoints import Endpoint
from scheduler.oci.errors import Blocked, Passing, Refused, RegistryError, TimedOut, TlsFailed, Unreachable
from scheduler.oci.image_reader import ImageReader, Source
from scheduler.oci.mirrors import Places, places_from
from scheduler.oci.names import Name, parse_name
from scheduler.oci.observer import Observer
from scheduler.oci.registry import Fetched, RegistryClient
from scheduler.oci.settings import RegistrySettings
from scheduler.oci.single_flight import SingleFlight
from scheduler.oci.sources import sources_from
from scheduler.oci.transport import Clock, Sleep, Transport

_NAMES = 2048  # image names as written whose parsed form is remembered


def _unheard(_problem: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a registry has just said, or said again. ``image``: the full name that stood for it; empty where a pod's own
    credentials were used, since then the name is no business of others.
    """

    registry: str
    content: ImageContent
    image: str


class Resolver:
    """Answers what platforms images have. One per event loop.

    ``sources`` are the credentials of this process, tried after those of a pod; ``places`` says where an image is asked
    for. By default both are what the settings say; files named there that cannot be used raise
    InvalidRegistrySettings. ``on_problem`` is told in a sentence what is wrong with a source of credentials,
    ``observer`` of each answer of a registry.
    """

    def __init__(
        self,
        settings: RegistrySettings | None = None,
        *,
        sources: Sequence[CredentialSource] | None = None,
        places: Places | None = None,
        now: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        on_problem: OnProblem = _unheard,
        observer: Observer | None = None,
    ) -> None:
        self.settings = settings or RegistrySettings()
        self._now = now
        if sources is None:
            sources = sources_from(self.settings, now=now, on_problem=on_problem)
        self._sources = tuple(sources)
        self._places = places or places_from(self.settings)
        self._transport = Transport(self.settings, now=now, sleep=sleep, observer=observer)
        self._client = RegistryClient(self._transport)
        self.cache = ImageCache(self.settings)
        self.misses = 0
        """How many questions had to wait for a registry since the start, those that shared a flight included."""
        self._reader = ImageReader(self._client, self.settings)
        self.on_learnt: list[Callable[[Learnt], None]] = []
        """Told of each content that is known as a whole, whenever a registry was asked for it."""
        self._declared: Mapping[str, ImageContent] = {}
        self._flights: SingleFlight[Key, ImageAnswer] = SingleFlight()
        self._reading: weakref.WeakValueDictionary[Place, asyncio.Lock] = weakref.WeakValueDictionary()
        self._names: LRUCache[str, Name | ImageFailure] = LRUCache(_NAMES)

    @property
    def under_way(self) -> int:
        """How many images are being asked for right now."""
        return len(self._flights)

    def known(self, image: str, scope: str = "") -> ImageAnswer | None:
        """The answer as far as it is known and good without asking; ``scope`` is `Keyring.scope` of the image."""
        name = self._name(image)
        if isinstance(name, ImageFailure):
            return name
        return self._declared.get(name.text) or self.cache.answer((scope, name.text), self._now())

    def scope(self, image: str, credentials: Keyring) -> str:
        """The scope to ask ``known`` with; empty for a name that is none."""
        name = self._name(image)
        return "" if isinstance(name, ImageFailure) else name.scope(credentials)

    async def resolve(self, image: str, credentials: Keyring = NO_CREDENTIALS, *, fresh: bool = False) -> ImageAnswer:
        """What the image is, or why that cannot be told, within the deadline of the settings. Never raises.

        ``fresh`` asks the registry unless it was asked moments ago. A failure's ``retry_after`` says in how many
        seconds the registry will be asked again.
        """
        name = self._name(image)
        if isinstance(name, ImageFailure):
            return name
        declared = self._declared.get(name.text)
        if declared is not None:
            return declared
        if credentials.failure is not None:
            return credentials.failure
        key = (name.scope(credentials), name.text)
        known = self.cache.answer(key, self._now(), self.settings.fresh_lifetime if fresh else None)
        if known is not None:
            return known
        self.misses += 1
        return await self._flights.run(key, lambda: self._fly(key, name, credentials))

    def declare(self, declared: Mapping[str, ImageContent]) -> None:
        """Answer these images, by their full names, with these contents from now on, and ask no registry for them."""
        self._declared = declared

    def recall(self, registry: str, content: ImageContent, images: Mapping[str, float]) -> None:
        """Take over what a registry said to another process, or to this one before it was restarted.

        ``images``: full names that stood for the content without a pod's credentials, and how many seconds ago.
        """
        place = (registry, content.digest)
        if self.settings.open_children and any(entry.content is None for entry in openable(content)):
            return  # it was read by somebody who did not look at the children
        if self.cache.content(place) is None:  # else the one that is there stays: pods are told apart by identity
            self.cache.keep(registry, content)
        for image, age in images.items():
            name = self._name(image)
            if isinstance(name, Name) and name.is_in(registry):
                self.cache.recall(("", name.text), place, self._now() - age)

    async def close(self) -> None:
        """End what is under way and all connections."""
        await self._flights.close()
        for source in self._sources:
            await source.close()
        await self._client.close()
        await self._transport.close()

    def _name(self, image: str) -> Name | ImageFailure:
        name = self._names.get(image)
        if name is None:
            name = self._names[image] = parse_name(image, self._places)
        return name

    async def _fly(self, key: Key, name: Name, credentials: Keyring) -> ImageAnswer:
        try:
            async with asyncio.timeout(self.settings.deadline):
                registry, content = await self._ask_each(name.references, credentials)
        except RegistryError as error:
            return self.cache.failed(key, error.failure(), self._now())
        except TimeoutError:
            reference = name.references[0]
            message = (
                f"registry {reference.registry} gave no answer for {_subject(reference)} "
                f"within {self.settings.deadline:g} s"
            )
            return self.cache.failed(key, ImageFailure(FailureCause.TIMEOUT, message), self._now())
        self._tell(key, name, registry, content)
        return self.cache.learnt(key, registry, content, self._now())

    def _tell(self, key: Key, name: Name, registry: str, content: ImageContent) -> None:
        if self.on_learnt and self.cache.content((registry, content.digest)) is not None:
            is_for_all = key[0] == "" and name.is_in(registry)
            learnt = Learnt(registry, content, name.text if is_for_all else "")
            for listener in self.on_learnt:
                listener(learnt)

    async def _ask_each(self, references: Sequence[Reference], credentials: Keyring) -> tuple[str, ImageContent]:
        """(registry, content) of the first of the images that a short name may stand for; a full name has one."""
        *others, last = references
        for reference in others:
            try:
                return reference.registry, await self._ask(reference, credentials)
            except Refused:  # the next one may have it; a registry that is down hides which image is meant
                continue
        return last.registry, await self._ask(last, credentials)

    async def _ask(self, reference: Reference, credentials: Keyring) -> ImageContent:
        """Each credential at each endpoint until one gives the image; the last refusal is the answer.

        As the kubelet, never anonymously once there is a credential: that answer could be one the node cannot get.
        """
        check_registry(reference.registry, _subject(reference), self.settings)
        candidates = credentials.lookup(reference)
        for source in self._sources:
            candidates.extend(await source.credentials(reference))
        refusal: Refused | None = None
        for credential in candidates or [ANONYMOUS]:
            try:
                return await self._read_at_first(self._places.endpoints(reference), reference, credential)
            except Refused as error:
                refusal = error
        if refusal is None:  # there is at least one candidate
            raise AssertionError(reference)
        raise refusal

    async def _read_at_first(
        self, endpoints: Sequence[Endpoint], reference: Reference, credential: Credential
    ) -> ImageContent:
        """The image from the first endpoint that has it; else the failure of the one that got furthest."""
        furthest: RegistryError | None = None
        for endpoint in endpoints:
            try:
                return await self._read(reference, Source(endpoint, credential))
            except RegistryError as error:
                if furthest is None or _progress(error) >= _progress(furthest):
                    furthest = error
        if furthest is None:  # there is at least one endpoint
            raise AssertionError(reference)
        raise furthest

    async def _read(self, reference: Reference, source: Source) -> ImageContent:
        endpoint, credential = source.endpoint, source.credential
        if reference.digest is not None:
            known = self.cache.content((reference.registry, reference.digest))
            if known is not None and self.settings.share_by_digest:
                return known
            digest: str | None = reference.digest
            if known is not None:  # may these credentials see it? HEAD tells, and is not counted as a pull
                digest = await self._client.digest(endpoint, reference.digest, credential)
        else:
            digest = await self._client.digest(endpoint, reference.target, credential)
        if digest is None:
            fetched = await self._client.manifest(endpoint, reference.target, credential)
            return await self._content(reference.registry, source, fetched)
        place = (reference.registry, digest)
        lock = self._reading.setdefault(place, asyncio.Lock())
        async with lock:  # two names, or two scopes, of one digest read it once
            known = self.cache.content(place)
            if known is not None:
                return known
            fetched = await self._client.manifest(endpoint, digest, credential)
            return await self._content(reference.registry, source, fetched)

    async def _content(self, registry: str, source: Source, fetched: Fetched) -> ImageContent:
        known = self.cache.content((registry, fetched.digest))
        if known is not None:
            return known
        content = await self._reader.read(source, fetched, lambda digest: self.cache.content((registry, digest)))
        self.cache.keep(registry, content)
        return content


def _progress(error: RegistryError) -> int:
    """How far an attempt got. Where the registry itself is cut off, a mirror's 404 is what is worth telling."""
    match error:
        case TimedOut() | Unreachable() | TlsFailed() | Blocked():
            return 0
        case Passing():
            return 1
        case Refused():
            return 2
    return 3


def _subject(reference: Reference) -> str:
    return f"{reference.repository}{':' if reference.digest is None else '@'}{reference.target}"
