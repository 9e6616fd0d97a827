"""Segments of an energy scan become one stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mosaics import sample, texture

import napari_xanes as nx

FIRST, SECOND = slice(0, 6), slice(4, 11)
SAMPLE = sample()


def two(**changes: Any) -> list[nx.SpectralStack]:
    """Return two segments with two energies in common; `changes` are of the second."""
    second: dict[str, Any] = {"position": (0, 0), "frames": SECOND, "seed": 2, **changes}
    return [SAMPLE.stack("A", frames=FIRST, seed=1), SAMPLE.stack("B", **second)]


def test_values_that_nothing_shares_are_not_touched() -> None:
    first, second = two()
    joined = nx.stitch([second, first])
    np.testing.assert_array_equal(joined.energy, SAMPLE.energy)
    np.testing.assert_array_equal(joined.data[:4], first.data[:4])
    np.testing.assert_array_equal(joined.data[6:], second.data[2:])
    np.testing.assert_allclose(joined.data[4:6], 0.5 * (first.data[4:] + second.data[:2]), atol=2e-3)
    found = joined.metadata["stitch"]
    assert [found.names_of(i) for i in (0, 4, 10)] == [["A"], ["B", "A"], ["B"]]
    assert found.placed_by[1] == "as it is, which the images confirm"
    assert "warnings" not in joined.metadata
    assert (joined.pixel_size, joined.quantity, joined.name) == ((0.04, 0.04), "optical_depth", "B + A")


@pytest.mark.parametrize(("overlap", "kept"), [("first", 0), ("last", 1)])
def test_one_of_two_is_taken(overlap: str, kept: int) -> None:
    stacks = two()
    joined = nx.stitch(stacks, overlap=overlap)
    np.testing.assert_array_equal(joined.data[4], stacks[kept].data[4 if kept == 0 else 0])
    assert joined.metadata["stitch"].names_of(4) == ["AB"[kept]]


def test_the_mean_is_weighted_by_the_noise() -> None:
    stacks = [SAMPLE.stack("A", frames=FIRST, photons=1000, seed=1), *two(photons=9000)[1:]]
    joined = nx.stitch(stacks)
    expected = 0.1 * stacks[0].data[4] + 0.9 * stacks[1].data[0]
    np.testing.assert_allclose(joined.data[4], expected, atol=2e-3)
    error = joined.data - SAMPLE.depth[:, :64, :64]
    claimed = joined.noise.variance(joined.data.reshape(11, -1), slice(0, 64 * 64)).mean(axis=1)
    np.testing.assert_allclose((error**2).mean(axis=(1, 2)), claimed, rtol=0.1)
    np.testing.assert_allclose(joined.noise.i0[[0, 4, 10]].mean(axis=(1, 2)), [1000, 10_000, 9000], rtol=0.01)


@pytest.mark.parametrize("shift", [(2.3, -1.6), (0.4, 7.0)])
def test_a_shifted_segment_is_moved_once(shift: tuple[float, float]) -> None:
    joined = nx.stitch(two(position=shift))
    found = joined.metadata["stitch"]
    error = found.position[1] - shift
    assert np.abs(error).max() < 0.03
    assert (np.abs(error) < 4 * found.sigma[1]).all()
    inner = (slice(9, -9), slice(9, -9))
    left = (joined.data - SAMPLE.depth[:, :64, :64])[:, *inner]
    claimed = joined.noise.variance(joined.data.reshape(11, -1), slice(0, 64 * 64)).reshape(11, 64, 64)[:, *inner]
    np.testing.assert_allclose((left**2).mean(axis=(1, 2)), claimed.mean(axis=(1, 2)), rtol=0.15)
    assert np.isnan(joined.data[-1]).any()
    assert not np.isnan(joined.data[0]).any()


def test_where_segments_lie_can_be_left_to_align() -> None:
    stacks = two(position=(2.3, -1.6))
    joined = nx.stitch(stacks, place="as given", overlap="first")
    np.testing.assert_array_equal(joined.data[-1], stacks[1].data[-1])
    assert any("was not moved: align the result" in text for text in joined.metadata["warnings"])


def test_a_pattern_of_the_detector_does_not_hold_a_segment() -> None:
    stacks = two(position=(2.3, -1.6))
    pattern = 0.05 * texture(np.random.default_rng(9), 64, 1.5)
    stacks = [stack.with_data((stack.data + pattern).astype(np.float32)) for stack in stacks]
    joined = nx.stitch(stacks)
    assert np.abs(joined.metadata["stitch"].position[1] - (2.3, -1.6)).max() < 0.08
    assert any("a pattern that stays with the detector" in text for text in joined.metadata["warnings"])


def test_contrast_that_inverts_at_the_seam() -> None:
    inverting = sample(contrast="inverts")
    stacks = [inverting.stack("A", frames=slice(0, 5)), inverting.stack("B", (1.5, -2.25), slice(5, 11), seed=1)]
    found = nx.stitch(stacks).metadata["stitch"]
    assert np.abs(found.position[1] - (1.5, -2.25)).max() < 0.05


@pytest.mark.parametrize(
    ("match", "factor", "offset"),
    [("offset", 1.0, 0.05), ("factor", 1.08, 0.0), ("offset + factor", 1.08, 0.05)],
)
def test_a_step_is_told_and_removed_if_asked(match: str, factor: float, offset: float) -> None:
    stacks = two(factor=factor, offset=offset)
    kept = nx.stitch(stacks)
    np.testing.assert_array_equal(kept.data[-1], stacks[1].data[-1])
    assert any("values step by" in text for text in kept.metadata["warnings"])
    joined = nx.stitch(stacks, match=match)
    found = joined.metadata["stitch"]
    np.testing.assert_allclose([found.factor[1], found.offset[1]], [factor, offset], atol=0.006)
    bias = (joined.data - SAMPLE.depth[:, :64, :64]).mean(axis=(1, 2))
    assert np.abs(bias).max() < 0.004
    assert found.seams[0]["chi2_matched"] == pytest.approx(1, abs=0.1)


def test_energies_between_each_other_are_kept_and_compared_by_interpolation() -> None:
    fine = sample(frames=41)
    stacks = [fine.stack("A", frames=slice(20, 41, 2)), fine.stack("B", frames=slice(33, 41, 2), offset=0.03, seed=1)]
    joined = nx.stitch(stacks)
    assert joined.energy.tolist() == sorted([*stacks[0].energy, *stacks[1].energy])
    seam = joined.metadata["stitch"].seams[0]
    assert seam["interpolated"]
    assert seam["step"] == pytest.approx(0.03, abs=0.004)


def test_segments_without_a_common_energy_are_joined_as_they_are() -> None:
    stacks = [SAMPLE.stack("A", frames=slice(0, 8)), SAMPLE.stack("B", frames=slice(8, 11), offset=0.5, seed=1)]
    joined = nx.stitch(stacks)
    np.testing.assert_array_equal(joined.data[8:], stacks[1].data)
    assert any("share no energy" in text for text in joined.metadata["warnings"])
    with pytest.raises(ValueError, match="can't tell the factor of B"):
        nx.stitch(stacks, match="factor")
    far = nx.SpectralStack(stacks[1].data, stacks[1].energy + 300, "optical_depth", 0.04, metadata={"name": "B"})
    assert any("eV apart: nothing was measured" in t for t in nx.stitch([stacks[0], far]).metadata["warnings"])


def test_energies_that_a_monochromator_repeats_nearly_are_one() -> None:
    first, second = two()
    nearly = nx.SpectralStack(second.data, second.energy + 0.2, "optical_depth", 0.04, metadata={"name": "B"})
    joined = nx.stitch([first, nearly])
    assert joined.energy.size == 11
    assert joined.energy[4] == first.energy[4]
    assert nx.stitch([first, nearly], tolerance=0.1).energy.size == 13


def test_images_of_another_size_lie_on_the_grid_of_the_first() -> None:
    stacks = two(position=(3, 2), size=(48, 52))
    joined = nx.stitch(stacks)
    assert joined.shape == (11, 64, 64)
    np.testing.assert_allclose(joined.metadata["stitch"].position[1], (3, 2), atol=0.05)
    assert np.isnan(joined.data[-1, :2]).all()


def test_three_segments_in_any_order_are_tied_to_the_first() -> None:
    frames = (slice(6, 11), slice(0, 4), slice(3, 8))
    offsets = (0.0, 0.06, 0.03)
    stacks = [SAMPLE.stack("CAB"[i], frames=frames[i], offset=offsets[i], seed=i) for i in range(3)]
    joined = nx.stitch(stacks, match="offset")
    np.testing.assert_array_equal(joined.energy, SAMPLE.energy)
    np.testing.assert_allclose(joined.metadata["stitch"].offset, offsets, atol=0.004)


def changed(stack: nx.SpectralStack, **fields: Any) -> nx.SpectralStack:
    metadata = {**stack.metadata, "noise": None, **fields.pop("metadata", {})}
    given = {"quantity": stack.quantity, "pixel_size": stack.pixel_size, **fields}
    return nx.SpectralStack(given.pop("data", stack.data), stack.energy, **given, metadata=metadata)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"quantity": "normalized"}, "quantity differs: optical_depth in 'A', normalized in 'B'; bring them"),
        ({"quantity": "counts"}, "can't join counts, as 'B' holds.*Run optical_depth"),
        ({"pixel_size": 0.05}, "pixel size differs.*bin the finer one"),
        ({"metadata": {"element": "Fe"}}, "element differs: Ni in 'A', Fe in 'B'; read the wrong one with absorber"),
        ({"data": np.ones((7, 1, 64, 64), np.float32), "pixel_size": None}, "number of axes differs"),
    ],
)
def test_stacks_that_are_not_of_one_scan_are_refused(fields: dict[str, Any], reason: str) -> None:
    first, second = two()
    with pytest.raises(ValueError, match=reason):
        nx.stitch([changed(first, metadata={"element": "Ni"}), changed(second, **fields)])


def test_segments_that_are_divided_by_other_areas_are_refused() -> None:
    with pytest.raises(ValueError, match="the divisor of the spectra differs: area from .* stitch the stacks before"):
        nx.stitch([nx.ops.normalize(one) for one in two()])


def test_what_differs_in_processing_is_told() -> None:
    first, second = two()
    second = nx.ops.calibrate_energy(second, offset=0.0)
    assert any("different steps: no steps; calibrate" in t for t in nx.stitch([first, second]).metadata["warnings"])


def test_one_stack_or_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two stacks, not 1"):
        nx.stitch(two()[:1])
    with pytest.raises(TypeError, match="not str"):
        nx.stitch(["a.h5", "b.h5"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="match = 'gain'"):
        nx.stitch(two(), match="gain")  # type: ignore[arg-type]


def test_a_lazy_segment_gives_a_lazy_stack_frame_by_frame() -> None:
    import dask.array as da

    stacks = two(position=(1.5, 0.5))
    lazy = [stack.with_data(da.from_array(stack.data, chunks=(3, 40, 64))) for stack in stacks]
    joined, expected = nx.stitch(lazy), nx.stitch(stacks)
    assert joined.is_lazy
    np.testing.assert_array_equal(np.asarray(joined.data), expected.data)
    np.testing.assert_allclose(np.asarray(joined.noise.i0), expected.noise.i0)
    assert joined.data.chunks[0] == (1,) * 11


def test_what_was_done_is_kept_in_files(tmp_path: Path) -> None:
    for stack in two(offset=0.05):
        nx.write(stack, tmp_path / f"{stack.name}.h5")
    joined = nx.stitch([nx.read(tmp_path / "A.h5"), nx.read(tmp_path / "B.h5")])
    for suffix in (".h5", ".zarr", ".tif"):
        nx.write(joined, tmp_path / f"C{suffix}")
        again = nx.read(tmp_path / f"C{suffix}")
        found, kept = joined.metadata["stitch"], again.metadata["stitch"]
        assert isinstance(kept, type(found))
        assert kept.report == found.report
        assert kept.seams == found.seams
        assert [Path(source["path"]).name for source in kept.sources] == ["A.h5", "B.h5"]
        np.testing.assert_array_equal(kept.members, found.members)
        assert again.source.path == str(tmp_path / f"C{suffix}")
    part = again.isel(slice(4, 6))
    assert part.metadata["stitch"].members.tolist() == [[True, True], [True, True]]
    assert nx.run([nx.Step("crop", {"energy": (8310, 8390)})], again).shape[0] == 9


@pytest.mark.parametrize("turned", [False, True])
def test_interpolation_over_a_curved_spectrum_is_not_taken_for_a_step(turned: bool) -> None:
    """A coarse scan of pre-edge and post-edge, and a fine one in its gap: a line lies off the edge."""
    whole = sample(frames=21)
    coarse, fine = whole.stack("coarse", seed=2), whole.stack("fine", frames=slice(8, 13), seed=1)
    kept = [0, 2, 4, 6, 7, 14, 16, 18, 20]
    coarse = nx.SpectralStack(
        coarse.data[kept], coarse.energy[kept], "optical_depth", 0.04, metadata={"name": "coarse"}
    )
    stacks = [fine, coarse] if turned else [coarse, fine]
    joined = nx.stitch(stacks)
    seam = joined.metadata["stitch"].seams[0]
    assert abs(seam["step"]) < 4 * seam["step_sigma"]
    assert seam["interpolation_error"] > 0.05
    assert not any("step by" in text or "sample changed" in text for text in joined.metadata["warnings"])
    told = nx.stitch(stacks, match="offset").metadata["warnings"]
    assert any("interpolated between energies, which may be off by" in text for text in told)


def test_the_exposure_is_that_of_the_frames_that_were_taken() -> None:
    stacks = [stack.with_data(stack.data, metadata={"exposure": t}) for stack, t in zip(two(), (2.0, 1.0), strict=True)]
    common = {
        overlap: nx.stitch(stacks, overlap=overlap).metadata["exposure"][4] for overlap in ("average", "first", "last")
    }
    assert common == {"average": 3.0, "first": 2.0, "last": 1.0}
    again = SAMPLE.stack("again", frames=FIRST, seed=7).with_data(stacks[0].data + 0.001, metadata={"exposure": 1.0})
    assert nx.stitch([stacks[0], again], kind="segments").metadata["exposure"].tolist() == [3.0] * 6


def test_each_frame_has_the_photons_of_the_stacks_that_it_was_made_from() -> None:
    photons = {"A": (slice(None), 4000), "B": (slice(0, 5), 1000), "C": (slice(5, 11), 16_000)}
    stacks = [SAMPLE.stack(name, frames=f, photons=n, seed=n) for name, (f, n) in photons.items()]
    i0 = nx.stitch(stacks).noise.i0
    np.testing.assert_allclose(i0[[0, 10]].mean(axis=(1, 2)), [5000, 20_000], rtol=0.05)


def test_a_stack_that_is_given_twice_is_refused() -> None:
    first, second = two()
    with pytest.raises(ValueError, match="'B .2.' and 'B .3.' hold the same values.*given twice"):
        nx.stitch([first, second, second.with_data(second.data.copy())])


def test_a_segment_outside_of_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'B' lies at \[0, 64\], outside of the image of 'A'"):
        nx.stitch(two(), positions=[(0, 0), (0, 64)], place="as given")


def test_single_frames_tell_no_step() -> None:
    stacks = [SAMPLE.stack(f"S{k}", frames=slice(k, k + 1), seed=k) for k in (0, 1)]
    assert not any("mean steps" in text for text in nx.stitch(stacks).metadata["warnings"])


def test_lazy_files_keep_their_noise(tmp_path: Path) -> None:
    for stack in two():
        nx.write(stack, tmp_path / f"{stack.name}.h5")
    eager = nx.stitch([nx.read(tmp_path / f"{name}.h5") for name in "AB"])
    joined = nx.stitch([nx.read(tmp_path / f"{name}.h5", memory_limit=0) for name in "AB"])
    assert joined.is_lazy
    np.testing.assert_allclose(np.asarray(joined.noise.i0), eager.noise.i0)
    nx.write(joined, tmp_path / "A.h5")
    np.testing.assert_array_equal(nx.read(tmp_path / "A.h5").data, eager.data)
