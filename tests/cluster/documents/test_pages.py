"""The pages for those who run the scheduler, each done from top to bottom after the README's installation."""

from __future__ import annotations

import re
import textwrap
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


async def test_what_the_page_about_autoscalers_applies_and_creates_is_taken(reader: Reader) -> None:
    text = (DOCS / "autoscaler.md").read_text()
    (certificate,) = re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    commands = re.findall(r"^ *# (kubectl .*)$", text, re.MULTILINE)
    assert len(commands) == 3
    try:
        for command in (textwrap.dedent(certificate), *commands):
            await reader.carry_out(command)
    finally:
        await reader.carry_out("kubectl --namespace kube-system delete configmap multiarch-expander --ignore-not-found")
        await reader.carry_out("kubectl delete --kustomize manifests/expander --ignore-not-found")
