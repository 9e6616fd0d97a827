"""Values are filled in from the other energies of their pixels by as many spectra as the noise allows."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.ops import repair
from napari_xanes.ops.low_rank import learn_low_rank
from napari_xanes.sample import nmc_ni_k

ENERGY = np.linspace(8320, 8380, 40)
CURVES = np.stack(
    [
        np.ones(40),
        0.5 + np.arctan((ENERGY - 8343) / 1.5) / np.pi,
        0.5 + np.arctan((ENERGY - 8348) / 1.5) / np.pi,
        np.exp(-(((ENERGY - 8350) / 3) ** 2)),
    ],
    axis=1,
)


def mixture(rng: np.random.Generator, count: int, sigma: Any, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Return data (E, Y, X) of some curves with noise of sigma (E,), and the truth."""
    maps = rng.uniform(0.2, 1.0, (count, size, size))
    truth = np.tensordot(CURVES[:, :count], maps, 1)
    noise = rng.normal(0, 1, truth.shape) * np.broadcast_to(sigma, 40)[:, None, None]
    return (truth + noise).astype(np.float32), truth


def filled(data: np.ndarray, quantity: Any = "optical_depth", **options: Any) -> SpectralStack:
    return repair(SpectralStack(data, ENERGY, quantity), fill="low rank", missing=True, **options)


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_missing_values_come_back_within_the_error_that_is_stated(share: float, rng: np.random.Generator) -> None:
    sigma = 0.02
    data, truth = mixture(rng, 3, sigma)
    hole = rng.random(data.shape) < share
    data[hole] = np.nan
    done = filled(data)
    record = done.filled
    assert record is not None
    assert record.frame.size > 0.995 * hole.sum(), "what the other values of a pixel do not tell stays empty"
    np.testing.assert_array_equal(done.data[~hole], data[~hole])
    errors = (done.data - truth)[hole & np.isfinite(done.data)]
    assert errors.std() < 0.6 * sigma
    words, _, error = done.metadata["repair"].text[1].partition(" to ")
    assert words.startswith(f"{record.frame.size} values were filled in by 3 spectra times maps.")
    assert float(error.split()[0]) == pytest.approx(np.hypot(errors.std(), sigma), rel=0.06)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_noise_decides_how_many_spectra_there_are(count: int, rng: np.random.Generator) -> None:
    sigma = 0.01 * (1 + 9 * (np.arange(40) > 30))  # ten times the noise behind the edge
    data, _ = mixture(rng, count, sigma)
    flat = data.reshape(40, -1)
    model = learn_low_rank(flat, np.arange(40), lambda values, pixels: np.ones_like(values), "stack")
    assert model.spectra.shape == (40, count)
    ratio = model.profile / sigma**2
    np.testing.assert_allclose(ratio / ratio.mean(), 1, atol=0.25)
    large = flat + np.float32(1000.0)
    model = learn_low_rank(large, np.arange(40), lambda values, pixels: np.ones_like(values), "stack")
    assert model.spectra.shape[1] <= count + 1, "a large mean is one more spectrum"


def test_photons_decide_too() -> None:
    counts = {}
    for photons in (30.0, 1e5):
        stack = nmc_ni_k(size=40, photons=photons).stack.isel(slice(10, 50))
        data = stack.data.copy()
        data[20, 10, 11] = np.nan
        text = repair(stack.with_data(data), fill="low rank", missing=True).metadata["repair"].text
        counts[photons] = int(text[1].partition(" filled in by ")[2].split()[0])
    assert counts[30.0] < counts[1e5] <= 6


def test_wrong_values_of_counts_are_filled_better_than_by_neighbours(rng: np.random.Generator) -> None:
    stack = nmc_ni_k(size=48, photons=1000.0).stack.isel(slice(15, 45))
    data = stack.data.copy()
    places = tuple(rng.integers(2, n - 2, 30) for n in data.shape)
    data[places] += rng.uniform(3, 20, 30).astype(np.float32) * 1000
    errors = {}
    for fill in ("low rank", "neighbours"):
        done = repair(stack.with_data(data), fill=fill)
        errors[fill] = float(np.sqrt(np.mean((done.data - stack.data)[places] ** 2)))
    assert errors["low rank"] < 1.15 * np.sqrt(1000)
    assert errors["low rank"] < 0.9 * errors["neighbours"]
    depth = nx.ops.optical_depth(repair(stack.with_data(data), fill="low rank"))
    assert depth.filled is not None
    np.testing.assert_array_equal(
        np.sort(depth.filled.pixel * len(data) + depth.filled.frame),
        np.unique(np.ravel_multi_index(places[1:], (48, 48)) * len(data) + places[0]),
    )


def test_pixels_that_hold_something_else_are_less_certain(rng: np.random.Generator) -> None:
    data, _ = mixture(rng, 2, 0.02)
    data[:, 5, 5] += 0.12 * CURVES[:, 3].astype(np.float32)  # a phase that no other pixel holds
    data[[10, 11], [5, 20], [5, 20]] = np.nan
    done = filled(data)
    assert done.filled is not None
    factors = dict(zip(done.filled.pixel.tolist(), done.filled.factor.tolist(), strict=True))
    assert factors[20 * 32 + 20] < 4
    assert factors[5 * 32 + 5] > 2 * factors[20 * 32 + 20]


def test_what_the_other_energies_do_not_tell_stays_empty(rng: np.random.Generator) -> None:
    data, _ = mixture(rng, 4, 0.02)
    white_line = np.abs(ENERGY - 8350) < 7
    data[white_line, 7, 8] = np.nan  # the fourth curve shows nowhere else
    data[:, 20, 21] = np.nan
    data[3, 1, 1] = np.nan
    done = filled(data)
    assert np.isnan(done.data[:, 20, 21]).all()
    assert np.isnan(done.data[white_line, 7, 8]).any()
    assert np.isfinite(done.data[3, 1, 1])
    left = int(np.isnan(done.data).sum())
    assert done.metadata["repair"].text[-1].startswith(f"{left} values stay empty: the other energies of their pixels")


def test_values_that_were_missing_stay_missing_unless_asked(rng: np.random.Generator) -> None:
    data, truth = mixture(rng, 2, 0.01)
    data[4, 6, 7] = np.nan
    data[20, 15, 16] = 9.0
    bad = np.zeros((32, 32), dtype=bool)
    bad[9, 10] = True
    done = repair(SpectralStack(data, ENERGY, "optical_depth"), fill="low rank", pixels=bad)
    assert np.isnan(done.data[4, 6, 7])
    assert np.isnan(done.data[:, 9, 10]).all()
    assert done.data[20, 15, 16] == pytest.approx(truth[20, 15, 16], abs=0.03)
    again = repair(done, fill="neighbours", missing=True)
    assert np.isfinite(again.data[:, 9, 10]).all()
    assert again.filled is not None
    assert again.filled.frame.tolist() == [20]


def test_frames_that_are_interpolated_teach_nothing(rng: np.random.Generator) -> None:
    data, truth = mixture(rng, 2, 0.01)
    data[12] = rng.normal(0, 5, (32, 32))
    data[13] = np.nan
    data[20, 15, 16] = np.nan
    done = filled(data, frames=[12, 13])
    assert "filled in by 2 spectra" in done.metadata["repair"].text[1]
    assert np.abs(done.data - truth).max() < 0.1
    assert done.filled is not None
    assert done.filled.frame.tolist() == [20]


def test_volumes_are_filled_as_one(rng: np.random.Generator) -> None:
    data, truth = mixture(rng, 2, 0.01)
    volume = data.reshape(40, 2, 16, 32).copy()
    volume[11, 1, 8, 9] = np.nan
    done = filled(volume)
    assert done.data[11, 1, 8, 9] == pytest.approx(truth.reshape(volume.shape)[11, 1, 8, 9], abs=0.03)
    assert done.filled is not None
    assert done.filled.pixel.tolist() == [512 + 8 * 32 + 9]


def test_a_replay_fills_the_same(rng: np.random.Generator) -> None:
    data, _ = mixture(rng, 2, 0.01)
    data[11, 8, 9] = np.nan
    stack = SpectralStack(data, ENERGY, "optical_depth")
    done = repair(stack, fill="low rank", missing=True)
    again = nx.run([done.history[-1]], stack)
    np.testing.assert_array_equal(again.data, done.data)


def test_lazy_stacks_and_stacks_without_whole_spectra_are_refused(rng: np.random.Generator) -> None:
    data, _ = mixture(rng, 2, 0.01)
    lazy = SpectralStack(da.from_array(data, chunks=(5, 16, 16)), ENERGY, "optical_depth", metadata={"name": "film"})
    with pytest.raises(ValueError, match="'film' stays in its file: crop or bin it, read it with a memory_limit"):
        repair(lazy, fill="low rank")
    data[:25, :16] = np.nan
    data[15:, 16:] = np.nan
    data[15:25, 0, 0] = 1
    with pytest.raises(ValueError, match="too few pixels have values at all energies, or at most of them"):
        filled(data)


def test_infinite_values_are_no_part_of_the_spectra(rng: np.random.Generator) -> None:
    data, _ = mixture(rng, 2, 0.01)
    data[3, 4, 5] = np.nan
    alone = filled(data.copy())
    data[10, 8:12, 8] = np.inf
    done = filled(data)
    assert done.filled is not None
    assert done.filled.frame.tolist() == [3]
    assert done.data[3, 4, 5] == pytest.approx(alone.data[3, 4, 5], abs=1e-3)
    assert np.isinf(done.data[10, 8:12, 8]).all()


def test_a_stack_of_zeros_has_nothing_to_learn() -> None:
    data = np.zeros((40, 16, 16), np.float32)
    data[5, 3, 3] = np.nan
    with np.errstate(all="raise", under="ignore"):
        assert filled(data).data[5, 3, 3] == 0
