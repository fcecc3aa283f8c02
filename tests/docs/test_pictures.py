"""Pictures in the documents: well-formed, small, described for those who cannot see them, and legible in the dark."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = sorted((ROOT / "docs" / "pictures").glob("*"))
SVG = "{http://www.w3.org/2000/svg}"
MOST_BYTES = 12_000


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_small_described_and_has_colours_for_the_dark(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own file
    assert root.tag == f"{SVG}svg"
    assert len(text) < MOST_BYTES
    assert all((root.findtext(f"{SVG}{part}") or "").strip() for part in ("title", "desc"))
    style = root.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme: dark" in style
    light, dark = style.split("@media")
    coloured = re.findall(r"\.?([\w-]+) \{[^}]*(?:fill|stroke): #", light)
    assert set(coloured) <= set(re.findall(r"\.?([\w-]+) \{[^}]*(?:fill|stroke): #", dark))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_no_text_leaves_the_picture(picture: Path) -> None:
    """Taken generously: 7.5 units a letter of 13, 7 of the small ones."""
    root = ET.fromstring(picture.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    width = float(root.attrib["viewBox"].split()[2])
    for text in root.iter(f"{SVG}text"):
        long = len(text.text or "") * 7
        x = float(text.attrib["x"])
        left = x - long / 2 if text.get("text-anchor") == "middle" else x
        assert left >= 0, text.text
        assert left + long <= width, text.text


def test_every_picture_is_shown_on_some_page() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    assert PICTURES
    assert not [picture.name for picture in PICTURES if f"pictures/{picture.name})" not in pages]
