"""How ``multiarch-scheduler platforms`` shows what it found: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scheduler.commands.platforms import ImageReport

_UNITS = ("B", "kB", "MB", "GB")


def print_json(console: Console, reports: Sequence[ImageReport]) -> None:
    console.print_json(msgspec.json.encode(reports).decode())


def print_tables(console: Console, reports: Sequence[ImageReport]) -> None:
    for report in reports:
        if report.error:
            console.print(Text.assemble((report.image, "bold"), ": ", (report.error, "red")))
            continue
        heading = Text.assemble((report.image, "bold"), f": {report.kind} {short(report.digest)}")
        console.print(heading, soft_wrap=True)
        console.print(_platforms(report))
        if report.nodes:
            console.print(_nodes(report))


def _platforms(report: ImageReport) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("platform")
    table.add_column("digest", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    for row in report.platforms:
        table.add_row(row.platform, short(row.digest), size(row.size))
    return table


def _nodes(report: ImageReport) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("node", "its platform", "runs the image"):
        table.add_column(column, overflow="fold")
    for row in report.nodes:
        table.add_row(row.node, row.platform, Text("yes", "green") if row.runs else Text(f"no: it {row.why}", "red"))
    return table


def short(digest: str) -> str:
    """``sha256:`` and twelve digits: enough to find it by."""
    algorithm, _, digits = digest.partition(":")
    return f"{algorithm}:{digits[:12]}" if digits else ""


def size(count: int) -> str:
    """Bytes as people read them; empty for what was not read."""
    if not count:
        return ""
    amount, unit = float(count), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"
