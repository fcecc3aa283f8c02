"""What is shown of measurements of the decision core: tables for the terminal, and a section for the documents.

Owns the words and the form. The section stands between two marks in the document; whatever is around it stays.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from rich.table import Table

from bench.memory import Memory

START = "<!-- written by python -m bench.core --write -->"
END = "<!-- end of what bench.core wrote -->"
PROMISED_AT = 5_000
"""The size of cluster that what is wanted of a workload is about."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Decisions a second of one workload at one size, round by round; ``promised``: at PROMISED_AT nodes."""

    title: str
    promised: int | None
    nodes: int
    rates: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.rates)

    @property
    def best(self) -> float:
        return max(self.rates)

    @property
    def wanted(self) -> int | None:
        return self.promised if self.nodes == PROMISED_AT else None


def speed_table(figures: Iterable[Figure]) -> Table:
    """Every workload at every size."""
    table = Table(title="Decisions, all nodes considered")
    table.add_column("workload", no_wrap=True)
    for column in ("nodes", "decisions/s", "us each", "best round", "wanted"):
        table.add_column(column, justify="right", no_wrap=True)
    for title, group in _by_title(figures):
        for figure in group:
            table.add_row(
                title,
                f"{figure.nodes:,}",
                f"{figure.median:,.0f}",
                f"{1e6 / figure.median:.1f}",
                f"{figure.best:,.0f}",
                "" if figure.wanted is None else f"{figure.wanted:,}",
            )
        table.add_section()
    return table


def memory_table(used: Memory) -> Table:
    """What takes how much."""
    table = Table(title=f"Resident memory, {used.nodes:,} nodes and {used.pods:,} pods")
    table.add_column("")
    table.add_column("MB", justify="right")
    table.add_column("KB each", justify="right")
    for what, megabytes, each in _memory_rows(used):
        table.add_row(what, megabytes, each)
    return table


def section(figures: Sequence[Figure], single: Sequence[Figure], used: Memory, rounds: int, machine: str) -> str:
    """The document's part about the decision core, in Markdown. ``single``: what was measured at one size only."""
    sizes = sorted({figure.nodes for figure in figures})
    lines = [
        f"Decisions a second by the number of nodes, medians of {rounds} rounds (above {PROMISED_AT:,}, of one):",
        "",
        "| workload |" + "".join(f" {size:,} |" for size in sizes),
        "|---|" + "---:|" * len(sizes),
    ]
    for title, group in _by_title(figures):
        by_size = {figure.nodes: figure for figure in group}
        lines.append(f"| {title} |" + "".join(f" {by_size[size].median:,.0f} |" for size in sizes))
    lines += [
        "",
        "![decisions a second against cluster size](benchmarks/growth.svg)",
        "",
        f"At {PROMISED_AT:,} nodes, beside what is wanted:",
        "",
        "| workload | median | best round | wanted |",
        "|---|---:|---:|---:|",
    ]
    for figure in (*figures, *single):
        if figure.wanted is not None:
            lines.append(f"| {figure.title} | {figure.median:,.0f} | {figure.best:,.0f} | {figure.wanted:,} |")
    lines += ["", f"Memory with {used.nodes:,} nodes and {used.pods:,} placed pods:", "", "| | MB | KB each |"]
    lines += ["|---|---:|---:|", *(f"| {' | '.join(row)} |" for row in _memory_rows(used))]
    return "\n".join([*lines, "", f"Machine: {machine}."])


def write(document: Path, text: str) -> None:
    """Put the section between its marks. Raises ValueError for a document without them."""
    before, start, rest = document.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{document} has no place for the figures: the marks are missing")
    document.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _by_title(figures: Iterable[Figure]) -> Iterator[tuple[str, Iterator[Figure]]]:
    return groupby(figures, key=lambda figure: figure.title)


def _memory_rows(used: Memory) -> Iterator[tuple[str, str, str]]:
    yield "interpreter and libraries", f"{used.at_start / 1e6:.0f}", ""
    for what, number, grown in (
        ("nodes", used.nodes, used.for_nodes),
        ("pod classes remembered", used.classes, used.for_classes),
        ("placed pods", used.pods, used.for_pods),
    ):
        yield f"{number:,} {what}", f"{grown / 1e6:.0f}", f"{grown / number / 1e3:.1f}"
    yield "in all", f"{used.in_all / 1e6:.0f}", ""
