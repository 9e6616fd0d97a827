"""Wrong values of a detector are found and replaced; what the sample shows stays."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import shift

import napari_xanes as nx
from napari_xanes import SpectralStack, Step
from napari_xanes.arguments import load_region
from napari_xanes.ops import repair
from napari_xanes.ops.outliers import deviations
from napari_xanes.sample import nmc_ni_k

PHOTONS = 1000.0


def counts(seed: int = 0) -> SpectralStack:
    """Return the counts of a particle around the edge, as a camera without flaws gives them."""
    return nmc_ni_k(size=48, photons=PHOTONS, seed=seed).stack.isel(slice(15, 45))


def test_a_camera_without_flaws_is_left_alone() -> None:
    stack = counts()
    repaired = repair(stack)
    np.testing.assert_array_equal(repaired.data, stack.data)
    assert repaired.metadata["repair"].text == ["0 values were replaced, of 69120 (0)."]


def test_zingers_are_replaced_by_what_their_neighbours_make_likely(rng: np.random.Generator) -> None:
    stack = counts()
    data = stack.data.copy()
    places = tuple(rng.integers(2, n - 2, 30) for n in data.shape)
    data[places] += rng.uniform(2, 20, 30).astype(np.float32) * PHOTONS
    repaired = repair(stack.with_data(data))
    errors = repaired.data[places] - stack.data[places]
    assert np.sqrt(np.mean(errors**2)) < 2 * np.sqrt(PHOTONS)
    untouched = np.ones(data.shape, dtype=bool)
    untouched[places] = False
    np.testing.assert_array_equal(repaired.data[untouched], stack.data[untouched])
    changed = np.zeros(data.shape[1:], int)
    np.add.at(changed, places[1:], 1)
    np.testing.assert_array_equal(repaired.metadata["repair"].changed, changed)


def test_dead_stuck_and_flickering_pixels_are_replaced_in_all_frames(rng: np.random.Generator) -> None:
    stack = nmc_ni_k(size=64, photons=PHOTONS).stack
    data = stack.data.copy()
    dark = np.float32(np.mean(stack.metadata["dark"]))
    data[:, 10, 20] = dark + rng.normal(0, 1, len(data))
    data[:, 30, 31] *= rng.lognormal(0, 0.6, len(data)).astype(np.float32)
    data[:, :, 50] = 777  # a column
    repaired = repair(stack.with_data(data))
    bad = np.zeros(data.shape[1:], dtype=bool)
    bad[10, 20] = bad[30, 31] = bad[:, 50] = True
    np.testing.assert_array_equal(load_region(repaired.history[-1].state["pixels"]), bad)
    assert repaired.metadata["repair"].bad_pixels == 66
    clean = nmc_ni_k(size=64, photons=1e8).stack.data / 1e5
    errors = ((repaired.data - dark) / PHOTONS - clean / PHOTONS)[:, bad]
    assert np.sqrt(np.mean(errors**2)) < 0.06  # the noise of PHOTONS is .03, and the particle has texture


def test_dead_pixels_are_seen_in_the_flat() -> None:
    stack = counts()
    flat = np.array(stack.metadata["flat"])
    flat[..., 5, 6] = np.asarray(stack.metadata["dark"])[..., 5, 6]
    repaired = repair(stack.with_data(stack.data, metadata={"flat": flat}))
    assert np.argwhere(repaired.metadata["repair"].changed).tolist() == [[5, 6]]


@pytest.mark.parametrize("drift", [0.0, 0.3])
def test_grains_of_one_pixel_stay_in_a_slowly_drifting_stack(drift: float, rng: np.random.Generator) -> None:
    energy = np.arange(8320.0, 8370.0)
    white_line = 0.5 * (energy > 8344) + 0.8 * np.exp(-(((energy - 8346) / 1.5) ** 2))
    depth = 0.1 + np.zeros((50, 40, 40))
    grains = rng.integers(4, 36, (2, 25))
    depth[:, grains[0], grains[1]] += white_line[:, None]
    path = np.cumsum(rng.normal(0, drift, (50, 2)), axis=0)
    moved = np.stack([shift(frame, step, order=1, mode="nearest") for frame, step in zip(depth, path, strict=True)])
    data = rng.poisson(4000 * np.exp(-moved)).astype(np.float32)
    repaired = repair(SpectralStack(data, energy, "counts"))
    np.testing.assert_array_equal(repaired.data, data)


@pytest.mark.parametrize("background", [0.0, 0.5, 50.0])
def test_hot_spots_of_a_fluorescence_map_do_not_flicker(background: float, rng: np.random.Generator) -> None:
    """A spot of 1000 counts scatters by 30, and what is around it by 1."""
    energy = np.linspace(7100, 7200, 30)
    spots = np.zeros((40, 40))
    spots[rng.integers(3, 37, 8), rng.integers(3, 37, 8)] = 1
    edge = 0.05 + 1 / (1 + np.exp(-(energy - 7120) / 2))
    data = rng.poisson(background + 1000 * edge[:, None, None] * spots).astype(np.float32)
    repaired = repair(SpectralStack(data, energy, "fluorescence"))
    assert repaired.metadata["repair"].bad_pixels == 0
    assert np.count_nonzero(repaired.data != data) <= 1


def test_thick_grains_do_not_flicker(rng: np.random.Generator) -> None:
    """Few photons pass a grain of optical depth 4: its noise is seven times that of what is around it."""
    depth = np.full((30, 40, 40), 0.1)
    depth[:, rng.integers(3, 37, 8), rng.integers(3, 37, 8)] = 4.0
    data = -np.log(np.maximum(rng.poisson(4000 * np.exp(-depth)), 1) / 4000).astype(np.float32)
    assert repair(SpectralStack(data, np.arange(700.0, 730), "optical_depth")).metadata["repair"].bad_pixels == 0


@pytest.mark.parametrize("energy", [[700, 708, 730], [700, 704, 708, 712, 730]])
def test_grains_that_show_in_one_frame_only_are_warned_of(energy: list[float], rng: np.random.Generator) -> None:
    white_line = 0.02 + 1.5 * np.exp(-(((np.array(energy) - 708) / 0.6) ** 2))
    grains = np.zeros((48, 48))
    grains[rng.integers(3, 45, 20), rng.integers(3, 45, 20)] = 1
    data = rng.poisson(4000 * np.exp(-0.1 - white_line[:, None, None] * grains)).astype(np.float32)
    repaired = repair(SpectralStack(data, energy, "counts"))
    assert repaired.metadata["repair"].bad_pixels == 0
    told = " ".join(repaired.metadata["warnings"])
    assert "single values that were replaced are at 708 eV; details of the sample" in told


def test_zingers_at_all_energies_are_not_warned_of(rng: np.random.Generator) -> None:
    stack = counts()
    data = stack.data.copy()
    data[tuple(rng.integers(2, n - 2, 60) for n in data.shape)] += 10 * PHOTONS
    assert not [text for text in repair(stack.with_data(data)).metadata.get("warnings", ()) if "repair" in text]


@pytest.mark.parametrize("mean", [0.01, 0.5, 5.0])
def test_few_photons_are_no_outliers(mean: float, rng: np.random.Generator) -> None:
    data = rng.poisson(mean, (20, 48, 48)).astype(np.float32)
    repaired = repair(SpectralStack(data, np.arange(700.0, 720.0), "counts"))
    np.testing.assert_array_equal(repaired.data, data)


def test_wrong_values_may_become_nan_and_missing_ones_filled() -> None:
    stack = counts()
    data = stack.data.copy()
    data[20, 10, 11] += 30 * PHOTONS
    data[21, 40, 41] = np.nan
    data[:, :6, :6] = np.nan
    stack = stack.with_data(data)
    missing = np.isnan(data)
    empty = repair(stack, fill="NaN")
    assert np.isnan(empty.data[20, 10, 11])
    assert np.isnan(empty.data).sum() == missing.sum() + 1
    filled = repair(stack, missing=True)
    assert np.isnan(filled.data[:, :3, :3]).all()  # too far from any value
    assert filled.data[21, 40, 41] == pytest.approx(data[20, 40, 41], rel=0.2)
    np.testing.assert_array_equal(np.isnan(repair(stack).data), missing)


def test_a_mask_of_bad_pixels_serves_another_stack() -> None:
    bad = np.zeros((48, 48), dtype=bool)
    bad[7, 9] = True
    step = repair(counts(), pixels=bad).history[-1]
    other = counts(seed=4)
    repaired = nx.run([Step(step.name, step.parameters, step.state)], other)
    assert np.argwhere((repaired.data != other.data).any(axis=0)).tolist() == [[7, 9]]


def test_lazy_stacks_tell_their_changes_when_asked() -> None:
    stack = counts()
    data = stack.data.copy()
    data[20, 10, 11] += 30 * PHOTONS
    repaired = repair(stack.with_data(da.from_array(data, chunks=(7, 20, 48))))
    assert "when frames are read" in repaired.metadata["repair"].text[-1]
    assert np.argwhere(np.asarray(repaired.metadata["repair"].changed)).tolist() == [[10, 11]]


def test_repaired_stacks_are_cut_with_their_map_of_changes() -> None:
    stack = counts()
    data = stack.data.copy()
    data[20, 10, 11] += 30 * PHOTONS
    part = repair(stack.with_data(data)).isel(box=(slice(8, 12), slice(10, 14)))
    assert np.argwhere(part.metadata["repair"].changed).tolist() == [[2, 1]]


def test_repaired_stacks_are_written_and_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    stack = counts()
    nx.write(repair(stack), tmp_path / "repaired.h5")
    reread = nx.read(tmp_path / "repaired.h5")
    assert reread.metadata["repair"]["bad_pixels"] == 0
    assert reread.history[-1].name == "repair"


def test_two_energies_are_too_few() -> None:
    with pytest.raises(ValueError, match="has 2 energies; wrong values stand out among at least 3"):
        repair(SpectralStack(np.ones((2, 8, 8), np.float32), [700, 701], "counts"))


def test_the_scatter_follows_brightness(rng: np.random.Generator) -> None:
    level = np.repeat(np.linspace(100, 10_000, 64), 64).reshape(64, 64)
    found = deviations(rng.poisson(level).astype(np.float32))
    ratio = found.sigma[5:-5] / np.sqrt(level[5:-5])
    assert 0.9 < np.median(ratio) < 1.3
    assert np.percentile(ratio, 1) > 0.75


@pytest.mark.parametrize("lazy", [False, True])
def test_changes_are_counted_for_each_pixel_and_each_frame(lazy: bool) -> None:
    stack = counts()
    data = stack.data.copy()
    data[20, 10, 11] += 30 * PHOTONS
    data[5, 10, 11] += 30 * PHOTONS
    data[20, 30, 7] += 30 * PHOTONS
    repaired = repair(stack.with_data(da.from_array(data, chunks=(7, 20, 48)) if lazy else data))
    maps = nx.map_of_changes(repaired)
    expected = np.zeros(data.shape[1:])
    expected[10, 11], expected[30, 7] = 2, 1
    np.testing.assert_array_equal(maps["changed_values"].data, expected)
    np.testing.assert_array_equal(maps["changed_values"].mask, expected > 0)
    per_frame = np.asarray(repaired.metadata["repair"].per_frame)
    assert dict(enumerate(per_frame.tolist())) == dict.fromkeys(range(30), 0) | {5: 1, 20: 2}
    high, low = stack.energy[[20, 5]]
    assert maps.metadata["text"][-1] == (
        f"Values changed per frame: 0 in the median, most at {high:g} eV (2), {low:g} eV (1)."
    )
    part = repaired.isel(slice(4, 8))
    assert np.asarray(part.metadata["repair"].per_frame).tolist() == [0, 1, 0, 0]


def test_a_stack_that_was_not_repaired_has_no_map_of_changes() -> None:
    with pytest.raises(ValueError, match="was not repaired; run repair first"):
        nx.map_of_changes(counts())


def test_the_map_of_changes_survives_a_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    stack = counts()
    data = stack.data.copy()
    data[20, 10, 11] += 30 * PHOTONS
    nx.write(repair(stack.with_data(data)), tmp_path / "repaired.h5")
    reread = nx.read(tmp_path / "repaired.h5")
    assert np.argwhere(nx.map_of_changes(reread)["changed_values"].mask).tolist() == [[10, 11]]
    cut = nx.map_of_changes(reread.isel(slice(4, 8), (slice(8, 12), slice(10, 14))))
    assert np.argwhere(cut["changed_values"].mask).tolist() == [[2, 1]]


def test_the_first_slice_of_a_volume_shows_its_dead_pixels_in_the_flat() -> None:
    stack = nx.sample.nmc_ni_k(size=32, photons=PHOTONS).stack.isel(slice(15, 45))
    flat, dark = (np.asarray(stack.metadata[name], np.float32).copy() for name in ("flat", "dark"))
    flat[..., 9, 11] = dark[..., 9, 11]
    data = np.repeat(stack.data[:, None], 2, axis=1)
    as_volume = {"flat": np.stack([flat, flat], axis=-3), "dark": np.stack([dark, dark], axis=-3)}
    volume = SpectralStack(data, stack.energy, "counts", metadata=as_volume)
    assert np.argwhere(load_region(nx.run([Step("repair")], volume).history[-1].state["pixels"])).tolist() == [[9, 11]]
