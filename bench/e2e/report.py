"""The measurements as tables in Markdown: on the console, and in the documentation."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from bench.e2e.measuring import Burst, Steady

Bursts = dict[str, list[Burst]]
"""By contender, one for each round."""
Steadies = dict[str, list[Steady]]


def median(runs: Sequence[Burst] | Sequence[Steady], value: Callable[..., float]) -> float:
    return statistics.median(value(run) for run in runs)


def burst_table(found: dict[str, Bursts], ours: str, theirs: str) -> str:
    """``found``: by title of the workload."""
    lines = [
        "| workload | contender | pods/s | ratio | CPU ms per pod | ratio | API server | etcd | events | MB at most |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for title, bursts in found.items():
        for contender, runs in bursts.items():
            rate, cpu = median(runs, lambda run: run.rate), median(runs, lambda run: run.scheduler_cpu)
            other = bursts.get(theirs)
            ratios = "", ""
            if contender == ours and other:
                faster = rate / median(other, lambda run: run.rate)
                cheaper = median(other, lambda run: run.scheduler_cpu) / cpu
                ratios = f"**{faster:.1f} x**", f"**1/{cheaper:.1f}**"
            lines.append(
                f"| {title} | {contender} | {rate:,.0f} | {ratios[0]} | {cpu * 1e3:.2f} | {ratios[1]}"
                f" | {median(runs, lambda run: run.api_server_cpu) * 1e3:.2f}"
                f" | {median(runs, lambda run: run.etcd_cpu) * 1e3:.2f}"
                f" | {median(runs, lambda run: run.events / run.pods):.0%}"
                f" | {max(run.memory.peak for run in runs):,.0f} |"
            )
    return "\n".join(lines)


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
