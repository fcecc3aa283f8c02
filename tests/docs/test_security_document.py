"""What docs/security.md says of limits and settings is what the code has."""

from __future__ import annotations

import re

import pytest
import yaml

from scheduler.config.settings import parse_settings
from scheduler.kube.secrets import PullSecrets
from scheduler.oci.settings import RegistrySettings
from tests.docs.console import DOCS

PAGE = " ".join((DOCS / "security.md").read_text().split())
LIMITS = RegistrySettings()
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        (r"(\d+) MiB for a manifest", LIMITS.manifest_limit // MIB),
        (r"(\d+) opened children", LIMITS.opened_children),
        (r"(\d+) levels of nesting", LIMITS.nesting),
        (r"(\d+) redirects", LIMITS.redirects),
        (r"(\d+) seconds for an image", LIMITS.deadline),
        (r"(\d+) requests at once to a registry", LIMITS.concurrency),
        (r"(\d+) MB for all that is known", LIMITS.cache_size // MIB),
        (r"keeps what it has read for (\d+) seconds", (PullSecrets.__init__.__kwdefaults__ or {})["seconds"]),
    ],
)
def test_a_limit_is_what_the_code_has(words: str, limit: float) -> None:
    assert [int(found) for found in re.findall(words, PAGE)] == [limit]


def test_its_allow_list_is_understood() -> None:
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", (DOCS / "security.md").read_text(), re.MULTILINE | re.DOTALL)
    assert yaml.safe_load(shown)
    assert parse_settings(shown, "security.md").images.registries.allow_loopback is False
