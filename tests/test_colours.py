"""Colours stay apart for people with protanopia and deuteranopia, on dark and light backgrounds."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import rgb2lab

from napari_xanes.colours import OKABE_ITO, colour_of, on_light
from napari_xanes.gui.theme import readable

APART = 10.0
"""Least distance in CIELAB; about 2.3 is just noticed side by side (Mahy et al., 1994)."""

SIMULATIONS = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}
"""Matrices on linear RGB, severity 1, of Machado, Oliveira and Fernandes (2009), doi:10.1109/TVCG.2009.113."""


def seen(colours: list[str], kind: str) -> NDArray[np.float64]:
    """Return colours as people see them, in CIELAB, shape (N, 3)."""
    rgb = np.array([[int(one[i : i + 2], 16) for i in (1, 3, 5)] for one in colours]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    simulated = np.clip(linear @ np.transpose(SIMULATIONS[kind]), 0, 1)
    back = np.where(simulated <= 0.0031308, 12.92 * simulated, 1.055 * simulated ** (1 / 2.4) - 0.055)
    return np.asarray(rgb2lab(back[None])[0])


def too_near(colours: list[str], kind: str) -> list[tuple[str, str, float]]:
    values = seen(colours, kind)
    distances = {(i, j): float(np.linalg.norm(values[i] - values[j])) for i, j in combinations(range(len(values)), 2)}
    return [(colours[i], colours[j], round(d, 1)) for (i, j), d in distances.items() if d < APART]


def test_the_simulation_knows_red_and_green() -> None:
    pair = ["#a05000", "#507a00"]
    assert np.linalg.norm(np.subtract(*seen(pair, "all cones"))) > 40
    assert np.linalg.norm(np.subtract(*seen(pair, "deuteranopia"))) < 12
    grey = seen(["#808080"], "protanopia")[0]
    np.testing.assert_allclose(grey, seen(["#808080"], "all cones")[0], atol=0.5)


@pytest.mark.parametrize("kind", SIMULATIONS)
def test_colours_of_regions_pins_references_and_fits_stay_apart(kind: str) -> None:
    assert too_near(list(OKABE_ITO), kind) == []


@pytest.mark.parametrize("kind", SIMULATIONS)
@pytest.mark.parametrize("background", ["#262930", "#efebe9", "#ffffff", "#000000"])
def test_curves_stay_apart_on_the_backgrounds_of_plots(kind: str, background: str) -> None:
    assert too_near([readable(one, background) for one in OKABE_ITO], kind) == []


def test_first_regions_pins_fits_and_references_have_colours_of_their_own() -> None:
    from napari_xanes.gui.spectra.curve_sources import _FIRST_FIT_COLOUR
    from napari_xanes.gui.state import pins, references

    firsts = [1, 2, pins._FIRST_COLOUR, _FIRST_FIT_COLOUR, references._FIRST_COLOUR, references._FIRST_COLOUR + 1]
    assert len({colour_of(number) for number in firsts}) == len(firsts)


def test_a_colour_of_the_user_stays_on_light_backgrounds() -> None:
    assert on_light("#123456") == "#123456"
    assert on_light("#E69F00") == on_light("#e69f00") != "#E69F00"
