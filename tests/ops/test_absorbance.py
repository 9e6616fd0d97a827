from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum, Step
from napari_xanes.ops.empty_area import empty_area

ENERGY = np.array([8330.0, 8340.0, 8350.0])


def counts(**metadata: object) -> SpectralStack:
    data = np.full((3, 4, 5), 100, np.uint16)
    data[:, 1:3, 1:3] = 50
    return SpectralStack(data, ENERGY, "counts", metadata=metadata)


def test_flats_and_dark_give_the_optical_depth(count_stack: SpectralStack, depth_stack: SpectralStack) -> None:
    depth = nx.ops.optical_depth(count_stack)
    assert depth.quantity == "optical_depth"
    assert depth.data.dtype == np.float32
    np.testing.assert_allclose(depth.data, depth_stack.data, atol=2e-5)


@pytest.mark.parametrize("flat", [np.full((3, 4, 5), 200.0), np.full((4, 5), 200.0), np.full((1, 4, 5), 200)])
def test_one_flat_or_one_per_energy(flat: np.ndarray) -> None:
    depth = nx.ops.optical_depth(counts(flat=flat), i0="flat")
    np.testing.assert_allclose(depth.data[:, 0, 0], np.log(2), rtol=1e-6)


def test_a_dark_per_energy() -> None:
    dark = np.broadcast_to(np.array([10.0, 20.0, 30.0])[:, None, None], (3, 4, 5))
    depth = nx.ops.optical_depth(counts(flat=np.full((3, 4, 5), 200.0), dark=dark))
    np.testing.assert_allclose(depth.data[:, 0, 0], -np.log([90 / 190, 80 / 180, 70 / 170]), rtol=1e-5)


def test_an_i0_spectrum_is_interpolated() -> None:
    depth = nx.ops.optical_depth(counts(), i0=Spectrum("I0", [8300, 8400], [100, 200]))
    np.testing.assert_allclose(depth.data[:, 0, 0], np.log([1.3, 1.4, 1.5]), rtol=1e-6)


def test_a_box_and_its_mask_give_the_same_result() -> None:
    box = nx.ops.optical_depth(counts(), i0=(1, 3, 1, 3))
    mask = np.zeros((4, 5), bool)
    mask[1:3, 1:3] = True
    np.testing.assert_array_equal(box.data, nx.ops.optical_depth(counts(), i0=mask).data)
    np.testing.assert_allclose(box.data[0, 1, 1], 0, atol=1e-7)


def test_transmission_needs_no_i0() -> None:
    stack = SpectralStack(np.full((3, 2, 2), 0.5, np.float32), ENERGY, "transmission")
    np.testing.assert_allclose(nx.ops.optical_depth(stack).data, np.log(2), rtol=1e-6)


def test_the_empty_area_is_found(rng: np.random.Generator) -> None:
    sample = nx.sample.mn_oxides_l(size=60)
    empty = empty_area(sample.stack)
    particle = sample.truth["valence"].mask
    assert empty.sum() > 0.3 * (~particle).sum()
    assert (empty & particle).sum() < 0.01 * empty.sum()


def test_search_for_the_empty_area_reports_progress() -> None:
    reports: list[tuple[float, str]] = []
    nx.ops.optical_depth(counts(), progress=lambda done, text: reports.append((done, text)))
    assert [text for _, text in reports][:6] == ["empty area"] * 3 + ["I0"] * 3
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert reports[-1] == (1.0, "optical depth")


def test_each_slice_has_its_own_empty_area() -> None:
    data = np.full((2, 2, 12, 12), 1000.0, np.float32)
    data[:, 1] = 20
    empty = empty_area(SpectralStack(data, [8330, 8340]))
    assert empty[0].all()
    assert not empty[1].any()


def test_flats_of_another_file_are_interpolated_between_their_energies() -> None:
    flats = SpectralStack(np.stack([np.full((4, 5), v) for v in (100.0, 300.0)]), [8330, 8350], "counts")
    depth = nx.ops.optical_depth(counts(), i0=_saved(flats))
    np.testing.assert_allclose(depth.data[:, 0, 0], np.log([1, 2, 3]), atol=1e-6)


def test_flats_at_more_energies_than_the_stack_has() -> None:
    flats = SpectralStack(np.stack([np.full((4, 5), 100.0 * i) for i in range(1, 6)]), 8320 + 10 * np.arange(5))
    depth = nx.ops.optical_depth(counts(), i0=_saved(flats))
    np.testing.assert_allclose(depth.data[:, 0, 0], np.log([2, 3, 4]), atol=1e-6)


@pytest.mark.parametrize(
    ("metadata", "i0"),
    [
        ({"flat": np.arange(60.0).reshape(3, 4, 5) + 200, "dark": np.full((4, 5), 3.0)}, "auto"),
        ({"flat": np.arange(20.0).reshape(4, 5) + 200, "exposure": np.array([1, 2, 1]), "flat_exposure": 0.5}, "auto"),
        ({"dark": np.ones((3, 4, 5)), "i0": np.array([200.0, 210, 220])}, "auto"),
        ({"exposure": np.array([1, 2, 4])}, "stack"),
    ],
)
def test_one_frame_of_a_lazy_stack_is_computed_alone(metadata: dict, i0: Any) -> None:
    stack = counts(**metadata)
    if i0 == "stack":
        i0 = _saved(SpectralStack(np.full((2, 4, 5), 300.0), [8320, 8355], metadata={"exposure": np.array([1, 3])}))
    computed = []

    def frame(block_info: Any = None) -> np.ndarray:
        at = block_info[None]["chunk-location"][0]
        computed.append(at)
        return stack.data[at : at + 1]

    data = da.map_blocks(frame, chunks=((1, 1, 1), (4,), (5,)), dtype=stack.data.dtype, meta=np.empty((0, 0, 0), "u2"))
    lazy = nx.ops.optical_depth(stack.with_data(data), i0=i0)
    whole = nx.ops.optical_depth(stack, i0=i0)
    np.testing.assert_array_equal(np.asarray(lazy.data[1]), whole.data[1])
    assert computed == [1]
    np.testing.assert_array_equal(np.asarray(lazy.data), whole.data)


def _saved(stack: SpectralStack) -> SpectralStack:
    return stack.with_data(stack.data, source=nx.Source("flats.h5"))


def test_a_recipe_reports_flats_that_were_changed_after_reading() -> None:
    flats = SpectralStack(np.full((3, 4, 5), 200.0), ENERGY)
    cropped = nx.ops.crop(_saved(flats), region=(0, 3, 0, 5))
    stack = nx.ops.crop(counts(), region=(0, 3, 0, 5))
    step = nx.ops.optical_depth(stack, i0=cropped).history[-1]
    with pytest.raises(ValueError, match=r"flats.h5 were changed after reading \(crop\).*write them to a file"):
        nx.run([step], stack)


def test_exposures_are_divided_out() -> None:
    stack = counts(flat=np.full((4, 5), 100.0), exposure=0.5, flat_exposure=0.3)
    np.testing.assert_allclose(nx.ops.optical_depth(stack).data[0, 0, 0], np.log(0.5 / 0.3), rtol=1e-6)


@pytest.mark.parametrize("exposure", [0.5, np.array([0.5, 0.5, 1.0])])
def test_exposures_of_flats_of_another_file_are_divided_out(exposure: Any) -> None:
    seconds = np.array([0.3, 0.6])
    frames = 1000 * seconds[:, None, None] * np.ones((2, 4, 5))
    flats = SpectralStack(frames, [8330, 8350], metadata={"exposure": seconds})
    depth = nx.ops.optical_depth(counts(exposure=exposure), i0=_saved(flats))
    expected = np.log(1000 * np.broadcast_to(exposure, 3) / 100)
    np.testing.assert_allclose(depth.data[:, 0, 0], expected, rtol=1e-5)


def test_counts_that_are_not_positive_give_nan() -> None:
    data = np.array([0, 5, np.nan, 100], np.float32).reshape(1, 2, 2)
    stack = SpectralStack(data, [8330], metadata={"flat": np.array([[[10.0, 0.0], [10.0, 10.0]]])})
    depth = nx.ops.optical_depth(stack).data.ravel()
    assert np.isnan(depth[:3]).all()
    assert depth[3] == pytest.approx(-np.log(10))


def test_estimated_values_are_stored_and_replayed(tmp_path: Path) -> None:
    whole = nx.ops.optical_depth(counts(), i0="empty")
    step = whole.history[-1]
    assert step.parameters["i0"] == "empty"
    assert step.state is not None
    tile = counts().with_data(counts().data[:, 1:3])
    replayed = nx.run([Step(step.name, step.parameters, step.state)], tile)
    np.testing.assert_array_equal(replayed.data, whole.data[:, 1:3])


def test_photon_noise_is_described_if_the_gain_is_known(count_stack: SpectralStack) -> None:
    assert "noise" not in nx.ops.optical_depth(count_stack).metadata
    known = count_stack.with_data(count_stack.data, metadata={"gain": 2.0})
    noise = nx.ops.optical_depth(known).metadata["noise"]
    np.testing.assert_allclose(noise["i0"], (count_stack.metadata["flat"] - 50) / 2, rtol=1e-6)
    assert noise["n_flat"] == 10


@pytest.mark.parametrize(
    ("i0", "text"),
    [
        ("flat", "has no flat frames"),
        ("nowhere.txt", "there is no file 'nowhere.txt'"),
        (Spectrum("I0", [8330, 8340], [1, 1]), "I0 'I0' covers 8330 to 8340 eV"),
        (Spectrum("I0", [8300, 8400], [0, 0]), "is not positive at 8330"),
        ((0, 9, 0, 2), "does not lie"),
        (np.zeros((4, 5), bool), "empty"),
        (np.zeros((5, 5), bool), "has shape"),
    ],
)
def test_error_names_a_wrong_i0(i0: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        nx.ops.optical_depth(counts(), i0=i0)


def test_optical_depth_of_an_optical_depth_is_refused(depth_stack: SpectralStack) -> None:
    with pytest.raises(ValueError, match="'mixture' holds optical depth"):
        nx.ops.optical_depth(depth_stack)


def test_flats_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="flat has shape"):
        nx.ops.optical_depth(counts(flat=np.ones((3, 4, 6))))
