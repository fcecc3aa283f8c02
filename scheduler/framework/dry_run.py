"""The dry run of a preemption on all nodes at once, as far as it is a matter of adding up what pods take.

Owns, for pods of one class and priority, what ``preemption.try_node`` would find on each row if no other filters were
asked than those that add up (``plugin.AdditiveFilter``), and the repair of that: only rows whose pods, facts, budgets
or nominations changed are run anew. On which rows the others have nothing to say is worked out in ``making_room``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scheduler.cluster.cache import Cache
from scheduler.cluster.columns import Amounts, Mask, RowIndexes
from scheduler.cluster.importance import NOT_STARTED, UNGUARDED
from scheduler.framework.evaluation import Evaluation
from scheduler.framework.plan import counter_filters
from scheduler.framework.plugin import AdditiveFilter
from scheduler.framework.post_filter import Candidate
from scheduler.framework.preemption import LOWEST

VIOLATIONS, HIGHEST, TOTAL, NUMBER, START = range(5)


class DryRun:
    """``refresh`` first; then everything else is as of now."""

    def __init__(self, evaluation: Evaluation, priority: int, cache: Cache) -> None:
        self.priority = priority
        self._cache = cache
        self._nodes = cache.nodes
        self._importance = cache.importance
        plan, pod_class = evaluation.plan, evaluation.pod_class
        adding = [plugin for _, plugin in counter_filters(plan) if isinstance(plugin, AdditiveFilter)]
        self._asked = [pair for plugin in adding for pair in plugin.asked(pod_class)]
        self._pods_seen = self._nominations_seen = -1
        self._allocate(0)

    @property
    def has_victims(self) -> Mask:
        """bool[size]: whether there are pods of lower priority."""
        return self._has_victims[: self._nodes.size]

    @property
    def short(self) -> NDArray[np.bool_]:
        """bool[resource asked for, size]: what is still short when all pods of lower priority are gone."""
        return self._short[:, : self._nodes.size]

    @property
    def fits(self) -> Mask:
        """bool[size]: whether evictions make room."""
        fits: Mask = self.has_victims & ~self.short.any(axis=0)
        return fits

    @property
    def hurts(self) -> NDArray[np.int64]:
        """int64[5, size]: of each row that fits what ``preemption.hurt`` says of its candidate."""
        return self._hurts[:, : self._nodes.size]

    def least(self, rows: RowIndexes) -> RowIndexes:
        """Those of these rows, all of which fit, where it hurts least."""
        for criterion in self._hurts:
            values = criterion[rows]
            rows = rows[values == values.min()]
            if len(rows) == 1:
                break
        return rows

    def candidate(self, row: int) -> Candidate:
        """Who has to go from a row that fits."""
        first, gone = self._run(np.array([row], dtype=np.intp))
        pods = self._importance.pods[row]
        victims = tuple(pods[first + place].pod for place in np.flatnonzero(gone[:, 0]).tolist())
        return Candidate(self._nodes.name(row), victims, self._hurts[VIOLATIONS].item(row))

    def bounds(self, rows: RowIndexes) -> NDArray[np.int64]:
        """int64[5, rows]: no more than what ``preemption.hurt`` says where more filters are asked and one rejects now.

        Others can only make a pod go that would have stayed, and that before any difference in who goes after it. So
        the first to go, in the order of putting back, is as important at least as here, and the least important one if
        nobody goes here. How many go follows from what is short and what the greatest victim takes. Nothing is known
        of rows with victims that exceed a budget, whose order is another.
        """
        first, victims = self._victims(rows)
        columns = np.arange(len(rows))
        last = len(victims) - 1 - victims[::-1].argmax(axis=0)
        lowest = self._importance.priority[first:, rows][last, columns]
        goes = self._hurts[NUMBER, rows] > 0
        highest = np.where(goes, self._hurts[HIGHEST, rows], lowest)
        start = np.where(goes, self._hurts[START, rows], -self._importance.start[first:, rows][last, columns])
        greatest = np.maximum(self._taken(rows, first, victims).max(axis=0), 1)
        number = np.maximum(-(self._room(rows) // greatest), 1).max(axis=0)
        total = number * LOWEST + (number - 1) * lowest + highest
        bounds = np.stack((np.zeros_like(number), highest, total, number, start))
        exceeding = self._exceeding(rows, first, victims)
        if exceeding is not None:
            bounds[:, exceeding.any(axis=0)] = np.array([[0], [-LOWEST], [0], [0], [-NOT_STARTED]])
        return bounds

    def refresh(self) -> None:
        """Run anew what has changed."""
        self._importance.refresh()
        pods, nominations = self._importance.changes, self._cache.nominations.changes
        if self._pods_seen == pods.sequence and self._nominations_seen == nominations.sequence:
            return
        changed, nominated = pods.since(self._pods_seen), nominations.since(self._nominations_seen)
        if len(self._has_victims) != self._nodes.capacity or changed is None or nominated is None:
            self._allocate(self._nodes.capacity)
            self._run(np.arange(self._nodes.size))
        else:
            self._run(np.unique(np.concatenate((changed, nominated))))
        self._pods_seen, self._nominations_seen = pods.sequence, nominations.sequence

    # Private

    def _allocate(self, capacity: int) -> None:
        self._has_victims = np.zeros(capacity, dtype=np.bool_)
        self._short = np.zeros((len(self._asked), capacity), dtype=np.bool_)
        self._hurts = np.zeros((5, capacity), dtype=np.int64)

    def _run(self, rows: RowIndexes) -> tuple[int, NDArray[np.bool_]]:
        """All pods of lower priority go, then are put back one by one, on all rows at the same time.

        Returns who has to go, of those rows only that fit then: bool[place, rows], and which place comes first in it.
        """
        first, victims = self._victims(rows)
        taken = self._taken(rows, first, victims)
        room = self._room(rows) + taken.sum(axis=0)
        self._has_victims[rows] = victims.any(axis=0)
        self._short[:, rows] = room < 0
        left = np.flatnonzero(self._has_victims[rows] & (room >= 0).all(axis=0))
        rows, victims = rows[left], victims[:, left]
        if not len(left):
            return first, victims
        exceeding = self._exceeding(rows, first, victims)
        gone = _after_putting_back(victims, exceeding, taken[:, :, left], room[:, left])
        self._note(rows, first, gone, exceeding)
        return first, gone

    def _victims(self, rows: RowIndexes) -> tuple[int, NDArray[np.bool_]]:
        """bool[place, rows]: who is of lower priority; of the places from the first to the last with anybody who is."""
        victims = self._importance.priority[:, rows] < self.priority
        places = np.flatnonzero(victims.any(axis=1))
        first, last = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
        return first, victims[first:last]

    def _taken(self, rows: RowIndexes, first: int, victims: NDArray[np.bool_]) -> Amounts:
        """int64[place, resource asked for, rows]: what goes with each victim."""
        taken = np.empty((len(victims), len(self._asked), len(rows)), dtype=np.int64)
        for number, (name, _) in enumerate(self._asked):
            amounts = self._importance.amounts(name)[first : first + len(victims), rows]
            np.multiply(amounts, victims, out=taken[:, number])
        return taken

    def _note(self, rows: RowIndexes, first: int, gone: NDArray[np.bool_], exceeding: NDArray[np.bool_] | None) -> None:
        last = first + len(gone)
        priority = self._importance.priority[first:last, rows]
        top = gone.argmax(axis=0)
        columns = np.arange(len(rows))
        some = gone[top, columns]
        start = self._importance.start[first:last, rows][top, columns]
        self._hurts[VIOLATIONS, rows] = 0 if exceeding is None else (gone & exceeding).sum(axis=0)
        self._hurts[HIGHEST, rows] = np.where(some, priority[top, columns], -LOWEST)
        self._hurts[TOTAL, rows] = np.where(gone, priority + LOWEST, 0).sum(axis=0)
        self._hurts[NUMBER, rows] = gone.sum(axis=0)
        self._hurts[START, rows] = -np.where(some, start, NOT_STARTED)

    def _room(self, rows: RowIndexes) -> Amounts:
        """int64[resource asked for, rows]: what would be left beside all pods, nominated ones included."""
        resources = self._nodes.resources
        room = np.zeros((len(self._asked), len(rows)), dtype=np.int64)
        for number, (name, amount) in enumerate(self._asked):
            column = resources.column(name)
            if column is not None:
                room[number] = resources.allocatable[column][rows] - resources.requested[column][rows]
            elif name in resources.unoffered:
                room[number] = [-resources.unoffered[name].get(row, 0) for row in rows.tolist()]
            room[number] -= amount
        for where, row in self._nominated(rows):
            for placed in self._cache.nominations.going_first(self._nodes.name(row), "", self.priority):
                amounts = {**dict(placed.requests.amounts), "pods": 1}
                room[:, where] -= [amounts.get(name, 0) for name, _ in self._asked]
        return room

    def _nominated(self, rows: RowIndexes) -> list[tuple[int, int]]:
        """(place among these rows, row) of those with nominated pods."""
        nominations = self._cache.nominations
        found = {row for name in nominations if (row := self._nodes.row_of(name)) is not None}
        return [(where, row) for where, row in enumerate(rows.tolist()) if row in found] if found else []

    def _exceeding(self, rows: RowIndexes, first: int, victims: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """bool[place, rows]: which victims would exceed a budget; None if none has one."""
        guard = np.where(victims, self._importance.guard[first : first + len(victims), rows], UNGUARDED)
        if not guard.any():
            return None
        allowed, is_special = self._importance.allowed()
        exceeding = _rank_among_equals(guard) >= np.maximum(allowed, 0)[guard]
        for column in np.flatnonzero(is_special[guard].any(axis=0)).tolist():
            places = np.flatnonzero(victims[:, column])
            pods = self._importance.pods[int(rows[column])]
            which = [pods[first + place].pod for place in places.tolist()]
            exceeding[places, column] = self._cache.budgets.exceeding(which)
        return exceeding


def _after_putting_back(
    victims: NDArray[np.bool_], exceeding: NDArray[np.bool_] | None, taken: Amounts, room: Amounts
) -> NDArray[np.bool_]:
    """bool[place, rows]: who has to go all the same. ``room``, with all of them gone, is written to.

    Those are put back first that would exceed a budget, then the others, the more important before the less important.
    """
    gone = victims.copy()
    for phase in (victims,) if exceeding is None else (exceeding, victims & ~exceeding):
        for place in np.flatnonzero(phase.any(axis=1)).tolist():
            stays = phase[place] & (room >= taken[place]).all(axis=0)
            room -= taken[place] * stays
            gone[place] &= ~stays
    return gone


def _rank_among_equals(guard: NDArray[np.int32]) -> NDArray[np.int64]:
    """int64[place, rows]: how many of the places before have the same guard; 0 for those unguarded."""
    ranks = np.zeros(guard.shape, dtype=np.int64)
    row, place = np.nonzero(guard.T)  # by row, then by place
    key = row * (int(guard.max()) + 1) + guard[place, row]
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    lengths = np.diff(np.append(starts, len(key)))
    ranks[place[order], row[order]] = np.arange(len(key)) - np.repeat(starts, lengths)
    return ranks
