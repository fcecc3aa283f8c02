"""What follows from ImagePlatforms objects for the resolver, and from what it learns for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler.api.meta import ObjectMeta
from scheduler.images.content import ContentKind, ImageContent, ImageFailure, IndexEntry, offered_platforms
from scheduler.images.media_types import OCI_INDEX, OCI_MANIFEST
from scheduler.images.platform import Platform
from scheduler.kube.image_platforms import (
    MOST_NAMES,
    ImagePlatforms,
    ImagePlatformsSpec,
    NamedImage,
    Source,
    object_name,
)
from scheduler.loops.shared_images import REFRESH_SECONDS, Create, Delete, SharedImages, Touch
from scheduler.oci.credentials import Keyring
from scheduler.oci.resolver import Learnt, Resolver
from scheduler.oci.settings import RegistrySettings

IMAGE = "ghcr.io/acme/app:1"
DIGEST = "sha256:" + "a" * 64
NOW = 1_000_000.0


def content(digest: str = DIGEST, *architectures: str) -> ImageContent:
    entries = tuple(
        IndexEntry(f"sha256:{number:064x}", OCI_MANIFEST, Platform("linux", name))
        for number, name in enumerate(architectures or ("arm64",))
    )
    return ImageContent(digest, ContentKind.INDEX, OCI_INDEX, entries=entries)


def read(seen: float = NOW, *, digest: str = DIGEST, images: tuple[str, ...] = (IMAGE,), **spec: Any) -> ImagePlatforms:
    at = datetime.fromtimestamp(seen, UTC)
    fields: dict[str, Any] = {
        "source": Source.READ,
        "registry": "ghcr.io",
        "images": [NamedImage(name=image, seen=at) for image in images],
        "last_seen": at,
        "content": content(digest),
        **spec,
    }
    name = object_name(fields["registry"], digest)
    return ImagePlatforms(metadata=ObjectMeta(name=name, resource_version="5"), spec=ImagePlatformsSpec(**fields))


def declared(name: str, *platforms: str, images: tuple[str, ...] = (IMAGE,)) -> ImagePlatforms:
    spec = ImagePlatformsSpec(images=[NamedImage(name=image) for image in images], platforms=list(platforms))
    return ImagePlatforms(metadata=ObjectMeta(name=name), spec=spec)


class World:
    """A resolver without a registry, its clock and the wall's at NOW, and what was told."""

    def __init__(self, settings: RegistrySettings) -> None:
        self.now = NOW
        self.resolver = Resolver(settings, now=lambda: self.now)
        self.changed: list[frozenset[str]] = []
        self.problems: list[str] = []
        self.shared = SharedImages(
            self.resolver,
            on_declared=self.changed.append,
            on_problem=self.problems.append,
            clock=lambda: self.now,
        )

    def platforms(self, image: str = IMAGE) -> list[str] | None:
        answer = self.resolver.known(image)
        return [str(each) for each in offered_platforms(answer)] if isinstance(answer, ImageContent) else None


@pytest.fixture
async def world() -> AsyncIterator[World]:
    # No proxy, one try, no pause: what is not known fails at once.
    made = World(RegistrySettings(use_proxies=False, attempts=1, allow_loopback=False, tag_lifetime=300))
    yield made
    await made.resolver.close()


class TestReading:
    async def test_what_was_read_elsewhere_is_known(self, world: World) -> None:
        world.shared.replaced([read()])
        assert world.platforms() == ["linux/arm64"]

    async def test_a_tag_is_as_old_as_it_was_written(self, world: World) -> None:
        world.shared.replaced([read(NOW - 299)])
        assert world.platforms() == ["linux/arm64"]
        world.now += 2
        assert world.platforms() is None

    async def test_an_old_tag_stands_in_while_its_registry_does_not_answer(self, world: World) -> None:
        image = "localhost:1/acme/app:1"
        here = RegistrySettings(use_proxies=False, attempts=1)
        reachable = World(here)
        reachable.shared.replaced([read(NOW - 4000, images=(image,), registry="localhost:1")])
        answer = await reachable.resolver.resolve(image)
        await reachable.resolver.close()
        assert answer == content()

    async def test_the_newest_of_two_digests_of_a_tag_counts_whatever_the_order(self, world: World) -> None:
        newer = read(NOW - 10, digest="sha256:" + "b" * 64, content=content("sha256:" + "b" * 64, "s390x"))
        for order in ([read(NOW - 20), newer], [newer, read(NOW - 20)]):
            world.shared.replaced(order)
            assert world.platforms() == ["linux/s390x"]

    async def test_a_known_content_keeps_its_identity(self, world: World) -> None:
        world.shared.added(read())
        first = world.resolver.known(IMAGE)
        world.shared.modified(read(NOW + 1))
        assert world.resolver.known(IMAGE) is first

    async def test_an_object_cannot_speak_for_another_registry(self, world: World) -> None:
        world.shared.added(read(images=("docker.io/library/nginx:latest", "not a name")))
        assert world.platforms("nginx") is None

    async def test_pods_with_credentials_of_their_own_are_not_answered_from_it(self, world: World) -> None:
        world.shared.added(read())
        secret = b'{"auths": {"ghcr.io": {"username": "u", "password": "p"}}}'
        keyring = Keyring.from_pull_secrets([("kubernetes.io/dockerconfigjson", secret)])
        assert world.resolver.known(IMAGE, world.resolver.scope(IMAGE, keyring)) is None

    async def test_an_object_without_content_is_told(self, world: World) -> None:
        world.shared.added(read(content=None))
        assert "it was read, and has no content" in world.problems[0]

    async def test_children_that_nobody_looked_at_do_not_pass_a_deep_check(self) -> None:
        deep = World(RegistrySettings(open_children=True))
        deep.shared.added(read())
        assert deep.platforms() is None
        await deep.resolver.close()


class TestDeclarations:
    async def test_a_declaration_goes_before_what_was_read(self, world: World) -> None:
        world.shared.replaced([read(), declared("mine", "linux/s390x")])
        assert world.platforms() == ["linux/s390x"]
        assert isinstance(await world.resolver.resolve(IMAGE, fresh=True), ImageContent)
        world.shared.deleted(declared("mine"))
        assert world.platforms() == ["linux/arm64"]

    async def test_names_are_those_that_pods_use_in_short_or_in_full(self, world: World) -> None:
        world.shared.added(declared("mine", "linux/s390x", images=("nginx", f"ghcr.io/acme/app@{DIGEST}")))
        for image in ("nginx", "nginx:latest", "docker.io/library/nginx", f"ghcr.io/acme/app:1@{DIGEST}"):
            assert world.platforms(image) == ["linux/s390x"], image

    async def test_a_pull_secret_that_cannot_be_read_does_not_matter(self, world: World) -> None:
        broken = Keyring.from_pull_secrets([("kubernetes.io/dockerconfigjson", b"{")])
        assert isinstance(await world.resolver.resolve(IMAGE, broken), ImageFailure)
        world.shared.added(declared("mine", "linux/s390x"))
        assert isinstance(await world.resolver.resolve(IMAGE, broken), ImageContent)

    async def test_of_two_the_first_by_name_counts_whatever_the_order(self, world: World) -> None:
        one, other = declared("one", "linux/s390x"), declared("other", "linux/riscv64")
        for order in ([one, other], [other, one]):
            world.shared.replaced(order)
            assert world.platforms() == ["linux/s390x"]
        world.shared.deleted(one)
        assert world.platforms() == ["linux/riscv64"]

    async def test_only_images_whose_declaration_changed_are_told(self, world: World) -> None:
        both = (IMAGE, "ghcr.io/acme/other:1")
        world.shared.added(declared("mine", "linux/s390x", images=both))
        world.shared.modified(declared("mine", "linux/s390x", images=both))
        world.shared.modified(declared("mine", "linux/s390x"))
        world.shared.added(read())
        assert world.changed == [frozenset(both), frozenset({"ghcr.io/acme/other:1"})]

    async def test_what_was_read_becomes_a_declaration_when_an_administrator_says_so(self, world: World) -> None:
        world.shared.added(read())
        name = object_name("ghcr.io", DIGEST)
        world.shared.modified(declared(name, "linux/s390x"))
        assert world.platforms() == ["linux/s390x"]
        assert len(world.shared) == 1
        world.shared.modified(read())
        assert world.platforms() == ["linux/arm64"]

    async def test_a_declaration_that_makes_no_sense_is_told_and_passed_over(self, world: World) -> None:
        world.shared.replaced([declared("a", "linux"), declared("b", "linux/amd64", images=("Not//a/name", IMAGE))])
        assert world.platforms() == ["linux/amd64"]
        assert [problem.partition(":")[0] for problem in world.problems] == [
            "imageplatforms a declares nothing",
            "imageplatforms b",
        ]


class TestWriting:
    async def test_what_is_new_is_created(self, world: World) -> None:
        learnt = Learnt("ghcr.io", content(), IMAGE)
        assert world.shared.worth_writing(learnt) == Create("ghcr.io", content(), {IMAGE: NOW}, NOW)

    async def test_a_name_that_is_nobodys_business_is_not_written(self, world: World) -> None:
        write = world.shared.worth_writing(Learnt("ghcr.io", content(), ""))
        assert isinstance(write, Create)
        assert write.images == {}

    async def test_what_was_seen_lately_is_not_written_again(self, world: World) -> None:
        world.shared.added(read())
        world.now += REFRESH_SECONDS - 1
        assert world.shared.worth_writing(Learnt("ghcr.io", content(), IMAGE)) is None
        world.now += 1
        assert world.shared.worth_writing(Learnt("ghcr.io", content(), IMAGE)) == Touch(
            object_name("ghcr.io", DIGEST), "5", {IMAGE: world.now}, world.now
        )

    async def test_a_new_name_is_written_at_once_beside_the_others(self, world: World) -> None:
        world.shared.added(read(NOW - 9))
        write = world.shared.worth_writing(Learnt("ghcr.io", content(), "ghcr.io/acme/app:2"))
        assert isinstance(write, Touch)
        assert write.images == {IMAGE: NOW - 9, "ghcr.io/acme/app:2": NOW}

    async def test_more_names_than_are_kept_do_not_push_each_other_out_all_the_time(self, world: World) -> None:
        world.shared.added(read(images=tuple(f"ghcr.io/acme/app:{number}" for number in range(MOST_NAMES))))
        assert world.shared.worth_writing(Learnt("ghcr.io", content(), "ghcr.io/acme/app:new")) is None

    async def test_an_object_that_an_administrator_took_over_is_left_alone(self, world: World) -> None:
        world.shared.added(declared(object_name("ghcr.io", DIGEST), "linux/amd64"))
        assert world.shared.worth_writing(Learnt("ghcr.io", content(), "ghcr.io/acme/app:2")) is None

    async def test_what_was_not_seen_for_long_and_what_is_too_many_is_outdated(self, world: World) -> None:
        ages = {"a": 10.0, "b": 200.0, "c": 30.0, "d": 20.0}
        for letter, age in ages.items():
            world.shared.added(read(NOW - age, digest="sha256:" + letter * 64, images=()))
        names = {letter: Delete(object_name("ghcr.io", "sha256:" + letter * 64), "5") for letter in ages}
        assert list(world.shared.outdated(100, most=10)) == [names["b"]]
        assert list(world.shared.outdated(100, most=2)) == [names["b"], names["c"]]
        assert len(world.shared) == 4
