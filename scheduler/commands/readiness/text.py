"""The readiness report in a terminal: bars per platform, a row per workload, and the images that block most."""

from __future__ import annotations

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scheduler.commands.readiness.document import PlatformRow, ReadinessReport, Standing

BAR = 40
"""Characters."""

LOOKS: dict[Standing, tuple[str, str]] = {
    Standing.READY: ("yes", "green"),
    Standing.PINNED: ("pinned elsewhere", "cyan"),
    Standing.UNKNOWN: ("unknown", "yellow"),
    Standing.BLOCKED: ("no", "red"),
}
"""What a cell says, and its colour."""


def print_json(console: Console, report: ReadinessReport) -> None:
    console.print_json(msgspec.json.encode(report).decode())


def print_tables(console: Console, report: ReadinessReport) -> None:
    for note in report.notes:
        console.print(Text(f"note: {note}", "yellow"), soft_wrap=True)
    console.print(_summary(report))
    if report.workloads:
        console.print(_workloads(report))
    if report.images:
        console.print(_images(report))


def _summary(report: ReadinessReport) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("platform", no_wrap=True)
    table.add_column("nodes", justify="right")
    table.add_column("workloads that can run there", no_wrap=True)
    for row in report.platforms:
        table.add_row(row.platform, str(row.nodes), _bar(row))
    return table


def _bar(row: PlatformRow) -> Text:
    total = sum(row.workloads.values())
    text, filled = Text(), 0
    seen = 0
    for standing, count in row.workloads.items():
        seen += count
        until = round(BAR * seen / total) if total else 0
        text.append("█" * (until - filled), LOOKS[standing][1])
        filled = until
    text.append(f" {row.workloads[Standing.READY]} of {total}")
    for standing in (Standing.PINNED, Standing.UNKNOWN, Standing.BLOCKED):
        if row.workloads[standing]:
            text.append(f", {row.workloads[standing]} {standing}", LOOKS[standing][1])
    return text


def _workloads(report: ReadinessReport) -> Table:
    platforms = [row.platform for row in report.platforms]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("namespace", overflow="fold")
    table.add_column("workload", overflow="fold")
    table.add_column("pods", justify="right")
    for platform in platforms:
        table.add_column(platform, overflow="fold")
    for row in report.workloads:
        cells = [Text(*LOOKS[row.standings[platform]]) for platform in platforms]
        table.add_row(row.namespace, f"{row.kind} {row.name}", str(row.pods), *cells)
    return table


def _images(report: ReadinessReport) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("image that blocks or is not known", overflow="fold")
    table.add_column("built for", overflow="fold")
    table.add_column("workloads it keeps from", overflow="fold")
    for row in report.images:
        known = Text(row.problem, "yellow") if row.problem else Text(", ".join(row.built_for) or "nothing that runs")
        table.add_row(row.image, known, ", ".join(f"{platform}: {count}" for platform, count in row.blocks.items()))
    return table
