"""The plot as a picture for papers: PNG or SVG, in colours that stand out from white. No Qt; any thread may draw."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.gui.curve import Curve
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.theme import readable
from napari_xanes.saving.replacing import write_whole

_PAPER, _INK = "#ffffff", "#000000"
_SIZE, _DPI = (8.0, 4.6), 200
_LINES = {"pin": ":", "reference": "--"}
_LONGEST = 40  # characters of a name in the legend


@dataclass(frozen=True, eq=False)
class Picture:
    """What the plot shows.

    Parameters
    ----------
    curves : sequence of Curve
        The curves as they are drawn.
    label : str
        Quantity and unit of the values.
    ranges : pair of pairs of float
        Energies in eV and values that are in view.
    residual : pair of array of shape (E,), or None
        Energies and residual of the fit.
    bottom : str
        Label of the axis below.
    """

    curves: Sequence[Curve]
    label: str
    ranges: tuple[tuple[float, float], tuple[float, float]]
    residual: tuple[Values, Values] | None = None
    bottom: str = "photon energy (eV)"


def save_picture(picture: Picture, path: Path) -> None:
    """Write the plot as PNG, 1600 pixels wide, or as SVG with texts that stay texts; the suffix decides.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    from matplotlib import rc_context

    figure, content = _drawn(picture), io.BytesIO()
    kind = path.suffix.lower().removeprefix(".")
    # Without a date and random names in it, the same plot gives the same file.
    facts: Any = {"Date": None} if kind == "svg" else None
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "napari-xanes"}):
        figure.savefig(content, format=kind, dpi=_DPI, metadata=facts)
    write_whole(path, content.getvalue())


def _drawn(picture: Picture) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained", facecolor=_PAPER)
    FigureCanvasAgg(figure)
    rows = 1 if picture.residual is None else 2
    axes: Any = figure.subplots(rows, sharex=True, squeeze=False, height_ratios=(4, 1)[:rows])[:, 0]
    for curve in picture.curves:
        if curve.kind != "residual":
            _draw(axes[0], curve)
        elif rows == 2:
            _draw(axes[1], curve)
    axes[0].set(xlim=picture.ranges[0], ylim=picture.ranges[1], ylabel=picture.label)
    if picture.residual is not None:
        axes[1].plot(*picture.residual, color=_INK, linewidth=0.8)
        axes[1].axhline(0.0, color="#888888", linestyle=":", linewidth=0.8)
        axes[1].set(ylabel="Δ")
    axes[-1].set(xlabel=picture.bottom)
    if picture.curves:
        figure.legend(loc="outside right upper", fontsize="small", frameon=False)
    return figure


def _draw(axes: Any, curve: Curve) -> None:
    colour = readable(curve.colour, _PAPER) if curve.colour else _INK
    name = curve.name if len(curve.name) <= _LONGEST else f"{curve.name[: _LONGEST - 1]}…"
    name = name if curve.e0 is None else f"{name} · E0 {curve.e0:.1f} eV"
    width = 0.9 if curve.kind in ("fit", "residual") else 1.5
    # matplotlib leaves names that begin with an underscore out of a legend, and reads $...$ as formulas.
    label = ("\u200b" + name if name.startswith("_") else name).replace("$", r"\$")
    axes.plot(
        curve.energy, curve.values, color=colour, linestyle=_LINES.get(curve.kind, "-"), linewidth=width, label=label
    )
    if curve.spread is not None:
        low, high = curve.values - curve.spread, curve.values + curve.spread
        axes.fill_between(curve.energy, low, high, color=colour, alpha=0.2, linewidth=0)
    if curve.e0 is not None:
        axes.plot(curve.e0, np.interp(curve.e0, curve.energy, curve.values), "o", color=colour, markersize=4)
