"""The README's table of measured figures, taken from the pages that say how they were measured.

Nothing is measured here. Run as a program it writes the table anew, after a page has got new figures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.docs.console import DOCS

README = DOCS.parent / "README.md"
START = "<!-- written by python -m tests.docs.figures, from the pages named in it -->"
END = "<!-- end of the figures -->"


@dataclass(frozen=True)
class Figure:
    """``place`` finds the figure on the page, as its only group; ``form`` says how it is shown."""

    what: str
    page: str
    place: str
    form: str = "{}"


AT_5000 = r"^\| {} \| ([\d,]+) \| [\d,]+ \| [\d,]+ \|$"
PER_CPU_SECOND = r"^\| {} \| multiarch-scheduler \|(?: [^|]*\|){{3}} \*{{0,2}}([\d.]+ x)\*{{0,2}} \|"
"""Rows of tables that bench.core and bench.e2e write; the workload is to be filled in."""

FIGURES = (
    Figure("decisions a second at 5,000 nodes: simple pods", "benchmarks.md", AT_5000.format("simple pods, one class")),
    Figure(
        "decisions a second at 5,000 nodes: topology spread",
        "benchmarks.md",
        AT_5000.format("topology spread: zones hard, hosts soft"),
    ),
    Figure(
        "pods bound per CPU second of scheduler, API server and etcd, by kube-scheduler's: simple pods",
        "benchmarks-e2e.md",
        PER_CPU_SECOND.format("simple pods, one class"),
    ),
    Figure(
        "the same: node affinity, taints and platforms",
        "benchmarks-e2e.md",
        PER_CPU_SECOND.format("node affinity, taints and platforms"),
    ),
    Figure(
        "from a pod's creation to its binding at 150 pods a second, median",
        "benchmarks-e2e.md",
        r"^\| 150 \| multiarch-scheduler \| ([\d,.]+) \|",
        "{} ms",
    ),
    Figure(
        "the same for kube-scheduler",
        "benchmarks-e2e.md",
        r"^\| 150 \| kube-scheduler \| ([\d,.]+) \|",
        "{} ms",
    ),
    Figure(
        "most memory with 5,000 nodes and 9,000 pods",
        "benchmarks.md",
        r"^\| most memory ever resident \| ([\d,]+ MB) \|$",
    ),
    Figure("1,000 images read from a cold start", "benchmarks.md", r"^\| 1,000 distinct images, cold \| ([\d.]+ s) \|"),
    Figure("requests that read an index", "benchmarks.md", r"^\| GETs per index \| (\d+) \|", "one HEAD, {} GET"),
    Figure(
        "the extender's answer about 5,000 nodes, median",
        "extender.md",
        r"^\| 5,000 names, all can run it \|[^|]*\|[^|]*\| ([\d,]+) \|[^|]*\|$",
        "{} us",
    ),
    Figure(
        "kube-scheduler's CPU per pod with the extender in delegated mode, of that without",
        "extender.md",
        r"^delegated +[\d.,]+ +[\d.]+ +[\d.]+ +([\d.]+) ",
    ),
    Figure(
        "cluster-autoscaler's question about 1,000 node groups, 100 pods each",
        "autoscaler.md",
        r"a question of 100 MB, is answered in ([\d.]+ s)",
    ),
)


def row(figure: Figure) -> str:
    """Raises LookupError when the page does not have the figure exactly once."""
    found = re.findall(figure.place, (DOCS / figure.page).read_text(encoding="utf-8"), re.MULTILINE)
    if len(found) != 1:
        raise LookupError(f"docs/{figure.page} has {len(found)} times: {figure.what}")
    return f"| {figure.what} | {figure.form.format(found[0])} | [{figure.page}](docs/{figure.page}) |"


def table() -> str:
    return "\n".join(["| | measured | how |", "|---|---:|---|", *map(row, FIGURES)])


def write(document: Path = README) -> None:
    before, _, rest = document.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{START}\n\n{table()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write()
