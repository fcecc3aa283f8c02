"""The measurements as tables in Markdown: on the console, and in the documentation."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.e2e.measuring import Burst, Steady

START = "<!-- written by python -m bench.e2e --write -->"
END = "<!-- end of what bench.e2e wrote -->"

Bursts = dict[str, list[Burst]]
"""By contender, one for each round."""
Steadies = dict[str, list[Steady]]


def median(runs: Sequence[Burst] | Sequence[Steady], value: Callable[..., float]) -> float:
    return statistics.median(value(run) for run in runs)


def burst_table(found: dict[str, Bursts], ours: str, theirs: str) -> str:
    """``found``: by title of the workload."""
    lines = [
        "| workload | contender | pods/s | ratio | per CPU s | ratio | CPU ms | ratio | API | etcd | events | MB |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for title, bursts in found.items():
        for contender, runs in bursts.items():
            other = bursts[theirs] if contender == ours and theirs in bursts else None
            cells = [
                *_compared(runs, other, lambda run: run.rate, "{:,.0f}", "{:.1f} x"),
                *_compared(runs, other, lambda run: 1 / run.cpu_to_bind, "{:,.0f}", "{:.1f} x"),
                *_compared(runs, other, lambda run: run.scheduler_cpu * 1e3, "{:.2f}", "{:.2f}"),
                f"{median(runs, lambda run: run.api_server_cpu) * 1e3:.2f}",
                f"{median(runs, lambda run: run.etcd_cpu) * 1e3:.2f}",
                f"{median(runs, lambda run: run.events / run.pods):.0%}",
                f"{max(run.memory.peak for run in runs):,.0f}",
            ]
            lines.append(f"| {title} | {contender} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _compared(
    runs: Sequence[Burst], other: Sequence[Burst] | None, value: Callable[[Burst], float], form: str, ratio: str
) -> tuple[str, str]:
    own = median(runs, value)
    return form.format(own), "" if other is None else f"**{ratio.format(own / median(other, value))}**"


def steady_table(found: dict[float, Steadies]) -> str:
    """``found``: by pods created a second."""
    lines = [
        "| pods/s created | contender | p50 ms | p90 | p99 | longest | CPU ms per pod |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for rate, steadies in found.items():
        for contender, runs in steadies.items():
            times = " | ".join(
                f"{median(runs, lambda run, at=at: run.percentile(at)) * 1e3:,.1f}" for at in (50, 90, 99, 100)
            )
            cpu = median(runs, lambda run: run.scheduler_cpu) * 1e3
            lines.append(f"| {rate:,.0f} | {contender} | {times} | {cpu:.2f} |")
    return "\n".join(lines)


def put(text: str, document: Path) -> None:
    """Replace what an earlier run wrote into the document. Raises ValueError when it has no place for it."""
    before, start, rest = document.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{document} has no place between {START} and {END}")
    document.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")
