"""Reads the growth curve back."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bench import growth


def lines_of(picture: str) -> dict[str | None, ET.Element]:
    """Title of a workload -> its line."""
    root = ET.fromstring(picture)  # noqa: S314 -- our own
    space = "{http://www.w3.org/2000/svg}"
    return {
        text.text: line
        for text, line in zip(
            [text for text in root.iter(f"{space}text") if float(text.get("x", 0)) > growth.WIDTH - growth.RIGHT],
            root.iter(f"{space}polyline"),
            strict=True,
        )
    }
