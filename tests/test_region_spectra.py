"""Mean spectra of regions: NaN, large means, lazy data, deviations and errors."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, computing
from napari_xanes.region_spectra import mean_spectrum, region_spectrum, standard_error

ENERGY = np.arange(700.0, 706.0)


@pytest.fixture
def data(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0, 0.3, (6, 20, 30)).astype(np.float32)


@pytest.fixture
def mask(rng: np.random.Generator) -> np.ndarray:
    return rng.random((20, 30)) > 0.5


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("kind", ["f4", "f8", "u2", "i4", "i8"])
def test_means_are_those_of_float64(data: np.ndarray, mask: np.ndarray, offset: float, kind: str) -> None:
    values = (data + offset).astype(kind) if kind[0] == "f" else (100 * data + 60_000).astype(kind)
    found = mean_spectrum(values, np.s_[0:20, 0:30], mask)
    inside = values[:, mask].astype(np.float64)
    np.testing.assert_allclose(found.mean, inside.mean(axis=1), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(found.deviation, inside.std(axis=1), rtol=1e-4)
    assert (found.n_pixels == mask.sum()).all()


def test_pixels_without_a_value_are_left_out_energy_by_energy(data: np.ndarray, mask: np.ndarray) -> None:
    y, x = np.argwhere(mask)[0]
    data[:, y, x], data[2, *np.argwhere(mask)[1]], data[3], data[:, ~mask] = np.nan, np.inf, np.nan, np.nan
    found = mean_spectrum(data, np.s_[0:20, 0:30], mask)
    inside = np.where(np.isfinite(data[:, mask]), data[:, mask], np.nan).astype(np.float64)
    rest = np.arange(6) != 3
    np.testing.assert_allclose(found.mean[rest], np.nanmean(inside[rest], axis=1), rtol=1e-6)
    np.testing.assert_allclose(found.deviation[rest], np.nanstd(inside[rest], axis=1), rtol=1e-5)
    assert found.n_pixels.tolist() == [np.isfinite(frame).sum() for frame in inside]
    assert np.isnan([found.mean[3], found.deviation[3]]).all()
    spectrum = region_spectrum(SpectralStack(data, ENERGY, "optical_depth"), mask, "grain")
    assert spectrum.energy.tolist() == ENERGY[rest].tolist()
    assert spectrum.metadata["warnings"] == ("no pixel of the region has a value at 703 eV; left out",)
    np.testing.assert_allclose(spectrum.sigma, found.deviation[rest] / np.sqrt(found.n_pixels[rest]))
    np.testing.assert_array_equal(spectrum.metadata["standard_deviation"], found.deviation[rest])


def test_a_lazy_stack_is_read_a_few_frames_at_a_time(
    data: np.ndarray, mask: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def frame(block_info: dict) -> np.ndarray:
        asked.append(block_info[None]["array-location"][0])
        return data[slice(*asked[-1])]

    lazy = da.map_blocks(frame, chunks=((1,) * 6, (20,), (30,)), dtype=data.dtype, meta=np.empty((0, 0, 0), "f4"))
    monkeypatch.setattr(computing, "_USUAL_BYTES", 2 * mask.size * 4)
    found = mean_spectrum(lazy, np.s_[0:20, 0:30], mask)
    # The values are of size 1, and their means near 0.
    np.testing.assert_allclose(found.mean, data[:, mask].mean(axis=1, dtype=np.float64), atol=1e-7)
    assert len(asked) == 6


def test_pixels_that_share_noise_count_as_fewer(data: np.ndarray, mask: np.ndarray) -> None:
    found = mean_spectrum(data, np.s_[0:20, 0:30], mask)
    np.testing.assert_allclose(standard_error(found, 2.0), 2 * standard_error(found))
    stack = SpectralStack(data, ENERGY, "normalized", metadata={"covariance_length_pixels": 2.0})
    spectrum = region_spectrum(stack, mask, "grain")
    np.testing.assert_allclose(spectrum.sigma, standard_error(found, 2.0))
    assert spectrum.metadata["normalized"] is True


def test_what_can_give_no_spectrum_is_refused(data: np.ndarray) -> None:
    stack = SpectralStack(data, ENERGY, "optical_depth", metadata={"name": "particle"})
    with pytest.raises(ValueError, match=r"'grain' has \(4, 4\) pixels, the stack \(20, 30\)"):
        region_spectrum(stack, np.ones((4, 4)), "grain")
    with pytest.raises(ValueError, match="'grain' marks no pixel of 'particle'"):
        region_spectrum(stack, np.zeros((20, 30)), "grain")
    with pytest.raises(ValueError, match="no pixel of 'grain' has a value"):
        region_spectrum(stack.with_data(np.full_like(data, np.nan)), np.ones((20, 30)), "grain")


@pytest.mark.parametrize("suffix", [".csv", ".xdi"])
def test_a_saved_region_reads_back_with_its_error_and_its_deviation(
    data: np.ndarray, mask: np.ndarray, tmp_path, suffix: str
) -> None:
    spectrum = region_spectrum(SpectralStack(data, ENERGY, "optical_depth"), mask, "grain")
    nx.write([spectrum], tmp_path / f"grain{suffix}")
    (found,) = nx.read_spectra(tmp_path / f"grain{suffix}")
    for name in ("energy", "mu", "sigma"):
        np.testing.assert_array_equal(getattr(found, name), getattr(spectrum, name))
    np.testing.assert_array_equal(found.metadata["standard_deviation"], spectrum.metadata["standard_deviation"])
    assert found.metadata["quantity"] == "optical_depth"
    if suffix == ".csv":
        assert "# energy_eV,grain,grain_sigma,grain_standard_deviation" in (tmp_path / "grain.csv").read_text()
