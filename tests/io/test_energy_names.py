"""Photon energies in the names of files."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_xanes import io
from napari_xanes.io.energy_names import energies_in, energy_in

ENERGY = [7100.0, 7112.5, 7120.25, 7130.0]


@pytest.mark.parametrize(
    "form",
    [
        "a_{:.2f}eV",
        "A_{:.2f} EV",
        "2024_Li7_{:.2f}eV",
        "img{0:.0f}_{0:.2f}eV",
    ],
)
def test_points_capitals_and_numbers_before(tmp_path, frames, form):
    for energy, frame in zip(ENERGY, frames, strict=True):
        tifffile.imwrite(tmp_path / f"{form.format(energy)}.tif", frame, photometric="minisblack")
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    np.testing.assert_array_equal(stack.data, frames)


def test_p_stands_for_the_point():
    names = [f"a_{energy:.2f}eV".replace(".", "p") for energy in ENERGY]
    np.testing.assert_array_equal(energies_in(names)[0], ENERGY)


def test_a_comma_stands_for_the_point(tmp_path, frames):
    """The decimals became the energy: of `7100,50eV`, all frames were one at 50 eV, without a word."""
    for energy, frame in zip(ENERGY, frames, strict=True):
        tifffile.imwrite(tmp_path / f"a_{energy:.2f}eV.tif".replace(".", ",", 1), frame, photometric="minisblack")
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    np.testing.assert_array_equal(stack.data, frames)


@pytest.mark.parametrize(
    ("name", "energy"),
    [("7,112keV", 7112.0), ("7,112eV", None), ("7100,500eV", None), ("3,7100eV", 7100.0), ("Ni,280.5eV", 280.5)],
)
def test_what_stands_behind_a_comma_is_no_energy_unless_it_is_too_long_for_decimals(name, energy):
    found = energy_in(name)
    assert (found and found[0]) == energy


def test_an_energy_that_is_the_same_in_all_names_is_not_that_of_the_images(tmp_path, frames):
    """They became the repeats of one energy, and one frame, without a word."""
    for energy, frame in zip(ENERGY, frames, strict=True):
        tifffile.imwrite(tmp_path / f"K7112eV_{energy:.2f}eV.tif", frame, photometric="minisblack")
    with pytest.raises(ValueError, match="two energies, and the first is the same in all names; remove that one"):
        io.read(tmp_path)
    np.testing.assert_array_equal(io.read(tmp_path, energies=ENERGY).data, frames)
    assert energies_in(["K7112eV_7100eV", "K7112eV_7110eV"]) is None


def test_repeats_of_one_energy_stay(tmp_path, frames):
    for number, frame in enumerate(frames):
        tifffile.imwrite(tmp_path / f"a_7112eV_{number}.tif", frame, photometric="minisblack")
    assert io.read(tmp_path).energy.tolist() == [7112]
