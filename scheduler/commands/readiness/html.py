"""The readiness report as one HTML page: a chart of bars per platform, and the tables. Nothing comes from elsewhere.

Colours follow the reader's light or dark setting, and every bar says in words what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from scheduler.commands.readiness.document import PlatformRow, ReadinessReport, Standing

_WORDS = {
    Standing.READY: "runs there",
    Standing.PINNED: "would run, but its selector keeps it away",
    Standing.UNKNOWN: "an image could not be read",
    Standing.BLOCKED: "an image does not run there",
}

_STYLE = """
:root { color-scheme: light dark; --ready: #1a7f37; --pinned: #0969da; --unknown: #9a6700; --blocked: #cf222e; }
@media (prefers-color-scheme: dark) {
  :root { --ready: #3fb950; --pinned: #58a6ff; --unknown: #d29922; --blocked: #f85149; }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.bar { display: flex; height: 1.1rem; border-radius: .2rem; overflow: hidden; min-width: 12rem; }
.bar span { display: block; }
.ready { background: var(--ready); } .pinned { background: var(--pinned); }
.unknown { background: var(--unknown); } .blocked { background: var(--blocked); }
td.is-ready { color: var(--ready); } td.is-pinned { color: var(--pinned); }
td.is-unknown { color: var(--unknown); } td.is-blocked { color: var(--blocked); }
.key { margin-right: 1.2rem; } .key i { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem; }
"""


def page(report: ReadinessReport) -> str:
    """The whole page."""
    platforms = [row.platform for row in report.platforms]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Platforms this cluster is ready for</title>',
        f"<style>{_STYLE}</style></head><body>",
        "<h1>Platforms this cluster is ready for</h1>",
        *(f"<p>Note: {escape(note)}</p>" for note in report.notes),
        "<p>" + "".join(_key(standing) for standing in Standing) + "</p>",
        _table(["Platform", "Nodes", "Workloads", "Pods"], map(_summary, report.platforms)),
        "<h2>Images in the way</h2>",
        _table(["Image", "Built for", "Workloads it keeps from"], _image_rows(report)),
        "<h2>Workloads</h2>",
        _table(["Namespace", "Workload", "Pods", *platforms], _workload_rows(report, platforms)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _key(standing: Standing) -> str:
    return f'<span class="key"><i class="{standing}"></i>{standing}: {_WORDS[standing]}</span>'


def _summary(row: PlatformRow) -> str:
    cells = [f"<td>{escape(row.platform)}</td>", f'<td class="number">{row.nodes}</td>']
    return "".join([*cells, *(f"<td>{_bar(counts)}</td>" for counts in (row.workloads, row.pods))])


def _bar(counts: dict[Standing, int]) -> str:
    total = sum(counts.values())
    words = ", ".join(f"{count} {standing}" for standing, count in counts.items() if count) or "none"
    spans = "".join(
        f'<span class="{standing}" style="width:{100 * count / total:.2f}%"></span>'
        for standing, count in counts.items()
        if count
    )
    return f'<div class="bar" role="img" aria-label="{words}">{spans}</div>{counts[Standing.READY]} of {total}: {words}'


def _image_rows(report: ReadinessReport) -> Iterable[str]:
    for row in report.images:
        known = row.problem or ", ".join(row.built_for) or "nothing that runs"
        blocks = ", ".join(f"{platform}: {count}" for platform, count in row.blocks.items())
        yield "".join(f"<td>{escape(text)}</td>" for text in (row.image, known, blocks))


def _workload_rows(report: ReadinessReport, platforms: list[str]) -> Iterable[str]:
    for row in report.workloads:
        cells = [f"<td>{escape(row.namespace)}</td>", f"<td>{escape(row.kind)} {escape(row.name)}</td>"]
        cells.append(f'<td class="number">{row.pods}</td>')
        for platform in platforms:
            standing = row.standings[platform]
            why = escape(", ".join(row.images.get(platform, [])), quote=True)
            cells.append(f'<td class="is-{standing}" title="{why}">{standing}</td>')
        yield "".join(cells)


def _table(headings: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"
