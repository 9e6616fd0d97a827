"""References of a library in the pixels and regions of a stack."""

from __future__ import annotations

import numpy as np
import pytest
from tests.maps.test_reference_search import ENERGY, LIBRARY

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.maps.searching.stack_search import words_of_targets


def stack_of(amounts: dict[int, np.ndarray], noise: float, shift: float = 0.0) -> SpectralStack:
    """Return a stack with maps of the amounts of some members of the library."""
    mu = sum(LIBRARY[n].at(ENERGY - shift)[:, None, None] * amount for n, amount in amounts.items())
    mu = mu + noise * np.random.default_rng(0).standard_normal(mu.shape)
    return SpectralStack(mu.astype(np.float32), ENERGY, "optical_depth")


def halves(size: int = 32) -> dict[int, np.ndarray]:
    """Return c5 on the left, c9 in the middle, half of each on the right, and nothing in the first rows."""
    left, middle, right = np.zeros((3, size, size))
    third = size // 3
    left[4:, :third] = middle[4:, third : 2 * third] = right[4:, 2 * third :] = 1
    return {5: left + right / 2, 9: middle + right / 2}


def labels_of(maps: nx.MapSet) -> np.ndarray:
    names = maps["answer"].labels or {}
    return np.vectorize(lambda number: names.get(int(number), ""))(maps["answer"].data)


def test_each_pixel_gets_its_references() -> None:
    maps = nx.maps.search_references(stack_of(halves(), 0.02, shift=1.1), library=LIBRARY)
    labels = labels_of(maps)
    assert maps.metadata["shift"] == pytest.approx(1.1, abs=0.05)
    assert (labels[4:, :10] == "c5").mean() > 0.95
    assert (labels[4:, 10:20] == "c9").mean() > 0.95
    assert np.isin(labels[4:, 20:], ["c5 + c9", "c9 + c5"]).mean() > 0.9
    assert (labels[:4] == "").mean() > 0.9
    right = (labels[4:, :10] == "c5").mean()
    assert 0.7 < maps["confidence"].data[4:, :10].mean() < right + 0.02


def test_regions_get_one_answer_each() -> None:
    regions = np.zeros((32, 32), np.int32)
    regions[6:, 1:9], regions[6:, 22:] = 1, 2
    maps = nx.maps.search_references(stack_of(halves(), 0.05), library=LIBRARY, regions=regions)
    labels = labels_of(maps)
    assert set(labels[regions == 1].tolist()) == {"c5"}
    assert set(labels[regions == 2].tolist()) <= {"c5 + c9", "c9 + c5"}
    assert set(labels[regions == 0].tolist()) == {""}
    assert [answer["spectrum"] for answer in maps.metadata["answers"]] == ["mean", "region 1", "region 2"]


def test_pixels_of_something_else_are_said_to_be_not_in_the_library() -> None:
    stack = stack_of(halves(), 0.02)
    data = stack.data.copy()
    data[:, 10:14, 2:6] += 0.5 * np.sin(ENERGY / 3)[:, None, None]
    labels = labels_of(nx.maps.search_references(stack.with_data(data), library=LIBRARY))
    assert (labels[10:14, 2:6] == "not in the library").all()
    assert (labels == "not in the library").sum() < 30


def test_where_no_mean_is_in_the_library_no_pixel_is() -> None:
    """The noise of pixels hides the misfit, that of means and tiles does not."""
    stack = stack_of(halves(), 0.3)
    strange = stack.data + 0.3 * np.sin(ENERGY / 3)[:, None, None] * (stack.data.mean(axis=0) > 0.3)
    maps = nx.maps.search_references(stack.with_data(strange.astype(np.float32)), library=LIBRARY)
    assert not any(answer["in_library"] for answer in maps.metadata["answers"])
    assert set(labels_of(maps).ravel().tolist()) <= {"", "not in the library"}


def test_what_was_found_serves_another_stack() -> None:
    first = nx.maps.search_references(stack_of(halves(), 0.02), library=LIBRARY)
    found = first.history[-1].state["found"]
    again = nx.maps.search_references(stack_of(halves(), 0.03), library=LIBRARY, found=found)
    assert (labels_of(again) == labels_of(first)).mean() > 0.9
    with pytest.raises(ValueError, match="leave found out"):
        nx.maps.search_references(stack_of(halves(), 0.03).isel(slice(3, 60)), library=LIBRARY, found=found)


def test_a_library_of_another_element_is_refused() -> None:
    nickel = [nx.Spectrum("Ni", s.energy + 1220, s.mu, metadata={"element": "Ni"}) for s in LIBRARY[:2]]
    with pytest.raises(ValueError, match="another edge"):
        nx.maps.search_references(stack_of(halves(), 0.02), library=nickel)


def test_answers_are_ranked_with_fits_over_the_measured_mean() -> None:
    stack = stack_of(halves(), 0.02, shift=0.6)
    maps = nx.maps.search_references(stack, library=LIBRARY)
    mean = maps.metadata["answers"][0]
    energy = np.array(maps.metadata["energy"])
    inside = np.isin(ENERGY, energy)
    np.testing.assert_allclose(mean["measured"], stack.data.mean(axis=(1, 2))[inside], rtol=1e-3)
    assert [answer["bic"] for answer in mean["ranked"]] == sorted(answer["bic"] for answer in mean["ranked"])
    best = mean["ranked"][0]
    assert best["words"] == mean["words"]
    np.testing.assert_allclose(best["fitted"], mean["measured"], atol=0.01)


def test_target_transformation_tells_what_can_be_there() -> None:
    rng = np.random.default_rng(0)
    amounts = rng.dirichlet([1, 1], (32, 32))
    maps = nx.maps.search_references(
        stack_of({5: amounts[..., 0], 9: amounts[..., 1]}, 0.005), library=LIBRARY, shift=0.0
    )
    targets = {target["name"]: target for target in maps.metadata["targets"]}
    assert set(targets) == {"c5", "c9"}
    assert all(target["spoil"] < 3 and target["independent"] == 2 for target in targets.values())
    assert words_of_targets(maps.metadata["targets"]).startswith("of the 2 independent spectra of the stack, each of c")
