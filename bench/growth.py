"""The growth curve: decisions a second against the number of nodes, as an SVG that is readable in light and dark.

Owns the drawing. Both axes are logarithmic, so a workload whose cost does not depend on the number of nodes is a level
line, and one whose cost grows with it falls by a decade per decade. Lines are named where they end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from xml.sax.saxutils import escape

from bench.report import Figure

WIDTH, HEIGHT = 1000, 560
LEFT, RIGHT, TOP, BOTTOM = 70, 390, 30, 50
LABEL_HEIGHT = 17

# Hues that can be told apart, of a lightness that stands out from white and from black; as the grey of the text is,
# since not every viewer asks a picture for another look in the dark.
COLOURS = (
    *("#3b7dd8", "#d9822b", "#2f9e63", "#d1495b", "#8e6bbf", "#a0703c", "#d970ad"),
    *("#7b8794", "#9a9a1c", "#1f9fb2", "#6a8f3c", "#c05a9d", "#5a76c4", "#b8860b"),
)
STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #6e7681 }
    .title { font-size: 14px; font-weight: 600 }
    .grid { stroke: #8884; stroke-width: 1 }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round }
    .leader { stroke-width: 1; opacity: 0.5 }
"""


def picture(figures: Sequence[Figure]) -> str:
    """The whole SVG. Every workload needs two sizes at least."""
    axes = _Axes(figures)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>Decisions a second against the number of nodes</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="16">Decisions a second, one core, all nodes considered</text>',
        *_grid(axes),
    ]
    lines = [(title, list(group)) for title, group in groupby(figures, key=lambda figure: figure.title)]
    ends = _apart([axes.y(line[-1].median) for _, line in lines])
    for (title, line), colour, label in zip(lines, COLOURS, ends, strict=False):
        parts.extend(_curve(axes, title, line, colour, label))
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Axes:
    """Where a number of nodes and a rate are on the picture."""

    def __init__(self, figures: Sequence[Figure]) -> None:
        self.sizes = sorted({figure.nodes for figure in figures})
        rates = [figure.median for figure in figures]
        self.decades = range(math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates))) + 1)

    def x(self, nodes: int) -> float:
        least, most = math.log10(self.sizes[0]), math.log10(self.sizes[-1])
        return round(LEFT + (math.log10(nodes) - least) / (most - least) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, rate: float) -> float:
        share = (math.log10(rate) - self.decades[0]) / (self.decades[-1] - self.decades[0])
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def _grid(axes: _Axes) -> Iterator[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for decade in axes.decades:
        y = axes.y(10**decade)
        yield f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{right}" y2="{y}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{10**decade:,}</text>'
    for size in axes.sizes:
        x = axes.x(size)
        yield f'<line class="grid" x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}"/>'
        yield f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{size:,}</text>'
    yield f'<text x="{(LEFT + right) / 2}" y="{bottom + 38}" text-anchor="middle">nodes</text>'


def _curve(axes: _Axes, title: str, line: Sequence[Figure], colour: str, label: float) -> Iterator[str]:
    points = [(axes.x(figure.nodes), axes.y(figure.median)) for figure in line]
    path = " ".join(f"{x},{y}" for x, y in points)
    yield f'<polyline class="line" stroke="{colour}" points="{path}"/>'
    for x, y in points:
        yield f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
    x, y = points[-1]
    yield f'<line class="leader" stroke="{colour}" x1="{x + 4}" y1="{y}" x2="{x + 20}" y2="{label}"/>'
    yield f'<rect x="{x + 22}" y="{label - 4}" width="10" height="8" fill="{colour}"/>'
    yield f'<text x="{x + 37}" y="{label + 4}">{escape(title)}</text>'


def _apart(heights: Sequence[float]) -> list[float]:
    """The heights, moved so that labels there do not touch; in the given order."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    moved = list(heights)
    for above, below in pairwise(order):
        moved[below] = max(moved[below], moved[above] + LABEL_HEIGHT)
    spill = max(0.0, moved[order[-1]] - (HEIGHT - BOTTOM))
    moved[order[-1]] -= spill
    for below, above in pairwise(order[::-1]):
        moved[above] = min(moved[above], moved[below] - LABEL_HEIGHT)
    return [round(height, 1) for height in moved]
