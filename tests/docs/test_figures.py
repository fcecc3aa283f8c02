"""The README's figures are those of the pages that it names."""

from __future__ import annotations

import re

import pytest

from tests.docs import figures


def test_the_table_is_what_the_pages_say() -> None:
    readme = figures.README.read_text(encoding="utf-8")
    assert readme.split(figures.START)[1].split(figures.END)[0].strip() == figures.table()


@pytest.mark.parametrize("figure", figures.FIGURES, ids=lambda figure: figure.what)
def test_a_figure_is_a_number(figure: figures.Figure) -> None:
    assert re.search(r"\d", figures.row(figure).split("|")[2])


def test_a_figure_that_its_page_lacks_is_named() -> None:
    with pytest.raises(LookupError, match=r"extender\.md has 0 times: speed of light"):
        figures.row(figures.Figure("speed of light", "extender.md", r"^299,792 (km/s)$"))
