"""Random registries: never a wrong platform, never two flights, never an unbounded cache, always an answer in time."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import uvloop
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.images.content import FailureCause, ImageContent, ImageFailure, offered_platforms
from scheduler.images.digest import is_digest
from scheduler.images.media_types import OCI_INDEX
from scheduler.images.platform import parse_platform
from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import RegistrySettings
from scheduler.sandbox import registry_faults as faults
from scheduler.sandbox.registry import SandboxRegistry
from scheduler.sandbox.registry_access import Access
from scheduler.sandbox.registry_images import Document, Entry, build_image, build_index
from tests.oci.conftest import Time

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7", "windows(10.0.17763.1)/amd64", "linux/s390x")
REPOSITORIES = ("a/one", "a/two", "a/three")
SETTINGS = RegistrySettings(
    request_timeout=0.05, deadline=0.4, cache_size=6_000, breaker_failures=3, breaker_pause=20.0, concurrency=4
)
LONG_AFTER = 10_000.0  # seconds of the test's clock: no lifetime, pause or Retry-After here is longer
IN_TIME = 5.0  # far over the deadline: the machine may be busy, but an answer that never comes is seen


def of_digests(fault: faults.Fault) -> faults.Fault:
    """The fault where a digest is asked for: what a tag names, only the registry can say."""

    async def limited(request: web.Request) -> web.StreamResponse | None:
        return await fault(request) if is_digest(request.match_info.get("reference", "")) else None

    return limited


FAULTS = {
    "hang": faults.hang(),
    "reset": faults.reset(),
    "cut off": faults.truncated(),
    "another body": of_digests(faults.body(b'{"schemaVersion":2,"manifests":[]}', OCI_INDEX)),
    "no JSON": faults.body(b"{"),
    "too large": faults.oversized(5_000_000),
    "429": faults.status(429),
    "429 for 2 s": faults.status(429, retry_after="2"),
    "429 for an hour": faults.status(429, retry_after="3600"),
    "500": faults.status(500),
    "403": faults.status(403),
    "404": faults.status(404),
    "401": faults.status(401),
    "circles": faults.redirect_loop(),
    "no HEAD": faults.no_head(),
}

SHAPES = ("index", "docker list", "image", "nested", "bare entry", "broken")


@dataclass(frozen=True)
class Push:
    repository: str
    shape: str
    platforms: list[str]


@dataclass(frozen=True)
class Break:
    fault: str
    kind: str
    repository: str | None
    times: int


@dataclass(frozen=True)
class Round:
    """What happens: time passes, tags move, the registry breaks, then images are asked for together."""

    wait: float
    heal: bool
    revoke: bool
    pushes: list[Push]
    breaks: list[Break]
    asked: list[str]
    fresh: bool
    one_leaves: bool


repositories = st.sampled_from(REPOSITORIES)
pushes = st.builds(
    Push,
    repositories,
    st.sampled_from(SHAPES),
    st.lists(st.sampled_from(PLATFORMS), min_size=1, max_size=3, unique=True),
)
breaks = st.builds(
    Break,
    st.sampled_from(sorted(FAULTS)),
    st.sampled_from(["manifest", "manifest", "blob", "token"]),
    st.none() | repositories,
    st.integers(1, 4),
)
rounds = st.builds(
    Round,
    wait=st.sampled_from([1.0, 20.0, 301.0, 4000.0]),
    heal=st.booleans(),
    revoke=st.booleans(),
    pushes=st.lists(pushes, max_size=2),
    breaks=st.lists(breaks, max_size=3),
    asked=st.lists(repositories, min_size=1, max_size=6),
    fresh=st.booleans(),
    one_leaves=st.booleans(),
)


@dataclass
class World:
    """A registry, a resolver, and what is true."""

    registry: SandboxRegistry
    access: Access
    resolver: Resolver
    time: Time
    truth: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """(repository, digest) -> the platforms that were pushed under it"""
    current: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    under_way: Counter[str] = field(default_factory=Counter)
    most: int = 0

    async def watch(self, request: web.Request) -> web.StreamResponse | None:
        """Counts the requests for one repository that are under way together."""
        repository = request.match_info.get("repository", "")
        self.under_way[repository] += 1
        self.most = max(self.most, self.under_way[repository])
        try:
            await asyncio.sleep(0.001)
        finally:
            self.under_way[repository] -= 1
        return None

    def heal(self) -> None:
        self.registry.heal()
        for kind in ("manifest", "blob"):
            self.registry.inject(self.watch, kind=kind)

    def push(self, repository: str, shape: str, platforms: list[str]) -> None:
        registry, parsed = self.registry, [parse_platform(text) for text in platforms]
        if shape == "broken":
            digest = registry.push_document(repository, "1", Document(OCI_INDEX, b'{"manifests":{}}'))
            self.broken.add(digest)
            self.current[repository] = digest
            return
        if shape in ("index", "docker list"):
            digest = registry.push_index(repository, "1", parsed, docker=shape == "docker list")
        elif shape == "image":
            digest, parsed = registry.push_image(repository, "1", parsed[0]), parsed[:1]
        else:
            images = [build_image(platform, repository) for platform in parsed]
            for image in images:
                registry.push(repository, None, image)
            known = [Entry(image.manifest, platform) for image, platform in zip(images, parsed, strict=True)]
            if shape == "nested":
                inner = build_index(known)
                registry.push_document(repository, None, inner)
                digest = registry.push_document(repository, "1", build_index([Entry(inner, None)]))
            else:
                digest = registry.push_document(
                    repository, "1", build_index([*known[1:], Entry(images[0].manifest, None)])
                )
                parsed = [*parsed[1:], parsed[0]]
        self.truth[repository, digest] = tuple(map(str, parsed))
        self.current[repository] = digest

    async def ask(self, wanted: list[str], fresh: bool, leave: bool) -> None:
        tasks = [
            asyncio.create_task(self.resolver.resolve(f"{self.registry.address}/{repository}:1", fresh=fresh))
            for repository in wanted
        ]
        if leave:
            await asyncio.sleep(0)
            tasks[0].cancel()
        async with asyncio.timeout(IN_TIME):
            answers = await asyncio.gather(*tasks, return_exceptions=True)
        for repository, answer in zip(wanted, answers, strict=True):
            if not isinstance(answer, asyncio.CancelledError):
                self.check(repository, answer)

    async def recovers(self, repository: str) -> None:
        """A registry that is well again is answered from, as it is now; a busy machine may need a second try."""
        for _ in range(20):
            self.time.seconds += LONG_AFTER
            answer = await self.resolver.resolve(f"{self.registry.address}/{repository}:1")
            if not (isinstance(answer, ImageFailure) and answer.cause is FailureCause.TIMEOUT):
                break
        if isinstance(answer, ImageContent):
            assert tuple(map(str, offered_platforms(answer))) == self.truth[repository, self.current[repository]]
        else:
            assert self.current[repository] in self.broken
            assert answer.cause is FailureCause.MALFORMED

    def check(self, repository: str, answer: object) -> None:
        if isinstance(answer, ImageFailure):
            assert answer.cause is not FailureCause.PENDING
            assert answer.message.startswith("registry 127.0.0.1:")
            return
        assert isinstance(answer, ImageContent), answer
        platforms = self.truth[repository, answer.digest]
        offered = tuple(map(str, offered_platforms(answer)))
        failed = any(entry.failure for entry in answer.entries)
        assert (set(offered) < set(platforms)) if failed else (offered == platforms)


async def live(story: list[Round], tokens: bool) -> None:
    time = Time()
    access = Access(now=time)
    registry = SandboxRegistry(access if tokens else None)
    await registry.start()
    resolver = Resolver(SETTINGS, now=time, sleep=time.sleep)
    world = World(registry, access, resolver, time)
    world.heal()
    try:
        for repository in REPOSITORIES:
            world.push(repository, "index", list(PLATFORMS[:2]))
        for chapter in story:
            time.seconds += chapter.wait
            await tell(world, chapter)
            assert resolver.cache.size <= SETTINGS.cache_size
        assert world.most <= 1
        world.heal()
        for _ in range(500):
            if resolver.under_way:  # a flight whose only waiter left
                await asyncio.sleep(0.01)
        for repository in REPOSITORIES:
            await world.recovers(repository)
    finally:
        await resolver.close()
        await registry.stop()


async def tell(world: World, chapter: Round) -> None:
    if chapter.heal:
        world.heal()
    if chapter.revoke:
        world.access.revoke_tokens()
    for push in chapter.pushes:
        world.push(push.repository, push.shape, push.platforms)
    for trouble in chapter.breaks:
        world.registry.inject(
            FAULTS[trouble.fault], kind=trouble.kind, repository=trouble.repository, times=trouble.times
        )
    await world.ask(chapter.asked, chapter.fresh, chapter.one_leaves)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(rounds, min_size=2, max_size=8), st.booleans())
def test_whatever_a_registry_does_no_answer_is_wrong_doubled_or_late(story: list[Round], tokens: bool) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the scheduler runs
        runner.run(live(story, tokens))
