from __future__ import annotations

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Step
from napari_xanes.ops.spoiled_frames import suspicious_frames


def textured(n_energies: int = 60, quantity: str = "optical_depth", seed: int = 3) -> SpectralStack:
    """Return an absorption edge in a textured image with some noise."""
    rng = np.random.default_rng(seed)
    energy = 8300.0 + 2.0 * np.arange(n_energies)
    step = 0.5 + np.arctan((energy - 8345) / 2) / np.pi
    image = rng.uniform(0.2, 1.0, (24, 24))
    depth = 0.3 + image * step[:, None, None] + 0.01 * rng.standard_normal((n_energies, 24, 24))
    data = depth if quantity == "optical_depth" else 1000 * np.exp(-depth)
    return SpectralStack(data.astype(np.float32), energy, quantity)  # type: ignore[arg-type]


def test_frames_are_dropped_by_rounded_energy_and_by_number() -> None:
    stack = SpectralStack(np.arange(5.0).reshape(5, 1, 1), [700, 700.24, 701, 702, 705])
    assert nx.ops.drop_frames(stack, energies=[700.2, 705]).energy.tolist() == [700, 701, 702]
    assert nx.ops.drop_frames(stack, frames=[0, -1]).data.ravel().tolist() == [1, 2, 3]


def test_flats_exposures_and_files_go_with_the_frames(count_stack: SpectralStack) -> None:
    metadata = {"exposure": np.arange(50.0), "files": [f"{i}.tif" for i in range(50)]}
    part = nx.ops.drop_frames(count_stack.with_data(count_stack.data, metadata=metadata), frames=[1])
    assert part.metadata["flat"].shape[0] == 49
    assert part.metadata["exposure"].tolist() == [0, *range(2, 50)]
    assert part.metadata["files"][:2] == ["0.tif", "2.tif"]


def test_a_replay_drops_the_same_energies_of_a_longer_stack() -> None:
    stack = textured()
    longer = textured(n_energies=64)
    step = nx.ops.drop_frames(stack, energies=[8310]).history[-1]
    assert 8310 not in nx.run([Step(step.name, step.parameters)], longer).energy


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"energies": [8310.9]}, "no frame was taken at 8310.9 eV; the nearest was taken at 8312 eV"),
        ({"frames": [60]}, "there is no frame 60; the frames of 'stack' are 0 to 59"),
        ({"frames": list(range(60))}, "all 60 frames would be dropped"),
        ({}, "name at least one frame to drop, by its energy or number; none looks spoiled"),
    ],
)
def test_frames_that_do_not_exist_are_refused(parameters: dict, text: str) -> None:
    stack = textured()
    if "energies" in parameters:
        stack = SpectralStack(stack.data[:, :2, :2], np.append(stack.energy[:5], 8312.0 + np.arange(55)), "counts")
    with pytest.raises(ValueError, match=text):
        nx.ops.drop_frames(stack, **parameters)


@pytest.mark.parametrize("quantity", ["optical_depth", "counts"])
def test_nothing_is_proposed_for_a_good_stack(quantity: str) -> None:
    for seed in range(5):
        assert suspicious_frames(textured(quantity=quantity, seed=seed)) == {}


@pytest.mark.parametrize("quantity", ["optical_depth", "counts"])
def test_spoiled_frames_are_proposed_with_a_reason(quantity: str) -> None:
    stack = textured(quantity=quantity)
    data = stack.data.copy()
    data[5] = 0
    data[9] = data[8]
    data[12] = data[12] + 1.5 if quantity == "optical_depth" else 0.2 * data[12]
    data[45] = np.roll(data[45], 3, axis=1)
    found = suspicious_frames(stack.with_data(data))
    # Pixels with a strong edge get other values, so the mean spectrum of these may show it first.
    assert found.pop(45) in ("its image differs from those of its neighbours", "brighter or darker than its neighbours")
    assert found == {5: "empty", 9: "equals the frame before", 12: "brighter or darker than its neighbours"}
    with pytest.raises(ValueError, match=r"these look spoiled: 8310 eV \(frame 5: empty\)"):
        nx.ops.drop_frames(stack.with_data(data))


def test_new_contrast_at_the_edge_is_not_taken_for_a_spoiled_frame(rng: np.random.Generator) -> None:
    energy = np.concatenate([np.arange(8290, 8340, 10.0), np.arange(8340, 8356, 2.0), np.arange(8360, 8420, 10.0)])
    share = rng.integers(0, 2, (30, 30))
    edges = [0.5 + np.arctan(energy - e0) / np.pi for e0 in (8344.0, 8349.0)]
    depth = 0.2 + np.where(share, edges[0][:, None, None], edges[1][:, None, None])
    depth += 0.003 * rng.standard_normal(depth.shape)
    assert suspicious_frames(SpectralStack(depth, energy, "optical_depth")) == {}


def test_an_energy_in_the_middle_between_two_frames_names_none() -> None:
    stack = SpectralStack(np.ones((3, 2, 2), np.float32), [8330, 8340, 8350])
    with pytest.raises(ValueError, match="no frame was taken at 8335 eV"):
        nx.ops.drop_frames(stack, energies=[8335])
