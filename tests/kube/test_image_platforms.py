"""ImagePlatforms objects: what is written of an image comes back as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.images.content import ContentKind, ImageContent, IndexEntry
from scheduler.images.media_types import OCI_INDEX, OCI_MANIFEST
from scheduler.images.platform import Platform
from scheduler.kube.image_platforms import (
    MOST_NAMES,
    PATH,
    ImagePlatforms,
    Source,
    create,
    delete,
    fits,
    object_name,
    timestamp,
    touch,
)
from scheduler.kube.requests import ApiClient
from tests.kube.scripted_server import ScriptedServer, ok

DIGEST = "sha256:" + "a" * 64
ARM = Platform("linux", "arm64", "v8", os_features=("x",))
SINGLE = ImageContent(DIGEST, ContentKind.IMAGE, OCI_MANIFEST, ARM, size=7)
INDEX = ImageContent(
    DIGEST,
    ContentKind.INDEX,
    OCI_INDEX,
    entries=(
        IndexEntry(
            "sha256:" + "b" * 64, OCI_MANIFEST, Platform("windows", "amd64", os_version="10.0.20348.1"), zstd=True
        ),
        IndexEntry("sha256:" + "c" * 64, OCI_MANIFEST, attestation=True),
        IndexEntry("sha256:" + "d" * 64, OCI_MANIFEST, content=SINGLE),
    ),
)


@pytest.mark.parametrize("content", [SINGLE, INDEX], ids=["image", "index"])
async def test_what_was_read_comes_back_as_it_was(
    server: ScriptedServer, client: ApiClient, content: ImageContent
) -> None:
    server.script(f"POST {PATH}", ok())
    await create(client, "ghcr.io", content, {"ghcr.io/acme/app:1": 1000.9}, 2000)
    (sent,) = server.requests(f"POST {PATH}")
    assert (sent.json["apiVersion"], sent.json["kind"]) == ("multiarch-scheduler.io/v1alpha1", "ImagePlatforms")
    spec = msgspec.json.decode(sent.body, type=ImagePlatforms).spec
    assert (spec.source, spec.registry, spec.content) == (Source.READ, "ghcr.io", content)
    assert [(image.name, timestamp(image.seen)) for image in spec.images] == [("ghcr.io/acme/app:1", 1000)]
    assert timestamp(spec.last_seen) == 2000


async def test_platforms_are_summed_up_for_people(server: ScriptedServer, client: ApiClient) -> None:
    server.script(f"POST {PATH}", ok())
    await create(client, "ghcr.io", INDEX, {}, 2000)
    (sent,) = server.requests(f"POST {PATH}")
    assert sent.json["spec"]["platforms"] == ["windows(10.0.20348.1)/amd64", "linux(+x)/arm64/v8"]


async def test_only_the_newest_names_are_kept(server: ScriptedServer, client: ApiClient) -> None:
    server.script(f"PATCH {PATH}/it", ok())
    names = {f"ghcr.io/acme/app:{number}": float(number) for number in range(MOST_NAMES + 5)}
    await touch(client, "it", "7", {**names, "ghcr.io/acme/app:" + "x" * 600: 9e9}, 2000)
    (sent,) = server.requests(f"PATCH {PATH}/it")
    assert sent.json["metadata"] == {"resourceVersion": "7"}
    assert sent.json["spec"].keys() == {"images", "lastSeen"}
    assert [image["name"] for image in sent.json["spec"]["images"]] == list(reversed(names))[:MOST_NAMES]


async def test_only_what_nobody_changed_is_deleted(server: ScriptedServer, client: ApiClient) -> None:
    server.script(f"DELETE {PATH}/it", ok())
    await delete(client, "it", "7")
    (sent,) = server.requests(f"DELETE {PATH}/it")
    assert sent.json == {"preconditions": {"resourceVersion": "7"}}


def test_an_index_of_thousands_of_entries_is_not_shared() -> None:
    entries = tuple(IndexEntry(f"sha256:{number:064x}", OCI_MANIFEST, ARM) for number in range(5000))
    assert not fits("ghcr.io", ImageContent(DIGEST, ContentKind.INDEX, OCI_INDEX, entries=entries))
    assert fits("ghcr.io", INDEX)


@settings(max_examples=30)
@given(
    st.from_regex(
        r"[A-Za-z0-9]([A-Za-z0-9.-]{0,80}[A-Za-z0-9])?(:[0-9]{1,5})?|\[[0-9a-f:]+\](:[0-9]+)?", fullmatch=True
    )
)
def test_every_registry_makes_a_name_that_an_object_can_have(registry: str) -> None:
    name = object_name(registry, DIGEST)
    assert len(name) <= 253
    assert name == name.lower()
    assert name.strip("-.") == name
    assert all(character.isalnum() or character in "-." for character in name)


def test_objects_of_different_registries_and_digests_have_different_names() -> None:
    places = [
        ("ghcr.io", DIGEST),
        ("ghcr.io", DIGEST[:-1] + "b"),
        ("GHCR.io", DIGEST),
        ("a:5", DIGEST),
        ("a-5", DIGEST),
    ]
    assert len({object_name(*place) for place in places}) == len(places)


def test_a_time_without_zone_is_utc() -> None:
    assert timestamp(datetime(1970, 1, 1, 0, 1)) == timestamp(datetime(1970, 1, 1, 0, 1, tzinfo=UTC)) == 60  # noqa: DTZ001 - as administrators may write it
