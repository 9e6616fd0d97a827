from __future__ import annotations

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack


def test_cropping_energies_makes_no_copy(depth_stack: SpectralStack) -> None:
    part = nx.ops.crop(depth_stack, energy=(8330, 8359))
    assert part.energy[[0, -1]].tolist() == [8330, 8359]
    assert np.shares_memory(part.data, depth_stack.data)


def test_several_ranges_are_kept_and_one_pair_still_means_one(depth_stack: SpectralStack) -> None:
    part = nx.ops.crop(depth_stack, energy=[(8270, 8290), (8355, 8400)])
    axis = depth_stack.energy
    np.testing.assert_array_equal(part.energy, axis[(axis <= 8290) | ((axis >= 8355) & (axis <= 8400))])
    assert nx.ops.crop(depth_stack, energy=[8300, 8400]).history[-1].parameters["energy"] == [[8300, 8400]]


def test_cropping_also_crops_data_of_frames_and_pixels(count_stack: SpectralStack) -> None:
    stack = count_stack.with_data(count_stack.data, metadata={"gain": 1.0, "i0": np.arange(50.0)})
    depth = nx.ops.optical_depth(stack)
    part = nx.ops.crop(depth, energy=(8335, 8340), region=(1, 4, 2, 6))
    assert part.shape == (6, 3, 4)
    assert part.metadata["flat"].shape == (6, 3, 4)
    assert part.metadata["dark"].shape == (3, 4)
    assert part.metadata["i0"].shape == (6,)
    assert part.metadata["noise"]["i0"].shape == (6, 3, 4)


def test_cropping_to_a_mask_uses_its_bounding_box(depth_stack: SpectralStack) -> None:
    mask = np.zeros((6, 7), bool)
    mask[2, 3] = mask[4, 5] = True
    np.testing.assert_array_equal(nx.ops.crop(depth_stack, region=mask).data, depth_stack.data[:, 2:5, 3:6])


def test_empty_frames_are_dropped() -> None:
    data = np.ones((4, 2, 2), np.float32)
    data[1], data[3] = 0, np.nan
    part = nx.ops.crop(SpectralStack(data, [8330, 8340, 8350, 8360]), drop_empty=True)
    assert part.energy.tolist() == [8330, 8350]


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"energy": (1000, 2000)}, "no frame lies between 1000 and 2000 eV; the stack covers 8270"),
        ({"region": (0, 99, 0, 2)}, "does not lie in an image of 6 x 7"),
        ({"region": np.zeros((6, 7), bool)}, "empty"),
        ({"energy": (8300,)}, "energy ="),
    ],
)
def test_an_empty_crop_is_refused(depth_stack: SpectralStack, parameters: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        nx.ops.crop(depth_stack, **parameters)
