"""Rising steps drawn as SVG for a page: shares over a logarithmic axis, a colour and a dash a curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..catalog.plots import COLORS
from ..markup import Html, text

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 50, 190, 12, 42
DASHES = ("", "6 3", "2 3")
"""A second and a third round of the colours."""


def steps(
    curves: Mapping[str, Sequence[float]], count: int, least: float, most: float, across: str, what: str
) -> Html:  # fmt: skip
    """Return curves of shares: each rises by ``1 / count`` at every one of its values.

    Parameters
    ----------
    curves : mapping of str to sequence of float
        Rising values by label.
    count : int
        What 100 % is.
    least, most : float
        Ends of the axis, which is logarithmic.
    across, what : str
        What stands at the axis, and what the figure shows.
    """
    most = max(most, 2 * least)
    colors = [color for name, color in COLORS.items() if name != "black"]
    parts = [_axes(least, most, across)]
    for k, (label, values) in enumerate(curves.items()):
        color, dash = colors[k % len(colors)], DASHES[k // len(colors) % len(DASHES)]
        style = f'fill="none" stroke="{color}" stroke-width="2"' + (f' stroke-dasharray="{dash}"' if dash else "")
        parts.append(f'<path {style} d="{_path(values, count, least, most)}"/>')
        y = TOP + 14 + 16 * k
        x = WIDTH - RIGHT + 14
        parts.append(f'<path {style} d="M{x} {y - 4}h22"/><text x="{x + 28}" y="{y}">{text(label)}</text>')
    high = max(HEIGHT, TOP + 30 + 16 * len(curves))
    return Html(
        f'<figure><svg viewBox="0 0 {WIDTH} {high}" font-size="12" fill="currentColor" role="img" '
        f'aria-label="{text(what)}">{"".join(parts)}</svg></figure>'
    )


def _x(value: float, least: float, most: float) -> float:
    share = math.log(min(max(value, least), most) / least) / math.log(most / least)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _path(values: Sequence[float], count: int, least: float, most: float) -> str:
    words = [f"M{LEFT:.1f} {_y(0):.1f}"]
    for k, value in enumerate(values, 1):
        if value <= most:
            words.append(f"H{_x(value, least, most):.1f}V{_y(k / count):.1f}")
    return "".join([*words, f"H{WIDTH - RIGHT:.1f}"])


def _axes(least: float, most: float, across: str) -> str:
    """Return the axes with their ticks: 1, 2, 5 of every power of ten, quarters."""
    out = []
    for quarter in range(5):
        y = _y(quarter / 4)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="var(--line, #ddd)"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{25 * quarter} %</text>')
    for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1):
        for digit in (1, 2, 5):
            value = digit * 10.0**power
            if least <= value * (1 + 1e-9) and value <= most * (1 + 1e-9):
                x = _x(value, least, most)
                out.append(f'<path d="M{x:.1f} {_y(0):.1f}v4" stroke="currentColor"/>')
                out.append(f'<text x="{x:.1f}" y="{_y(0) + 17:.1f}" text-anchor="middle">{value:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(f'<text x="{middle:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{text(across)}</text>')
    out.append(f'<path d="M{LEFT} {TOP}V{_y(0):.1f}H{WIDTH - RIGHT}" fill="none" stroke="currentColor"/>')
    return "".join(out)
