"""Two caches compared: where the one that followed every change differs from one that was filled anew.

Owns what must agree: nodes and their facts, which pods are placed where, and every counter that plugins read. Rows, ids
and the order of arrival differ between two caches that mean the same, so nodes are compared by name and counters by
what they count. Upstream (``pkg/scheduler/backend/cache/debugger/comparer.go``) compares names only.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import numpy as np

from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import AMOUNT, Amounts, Ids, RowIndexes
from scheduler.cluster.resources import CPU_COLUMN, MEMORY_COLUMN


def differences(kept: Cache, fresh: Cache) -> list[str]:
    """One sentence each; none if both mean the same. Both are as before afterwards."""
    common = sorted(name for name in _names(kept) if fresh.nodes.row_of(name) is not None)
    return [
        *(f"node {name} is gone, and still there" for name in sorted(_names(kept) - _names(fresh))),
        *(f"node {name} is missing" for name in sorted(_names(fresh) - _names(kept))),
        *_pods(kept, fresh),
        *(text for name in common for text in _facts_of(name, kept, fresh)),
        *_counters(kept, fresh, common),
    ]


def _names(cache: Cache) -> set[str]:
    return {node.name for _, node in cache.nodes}


def _pods(kept: Cache, fresh: Cache) -> Iterator[str]:
    ours = {(uid, placed.pod.key): placed.node for uid, placed in kept}
    theirs = {(uid, placed.pod.key): placed.node for uid, placed in fresh}
    for uid, key in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get((uid, key), "no node"), theirs.get((uid, key), "no node")
        if here != there:
            yield f"pod {key} ({uid}) is counted on {here} instead of {there}"


def _facts_of(name: str, kept: Cache, fresh: Cache) -> Iterator[str]:
    for (what, ours), (_, theirs) in zip(_facts(name, kept), _facts(name, fresh), strict=True):
        if ours != theirs:
            yield f"node {name}: {what}: {ours} instead of {theirs}"


def _facts(name: str, cache: Cache) -> Iterator[tuple[str, object]]:
    nodes = cache.nodes
    row = int(_rows(cache, [name])[0])
    yield "labels", nodes.node(row).metadata.labels
    yield "taints", nodes.taint_sets.value(int(nodes.taints[row]))
    yield "platform", nodes.platform_values.value(int(nodes.platforms[row]))
    yield "features", nodes.feature_sets.value(int(nodes.features[row]))
    yield "unschedulable", bool(nodes.unschedulable[row])
    yield "ports", nodes.ports.on(row)
    yield "volumes attached", nodes.volumes.attached.on(row)


def _counters(kept: Cache, fresh: Cache, names: list[str]) -> Iterator[str]:
    """Of each number per node that differs somewhere, the first such node."""
    rows, fresh_rows = _rows(kept, names), _rows(fresh, names)
    ours: dict[Hashable, Amounts | Ids] = {**_amounts(kept), **_tallies(kept, kept)}
    theirs: dict[Hashable, Amounts | Ids] = {**_amounts(fresh), **_tallies(kept, fresh)}
    for what in sorted(ours.keys() | theirs.keys(), key=str):
        column, fresh_column = _of(ours.get(what), rows), _of(theirs.get(what), fresh_rows)
        differing = np.flatnonzero(column != fresh_column)
        if len(differing):
            first = differing[0]
            told = f"{what}: {column[first]} instead of {fresh_column[first]}"
            yield f"node {names[first]} and {len(differing) - 1} others: {told}"


def _of(column: Amounts | Ids | None, rows: RowIndexes) -> Amounts:
    """The numbers of these rows; zeros where nobody has counted yet."""
    return np.zeros(len(rows), dtype=AMOUNT) if column is None else column[rows].astype(AMOUNT)


def _rows(cache: Cache, names: list[str]) -> RowIndexes:
    return np.array([cache.nodes.row_of(name) for name in names], dtype=np.intp)


def _amounts(cache: Cache) -> dict[Hashable, Amounts]:
    """The columns of each resource that some node or pod has been seen with."""
    resources = cache.nodes.resources
    columns: dict[Hashable, Amounts] = {
        "cpu scored": resources.scored[CPU_COLUMN],
        "memory scored": resources.scored[MEMORY_COLUMN],
    }
    for name, number in resources.columns():
        columns[f"{name} allocatable"] = resources.allocatable[number]
        columns[f"{name} requested"] = resources.requested[number]
    for name, taken in resources.unoffered.items():
        column = columns[f"{name} requested"] = np.zeros(cache.nodes.capacity, dtype=AMOUNT)
        column[list(taken)] = list(taken.values())
    return columns


def _tallies(asking: Cache, cache: Cache) -> dict[Hashable, Ids]:
    """The pods that a selector means, for each that ``asking`` counts, and the terms that pods carry."""
    rows = cache.nodes.size
    columns: dict[Hashable, Ids] = {}
    for matcher in list(asking.matchers):
        counted = cache.matchers.acquire(matcher.selectors, terminating=matcher.terminating)
        columns["pods meant by", matcher.selectors, matcher.terminating] = counted.tally.counts(rows)
        cache.matchers.release(counted)
    for term in cache.carried_terms:
        columns["pods that carry", term.role, term.weight, term.term] = term.tally.counts(rows)
    return columns
