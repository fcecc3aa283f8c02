"""docs/install.md names every folder of manifests, and shows settings that are understood."""

from __future__ import annotations

import re

from scheduler.config.settings import parse_settings
from tests.docs.console import DOCS

PAGE = (DOCS / "install.md").read_text(encoding="utf-8")
MANIFESTS = DOCS.parent / "manifests"


def test_every_folder_of_manifests_is_named() -> None:
    roots = {path.parent for name in ("kustomization.yaml", "Chart.yaml") for path in MANIFESTS.rglob(name)}
    assert set(re.findall(r"`(manifests/[\w/-]+)`", PAGE)) == {str(path.relative_to(DOCS.parent)) for path in roots}


def test_its_settings_are_understood() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (text,) = (block for block in blocks if block.startswith("images:\n  registries:"))
    assert parse_settings(text, "install.md").images.registries.credential_providers is not None
