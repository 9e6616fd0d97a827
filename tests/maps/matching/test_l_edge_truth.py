"""Charge, valence and 10Dq of spectra that a library does not describe: within what is claimed, or not told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.maps.l_edge_samples import ENERGY, FULL, OH, stack_of

from napari_xanes import MapSet, SpectralStack, Spectrum, read_spectra
from napari_xanes.maps import match_library
from napari_xanes.maps.matching.fit_state import MAX_OFFSET
from napari_xanes.maps.matching.l_edge_model_error import L_EDGE_ERRORS, UNTESTED, error_of, ten_dq_errors
from napari_xanes.theory import ChargeTransfer, Library, build_library, l_edge_spectrum, load_library

MEASURED = [
    ("mn_l_edge/Data2_MnO.csv", FULL, 2),
    ("mn_l_edge/Data2_LaMnO3.csv", FULL, 3),
    ("mn_l_edge/Data2_SrMnO3.csv", FULL, 4),
    ("mn_l_edge/Data2_MnO.csv", OH, 2),
    ("mn_l_edge/Data2_LaMnO3.csv", OH, 3),
    ("mn_l_edge/Data2_SrMnO3.csv", OH, 4),
    ("als_fe_l/reduced.t", "fe-l23", 2),
    ("als_fe_l/oxidized.t", "fe-l23", 3),
]


def pixels(energy: Any, mu: Any, noise: float = 0.0) -> SpectralStack:
    """A stack whose 3 x 3 pixels have one spectrum, of height 1."""
    data = np.tile((mu / np.ptp(mu))[:, None, None], (1, 3, 3))
    data += noise * np.random.default_rng(4).standard_normal(data.shape)
    return SpectralStack(data.astype(np.float32), energy, "optical_depth")


def assert_right_or_honest(maps: MapSet, charge: int) -> None:
    """Every pixel has the charge and the valence within two sigma, or says that it does not know."""
    names = maps["charge"].labels or {}
    told = {names[int(label)] for label in np.unique(maps["charge"].data) if label}
    assert told <= {f"{name[:2]}{charge}+" for name in told} | {"ambiguous"}
    valence = maps["valence"]
    assert valence.sigma is not None
    assert (np.abs(valence.data - charge) <= 2 * valence.sigma)[valence.mask].all()
    assert abs(maps.metadata["library"]["offset_eV"]) <= MAX_OFFSET


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("offset", [0.0, None])
@pytest.mark.parametrize(("path", "library", "charge"), MEASURED)
def test_measured_spectra(
    real_data: Path, path: str, library: str, charge: int, offset: float | None, noise: float
) -> None:
    spectrum = read_spectra(real_data / path)[0]
    maps = match_library(
        pixels(spectrum.energy, spectrum.mu, noise), library=library, offset=offset, mixture=True, broadening=0.7
    )
    assert_right_or_honest(maps, charge)


@pytest.mark.parametrize("moved", [-0.3, 0.3])
@pytest.mark.parametrize(("path", "library", "charge"), MEASURED)
def test_measured_spectra_on_an_axis_that_is_a_little_off(
    real_data: Path, path: str, library: str, charge: int, moved: float
) -> None:
    spectrum = read_spectra(real_data / path)[0]
    stack = pixels(spectrum.energy + moved, spectrum.mu)
    assert_right_or_honest(match_library(stack, library=library, offset=0, mixture=True), charge)


@pytest.mark.parametrize(("ion", "charge"), [("Mn", 2), ("Mn", 4)])
def test_simulated_spectra_beyond_the_library(ion: str, charge: int) -> None:
    transfer = ChargeTransfer(6, 1.5) if charge == 2 else ChargeTransfer(2, 2.2)
    mu = l_edge_spectrum(
        ENERGY,
        element=ion,
        charge=charge,
        ten_dq=0.9 if charge == 2 else 1.9,
        slater_scale=0.7,
        spin_orbit_scale=1.05,
        charge_transfer=transfer,
        lorentz_l3=0.4,
        growth=0.05,
    )
    for offset in (0.0, None):
        maps = match_library(pixels(ENERGY, mu, 0.01), library=OH, offset=offset, mixture=True)
        assert_right_or_honest(maps, charge)


def test_an_axis_far_off_stops_at_the_end_of_its_reach(truth: Library) -> None:
    stack, _, _ = stack_of(truth, 50, 128, offset=2.6)
    maps = match_library(stack, library=OH, mixture=True)
    assert abs(maps.metadata["library"]["offset_eV"]) <= MAX_OFFSET
    assert any("the end of its reach" in warning for warning in maps.metadata["warnings"])
    assert not maps["assigned"].data.any()
    assert not maps["valence"].mask.any()


def test_a_mixture_of_one_member_is_not_exact() -> None:
    library = load_library(OH)
    mu = library.at(ENERGY, broadening=0.35, rows=[9])[0]
    maps = match_library(pixels(ENERGY, mu, 0.02), library=OH, offset=0, mixture=True, endmembers=[9.0])
    valence = maps["valence"]
    np.testing.assert_array_equal(valence.data, 2)
    assert valence.sigma is not None
    assert (valence.sigma >= L_EDGE_ERRORS["Mn"].least).all()
    assert (valence.sigma < 1.3 * L_EDGE_ERRORS["Mn"].least).all()


def test_the_errors_of_a_mixture_have_three_parts_that_grow_with_the_misfit(truth: Library) -> None:
    stack, _, _ = stack_of(truth.members([4, 23]), 100, 64)
    maps = match_library(stack, library=OH, offset=0, mixture=True)
    valence = maps["valence"]
    parts = [maps[f"valence_{name}"].data for name in ("noise", "grid", "model")]
    np.testing.assert_allclose(valence.sigma, np.sqrt(np.sum(np.square(parts), axis=0)), rtol=1e-4)
    ripple = 0.05 * np.sin(ENERGY)[:, None, None]
    rippled = match_library(stack.with_data(stack.data + ripple), library=OH, offset=0, mixture=True)
    assert np.nanmedian(rippled["valence_model"].data) > 1.5 * np.nanmedian(parts[2])
    plain = match_library(stack, library=OH, offset=0)
    both = match_library(stack.with_data(stack.data + ripple), library=OH, offset=0)
    assert (both["ten_dq_model"].data >= 0.999 * plain["ten_dq_model"].data.min()).all()


def test_mixtures_of_the_library_stay_certain(truth: Library) -> None:
    """The control: nothing is wrong, so nothing is masked, with and without a calibrated axis."""
    ends = [int(np.flatnonzero(truth.table["charge"] == charge)[i]) for charge, i in ((2, 4), (3, 9))]
    share = np.random.default_rng(2).uniform(0, 1, 256)
    pure = truth.at(ENERGY, broadening=0.35, rows=ends)
    data = np.outer(share, pure[0]) + np.outer(1 - share, pure[1])
    data += data.max(axis=1, keepdims=True) * np.random.default_rng(3).standard_normal(data.shape) / 30
    stack = SpectralStack(data.T.reshape(ENERGY.size, -1, 16).astype(np.float32), ENERGY, "optical_depth")
    for offset in (0.0, None):
        maps = match_library(stack, library=OH, offset=offset, mixture=True)
        valence = maps["valence"]
        assert valence.mask.mean() >= 0.98
        assert np.mean(np.abs(valence.data.ravel() - (3 - share)) < 2 * valence.sigma.ravel()) > 0.95
        assert np.median(valence.sigma) < 0.25


def test_untested_elements_say_so_and_carry_the_largest_error() -> None:
    nickel = load_library("ni-l23")
    energy = np.arange(845.0, 880.0, 0.15)
    mu = nickel.at(energy, broadening=0.4, rows=[40])[0]
    maps = match_library(pixels(energy, mu, 0.02), library="ni-l23", offset=0, mixture=True)
    assert any("no measured L edge of Ni has tested" in warning for warning in maps.metadata["warnings"])
    assert (maps["valence"].sigma >= UNTESTED.least).all()
    assert error_of(nickel) == UNTESTED
    assert max(error.least for error in L_EDGE_ERRORS.values()) < UNTESTED.least


def test_ten_dq_of_d6_is_hardly_known() -> None:
    iron = load_library("fe-l23")
    errors = ten_dq_errors(iron)
    assert (errors[iron.table["charge"] == 2] >= 0.5).all()
    assert (errors[iron.table["charge"] == 3] < 0.5).any()
    distorted = build_library("Fe2+", [1.1], fields=[(0.1, 0.04)], slater_scale=0.7, model_error=False)
    energy = np.arange(700.0, 730.0, 0.15)
    stack = pixels(energy, distorted.at(energy, broadening=0.7)[0], 0.01)
    found = match_library(stack, library="fe-l23", offset=0)["ten_dq"]
    assert (np.abs(found.data - 1.1) <= 2 * found.sigma)[found.mask].all()


def test_measured_libraries_have_no_model_part(truth: Library) -> None:
    spectra = [truth.spectrum(i, ENERGY) for i in (3, 20, 35)]
    ends = [Spectrum(f"phase {i}", s.energy, s.mu, s.valence) for i, s in enumerate(spectra)]
    stack, _, _ = stack_of(truth, 50, 64)
    maps = match_library(stack, library=ends, offset=0, mixture=True)
    assert (maps["valence_model"].data == 0).all()
