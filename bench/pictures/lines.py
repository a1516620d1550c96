"""Lines as SVG, legible on light and on dark ground."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, TOP, BETWEEN = 640, 150, 60, 34, 40
COLOURS = ("#0a7e8c", "#c2571a", "#7a5bc0")
STYLE = """text { font: 13px system-ui, sans-serif; fill: #333 } .axis { stroke: #888 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } }"""


@dataclass(frozen=True)
class Line:
    name: str
    values: list[float]


def drawn(below: str, places: list[int], lines: list[Line]) -> str:
    """One chart for each line, over the same places, which are spaced by their logarithm."""
    most = math.log10(max(places)) or 1.0
    across = [LEFT + 30 + (WIDTH - LEFT - 90) * math.log10(place) / most for place in places]
    shown = [_chart(line, across, number) for number, line in enumerate(lines)]
    floor = TOP + len(lines) * (HEIGHT + BETWEEN) - BETWEEN
    shown += [_text(x, floor + 20, f"{p:,}") for x, p in zip(across, places, strict=True)]
    shown.append(_text(WIDTH / 2, floor + 40, below))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {floor + 50}" role="img">'
        f"<title>{escape(', '.join(line.name for line in lines))} by {escape(below)}</title>"
        f"<style>{STYLE}</style>{''.join(shown)}</svg>\n"
    )


def _chart(line: Line, across: list[float], number: int) -> str:
    top, colour = TOP + number * (HEIGHT + BETWEEN), COLOURS[number % len(COLOURS)]
    floor, highest = top + HEIGHT, max(line.values) * 1.25
    points = [
        (x, floor - HEIGHT * value / highest) for x, value in zip(across, line.values, strict=True)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    marks = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
        + _text(x, y - 10, f"{value:,.1f}" if value < 100 else f"{value:,.0f}")
        for (x, y), value in zip(points, line.values, strict=True)
    )
    return (
        f'<path class="axis" fill="none" d="M{LEFT} {top}V{floor}H{WIDTH - 20}"/>'
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        f"{marks}{_text(LEFT + 5, top - 10, line.name, 'start')}"
    )


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
