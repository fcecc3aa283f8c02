"""The composition root: what an operator sets arrives where it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from scheduler.config.images import ImageSettings, RegistriesSettings
from scheduler.oci.configured import registry_settings
from scheduler.oci.settings import RegistrySettings

REGISTRIES: list[tuple[str, Any, dict[str, Any]]] = [
    ("allowed", ["ghcr.io"], {"allowed": ("ghcr.io",)}),
    ("denied", ["docker.io"], {"denied": ("docker.io",)}),
    ("allowLoopback", False, {"allow_loopback": False}),
    ("privateTargets", ["s3.local"], {"private_targets": ("s3.local",)}),
    ("plainHttp", ["a:5000"], {"plain_http": frozenset({"a:5000"})}),
    ("caFiles", ["ca.pem"], {"ca_files": (Path("ca.pem"),)}),
    ("hostsDirectory", "certs.d", {"hosts_directory": Path("certs.d")}),
    ("registriesConf", "registries.conf", {"registries_conf": Path("registries.conf")}),
    ("dockerConfigs", ["config.json"], {"docker_configs": (Path("config.json"),)}),
    (
        "credentialProviders",
        {"config": "providers.yaml", "programs": "bin"},
        {"credential_providers": Path("providers.yaml"), "credential_provider_programs": Path("bin")},
    ),
    ("shareByDigest", True, {"share_by_digest": True}),
    ("useProxies", False, {"use_proxies": False}),
    ("maxRequests", 3, {"concurrency": 3}),
]
IMAGES: list[tuple[str, Any, dict[str, Any]]] = [
    ("deepCheck", True, {"open_children": True}),
    ("timeoutSeconds", 7, {"deadline": 7}),
    ("tagLifetimeSeconds", 60, {"tag_lifetime": 60}),
    ("staleDays", 2, {"stale_lifetime": 2 * 86_400}),
    ("cacheMegabytes", 1, {"cache_size": 2**20}),
]
CASES = [*[("registries", *case) for case in REGISTRIES], *[("images", *case) for case in IMAGES]]


@pytest.mark.parametrize(("group", "field", "value", "expected"), CASES, ids=[case[1] for case in CASES])
def test_what_is_set_about_registries_reaches_them(
    group: str, field: str, value: object, expected: dict[str, Any]
) -> None:
    document = {field: value} if group == "images" else {group: {field: value}}
    assert registry_settings(msgspec.convert(document, ImageSettings)) == RegistrySettings(**expected)


def test_every_setting_about_registries_is_among_them() -> None:
    assert {field for field, _, _ in REGISTRIES} == set(RegistriesSettings.__struct_encode_fields__)


def test_the_defaults_of_the_file_are_those_of_the_registry_side() -> None:
    assert registry_settings(ImageSettings()) == RegistrySettings()
