"""The node table: one row per node, one column per fact, so that a rule about all nodes is a few array operations.

Owns the life of rows and the facts about nodes. Counters of what is placed on them live in the parts that it holds
(``resources``, ``ports``, ``volumes``), label values in ``labels``, image names in ``images``. Only ``cache`` writes
here; plugins read. Two logs tell readers which rows changed: ``facts`` (the node itself) and ``counters`` (what is
placed on it).

A row is free, then taken by a node, then free again::

    put(new node)            put(known node)           drop(name)
    free ----------> live    live ----------> live     live ----------> free (reused by the next new node)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import msgspec
import numpy as np

from scheduler.api.node import Node, Taint
from scheduler.cluster.change_log import ChangeLog
from scheduler.cluster.columns import HASH, HASH_MASK, ID, MIN_CAPACITY, Amounts, Ids, Mask, doubled, grown
from scheduler.cluster.images import ImageStates
from scheduler.cluster.interning import Interner, V
from scheduler.cluster.labels import LabelColumns, Labels
from scheduler.cluster.ports import HostPort, PortsInUse
from scheduler.cluster.requests import PodRequests
from scheduler.cluster.resources import ResourceColumns
from scheduler.cluster.volumes.volumes import Volumes
from scheduler.images.node_platform import NodePlatform, node_platform


class NodeTable:
    """Columns over rows ``0 .. size - 1``, of which ``live`` marks those that stand for a node."""

    def __init__(self) -> None:
        self.capacity = MIN_CAPACITY
        """Length of every column; doubles when all rows are taken."""
        self.size = 0
        """Rows ever handed out: what is past it was never in use."""
        self.live: Mask = np.zeros(self.capacity, dtype=np.bool_)
        self.unschedulable: Mask = np.zeros(self.capacity, dtype=np.bool_)
        self.name_hash: Amounts = np.zeros(self.capacity, dtype=HASH)
        """HASH_BITS of a hash of the name, never negative: breaks ties."""
        self.taints: Ids = np.zeros(self.capacity, dtype=ID)
        self.platforms: Ids = np.zeros(self.capacity, dtype=ID)
        self.features: Ids = np.zeros(self.capacity, dtype=ID)
        self._nodes: list[Node | None] = []
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self.taint_sets: Interner[tuple[Taint, ...]] = Interner()
        self.platform_values: Interner[NodePlatform] = Interner()
        self.feature_sets: Interner[frozenset[str]] = Interner()
        self.resources = ResourceColumns(self.capacity)
        self.labels = LabelColumns(self.capacity, partial(_labels_of_all, self._rows, self._nodes))
        self.images = ImageStates()
        self.ports = PortsInUse()
        self.facts = ChangeLog()
        self.counters = ChangeLog()
        self.volumes = Volumes(self.capacity, self.facts, self.counters)

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[int, Node]]:
        """(row, node) of every node, in no particular order."""
        for row in self._rows.values():
            yield row, self.node(row)

    def row_of(self, name: str) -> int | None:
        """The row of a node; None for a name that is not (or no longer) known."""
        return self._rows.get(name)

    def rows_of(self, names: Iterable[str]) -> list[int | None]:
        """The same for many names."""
        return list(map(self._rows.get, names))

    def node(self, row: int) -> Node:
        """The node at a live row, without its images: they are in ``images``, each name once."""
        node = self._nodes[row]
        if node is None:
            raise IndexError(f"row {row} holds no node")
        return node

    def name(self, row: int) -> str:
        """The name of the node at a live row."""
        return self.node(row).metadata.name

    def put(self, node: Node) -> int:
        """Add a node, or bring its facts up to date; returns its row. Raises InvalidQuantity and then changes nothing.

        Nothing is logged when no fact changed: most updates of a node are heartbeats.
        """
        name = node.metadata.name
        row = self._rows.get(name)
        if row is not None:
            if self._update(row, self.node(row), node):
                self.facts.touch(row)
            return row
        row = self._free[-1] if self._free else self.size
        if row == self.capacity:
            self._grow(row + 1)
        self.resources.set_allocatable(row, node.status.allocatable)
        self._take(row, node)
        self.facts.touch(row)
        return row

    def drop(self, name: str) -> None:
        """Forget a node and all that was counted on its row but ports and volumes. Raises KeyError if unknown."""
        row = self._rows.pop(name)
        node = self.node(row)
        self.labels.put(row, node.metadata.labels, None)
        self.images.remove(row)
        self.volumes.leave(name)
        self.taint_sets.release(int(self.taints[row]))
        self.platform_values.release(int(self.platforms[row]))
        self.feature_sets.release(int(self.features[row]))
        self.resources.clear(row)
        self.live[row] = False
        self._nodes[row] = None
        self._free.append(row)
        self.facts.touch(row)

    def place(self, row: int, requests: PodRequests, ports: Iterable[HostPort]) -> None:
        """Count a pod on the row."""
        self.resources.add(row, requests)
        self.ports.add(row, ports)
        self.counters.touch(row)

    def displace(self, row: int, requests: PodRequests, ports: Iterable[HostPort]) -> None:
        """The reverse of ``place`` with the same pod."""
        self.resources.remove(row, requests)
        self.ports.remove(row, ports)
        self.counters.touch(row)

    def _take(self, row: int, node: Node) -> None:
        """Turn a free row into this node's."""
        if self._free:
            self._free.pop()
            self._nodes[row] = _without_images(node)
        else:
            self.size += 1
            self._nodes.append(_without_images(node))
        self._rows[node.metadata.name] = row
        self.live[row] = True
        self.name_hash[row] = name_hash(node.metadata.name)
        self.unschedulable[row] = node.spec.unschedulable
        self.taints[row] = self.taint_sets.acquire(tuple(node.spec.taints))
        self.platforms[row] = self.platform_values.acquire(node_platform(node))
        self.features[row] = self.feature_sets.acquire(frozenset(node.status.declared_features))
        self.labels.put(row, None, node.metadata.labels)
        self.images.put(row, node.status.images)
        self.volumes.join(row, node.metadata.name)

    def _update(self, row: int, old: Node, new: Node) -> bool:
        """Bring a live row up to date. True if any fact changed."""
        changed = self.resources.set_allocatable(row, new.status.allocatable)
        self._nodes[row] = _without_images(new)
        if old.spec != new.spec:
            self.unschedulable[row] = new.spec.unschedulable
            self.taints[row] = _exchange(self.taint_sets, int(self.taints[row]), tuple(new.spec.taints))
            changed = True
        if old.metadata.labels != new.metadata.labels:
            self.labels.put(row, old.metadata.labels, new.metadata.labels)
            changed = True
        platform = node_platform(new)
        if platform != self.platform_values.value(int(self.platforms[row])):
            self.platforms[row] = _exchange(self.platform_values, int(self.platforms[row]), platform)
            changed = True
        if old.status.declared_features != new.status.declared_features:
            features = frozenset(new.status.declared_features)
            self.features[row] = _exchange(self.feature_sets, int(self.features[row]), features)
            changed = True
        return self.images.put(row, new.status.images) or changed

    def _grow(self, needed: int) -> None:
        self.capacity = doubled(self.capacity, needed)
        self.live = grown(self.live, self.capacity)
        self.unschedulable = grown(self.unschedulable, self.capacity)
        self.name_hash = grown(self.name_hash, self.capacity)
        self.taints = grown(self.taints, self.capacity)
        self.platforms = grown(self.platforms, self.capacity)
        self.features = grown(self.features, self.capacity)
        self.resources.grow(self.capacity)
        self.labels.grow(self.capacity)
        self.volumes.grow(self.capacity)


def name_hash(name: str) -> int:
    """HASH_BITS of a hash that is the same on every machine and in every run."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) & HASH_MASK


def _labels_of_all(rows: Mapping[str, int], nodes: Sequence[Node | None]) -> Iterator[tuple[int, Labels]]:
    for row in rows.values():
        node = nodes[row]
        if node is not None:
            yield row, node.metadata.labels


def _without_images(node: Node) -> Node:
    return msgspec.structs.replace(node, status=msgspec.structs.replace(node.status, images=[]))


def _exchange(interner: Interner[V], old: int, new: V) -> int:
    """The id of ``new`` in place of ``old``; acquired first, so that an unchanged value keeps its id."""
    number = interner.acquire(new)
    interner.release(old)
    return number
