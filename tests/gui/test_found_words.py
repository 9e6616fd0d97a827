"""What Explore says of the spectra that were found, and draws of them, without a dock."""

from __future__ import annotations

import numpy as np

from napari_xanes import Spectrum
from napari_xanes.gui.exploring.evidence import ERROR, curves_of, label_of, scree_of
from napari_xanes.gui.exploring.found import words_of
from napari_xanes.gui.exploring.plots import FoundPlot
from napari_xanes.parameter_map import MapSet, ParameterMap

ENERGY = np.linspace(8300.0, 8400.0, 30)


def test_words_are_short_and_say_nothing_twice() -> None:
    one = {"x": ParameterMap(np.ones((2, 2), np.float32))}
    told = {"explained": [0.9, 0.05, 0.02, 0.01, 0.005, 0.003, 0.001], "warnings": ["a", "b", "a"]}
    assert words_of(MapSet(one, metadata=told)).splitlines() == [
        "• components explain 90 %, 5 %, 2 %, 1 %, 0.5 %, and the other 2 together 0.4 % of what is more than noise",
        "• a",
        "• b",
    ]


def test_clusters_that_are_doubtful_are_so_once() -> None:
    one = {"x": ParameterMap(np.ones((2, 2), np.float32))}
    doubt = "2 clusters, not stable: another half of the pixels gives others"
    told = {"clusters": {"words": f"{doubt}; 7 pixels hold no more than noise, without a label"}, "warnings": [doubt]}
    assert words_of(MapSet(one, metadata=told)) == f"• {told['clusters']['words']}"


def test_found_spectra_say_their_unit() -> None:
    cluster = Spectrum("a", ENERGY, ENERGY, metadata={"quantity": "optical_depth"})
    maps = {"x": ParameterMap(np.ones((2, 2), np.float32))}
    assert label_of(MapSet(maps, metadata={"spectra": [cluster]})) == "optical depth (OD)"
    assert label_of(MapSet(maps, metadata={"spectra": [Spectrum("a", ENERGY, ENERGY)]})) == "absorption per amount (1)"


def test_spectra_without_errors_or_with_gaps_are_drawn() -> None:
    mu = np.array([1.0, np.nan, 2.0, 3.0])
    maps = MapSet(
        {"score_1": ParameterMap(np.ones((2, 2), np.float32))},
        metadata={"spectra": [Spectrum("a", np.arange(4.0) + 8300, mu)]},
    )
    curves, bands = curves_of(maps)
    assert np.isnan(curves[0].low).all()
    assert bands == ERROR
    assert scree_of(maps) is None
    plot = FoundPlot()
    plot.show_curves(curves)
    assert plot.bands[0].getData()[1] is None or plot.bands[0].getData()[1].size == 0
    assert plot.lines[0].getData()[1][3] == 3.0
