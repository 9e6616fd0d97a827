"""A library that fits much better elsewhere on the energy axis, with another valence: it is told, and counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.maps.matching.k_edge_samples import ENERGY, LNO, NIO, SHIFT, WIDTH, measured

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.maps.matching.axis_check import AXIS_UNKNOWN, axis_trial, better_place
from napari_xanes.theory import Library

WORDS = "measured on the stack's energy axis"


def pixels(library: Library, rows: list[int], moved: float) -> SpectralStack:
    """Return 4 x 5 noisy pixels of equal parts of members, on an axis that is moved by some eV."""
    member = library.at(ENERGY, broadening=WIDTH, shift=SHIFT, rows=rows).mean(axis=0)
    depth = np.random.default_rng(1).uniform(0.5, 1.5, 20) * member[:, None] + 0.2
    depth += 0.003 * np.random.default_rng(2).standard_normal(depth.shape)
    return SpectralStack(depth.reshape(-1, 4, 5).astype(np.float32), ENERGY + moved, "optical_depth", 0.05)


def matched(library: Library, stack: SpectralStack) -> nx.MapSet:
    return nx.maps.match_library(stack, library="ni-k", calibration=measured(library, NIO))


@pytest.mark.parametrize(("rows", "truth"), [([NIO], 2.0), ([NIO, LNO], 2.5), ([LNO], 3.0)])
def test_an_axis_that_is_off_is_told_and_counts_as_an_error(library: Library, rows: list[int], truth: float) -> None:
    maps = matched(library, pixels(library, rows, 3.0))
    valence = maps["valence"]
    off = np.abs(valence.data - truth)[valence.mask]
    assert valence.mask.all()
    assert off.min() > 0.5
    assert (off < 2 * valence.sigma[valence.mask]).all()
    assert any(WORDS in warning and "moved by +3.0 eV" in warning for warning in maps.metadata["warnings"])


@pytest.mark.parametrize("rows", [[NIO], [NIO, LNO], [LNO], [NIO, LNO, 5]])
@pytest.mark.parametrize("moved", [0.0, 0.3])
def test_an_axis_that_is_right_is_not_doubted(library: Library, rows: list[int], moved: float) -> None:
    maps = matched(library, pixels(library, rows, moved))
    assert not any(WORDS in warning for warning in maps.metadata["warnings"])
    assert (maps["valence_model"].data < 0.4).all()


@pytest.mark.parametrize("rows", [[NIO, LNO], [LNO]])
@pytest.mark.parametrize("moved", [-1.0, 1.0])
def test_sigma_holds_an_axis_that_nothing_ties_to_the_calibration(
    library: Library, rows: list[int], moved: float
) -> None:
    valence = matched(library, pixels(library, rows, moved))["valence"]
    off = np.abs(valence.data - library.table["charge"][rows].mean())[valence.mask]
    assert off.min() > 0.35
    assert (off < 2 * valence.sigma[valence.mask]).all()


def test_energies_that_are_too_few_for_the_error_of_the_axis_are_told(library: Library) -> None:
    stack = pixels(library, [NIO, LNO], 0.0)
    few = stack.isel(frames=slice(None, None, 5))
    maps, all_of_them = matched(library, few), matched(library, stack)
    assert maps["valence_model"].data.max() < 0.6 * all_of_them["valence_model"].data.min()
    assert AXIS_UNKNOWN in maps.metadata["warnings"]
    assert AXIS_UNKNOWN not in all_of_them.metadata["warnings"]


def test_a_tied_axis_has_a_smaller_error(library: Library) -> None:
    stack = pixels(library, [NIO, LNO], 0.0)
    (untied,) = np.unique(matched(library, stack)["valence_model"].data)
    moved = nx.ops.calibrate_energy(stack, offset=0.0, offset_sigma=0.1)
    (tied,) = np.unique(matched(library, moved)["valence_model"].data)
    calibration = measured(library, NIO)
    region = nx.Spectrum("NiO", ENERGY, np.interp(ENERGY, calibration.energy, calibration.mu))
    same = nx.maps.match_library(stack, library="ni-k", calibration=region)["valence_model"].data
    axis = np.sqrt(np.array([untied, tied]) ** 2 - 0.15**2)
    np.testing.assert_allclose(axis[1] / axis[0], np.hypot(0.15, 0.1) / 0.5, rtol=0.1)
    assert same.max() < 0.18


def test_a_measured_library_on_another_axis_is_told(library: Library) -> None:
    members = [measured(library, row, valence=valence) for row, valence in ((NIO, 2.0), (LNO, 3.0))]
    right, off = (nx.maps.match_library(pixels(library, [NIO, LNO], moved), library=members) for moved in (0.0, 0.5))
    assert "valence_model" not in right
    assert not any("shifted by" in text for text in right.metadata["warnings"])
    assert any("shifted by +0.5" in text for text in off.metadata["warnings"])
    valence = off["valence"]
    assert np.abs(valence.data - 2.5).min() > 0.1
    assert (np.abs(valence.data - 2.5) < 2 * valence.sigma).all()


def test_pixels_that_can_tell_nothing_raise_no_doubt(library: Library) -> None:
    stack, none = pixels(library, [NIO], 3.0), np.zeros(20, dtype=bool)
    rest = {"offset": SHIFT, "broadening": WIDTH, "background": "linear"}
    assert axis_trial(library, stack, none, **rest) is None
    trial = axis_trial(library, stack, ~none, **rest)
    assert trial is not None
    assert better_place(trial, 0.2) is not None
    assert better_place(trial, 2.0) is None


def test_a_lazy_stack_gives_the_same_answer(library: Library) -> None:
    import dask.array as da

    stack = pixels(library, [NIO, LNO], 3.0)
    lazy = SpectralStack(da.from_array(stack.data, chunks=(-1, 2, 5)), stack.energy, "optical_depth", 0.05)
    assert matched(library, lazy).metadata["warnings"] == matched(library, stack).metadata["warnings"]


@pytest.mark.parametrize(
    ("library", "calibration", "sample", "truth", "doubted"),
    [
        ("ni-k", "ni_k/ref_NiO.txt", "ni_k/NiOH2_rt_01.xdi", 2.0, True),
        ("ni-k", "ni_k/ref_NiO.txt", "ni_k/Ni2O3_rt_01.xdi", 3.0, True),
        ("ni-k", "ni_k/ref_NiO.txt", "ni_k/ref_LiNiO2.txt", 3.0, False),
        ("mn-k", "mn_k/Mn2O3_rt_01.xdi", "mn_k/Mn3O4_rt_01.xdi", 8 / 3, False),
        ("mn-k", "mn_k/Mn2O3_rt_01.xdi", "mn_k/MnO_rt_01.xdi", 2.0, False),
        ("mn-k", "mn_k/Mn2O3_rt_01.xdi", "mn_k/MnO2_rt_01.xdi", 4.0, False),
        ("fe-k", "fe_k/Fe2O3_rt_01.xdi", "fe_k/FeO_rt_01.xdi", 2.0, False),
        ("fe-k", "fe_k/Fe2O3_rt_01.xdi", "fe_k/Fe3O4_rt_01.xdi", 8 / 3, False),
    ],
)
def test_measured_oxides(
    real_data: Path, library: str, calibration: str, sample: str, truth: float, doubted: bool
) -> None:
    spectrum = nx.read_spectra(real_data / "references" / sample)[0]
    data = np.broadcast_to(np.asarray(spectrum.mu, dtype=np.float32)[:, None, None], (spectrum.mu.size, 2, 2))
    stack = SpectralStack(data.copy(), spectrum.energy, "optical_depth")
    known = nx.read_spectra(real_data / "references" / calibration)[0]
    maps = nx.maps.match_library(stack, library=library, calibration=known)
    assert any(WORDS in warning for warning in maps.metadata["warnings"]) == doubted
    assert abs(maps["valence"].data[0, 0] - truth) < 2 * maps["valence"].sigma[0, 0]
