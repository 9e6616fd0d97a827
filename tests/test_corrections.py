from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_xanes as nx
from napari_xanes import ParameterMap, SpectralStack
from napari_xanes.corrections import frame_count

SHAPE, VOLUME = (6, 6, 5), (6, 2, 6, 5)
"""The number of rows equals the number of frames, so an image could be mistaken for a list of frames."""


def energies(n_frames: int) -> np.ndarray:
    return 8330.0 + 10 * np.arange(n_frames)


def counts(shape: tuple[int, ...], **metadata: Any) -> SpectralStack:
    rng = np.random.default_rng(7)
    return SpectralStack(rng.uniform(50, 90, shape), energies(shape[0]), "counts", 0.1, metadata=metadata)


def images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(8).uniform(100, 200, shape)


def box_of(shape: tuple[int, ...]) -> tuple[slice, ...]:
    return (*(slice(None),) * (len(shape) - 3), slice(1, 4), slice(0, 3))


PER_FRAME = np.array([1.0, 2.0, 0.5, 4.0, 3.0, 1.5])


@pytest.mark.parametrize("shape", [SHAPE, VOLUME])
@pytest.mark.parametrize("exposure", [0.5, PER_FRAME, list(PER_FRAME)])
@pytest.mark.parametrize("flat_exposure", [0.25, PER_FRAME[::-1]])
@pytest.mark.parametrize("per_frame_flat", [True, False])
@pytest.mark.parametrize("lazy", [True, False])
def test_cropped_energies_keep_their_exposures(
    shape: tuple[int, ...], exposure: Any, flat_exposure: Any, per_frame_flat: bool, lazy: bool
) -> None:
    stack = counts(
        shape,
        flat=images(shape if per_frame_flat else shape[1:]),
        dark=np.full(shape[1:], 3.0),
        exposure=exposure,
        flat_exposure=flat_exposure,
        n_flat=np.arange(1, 7),
        ring_current=PER_FRAME,
        gain=2.0,
    )
    if lazy:
        import dask.array as da

        stack = stack.with_data(da.from_array(stack.data), metadata={"flat": da.from_array(stack.metadata["flat"])})
    whole = nx.ops.optical_depth(stack)
    part = nx.ops.optical_depth(nx.ops.crop(stack, energy=(8340, 8361), region=(1, 4, 0, 3)))
    np.testing.assert_array_equal(np.asarray(part.data), np.asarray(whole.data)[1:4, ..., 1:4, 0:3])
    pixels, block = slice(None), np.ones((3, part.data[0].size), np.float32)
    assert part.noise is not None
    noise = whole.isel(slice(1, 4), box_of(shape)).noise
    np.testing.assert_allclose(part.noise.variance(block, pixels), noise.variance(block, pixels), rtol=1e-6)


@pytest.mark.parametrize("key", ["flat", "dark"])
@pytest.mark.parametrize("shape", [SHAPE, (6, 6, 6, 5)])
def test_an_image_as_high_as_there_are_frames_is_an_image(key: str, shape: tuple[int, ...]) -> None:
    image = images(shape[1:])
    part = nx.ops.crop(counts(shape, **{key: image}), energy=(8340, 8361))
    np.testing.assert_array_equal(part.metadata[key], image)


def test_a_flat_for_all_frames_may_have_a_frame_axis() -> None:
    part = nx.ops.crop(counts(SHAPE, flat=images((1, 6, 5))), energy=(8340, 8361), region=(0, 2, 0, 3))
    assert part.metadata["flat"].shape == (1, 2, 3)
    assert nx.ops.optical_depth(part).shape == (3, 2, 3)


def test_dropping_frames_drops_their_corrections() -> None:
    stack = counts(SHAPE, flat=images(SHAPE), exposure=PER_FRAME, flat_exposure=0.5, files=list("abcdef"))
    data = stack.data.copy()
    data[2] = 0
    part = nx.ops.crop(stack.with_data(data), drop_empty=True)
    assert part.metadata["exposure"].tolist() == PER_FRAME[[0, 1, 3, 4, 5]].tolist()
    assert part.metadata["files"] == list("abdef")
    np.testing.assert_array_equal(nx.ops.optical_depth(part).data, nx.ops.optical_depth(stack).data[[0, 1, 3, 4, 5]])


def test_other_metadata_are_kept() -> None:
    image = np.ones((6, 5))
    metadata = {"name": "scan", "energy_in_names": energies(6), "own": image, "files": ["of all frames"]}
    part = counts(SHAPE, **metadata).isel(slice(0, 2), (slice(0, 2), slice(0, 2)))
    assert part.metadata["own"] is image
    assert part.metadata["files"] == ["of all frames"]
    assert part.metadata["energy_in_names"].tolist() == [8330, 8340]
    assert part.name == "scan"


def test_error_names_corrections_of_the_wrong_shape() -> None:
    part = nx.ops.crop(counts(SHAPE, flat=np.ones((6, 9, 5)), exposure=np.ones(7)), energy=(8340, 8361))
    assert part.metadata["exposure"].shape == (7,)
    with pytest.raises(ValueError, match="flat has shape"):
        nx.ops.optical_depth(part)


def test_pixel_sizes_follow_steps_and_slices() -> None:
    volume = SpectralStack(np.ones(VOLUME), energies(6), pixel_size=(0.3, 0.1, 0.2))
    assert volume.isel(box=(slice(None), slice(0, 6, 2), slice(None))).pixel_size == (0.3, 0.2, 0.2)
    assert volume.isel(box=(1, slice(None), slice(None))).pixel_size == (0.1, 0.2)
    with pytest.raises(ValueError, match="2 indices of pixels for 3 spatial axes"):
        volume.isel(box=(slice(None), slice(None)))


def test_maps_in_the_metadata_are_cut_to_their_pixels() -> None:
    jump_map = ParameterMap(images((6, 5)), "OD", images((6, 5)))
    stack = counts(
        SHAPE, edge_jump=jump_map, nested={"maps": [images((2, 6, 5))], "frames": images(SHAPE), "names": ["a"]}
    )
    part = stack.isel(slice(0, 2), (slice(1, 4), slice(0, 3)))
    np.testing.assert_array_equal(part.metadata["edge_jump"].data, jump_map.data[1:4, :3])
    assert part.metadata["edge_jump"].sigma.shape == part.metadata["edge_jump"].mask.shape == (3, 3)
    nested = part.metadata["nested"]
    assert (nested["maps"][0].shape, nested["frames"].shape, nested["names"]) == ((2, 3, 3), (2, 3, 3), ["a"])


def test_values_with_their_own_crop_method_are_cropped() -> None:
    class Calls:
        def isel(self, frames: Any, box: Any) -> Any:
            return frames, box

    box = (slice(1, 2), slice(0, 2))
    assert counts(SHAPE, own=Calls()).isel(slice(0, 2), box).metadata["own"] == (slice(0, 2), box)


@pytest.mark.parametrize(
    ("name", "value", "n_frames"),
    [
        ("exposure", 0.5, None),
        ("exposure", np.ones(6), 6),
        ("flat", np.ones((6, 4, 5)), 6),
        ("flat", np.ones((4, 5)), None),
        ("files", ["a", "b"], 2),
        ("available", np.ones(6), None),
    ],
)
def test_data_of_frames_are_recognized_by_name_and_axes(name: str, value: Any, n_frames: int | None) -> None:
    assert frame_count(name, value, 3) == n_frames


@st.composite
def stacks_and_parts(draw: st.DrawFn) -> tuple[SpectralStack, slice | np.ndarray, tuple[slice, ...]]:
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=3, max_size=4)))
    seconds = [st.none(), st.just(0.5), st.just(np.linspace(1, 2, shape[0]))]
    flat_shape = draw(st.sampled_from([shape, shape[1:], (1, *shape[1:])]))
    dark_shape = draw(st.sampled_from([shape, shape[1:]]))
    metadata = {
        "flat": images(flat_shape),
        "dark": images(dark_shape) / 100,
        "exposure": draw(st.one_of(seconds)),
        "flat_exposure": draw(st.one_of(seconds)),
        "gain": draw(st.sampled_from([None, 2.0])),
        "n_flat": draw(st.sampled_from([None, 3, np.arange(1, 1 + shape[0])])),
    }
    ranges = [draw(st.tuples(st.integers(0, n - 1), st.integers(1, n))) for n in shape]
    frames, *box = (slice(min(a, b - 1), max(a + 1, b)) for a, b in ranges)
    if draw(st.booleans()):
        return counts(shape, **metadata), np.arange(shape[0])[frames], tuple(box)
    return counts(shape, **metadata), frames, tuple(box)


@given(stacks_and_parts())
def test_cropping_before_or_after_the_optical_depth_is_the_same(
    drawn: tuple[SpectralStack, slice | np.ndarray, tuple[slice, ...]],
) -> None:
    stack, frames, box = drawn
    before = nx.ops.optical_depth(stack.isel(frames, box))
    after = nx.ops.optical_depth(stack).isel(frames, box)
    np.testing.assert_array_equal(before.data, after.data)
    np.testing.assert_array_equal(before.energy, after.energy)
    if stack.metadata["gain"] is None:
        assert before.noise is None
        return
    block, pixels = np.ones((before.shape[0], before.data[0].size), np.float32), slice(None)
    np.testing.assert_allclose(before.noise.variance(block, pixels), after.noise.variance(block, pixels), rtol=1e-6)
    np.testing.assert_allclose(before.noise.bias(block, pixels), after.noise.bias(block, pixels), rtol=1e-6)
