"""Pull secrets against the kubelet's own answers (tests/cases/oci/keyring-cases.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scheduler.images.content import FailureCause
from scheduler.images.reference import InvalidReference, parse_reference
from scheduler.oci.credential import ANONYMOUS, Credential
from scheduler.oci.credentials import NO_CREDENTIALS, Keyring
from scheduler.oci.docker_config import InvalidDockerConfig, parse_docker_config_json, parse_entry
from scheduler.oci.registry_patterns import fits, parse_location

CASES = json.loads((Path(__file__).parents[1] / "cases" / "oci" / "keyring-cases.json").read_text())
HUB_ON_LOCALHOST = "kr-099"  # the kubelet sends Docker Hub's credential to localhost/app; that helps nobody

Case = dict[str, Any]
DATA_KEYS = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}


def cases(section: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in CASES[section] if case["id"] != HUB_ON_LOCALHOST]


def keyring_of(config: object) -> Keyring:
    return Keyring([parse_docker_config_json(json.dumps(config).encode())])


def names(credentials: list[Credential]) -> list[str]:
    return [credential.username for credential in credentials]


@pytest.mark.parametrize("case", cases("cases"))
def test_a_keyring_finds_what_the_kubelet_finds(case: Case) -> None:
    found = names(keyring_of(case["config"]).lookup_name(case["image"]))
    assert (sorted(found) if case.get("unordered") else found) == case["expected"]


def test_hub_credentials_are_not_sent_to_localhost() -> None:
    (case,) = (case for case in CASES["cases"] if case["id"] == HUB_ON_LOCALHOST)
    assert case["image"] == "localhost/app"
    assert keyring_of(case["config"]).lookup_name(case["image"]) == []


@pytest.mark.parametrize("case", cases("match_images_cases"))
def test_a_pattern_fits_where_the_kubelet_says_so(case: Case) -> None:
    assert fits(case["pattern"], case["image"]) is case["match"]
    assert (parse_location(case["pattern"]) is None) is case.get("error", False)


@pytest.mark.parametrize("case", cases("auth_entry_cases"))
def test_an_entry_decodes_as_in_the_kubelet(case: Case) -> None:
    if case.get("error"):
        with pytest.raises(InvalidDockerConfig, match=r"registry\.example\.com"):
            parse_entry("registry.example.com", case["entry"])
    else:
        entry = parse_entry("registry.example.com", case["entry"])
        assert (entry.username, entry.password) == (case["username"], case["password"])


@pytest.mark.parametrize("case", cases("pod_cases"))
def test_a_pods_secrets_form_one_keyring(case: Case) -> None:
    secrets = [
        (secret["type"], secret["data"].get(DATA_KEYS.get(secret["type"], ""), "").encode())
        for secret in case["secrets"]
    ]
    keyring = Keyring.from_pull_secrets(secrets)
    if case.get("error") == "image-name":
        with pytest.raises(InvalidReference):
            parse_reference(case["image_ref"])
        return
    reference = parse_reference(case["image_ref"])
    assert reference.name == case.get("looked_up", reference.name)
    assert (keyring.failure is not None) is (case.get("error") == "secret-data")
    found = names(keyring.lookup(reference))
    if "node_config" in case:
        found += names(keyring_of(case["node_config"]).lookup(reference))
    assert found == case["expected"]


def test_a_secret_that_cannot_be_read_is_a_failure_that_does_not_quote_it() -> None:
    data = b'{"auths":{"x.example.com":{"auth":"c2VzYW1lOg=!"}}}'
    failure = Keyring.from_pull_secrets([("kubernetes.io/dockerconfigjson", data)]).failure
    assert failure is not None
    assert failure.cause is FailureCause.UNAUTHORIZED
    assert failure.message == (
        "an image pull secret of type kubernetes.io/dockerconfigjson cannot be read: "
        "the auth of the entry for 'x.example.com' is not base64"
    )


@pytest.mark.parametrize("data", [b"\xff", b"[]", b'{"auths":[]}', b'{"auths":{"a":"b"}}', b"null", b'"x"'])
def test_a_document_of_another_shape_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidDockerConfig):
        parse_docker_config_json(data)


def test_a_scope_names_credentials_without_telling_them() -> None:
    alice = keyring_of({"auths": {"ghcr.io": {"username": "alice", "password": "sesame"}}})
    again = keyring_of({"auths": {"https://ghcr.io/v2/": {"auth": "YWxpY2U6c2VzYW1l"}, "quay.io": {"username": "x"}}})
    other = keyring_of({"auths": {"ghcr.io": {"username": "alice", "password": "sesame2"}}})
    image, elsewhere = parse_reference("ghcr.io/acme/app"), parse_reference("docker.io/acme/app")
    assert alice.scope(image) == again.scope(image) != ""
    assert alice.scope(image) != other.scope(image)
    assert alice.scope(elsewhere) == NO_CREDENTIALS.scope(image) == ""
    assert "alice" not in alice.scope(image)


def test_no_secret_is_in_a_repr() -> None:
    credential = Credential("alice", "sesame", "refresh")
    for text in (repr(credential), str(credential), repr(keyring_of({"auths": {"ghcr.io": {"auth": "YTpi"}}}))):
        assert not any(secret in text for secret in ("alice", "sesame", "refresh", "YTpi"))


def test_an_empty_user_name_is_anonymous() -> None:
    assert Credential(password="sesame").anonymous
    assert ANONYMOUS.anonymous
    assert not Credential(identity_token="refresh").anonymous
