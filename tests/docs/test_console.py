"""The reader of console blocks: what counts as a command, a file, and as the same output."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.console import Step, agrees, steps, write_files


def test_a_command_goes_on_after_a_backslash_and_ends_with_what_it_prints() -> None:
    text = "```console\n$ one \\\n    more\nsaid\n$ two\n```\n\n```sh\n$ three\n```\n"
    assert list(steps(text)) == [Step("one \\\n    more", "said\n"), Step("two", "")]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("", "a\n", False),
        ("age ... ok\n", "age 12m ok\n", True),
        ("age ... ok\n", "age 12m\nmore ok\n", False),
        ("...\nlast\n", "last\n", True),
        ("...\nlast\n", "first\nsecond\nlast\n", True),
        ("first\n...\n", "second\n", False),
        ("1.5\n", "105\n", False),
    ],
)
def test_dots_stand_for_what_differs_each_time(shown: str, printed: str, same: bool) -> None:
    assert agrees(shown, printed) is same


def test_a_file_may_be_in_a_folder(tmp_path: Path) -> None:
    write_files("`ours/a.yaml`:\n\n```yaml\nkind: A\n```\n", tmp_path)
    assert (tmp_path / "ours" / "a.yaml").read_text() == "kind: A\n"
