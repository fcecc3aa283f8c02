"""docs/configuration.md says what the code says, of every setting."""

from __future__ import annotations

import re

from tests.docs.configuration import DOCUMENT, document


def test_the_reference_is_what_the_settings_say() -> None:
    assert DOCUMENT.read_text() == document(), "write it anew: python -m tests.docs.configuration"


def test_every_field_has_a_meaning() -> None:
    empty = [line for line in document().splitlines() if re.search(r"\|  \|$", line)]
    assert not [line for line in empty if "apiVersion" not in line and "`kind`" not in line]
