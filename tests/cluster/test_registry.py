"""What regctl pushed is what the registry serves, and regctl reads our images as they were meant."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import aiohttp
import pytest

from tests.cluster.images import DOCKER, MULTI_ARCH, OCI, ImagePlatform, MediaTypes, Publisher, PushedImage
from tests.cluster.registry import PASSWORD, USER, Registry

pytestmark = pytest.mark.real

EVERY_FORMAT = pytest.mark.parametrize("types", [OCI, DOCKER], ids=["oci", "docker"])
ACCEPT = f"{OCI.index}, {OCI.manifest}, {DOCKER.index}, {DOCKER.manifest}"


@EVERY_FORMAT
async def test_an_index_is_served_byte_by_byte_as_it_was_pushed(publisher: Publisher, types: MediaTypes) -> None:
    pushed = publisher.push_index("acme/served:1", *MULTI_ARCH, types=types)

    status, media_type, body = await _manifest(pushed, "1")

    assert (status, media_type) == (200, types.index)
    assert f"sha256:{hashlib.sha256(body).hexdigest()}" == pushed.digest
    assert [entry["digest"] for entry in json.loads(body)["manifests"]] == list(pushed.manifests.values())


@EVERY_FORMAT
def test_regctl_lists_the_platforms_of_an_index(publisher: Publisher, types: MediaTypes) -> None:
    pushed = publisher.push_index("acme/listed:1", *MULTI_ARCH, types=types)

    one_per_line = (
        '{{range .Manifests}}{{with .Platform}}{{printf "%s %s %s %s\\n" .OS .Architecture .Variant .OSVersion}}'
        "{{end}}{{end}}"
    )
    listed = publisher.regctl("manifest", "get", pushed.name, "--format", one_per_line)
    assert [ImagePlatform(*line.split(" ")) for line in listed.splitlines() if line] == list(MULTI_ARCH)


@pytest.mark.parametrize("platform", MULTI_ARCH, ids=str)
def test_regctl_chooses_the_manifest_that_was_made_for_a_platform(
    publisher: Publisher, platform: ImagePlatform
) -> None:
    pushed = publisher.push_index("acme/chosen:1", *MULTI_ARCH, attestations=True)

    chosen = publisher.regctl("image", "digest", pushed.name, "--platform", str(platform))
    assert chosen.strip() == pushed.manifests[platform]


@EVERY_FORMAT
def test_an_image_without_an_index_says_its_platform_in_its_config(publisher: Publisher, types: MediaTypes) -> None:
    pushed = publisher.push_image("acme/single:1", "linux/arm/v7", types=types)

    config = json.loads(publisher.regctl("image", "config", pushed.name))
    assert (config["os"], config["architecture"], config["variant"]) == ("linux", "arm", "v7")
    assert list(pushed.manifests.values()) == [pushed.digest]


def test_attestations_stand_in_the_index_and_offer_no_platform(publisher: Publisher) -> None:
    pushed = publisher.push_index("acme/attested:1", "linux/arm64", attestations=True)

    entries = json.loads(publisher.regctl("manifest", "get", pushed.name, "--format", "raw-body"))["manifests"]
    assert [(entry["platform"]["os"], entry["platform"]["architecture"]) for entry in entries] == [
        ("linux", "arm64"),
        ("unknown", "unknown"),
    ]
    assert entries[1]["annotations"]["vnd.docker.reference.digest"] == entries[0]["digest"]
    assert [str(platform) for platform in pushed.manifests] == ["linux/arm64"]


async def test_a_private_registry_serves_its_user_only(tmp_path: Path) -> None:
    with Registry(tmp_path, private=True) as registry:
        pushed = Publisher(registry, tmp_path).push_image("acme/secret:1", "linux/amd64")
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

        assert (await _manifest(pushed, "1"))[0] == 401
        assert (await _manifest(pushed, "1", f"Basic {known}"))[0] == 200


async def _manifest(pushed: PushedImage, tag: str, authorization: str | None = None) -> tuple[int, str, bytes]:
    """Status, media type and body of the answer to `GET /v2/<repository>/manifests/<tag>`."""
    address, _, repository = pushed.name.removesuffix(f":{tag}").partition("/")
    headers = {"Accept": ACCEPT, **({"Authorization": authorization} if authorization else {})}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}/v2/{repository}/manifests/{tag}", headers=headers) as answer,
    ):
        return answer.status, answer.content_type, await answer.read()
