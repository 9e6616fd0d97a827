"""The contact sheet: the main maps of all files in one picture, with common limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_xanes.colours import colour_of
from napari_xanes.io.files import one_line
from napari_xanes.many.miniature import Miniature, limits_of, miniature
from napari_xanes.many.outcome import Outcome
from napari_xanes.picture_places import plain_texts
from napari_xanes.pictures import unit_text
from napari_xanes.saving.replacing import replacing

SHEET = "contact-sheet.png"
_SIDE, _FEWEST = 96, 24
_PIXELS = 16_000_000
"""Pixels of all pictures: with more files, each is smaller."""
_COLUMNS = 10
_LETTERS = 18
_DPI = 100


class _Panel(NamedTuple):
    outcome: Outcome
    picture: Miniature


def write_sheet(outcomes: Sequence[Outcome], path: Path) -> bool:
    """Write the main maps of results as one picture: one range of colours for all, grey where there is no value.

    Of results with different main maps, those of the most frequent one are drawn: others can't share its colours.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What became of each file.
    path : Path
        The PNG.

    Returns
    -------
    bool
        Whether there was anything to draw.

    Raises
    ------
    OSError
        If it can't be written.
    """
    there = [one for one in outcomes if one.state != "failed"]
    names = [one.main for one in there]
    main = max(dict.fromkeys(names), key=names.count, default="")
    drawn = [one for one in there if one.main == main]
    side = int(min(_SIDE, max(_FEWEST, (_PIXELS / max(1, len(drawn))) ** 0.5)))
    panels = [_Panel(one, picture) for one in drawn if (picture := miniature(one, side)) is not None]
    if not panels:
        return False
    _draw(panels, side, main, len(outcomes) - len(panels), path)
    return True


def _draw(panels: Sequence[_Panel], side: int, main: str, left_out: int, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    tallest = max(panel.picture.values.shape[0] for panel in panels)
    width, height = side + 24, tallest + 34
    figure = Figure(figsize=((columns * width + 110) / _DPI, (rows * height + 40) / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)
    box = figure.bbox
    axes = figure.add_axes((0, 0, (box.width - 110) / box.width, (box.height - 40) / box.height))
    axes.set(xlim=(0, columns * width), ylim=(rows * height, 0))
    axes.set_axis_off()
    mapped = _colours(panels, main)
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        left, top = column * width + 12, row * height
        y, x = panel.picture.values.shape
        axes.imshow(mapped(panel.picture), extent=(left, left + x, top + y, top), interpolation="nearest", zorder=1)
        name = one_line(Path(panel.outcome.path).stem)
        short = name if len(name) <= _LETTERS else f"{name[:6]}…{name[-(_LETTERS - 7) :]}"
        axes.text(left, top + tallest + 11, short, fontsize=6.5)
        axes.text(left, top + tallest + 21, _value(panel.outcome), fontsize=6.5, color="#555555")
    axes.set(xlim=(0, columns * width), ylim=(rows * height, 0))
    unit = panels[0].outcome.maps[main].unit if main else ""
    told = f" · {left_out} without a picture" if left_out else ""
    figure.text(12 / box.width, 1 - 26 / box.height, f"{(main or 'frames').replace('_', ' ')}{unit_text(unit)}{told}")
    if not panels[0].picture.labels:
        bar = figure.add_axes(((box.width - 84) / box.width, 0.1, 14 / box.width, 0.75))
        figure.colorbar(mapped.scale, cax=bar)
    with replacing(path) as file, plain_texts(figure):
        figure.savefig(file, format="png")  # type: ignore[arg-type]


class _colours:
    """Turns pictures into colours, with the limits of all of them."""

    def __init__(self, panels: Iterable[_Panel], main: str) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        values = np.concatenate([panel.picture.values.ravel() for panel in panels])
        self.scale = ScalarMappable(Normalize(*limits_of(values)), "viridis" if main else "gray")

    def __call__(self, picture: Miniature) -> Any:
        from matplotlib.colors import to_rgba

        if not picture.labels:
            pixels = self.scale.to_rgba(np.nan_to_num(picture.values))
            pixels[~np.isfinite(picture.values)] = to_rgba("#d9d9d9")
            return pixels
        pixels = np.full((*picture.values.shape, 4), to_rgba("#d9d9d9"))
        for label in np.unique(picture.values[picture.values != 0]):
            pixels[picture.values == label] = to_rgba(colour_of(int(label)))
        return pixels


def _value(outcome: Outcome) -> str:
    one = outcome.maps.get(outcome.main)
    if one is None or one.value != one.value:
        return ""
    return f"{one.value:.4g}" + ("" if one.sigma != one.sigma else f" ± {one.sigma:.2g}")
