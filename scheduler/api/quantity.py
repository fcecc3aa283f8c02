"""Resource quantities (``500m``, ``2Gi``, ``1e3``) as exact integers.

The rules are those of apimachinery's resource.Quantity (``pkg/api/resource``): decimal and binary suffixes or a decimal
exponent; what does not divide is rounded **up**, away from zero, and what does not fit 64 bits is capped. Everything
past this file counts in int64.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

MAX_INT64 = 2**63 - 1

_FORM = re.compile(r"([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+)|([KMGTPE]i|[numkMGTPE]?))", re.ASCII)
_SUFFIX = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}
_MAX_EXPONENT = 50  # past it every value is zero or capped; a larger power would only cost time


class InvalidQuantity(ValueError):
    """The text is no resource quantity."""

    def __init__(self, text: object) -> None:
        super().__init__(f"{text!r} is not a resource quantity")


def value(quantity: str | int | float) -> int:
    """The quantity in whole units, rounded up (Go: ``Quantity.Value``). Raises InvalidQuantity."""
    return _scaled(str(quantity), 1)


def milli_value(quantity: str | int | float) -> int:
    """The quantity in thousandths, rounded up (Go: ``Quantity.MilliValue``). Raises InvalidQuantity."""
    return _scaled(str(quantity), 1000)


@lru_cache(maxsize=4096)
def _scaled(text: str, scale: int) -> int:
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise InvalidQuantity(text)
    sign, digits, exponent, suffix = form.groups()
    unit = _SUFFIX[suffix or ""] if exponent is None else _power_of_ten(int(exponent))
    exact = Fraction(digits) * unit * scale
    rounded = min(-(-exact.numerator // exact.denominator), MAX_INT64)
    return -rounded if sign == "-" else rounded


def _power_of_ten(exponent: int) -> Fraction:
    return Fraction(10) ** max(-_MAX_EXPONENT, min(exponent, _MAX_EXPONENT))
