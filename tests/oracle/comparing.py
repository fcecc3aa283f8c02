"""Says where two answers differ, in one line that a reader can act on.

Equal answers are equal JSON: their lists have an order that means something, or are sorted by whoever made them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ABSENT = object()


def difference(want: Mapping[str, Any], got: Mapping[str, Any]) -> str | None:
    """The first field that differs, with both values, as `nodes.a.code: want 'Success', got 'Error'`; None if equal."""
    return next(differences(want, got), None)


def differences(want: object, got: object, path: str = "") -> Iterator[str]:
    """Every field that differs, in the order of the fields of `want`."""
    if isinstance(want, dict) and isinstance(got, dict):
        for key in [*want, *(key for key in got if key not in want)]:
            yield from differences(want.get(key, _ABSENT), got.get(key, _ABSENT), f"{path}.{key}".lstrip("."))
    elif want != got:
        yield f"{path}: want {_shown(want)}, got {_shown(got)}"


def _shown(value: object) -> str:
    return "nothing" if value is _ABSENT else repr(value)
