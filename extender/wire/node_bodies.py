"""The bytes of each whole node of a request, to be sent back as they came.

Owns finding them. Go writes a list of nodes in one way, so that they are cut apart where one ends and the next begins,
which costs less than reading; whatever is written in another way is read once more for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from extender.wire.arguments import Body, Decoder, SentNode

NodeBody = memoryview | msgspec.Raw

_HEAD = b'"Nodes":{"metadata":{},"items":['
_FIRST = b'{"metadata":{"name":"'
_NEXT = b"}," + _FIRST
_TAIL = b']},"NodeNames":'


class _RawNodeList(msgspec.Struct, gc=False):
    items: list[msgspec.Raw] | None = None


class _RawNodes(msgspec.Struct, gc=False):
    nodes: _RawNodeList | None = msgspec.field(name="Nodes", default=None)


_read = Decoder(_RawNodes, "Nodes")
_first = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def node_bodies(body: Body, nodes: Sequence[SentNode]) -> Sequence[NodeBody]:
    """The bytes of ``nodes``, which are those that were read from ``body``, in the same order."""
    found = _cut(body, nodes)
    if found is not None:
        return found
    read = _read(body).nodes
    return (read and read.items) or []


def _cut(body: Body, nodes: Sequence[SentNode]) -> list[NodeBody] | None:
    """None unless each piece begins as the node does that belongs there."""
    start, end = body.find(_HEAD + _FIRST), body.rfind(_TAIL)
    if not nodes or not 0 <= start < end:
        return None
    start += len(_HEAD)
    view = memoryview(body)
    found: list[NodeBody] = []
    for node in nodes:
        name = node.metadata.name.encode()
        stop = body.find(_NEXT, start, end) + 1 or end
        if body[start + len(_FIRST) : start + len(_FIRST) + len(name) + 1] != name + b'"':
            return None
        found.append(view[start:stop])
        start = stop + 1
    return found if start == end + 1 and _is_one_node(found[0]) else None


def _is_one_node(piece: NodeBody) -> bool:
    """Of the first piece: whether the list began there, and not something alike within the pod."""
    try:
        return _first(piece) is not None
    except msgspec.DecodeError:
        return False
