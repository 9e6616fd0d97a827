"""The main map of all files over a number in their names, as a drawing in the page (SVG)."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import NamedTuple

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 15, 15, 45


class Point(NamedTuple):
    """One file.

    Attributes
    ----------
    x : float
        The number in its name.
    y : float
        Median of its main map.
    sigma : float
        Median error of its pixels; NaN if not known.
    low, high : float
        Between these lie the middle 68 % of its pixels.
    name : str
        Its name.
    """

    x: float
    y: float
    sigma: float
    low: float
    high: float
    name: str


def number_in(text: str) -> float:
    """Return the number that a text is, NaN if it is none; a decimal comma is a point.

    Examples
    --------
    >>> number_in("250"), number_in("2,5"), number_in("cold")
    (250.0, 2.5, nan)
    """
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def trend_svg(points: Sequence[Point], x_label: str, y_label: str) -> str:
    """Return a drawing of points with their errors (thick) and the spread of their pixels (thin).

    Parameters
    ----------
    points : sequence of Point
        The files; those without number or median are left out.
    x_label, y_label : str
        What the axes show.

    Returns
    -------
    str
        SVG; no text with fewer than two points at different numbers.
    """
    drawn = [point for point in points if math.isfinite(point.x) and math.isfinite(point.y)]
    if len({point.x for point in drawn}) < 2:
        return ""
    ends = [end for point in drawn for end in (point.y, point.low, point.high, *_bar(point)) if math.isfinite(end)]
    across = _Axis.through([point.x for point in drawn], _LEFT, _WIDTH - _RIGHT)
    upward = _Axis.through(ends, _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>{html.escape(y_label)} over {html.escape(x_label)}</title>'
    ]
    for value in across.ticks:
        x = across.at(value)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{value:.6g}</text>')
    for value in upward.ticks:
        y = upward.at(value)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.6g}</text>')
    parts += [_drawn(point, across, upward) for point in sorted(drawn)]
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text x="{(_LEFT + _WIDTH) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{html.escape(x_label)}</text>'
    )
    parts.append(
        f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{html.escape(y_label)}</text></svg>'
    )
    return "".join(parts)


def _bar(point: Point) -> tuple[float, float]:
    return point.y - point.sigma, point.y + point.sigma


def _drawn(point: Point, across: _Axis, upward: _Axis) -> str:
    x, lines = across.at(point.x), []
    for (low, high), width in (((point.low, point.high), 1), (_bar(point), 3)):
        if math.isfinite(low) and math.isfinite(high):
            line = f"M{x:.1f} {upward.at(low):.1f}V{upward.at(high):.1f}"
            lines.append(f'<path d="{line}" stroke="#0072B2" stroke-width="{width}"/>')
    told = f"{point.name}: {point.y:.4g}" + (f" ± {point.sigma:.2g}" if math.isfinite(point.sigma) else "")
    circle = f'<circle cx="{x:.1f}" cy="{upward.at(point.y):.1f}" r="4" fill="#0072B2">'
    return f"{''.join(lines)}{circle}<title>{html.escape(told)}</title></circle>"


class _Axis(NamedTuple):
    low: float
    high: float
    start: float
    end: float
    ticks: list[float]

    @classmethod
    def through(cls, values: Sequence[float], start: float, end: float) -> _Axis:
        """Return an axis on which all values lie, drawn between two places in pixels."""
        from matplotlib.ticker import MaxNLocator

        low, high = min(values), max(values)
        margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        low, high = low - margin, high + margin
        ticks = [float(tick) for tick in MaxNLocator(6).tick_values(low, high) if low <= tick <= high]
        return cls(low, high, start, end, ticks)

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)
