"""Documents prove what they say by naming tests: every test that one names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if NAMED.search(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    named = set(NAMED.findall(page.read_text(encoding="utf-8")))
    missing = [f"{file}::{test}" for file, test in sorted(named) if test not in functions(ROOT / file)]
    assert not missing


def test_the_page_about_image_platforms_names_tests() -> None:
    assert ROOT / "docs" / "image-platforms.md" in PAGES


def functions(file: Path) -> set[str]:
    if not file.exists():
        return set()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, kinds)}
