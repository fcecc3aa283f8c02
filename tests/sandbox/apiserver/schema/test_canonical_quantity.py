"""Quantities in the API server's spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.api.quantity import InvalidQuantity, milli_value
from scheduler.sandbox.apiserver.schema.canonical_quantity import canonical


@pytest.mark.parametrize(
    ("written", "spelling"),
    [
        ("0", "0"),
        ("0Ki", "0"),
        (1, "1"),
        (0.5, "500m"),
        ("0.1", "100m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("+1", "1"),
        ("-500m", "-500m"),
        ("1000", "1k"),
        ("1000k", "1M"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1Ki", "1Ki"),
        ("0.5Ki", "512"),
        ("1.001Ki", "1025024m"),
        ("1023", "1023"),
        ("16384Mi", "16Gi"),
        ("1e3", "1e3"),
        ("12E2", "1200"),
        ("0.0000000001", "1n"),
        ("1.5n", "2n"),
        (".5", "500m"),
        ("5.", "5"),
    ],
)
def test_a_quantity_has_one_spelling(written: str | float, spelling: str) -> None:
    assert canonical(written) == spelling


@pytest.mark.parametrize("text", ["", "two", "1 Gi", "1gi", "1e", "--1", "1KiB", "1,5", "٣"])
def test_other_texts_are_no_quantities(text: str) -> None:
    with pytest.raises(InvalidQuantity):
        canonical(text)


@given(
    st.decimals(min_value=-(10**9), max_value=10**9, places=3),
    st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi", "e3", "e-3"]),
)
def test_the_spelling_is_stable_and_means_the_same(number: object, suffix: str) -> None:
    spelling = canonical(f"{number}{suffix}")
    assert canonical(spelling) == spelling
    assert milli_value(spelling) == milli_value(f"{number}{suffix}")
