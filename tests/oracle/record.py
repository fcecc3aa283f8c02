"""Records what the live kube-scheduler decides: `python -m tests.oracle.record [FAMILY...]`.

Writes `tests/cases/oracle/recorded/<family>.jsonl.gz`, which the tests read where there is no Go. Cases come from the
family's strategy, are stored as an API server would, decided several times and kept when nothing but the host is left
to chance. Many more are made than kept: those are taken that make as many different things happen as possible.
"""

from __future__ import annotations

import collections
import itertools
import json
import re
import time
from typing import TYPE_CHECKING

import click
from hypothesis import HealthCheck, Phase, given, seed, settings
from rich.console import Console

from tests.oracle.oracle import Oracle
from tests.oracle.recordings import RECORDINGS, Case, Header, Recorded, Want, write
from tests.oracle.strategies.catalogue import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FOLDER = RECORDINGS / "recorded"

_SURPLUS = 4
"""How many cases are made for each that is kept."""


_VARYING = re.compile(r'"[^"]*"|\d+')


def made(family: str, count: int, number: int) -> list[Case]:
    """Distinct cases of a family, at most `count`, the same for the same seed `number`."""
    found: dict[str, Case] = {}

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(FAMILIES[family])
    def collect(case: Case) -> None:
        found[json.dumps(case, sort_keys=True)] = case

    collect()
    return [
        Case(id=f"{family}-{place}", objects=case["objects"], pod=case["pod"])
        for place, case in enumerate(found.values())
    ]


def decided(oracle: Oracle, cases: Iterable[Case]) -> Iterator[Recorded]:
    """The cases whose decision is settled, as an API server stores them."""
    stored = list(oracle.stored_all(cases))
    for case, want in zip(stored, oracle.settled_all(stored), strict=True):
        if want is not None:
            yield Recorded(case, want)


def varied(rows: Iterable[Recorded], count: int) -> list[Recorded]:
    """At most `count` rows of as many kinds as possible: one of each kind, then another of each, and so on."""
    kinds: dict[frozenset[str], list[Recorded]] = {}
    for row in rows:
        kinds.setdefault(happenings(row.want), []).append(row)
    turns = itertools.zip_longest(*kinds.values())
    chosen = (row for turn in turns for row in turn if row is not None)
    return list(itertools.islice(chosen, count))


def happenings(want: Want) -> frozenset[str]:
    """What happened in a decision, without the names and numbers that differ from case to case."""
    found = {key for key in ("preenqueue", "prefilter", "prefilter_nodes", "error", "score_error") if want.get(key)}
    found |= {happening for node in want["nodes"].values() for happening in _said(node)}
    feasible = sum(node["code"] == "Success" for node in want["nodes"].values())
    found.add(f"{min(feasible, 2)} feasible, {min(len(want['hosts']), 2)} hosts")
    preemption = want.get("preemption")
    if preemption:
        found.update(_evictions(preemption))
    return frozenset(found)


def _evictions(preemption: Want) -> Iterator[str]:
    yield f"preemption {preemption['code']}, {min(len(preemption.get('nominated_nodes', [])), 2)} nodes"
    candidates = preemption.get("candidates", {}).values()
    yield f"preemption: {min(len(candidates), 3)} candidates"
    yield f"preemption: {min(len(preemption.get('victims', [])), 3)} victims"
    if any(each["pdb_violations"] for each in candidates):
        yield "preemption: a budget is broken"
    for node in preemption.get("rejected", {}).values():
        yield from (f"dry run: {happening}" for happening in _said(node))


def _said(status: Want) -> Iterator[str]:
    for reason in status.get("reasons", []):
        yield f"{status.get('plugin', 'PreFilter')} {status['code']}: {_VARYING.sub('_', reason)}"


def _renumbered(family: str, rows: Sequence[Recorded]) -> list[Recorded]:
    numbered = []
    for place, row in enumerate(rows):
        name = f"{family}-{place:04d}"
        case = Case(id=name, objects=row.case["objects"], pod=row.case["pod"])
        numbered.append(Recorded(case, {**row.want, "id": name}))
    return numbered


@click.command(help="Record fresh decisions of the real kube-scheduler, for all families or those NAMED.")
@click.argument("names", nargs=-1, metavar="[NAME]...", type=click.Choice(sorted(FAMILIES)))
@click.option("--cases", "count", default=300, show_default=True, help="How many cases of each family to keep.")
@click.option("--seed", "number", default=1, show_default=True, help="The same seed makes the same cases.")
@click.option("--show", is_flag=True, help="Tell how often each thing happened.")
def main(names: tuple[str, ...], count: int, number: int, show: bool) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with Oracle() as oracle:
        for family in names or sorted(FAMILIES):
            began = time.monotonic()
            cases = made(family, count * _SURPLUS, number)
            settled = list(decided(oracle, cases))
            kept = varied(settled, count)
            path = FOLDER / f"{family}.jsonl.gz"
            write(path, Header(oracle.version, family, len(kept), number), _renumbered(family, kept))
            console.print(
                f"{path.name}: {len(kept)} of {len(cases)} cases, {len(cases) - len(settled)} not settled,"
                f" {path.stat().st_size / 1000:.0f} kB, {time.monotonic() - began:.0f} s"
            )
            if show:
                seen = collections.Counter(happening for row in kept for happening in happenings(row.want))
                for happening, often in sorted(seen.items()):
                    console.print(f"  {often:5} {happening}")


if __name__ == "__main__":
    main()
