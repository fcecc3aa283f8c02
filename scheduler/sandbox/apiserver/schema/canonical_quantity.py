"""A resource quantity in the one spelling that the API server writes it in (``resource.Quantity.CanonicalizeBytes``).

No precision is lost down to nano, no fraction is written, and the suffix is the largest that allows that:
``0.5`` is ``500m``, ``1024Mi`` is ``1Gi``, ``1.5Gi`` is ``1536Mi``, and ``1.001Ki`` is ``1025024m``.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from scheduler.api.quantity import MAX_INT64, InvalidQuantity

_FORM = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([eE][+-]?[0-9]+)|([KMGTPE]i|[numkMGTPE]?))", re.ASCII)
_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_NANO = 10**9


@lru_cache(maxsize=4096)
def canonical(quantity: str | float) -> str:
    """Raises InvalidQuantity."""
    text = str(quantity)
    form = _FORM.fullmatch(text)
    if form is None:
        raise InvalidQuantity(quantity)
    number, exponent, suffix = form.groups()
    if exponent is not None:
        exact = Fraction(number) * Fraction(10) ** max(-50, min(int(exponent[1:]), 50))
        return _decimal(exact, as_exponent=True)
    if suffix.endswith("i"):
        return _binary(Fraction(number) * 1024 ** _BINARY.index(suffix))
    return _decimal(Fraction(number) * Fraction(1000) ** (_DECIMAL.index(suffix) - 3), as_exponent=False)


def _decimal(exact: Fraction, *, as_exponent: bool) -> str:
    nano = _away_from_zero(exact * _NANO)
    power = 0
    while nano and nano % 1000 == 0 and power < len(_DECIMAL) - 1:
        nano //= 1000
        power += 1
    if not nano:
        return "0"
    if as_exponent:
        return f"{nano}e{3 * (power - 3)}" if power != 3 else str(nano)
    return f"{nano}{_DECIMAL[power]}"


def _binary(exact: Fraction) -> str:
    if -1024 < exact < 1024 or exact.denominator != 1:
        return _decimal(exact, as_exponent=False)
    whole = max(-MAX_INT64, min(int(exact), MAX_INT64))
    power = 0
    while whole % 1024 == 0 and power < len(_BINARY) - 1:
        whole //= 1024
        power += 1
    return f"{whole}{_BINARY[power]}"


def _away_from_zero(exact: Fraction) -> int:
    size = min(-(-abs(exact.numerator) // exact.denominator), MAX_INT64 * _NANO)
    return -size if exact < 0 else size
