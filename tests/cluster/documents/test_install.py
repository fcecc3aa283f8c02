"""docs/install.md, from the first command to the last, on the real control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.console import DOCS

if TYPE_CHECKING:
    from tests.cluster.documents.reader import Reader

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


async def test_the_page_installs_uses_and_removes_the_scheduler(reader: Reader) -> None:
    commands = await reader.follow((DOCS / "install.md").read_text())
    assert "kubectl apply --kustomize manifests/base" in commands
