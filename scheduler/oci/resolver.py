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
from collections.abc import Sequence

from cachetools import LRUCache

from scheduler.images.content import FailureCause, ImageAnswer, ImageContent, ImageFailure
from scheduler.images.reference import InvalidReference, Reference, parse_reference
from scheduler.oci.addresses import check_registry
from scheduler.oci.cache import ImageCache, Key, Place
from scheduler.oci.credential import ANONYMOUS, Credential
from scheduler.oci.credentials import NO_CREDENTIALS, CredentialSource, Keyring
from scheduler.oci.docker_credentials import OnProblem
from scheduler.oci.endpoints import Endpoint
from scheduler.oci.errors import Blocked, Passing, Refused, RegistryError, TimedOut, TlsFailed, Unreachable
from scheduler.oci.image_reader import ImageReader, Source
from scheduler.oci.mirrors import Places, places_from
from scheduler.oci.observer import Observer
from scheduler.oci.registry import Fetched, RegistryClient
from scheduler.oci.settings import RegistrySettings
from scheduler.oci.single_flight import SingleFlight
from scheduler.oci.sources import sources_from
from scheduler.oci.transport import Clock, Sleep, Transport

_NAMES = 8192  # image names as written whose parsed form is remembered


def _unheard(_problem: str) -> None:
    pass


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
        self._flights: SingleFlight[Key, ImageAnswer] = SingleFlight()
        self._reading: weakref.WeakValueDictionary[Place, asyncio.Lock] = weakref.WeakValueDictionary()
        self._names: LRUCache[str, _Name | ImageFailure] = LRUCache(_NAMES)

    @property
    def under_way(self) -> int:
        """How many images are being asked for right now."""
        return len(self._flights)

    def known(self, image: str, scope: str = "") -> ImageAnswer | None:
        """The answer as far as it is known and good without asking; ``scope`` is `Keyring.scope` of the image."""
        name = self._name(image)
        if isinstance(name, ImageFailure):
            return name
        return self.cache.answer((scope, name.text), self._now())

    def scope(self, image: str, credentials: Keyring) -> str:
        """The scope to ask ``known`` with; empty for a name that is none."""
        name = self._name(image)
        return "" if isinstance(name, ImageFailure) else name.scope(credentials)

    async def resolve(self, image: str, credentials: Keyring = NO_CREDENTIALS, *, fresh: bool = False) -> ImageAnswer:
        """What the image is, or why that cannot be told, within the deadline of the settings. Never raises.

        ``fresh`` asks the registry unless it was asked moments ago. A failure's ``retry_after`` says in how many
        seconds the registry will be asked again.
        """
        if credentials.failure is not None:
            return credentials.failure
        name = self._name(image)
        if isinstance(name, ImageFailure):
            return name
        key = (name.scope(credentials), name.text)
        known = self.cache.answer(key, self._now(), self.settings.fresh_lifetime if fresh else None)
        if known is not None:
            return known
        self.misses += 1
        return await self._flights.run(key, lambda: self._fly(key, name, credentials))

    async def close(self) -> None:
        """End what is under way and all connections."""
        await self._flights.close()
        for source in self._sources:
            await source.close()
        await self._client.close()
        await self._transport.close()

    def _name(self, image: str) -> _Name | ImageFailure:
        name = self._names.get(image)
        if name is None:
            name = self._names[image] = _parse(image, self._places)
        return name

    async def _fly(self, key: Key, name: _Name, credentials: Keyring) -> ImageAnswer:
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
        return self.cache.learnt(key, registry, content, self._now())

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


class _Name:
    """A parsed image name. ``text`` is equal for names of one thing: a digest makes the tag beside it decoration.

    Only a short name under `registries.conf` has several ``references``.
    """

    __slots__ = ("references", "text")

    def __init__(self, references: tuple[Reference, ...]) -> None:
        self.references = references
        self.text = " ".join(
            f"{reference.name}{':' if reference.digest is None else '@'}{reference.target}" for reference in references
        )

    def scope(self, credentials: Keyring) -> str:
        if len(self.references) == 1:
            return credentials.scope(self.references[0])
        scopes = [credentials.scope(reference) for reference in self.references]
        return ",".join(scopes) if any(scopes) else ""


def _parse(image: str, places: Places) -> _Name | ImageFailure:
    try:
        parse_reference(image)  # what the kubelet refuses, no runtime gets to expand
        names = places.expand(image)
        if not names:
            message = f"image name {image!r} has no registry, and registries.conf names several to search"
            return ImageFailure(FailureCause.INVALID_REFERENCE, message)
        return _Name(tuple(map(parse_reference, names)))
    except InvalidReference as error:
        return ImageFailure(FailureCause.INVALID_REFERENCE, str(error))


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
