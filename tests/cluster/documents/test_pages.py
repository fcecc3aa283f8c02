"""The pages for those who run the scheduler, each done from top to bottom after the README's installation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.cluster.documents.reader import ROOT
from tests.docs.console import DOCS

if TYPE_CHECKING:
    from tests.cluster.documents.reader import Reader

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

INSTALLATION = re.sub(r"^\$ kubectl .*?(?=^```$)", "", (ROOT / "README.md").read_text(), flags=re.MULTILINE | re.DOTALL)
"""The README up to the running scheduler."""


@pytest.mark.parametrize("page", ["operations.md", "security.md"])
async def test_a_page_prints_and_does_what_it_says(page: str, reader: Reader) -> None:
    assert len(await reader.follow(INSTALLATION)) == 2
    assert await reader.follow((DOCS / page).read_text())


async def test_what_is_known_of_images_is_shared_and_declared_as_the_page_says(reader: Reader) -> None:
    assert await reader.follow((DOCS / "sharing.md").read_text())
