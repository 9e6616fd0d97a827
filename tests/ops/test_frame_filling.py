"""Frames that hold nothing of their own are told, and interpolated when asked."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.ops import repair


@pytest.fixture
def depth(rng: np.random.Generator) -> SpectralStack:
    """Return images that change linearly with energy, on uneven steps, and a little noise."""
    energy = np.array([700.0, 701, 703, 704, 708, 709, 710, 711])
    slope, start = rng.uniform(0.01, 0.02, (2, 20, 20))
    data = start + slope * (energy - 700)[:, None, None] + rng.normal(0, 1e-5, (8, 20, 20))
    noise = {"kind": "poisson", "i0": np.full((1, 1, 1), 1000.0)}
    return SpectralStack(data.astype(np.float32), energy, "optical_depth", metadata={"noise": noise, "name": "film"})


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("spoiled", [0.0, np.nan])
def test_frames_are_interpolated_at_their_energies(depth: SpectralStack, spoiled: float, lazy: bool) -> None:
    data = depth.data.copy()
    data[2:4] = spoiled
    repaired = repair(depth.with_data(da.from_array(data, chunks=(3, 20, 20)) if lazy else data), frames=[2, -5])
    np.testing.assert_allclose(np.asarray(repaired.data), depth.data, atol=1e-4)
    text = repaired.metadata["repair"].text
    assert text[-2].startswith("The frame at 703 eV was interpolated from those at 701 and 708 eV")
    assert text[-1].startswith("The frame at 704 eV was interpolated from those at 701 and 708 eV")
    assert not np.asarray(repaired.metadata["repair"].changed).any(), "the map shows what is wrong in single places"
    assert repaired.noise is not None
    expected = np.ones(8)
    expected[2:4] = 1e4
    np.testing.assert_array_equal(repaired.noise.variance_factor, expected)  # type: ignore[union-attr]
    assert not any("nothing of their own" in line for line in repaired.metadata.get("warnings", ()))


def test_maps_do_not_count_what_was_not_measured(depth: SpectralStack) -> None:
    block = depth.data.reshape(8, -1)
    before, after = depth.noise, repair(depth, frames=[3]).noise
    assert before is not None
    assert after is not None
    ratio = after.variance(block, slice(None)) / before.variance(block, slice(None))  # type: ignore[union-attr]
    assert ratio[3].min() > 400
    np.testing.assert_allclose(np.delete(ratio, 3, 0), 1)


@pytest.mark.parametrize("quantity", ["counts", "optical_depth"])
def test_dead_and_repeated_frames_are_told_and_stay(depth: SpectralStack, quantity: str) -> None:
    data = depth.data.copy()
    data[2], data[5] = 0, data[4]
    repaired = repair(SpectralStack(data, depth.energy, quantity))  # type: ignore[arg-type]
    (told,) = (line for line in repaired.metadata["warnings"] if "nothing of their own" in line)
    assert "2 (703 eV: empty), 5 (709 eV: equals the frame before). Drop them with drop_frames" in told
    np.testing.assert_array_equal(repaired.data[[2, 5]], data[[2, 5]])


def test_good_frames_are_not_told(depth: SpectralStack) -> None:
    assert not repair(depth).metadata.get("warnings", ())


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([0], r"frames=\[0\]: frame 0 \(700 eV\) has no good frame on both sides"),
        ([6, 7], r"frame 6 \(710 eV\) has no good frame on both sides; drop it with drop_frames"),
        ([8], "there is no frame 8, they are 0 to 7"),
    ],
)
def test_frames_that_cannot_be_interpolated_are_refused(depth: SpectralStack, frames: list[int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        repair(depth, frames=frames)


def test_counts_are_not_interpolated() -> None:
    stack = nx.sample.nmc_ni_k(size=16, photons=100).stack
    with pytest.raises(ValueError, match=r"frames=\[3\] can be interpolated after optical_depth only"):
        repair(stack, frames=[3])


@pytest.mark.parametrize("lazy", [False, True], ids=["in memory", "lazy"])
def test_maps_are_those_without_the_interpolated_frames(lazy: bool, tmp_path: Path) -> None:
    sample = nx.sample.nmc_ni_k(size=24)
    depth = nx.ops.optical_depth(sample.stack)
    references = depth.metadata["references"]
    data = depth.data if not lazy else da.from_array(depth.data, chunks=(62, 12, 24))
    repaired = repair(depth.with_data(data), frames=[30, 31])
    nx.write(repaired, tmp_path / "repaired.h5")  # files keep which frames these are
    dropped = nx.ops.drop_frames(depth, frames=[30, 31])
    for name, options in (("fit_references", {"references": references}), ("edge_energy", {})):
        estimate = nx.maps.__getattr__(name)
        expected = estimate(dropped, **options)
        for stack in (repaired, nx.read(tmp_path / "repaired.h5")):
            found = estimate(stack, **options)
            for key in expected:
                np.testing.assert_allclose(found[key].data, expected[key].data, rtol=1e-4, atol=1e-4, err_msg=key)
    assert nx.maps.fit_references(repaired, references=references)["valence"].mask.sum() > 100


def test_which_frames_were_interpolated_is_cut_with_the_stack() -> None:
    depth = nx.ops.optical_depth(nx.sample.nmc_ni_k(size=24).stack)
    repaired = repair(repair(depth, frames=[30]), frames=[40])
    assert repaired.measured().energy.size == depth.energy.size - 2
    part = nx.ops.crop(repaired, energy=(repaired.energy[35], repaired.energy[50]))
    assert part.energy.size - part.measured().energy.size == 1
    assert depth.measured() is depth


def test_groups_of_energies_take_what_was_measured(depth: SpectralStack) -> None:
    repaired = repair(depth, frames=[2, 4, 5])
    binned = nx.ops.bin(repaired, pixels=1, energies=2)
    np.testing.assert_allclose(binned.energy, [700.5, 704, 708.5, 710.5])
    np.testing.assert_array_equal(binned.data[1], depth.data[3])
    assert binned.interpolated.tolist() == [False, False, True, False]
    assert binned.measured().energy.size == 3
    assert binned.noise is not None
    variance = binned.noise.variance(np.zeros((4, 400)), slice(None))[:, 0]  # type: ignore[union-attr]
    assert variance[1] == pytest.approx(2 * variance[0], rel=1e-4)
    assert variance[2] > 1000 * variance[0]


def test_smoothed_and_interpolated_spectra_know_frames_that_were_not_measured(depth: SpectralStack) -> None:
    repaired = repair(depth, frames=[3])
    assert nx.ops.smooth(repaired, pixels=0, energies=3).interpolated.tolist() == [i == 3 for i in range(8)]
    onto = nx.ops.interpolate_energy(repaired, energies=[701.0, 703.4, 703.6, 705.0, 707.0])
    assert onto.interpolated.tolist() == [False, False, True, True, False]
