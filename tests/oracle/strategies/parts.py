"""Objects are put together from parts: what each rule needs is a part of a node or a pod, and parts are merged.

So that the mixed family can give one pod the parts of several families, and a family says only what it is about.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from tests.oracle.recordings import Object

Part = Object
"""Some of the fields of a node or a pod."""

NOTHING: st.SearchStrategy[Part] = st.just({})


_IDENTITIES: dict[str, tuple[str, ...]] = {
    "taints": ("key", "effect"),
    "ports": ("containerPort", "protocol", "hostIP"),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""By what the items of a list are told apart that the API wants to be distinct, and that are whole in themselves."""

_NAME = ("name",)


def merged(*parts: Part) -> Object:
    """A new object with the fields of all parts, as patches would make it.

    Mappings are merged and lists joined, where items of the same name are merged as well; of other values, and of items
    that are otherwise the same thing, the last one stays.
    """
    whole: Object = {}
    for part in parts:
        for key, value in part.items():
            whole[key] = _joined(key, whole[key], value) if key in whole else copy.deepcopy(value)
    return whole


def _joined(key: str, one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return merged(one, other)
    if isinstance(one, list) and isinstance(other, list):
        return _joined_lists(_IDENTITIES.get(key, _NAME), one, other)
    return copy.deepcopy(other)


def _joined_lists(identity: tuple[str, ...], one: list[Any], other: list[Any]) -> list[Any]:
    joined = list(one)
    places = {_named(identity, item): place for place, item in enumerate(one)}
    for item in other:
        name = _named(identity, item)
        if name is None or name not in places:
            joined.append(copy.deepcopy(item))
        elif identity is _NAME:
            joined[places[name]] = merged(joined[places[name]], item)
        else:
            joined[places[name]] = copy.deepcopy(item)
    return joined


def _named(identity: tuple[str, ...], item: Any) -> tuple[Any, ...] | None:
    if not isinstance(item, dict) or identity[0] not in item:
        return None
    return tuple(item.get(field) for field in identity)


def some(values: st.SearchStrategy[Part], one_in: int = 2) -> st.SearchStrategy[Part]:
    """A part from `values` once in so many times, and else nothing."""
    return st.integers(1, one_in).flatmap(lambda turn: values if turn == 1 else NOTHING)
