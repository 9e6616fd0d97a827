"""What a run found, in words: typical values with errors, legends, warnings. No Qt."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_xanes.colours import label_colours
from napari_xanes.gui.contrast import subsample
from napari_xanes.gui.map_layers import map_title
from napari_xanes.gui.wording import with_error

if TYPE_CHECKING:
    from napari_xanes.parameter_map import MapSet, ParameterMap


class RunWords(NamedTuple):
    """A run in words.

    Attributes
    ----------
    values : dict of str to str
        The typical value of each map.
    legend : str
        The legend of the label maps, as rich text.
    biases : dict of str to str
        What is known to move the values of each map; no text if nothing is.
    shares : dict of str to str
        How many pixels of each map have a value; no text if all have.
    """

    values: dict[str, str]
    legend: str
    biases: dict[str, str]
    shares: dict[str, str]


def words_of(maps: MapSet) -> RunWords:
    """Return a run in words. For large maps this takes longer than a window should wait: call it in a thread."""
    return RunWords(
        {name: map_text(one) for name, one in maps.items()},
        legend(maps),
        {name: known_bias(maps, name) for name in maps},
        {name: share_text(one) for name, one in maps.items()},
    )


def map_text(parameter_map: ParameterMap) -> str:
    """Return the median of a map inside its mask, with the median standard error and the unit, as text."""
    assert parameter_map.mask is not None
    values = subsample(parameter_map.data[parameter_map.mask])
    if parameter_map.labels is not None or values.size == 0:
        return f"{100 * float(np.mean(parameter_map.mask)):.3g} % of pixels"
    sigma = np.empty(0) if parameter_map.sigma is None else subsample(parameter_map.sigma[parameter_map.mask])
    error = float(np.nanmedian(sigma)) if np.isfinite(sigma).any() else float("nan")
    return with_error(float(np.nanmedian(values)), error, parameter_map.unit)


def share_text(parameter_map: ParameterMap) -> str:
    """Return how many pixels of a map have a value, as text; no text if all have."""
    assert parameter_map.mask is not None
    count, total = int(np.count_nonzero(parameter_map.mask)), parameter_map.mask.size
    if count == total:
        return ""
    return f"{count:,} of {total:,} pixels have a value ({100 * count / total:.3g} %), the others are masked"


def legend(maps: MapSet) -> str:
    """Return the legend of the label maps as rich text, with the number and fraction of pixels per label."""
    lines = []
    for name, parameter_map in maps.items():
        if parameter_map.labels is None:
            continue
        counts = np.bincount(parameter_map.data.ravel().astype(np.int64))
        total = max(1, int(counts[1:].sum()))
        lines.append(f"<b>{escape(map_title(name))}</b>")
        absent, colours = [], label_colours(parameter_map.labels, maps.metadata)
        for label, text in parameter_map.labels.items():
            count = int(counts[label]) if label < counts.size else 0
            if count == 0:
                absent.append(escape(text))
                continue
            square = f"<span style='color:{colours[label]}'>&#9632;</span>"
            lines.append(f"{square} {escape(text)}: {count} px, {100 * count / total:.3g} %")
        if absent:
            lines.append(f"in no pixel: {', '.join(absent)}")
    return "<br>".join(lines)


_WHITE_LINES_BELOW = 1100.0
"""eV; below this, edges are L edges of 3d metals or K edges of light elements, and begin with a strong white line."""


def known_bias(maps: MapSet, name: str) -> str:
    """Return what is known to move the values of a map by more than its errors say; no text if nothing is.

    Parameters
    ----------
    maps : MapSet
        The maps of a run.
    name : str
        The map that is shown.
    """
    method = maps.history[-1].name if maps.history else ""
    if (method, name) == ("edge_energy", "valence"):
        return (
            "Known bias: compounds that are neither the references nor mixtures of them read wrong by more than ± σ. "
            "Give references of the kind that the sample holds; for mixtures, fit_references is better."
        )
    if (method, name) == ("match_library", "valence"):
        return "Known bias: phases outside the library move a valence by about 0.3."
    if method == "edge_energy" and maps[name].unit == "eV":
        values = subsample(maps[name].valid())
        if np.isfinite(values).any() and float(np.nanmedian(values)) < _WHITE_LINES_BELOW:
            return (
                "Known bias: at an L edge, and at K edges below 1.1 keV, the height of the white line moves this "
                "energy, not only the oxidation state. For charges, match_library is better."
            )
    return ""
