"""What an extender answers: typed results -> JSON bytes.

Owns the exact names and the exact number types (``Score`` is an integer). Node names are put together as text, since an
answer may hold thousands: ``quoted`` is only needed for names that no API server has vouched for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from extender.wire.arguments import MetaVictims
from extender.wire.node_bodies import NodeBody

_encode = msgspec.json.Encoder().encode


def quoted(text: str) -> str:
    """The text as a JSON string."""
    return _encode(text).decode()


class FailedNodes:
    """``FailedAndUnresolvableNodes`` in the making: names by reason."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def add(self, names: Sequence[str], reason: str) -> None:
        """``names`` are names of known nodes, which need no escapes."""
        if names:
            said = f'":{quoted(reason)}'
            self._parts.append(f'"{f"{said},{chr(34)}".join(names)}{said}')

    def add_strangers(self, names: Iterable[str], reason: str) -> None:
        """The same for names as a caller made them up."""
        self._parts.extend(f"{quoted(name)}:{quoted(reason)}" for name in names)

    def __str__(self) -> str:
        return f"{{{','.join(self._parts)}}}"


def names_result(names: Sequence[str], hopeless: FailedNodes, helpless: FailedNodes | None = None) -> bytes:
    """A filter result of names that are known. ``hopeless`` nodes stay so whoever is evicted, ``helpless`` may not."""
    kept = '["' + '","'.join(names) + '"]' if names else "[]"
    return (
        f'{{"Nodes":null,"NodeNames":{kept},"FailedNodes":{helpless or "null"},'
        f'"FailedAndUnresolvableNodes":{hopeless},"Error":""}}'
    ).encode()


def one_name_result(name: str) -> bytes:
    """A filter result of one name that is known, without a word on the others."""
    return f'{{"Nodes":null,"NodeNames":["{name}"],"Error":""}}'.encode()


def echoed_result(raw: bytes) -> bytes:
    """A filter result that keeps all names of a request, whose array is ``raw``."""
    return b'{"Nodes":null,"NodeNames":' + raw + b',"FailedNodes":null,"FailedAndUnresolvableNodes":null,"Error":""}'


def nodes_result(nodes: Sequence[NodeBody], failed: FailedNodes) -> bytes:
    """A filter result of whole nodes, as they were sent."""
    head = b'{"Nodes":{"metadata":{},"items":['
    tail = f']}},"NodeNames":null,"FailedNodes":null,"FailedAndUnresolvableNodes":{failed},"Error":""}}'.encode()
    parts: list[bytes | NodeBody] = [b","] * (2 * len(nodes) + 1)
    parts[1::2] = nodes
    parts[0] = head
    parts[-1] = tail if nodes else head + tail
    return b"".join(parts)  # megabytes: copied once


def filter_error(message: str) -> bytes:
    return _encode({"Nodes": None, "NodeNames": None, "FailedNodes": None, "Error": message})


def priorities(scores: Iterable[tuple[str, int]]) -> bytes:
    """A HostPriorityList."""
    return _encode([{"Host": host, "Score": score} for host, score in scores])


def preemption_result(victims: Mapping[str, MetaVictims]) -> bytes:
    return _encode({"NodeNameToMetaVictims": victims})


def binding_result(error: str = "") -> bytes:
    return _encode({"Error": error})
