"""The explanation of a pod as people read it in a terminal."""

from __future__ import annotations

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scheduler.commands.explaining.document import GroupRow, PodExplanation, ReasonRow

REASONS_SHOWN = 3
"""Per group of nodes."""


def print_json(console: Console, told: PodExplanation) -> None:
    console.print_json(msgspec.json.encode(told).decode())


def print_text(console: Console, told: PodExplanation) -> None:
    console.print(_heading(told))
    if told.said:
        console.print(Text.assemble(("its scheduler says: ", "dim"), told.said), soft_wrap=True)
    for note in told.notes:
        console.print(Text(f"note: {note}", "yellow"), soft_wrap=True)
    if told.images:
        console.print(_images(told))
    console.print(Text.assemble(("on the cluster as it is now: ", "bold"), told.verdict), soft_wrap=True)
    if told.groups:
        console.print(_groups(told.groups))
    if told.scores:
        console.print(_scores(told))
    _print_remedies(console, told)


def _heading(told: PodExplanation) -> Text:
    where = f"on {told.node}" if told.node else "on no node"
    return Text.assemble((told.pod, "bold"), f": {told.phase}, {where}, scheduler {told.scheduler}")


def _images(told: PodExplanation) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("image", "used by", "built for"):
        table.add_column(column, overflow="fold")
    for row in told.images:
        known = (
            Text(f"not known: {row.problem}", "red")
            if row.problem
            else Text(", ".join(row.platforms) or "nothing that runs")
        )
        table.add_row(row.image, row.used_by, known)
    return table


def _groups(groups: list[GroupRow]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    named = any(group.group != group.platform for group in groups)
    if named:
        table.add_column("nodes", overflow="fold")
    table.add_column("platform", no_wrap=True)
    table.add_column("would take it", justify="right", no_wrap=True)
    table.add_column("why not", overflow="fold")
    for group in groups:
        taking = Text(f"{group.feasible} of {group.nodes}", "green" if group.feasible else "red")
        heading = [group.group, group.platform] if named else [group.platform]
        table.add_row(*heading, taking, _why_not(group.reasons))
    return table


def _why_not(reasons: list[ReasonRow]) -> str:
    lines = [f"{reason.nodes} {reason.text}" for reason in reasons[:REASONS_SHOWN]]
    if len(reasons) > REASONS_SHOWN:
        lines.append(f"and {len(reasons) - REASONS_SHOWN} other reason(s)")
    return "\n".join(lines)


def _scores(told: PodExplanation) -> Table:
    plugins = list(dict.fromkeys(plugin for row in told.scores for plugin in row.parts))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("node", overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    for plugin in plugins:
        table.add_column(plugin, justify="right", overflow="fold")
    for row in told.scores:
        name = Text(f"{row.node} (its node)" if row.chosen else row.node, "bold" if row.chosen else "")
        table.add_row(name, str(row.total), *(str(row.parts.get(plugin, 0)) for plugin in plugins))
    return table


def _print_remedies(console: Console, told: PodExplanation) -> None:
    if told.helps:
        console.print(Text("what would help, each of it alone:", "bold"))
        for row in told.helps:
            examples = ", ".join(row.examples) + (", ..." if row.nodes > len(row.examples) else "")
            console.print(Text(f"  {row.nodes} node(s) would take it {row.text}: {examples}"), soft_wrap=True)
    elif told.groups and not told.scores:
        console.print(Text("no single change would give it a place"))
    if told.preemption:
        console.print(Text.assemble(("preemption: ", "bold"), told.preemption), soft_wrap=True)
