"""Where a map and its colour bar lie in a picture, and how its texts are drawn.

Places are found by arithmetic: matplotlib's own layout takes as long as drawing.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEFT, _RIGHT, _TOP, _BOTTOM = 0.75, 0.95, 0.45, 0.6
"""Inches around a map for its texts; its colour bar is on the right."""
_GAP, _BAR_WIDTH, _SHORTEST_BAR = 0.12, 0.15, 0.8
"""Inches."""
_BAR_SHARE = 0.85
"""Height of the colour bar over that of the map."""


def axes_in(figure: Figure, ratio: float) -> tuple[Any, Any]:
    """Return axes for a map and for its colour bar, as large as the figure has room for.

    Parameters
    ----------
    figure : Figure
        The figure, without a layout of its own.
    ratio : float
        Height of the map over its width.
    """
    width, height = figure.get_size_inches().tolist()
    most_wide, most_high = width - _LEFT - _RIGHT, height - _TOP - _BOTTOM
    wide = min(most_wide, most_high / ratio)
    high = wide * ratio
    x, y = _LEFT + (most_wide - wide) / 2, _BOTTOM + (most_high - high) / 2
    bar = max(_BAR_SHARE * high, _SHORTEST_BAR)
    axes = figure.add_axes((x / width, y / height, wide / width, high / height))
    place = (x + wide + _GAP) / width, (y + (high - bar) / 2) / height, _BAR_WIDTH / width, bar / height
    return axes, figure.add_axes(place)


@contextmanager
def plain_texts(figure: Figure) -> Iterator[None]:
    """Let names of files be drawn as they are written: dollars begin no formula, bytes that are no text are escapes.

    Letters that the font lacks are boxes, without a warning for each of them while the figure is drawn.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
        text.set_text(text.get_text().encode("utf-8", "backslashreplace").decode())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield
