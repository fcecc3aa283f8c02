"""How ``multiarch-scheduler simulate`` shows what came out: tables for people, JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from scheduler.commands.simulation.outcome import Outcome
from scheduler.commands.simulation.utilisation import PlatformUse, Use

MOST_ROWS = 40
"""Of a table that sums up; the wide one lists all."""

MOST_NAMES = 3


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each step, on standard error if that is a terminal, gone at the end."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def advance(step: str, done: int, of: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=of)
            bars.update(tasks[step], completed=done)

        yield advance


def print_json(console: Console, outcome: Outcome) -> None:
    console.print_json(msgspec.json.encode(outcome).decode())


def print_tables(console: Console, outcome: Outcome, *, wide: bool) -> None:
    console.print(_headline(outcome))
    for note in outcome.notes:
        console.print(Text(f"note: {note}", "yellow"))
    if outcome.placements:
        console.print(_each(outcome) if wide else _by_workload(outcome))
    console.print(_utilisation(outcome.utilisation))
    if outcome.evictions:
        console.print(_evictions(outcome, wide=wide))
    if outcome.unplaced:
        console.print(_unplaced(outcome))


def _headline(outcome: Outcome) -> Text:
    parts = [f"{_count(outcome.pods, 'pod')} on {_count(outcome.nodes, 'node')}: {len(outcome.placements)} placed"]
    if outcome.left:
        parts.append(f"{outcome.left} not placed")
    if outcome.evictions:
        parts.append(f"{_count(len(outcome.evictions), 'pod')} evicted")
    return Text(", ".join(parts), "bold red" if outcome.left else "bold green")


def _each(outcome: Outcome) -> Table:
    table = _table("Placements", "pod", "node", "platform", "workload")
    for placement in outcome.placements:
        table.add_row(placement.pod, placement.node, placement.platform, placement.workload)
    return table


def _by_workload(outcome: Outcome) -> Table:
    nodes: dict[tuple[str, str], Counter[str]] = {}
    for placement in outcome.placements:
        nodes.setdefault((placement.workload, placement.platform), Counter())[placement.node] += 1
    table = _table("Placements", "workload", "platform", ">pods", "nodes")
    for (workload, platform), counts in list(nodes.items())[:MOST_ROWS]:
        table.add_row(workload, platform, f"{counts.total():,}", _some(_with_counts(counts)))
    if len(nodes) > MOST_ROWS:
        table.caption = f"and {len(nodes) - MOST_ROWS:,} rows more; -o wide lists every pod"
    return table


def _utilisation(platforms: Iterable[PlatformUse]) -> Table:
    table = _table("Utilisation, before and after", "platform", ">nodes", ">cpu", ">memory", ">pods")
    for platform in platforms:
        cells = [_use(name, platform.resources[name]) for name in ("cpu", "memory", "pods")]
        table.add_row(platform.platform, f"{platform.nodes:,}", *cells)
    return table


def _use(resource: str, use: Use) -> str:
    before, after, of = (_amount(resource, value) for value in (use.before, use.after, use.allocatable))
    return f"{_percent(use.before, use)} -> {_percent(use.after, use)}\n{before} -> {after} of {of}"


def _amount(resource: str, value: int) -> str:
    if resource == "cpu":
        return f"{value / 1000:,.4g}" if value < 1_000_000 else f"{value / 1000:,.0f}"
    if resource == "memory":
        gibibytes = value / 2**30
        return f"{gibibytes:,.3g}Gi" if gibibytes < 100 else f"{gibibytes:,.0f}Gi"
    return f"{value:,}"


def _percent(value: int, use: Use) -> str:
    return f"{100 * value / use.allocatable:.0f}%" if use.allocatable else "-"


def _evictions(outcome: Outcome, *, wide: bool) -> Table:
    table = _table("Evicted to make room", "pod", "node", "for")
    shown = outcome.evictions if wide else outcome.evictions[:MOST_ROWS]
    for eviction in shown:
        table.add_row(eviction.pod, eviction.node, eviction.preemptor)
    if len(shown) < len(outcome.evictions):
        table.caption = f"and {len(outcome.evictions) - len(shown):,} more; -o wide lists them all"
    return table


def _unplaced(outcome: Outcome) -> Table:
    table = _table("Not placed", ">pods", "of", "why")
    for group in outcome.unplaced:
        table.add_row(f"{group.count:,}", _some(_with_counts(group.workloads)), Text(group.reason, "red"))
    return table


def _with_counts(counts: Mapping[str, int]) -> Iterator[str]:
    most_first = sorted(counts.items(), key=lambda item: -item[1])
    return (name if count == 1 else f"{name} ({count:,})" for name, count in most_first)


def _some(texts: Iterable[str]) -> str:
    listed = list(texts)
    rest = len(listed) - MOST_NAMES
    return ", ".join(listed[:MOST_NAMES]) + (f" and {rest:,} more" if rest > 0 else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _table(title: str, *columns: str) -> Table:
    """``>`` before a column's name sets it to the right."""
    table = Table(title=title, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column[0] == ">" else "left", overflow="fold")
    return table
