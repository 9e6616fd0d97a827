"""`normalize_edge` with an E0 for each region."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import Recipe, SpectralStack
from napari_xanes.edge import EdgeLines, error_of_e0, find_e0
from napari_xanes.history import to_plain
from napari_xanes.ops import normalize_edge
from napari_xanes.region_labels import LabelImage, as_labels, load_regions

ENERGY = np.arange(8270.0, 8460.0, 1.5)
SHAPE = (12, 16)


def edges(e0: np.ndarray, jump: Any = 0.6) -> np.ndarray:
    """Spectra (E, Y, X) with the steepest rise at e0 (Y, X), and the level and slope of lines."""
    x = ENERGY[:, None, None] - e0
    return 0.3 - 4e-4 * x + jump * (0.5 + np.arctan(x / 1.2) / np.pi)


def halves() -> np.ndarray:
    labels = np.ones(SHAPE, dtype=np.uint8)
    labels[:, 8:] = 2
    return labels


def stack_of(labels: np.ndarray, noise: float = 0.0, seed: int = 0) -> SpectralStack:
    """A stack whose edges lie at 8343 eV, 3 eV higher in region 2."""
    data = edges(8343.0 + 3.0 * (labels == 2))
    data += noise * np.random.default_rng(seed).standard_normal(data.shape)
    return SpectralStack(data.astype(np.float32), ENERGY, "optical_depth")


def as_lazy(stack: SpectralStack) -> SpectralStack:
    import dask.array as da

    return stack.with_data(da.from_array(stack.data, chunks=(10, 5, 16)))


def test_each_region_is_normalized_as_if_it_were_alone() -> None:
    labels = halves()
    stack = stack_of(labels, noise=0.003)
    result = normalize_edge(stack, regions=labels, flatten=True)
    assert result.metadata["edge_lines"]["pre"] == "line"
    found = result.metadata["edge_lines"]["regions"]
    assert [region["label"] for region in found] == [1, 2]
    assert [region["e0"] for region in found] == pytest.approx([8343, 8346], abs=0.1)
    assert all(region["own_e0"] and 0 < region["e0_error"] < 0.1 for region in found)
    left_out = result.history[-1].state["left_out"]
    for region, columns in zip(found, (slice(0, 8), slice(8, 16)), strict=True):
        alone = normalize_edge(stack.isel(box=(slice(None), columns)), left_out=left_out, flatten=True)
        assert region["e0"] == alone.history[-1].state["e0"]
        np.testing.assert_allclose(result.data[..., columns], alone.data, atol=1e-6)
        for name in ("data", "sigma", "mask"):
            ours, expected = (getattr(r.metadata["edge_jump"], name) for r in (result, alone))
            np.testing.assert_allclose(ours[:, columns], expected, rtol=1e-5)


def test_the_same_edge_shifted_gives_the_same_values() -> None:
    """Closed form: spectra that differ by a shift only have the same jump, and one E0 makes their jumps differ."""
    labels = halves()
    stack = stack_of(labels)
    ranges: dict[str, Any] = {"pre": (-60.0, -20.0), "post": (40.0, 105.0)}
    jump = normalize_edge(stack, regions=labels, **ranges).metadata["edge_jump"].data
    of_one = normalize_edge(stack, **ranges).metadata["edge_jump"].data
    assert jump[0, 0] == pytest.approx(jump[0, 15], rel=2e-4)
    assert of_one[0, 0] != pytest.approx(of_one[0, 15], rel=2e-3)


@pytest.mark.parametrize("options", [{}, {"slopes": "shared", "robust": True}, {"method": "mback"}])
def test_lazy_stacks_stay_lazy_and_a_replay_repeats_them(options: dict[str, Any]) -> None:
    import dask.array as da

    labels = halves()
    labels[:3] = 0
    stack = stack_of(labels, noise=0.003)
    first = normalize_edge(stack, regions=labels, absorber="Ni K", **options)
    lazy = normalize_edge(as_lazy(stack), regions=labels, absorber="Ni K", **options)
    assert isinstance(lazy.data, da.Array)
    np.testing.assert_allclose(np.asarray(lazy.data), first.data, rtol=2e-5, atol=2e-5)
    frame = np.asarray(lazy.data[7])
    np.testing.assert_allclose(frame, first.data[7], rtol=2e-5, atol=2e-5)
    step = Recipe.from_yaml(Recipe([first.history[-1]]).to_yaml(exact=True))[0]
    assert step == first.history[-1]
    np.testing.assert_array_equal(nx.run([step], stack).data, first.data)
    other = stack.with_data(stack.data + np.float32(0.05) * (ENERGY > 8350)[:, None, None])  # type: ignore[operator]
    again = nx.run([step], other).metadata["edge_lines"]["regions"]
    kept = [{**region, "warnings": ()} for region in first.metadata["edge_lines"]["regions"]]
    if "slopes" not in options:
        assert [{**region, "warnings": ()} for region in again] == kept


def test_small_regions_and_those_without_edge_take_the_e0_of_the_stack() -> None:
    labels = np.ones(SHAPE, dtype=int)
    labels[:, 8:] = 2
    labels[0, :2] = 5
    labels[6:, :4] = 9
    stack = stack_of(labels, noise=0.003)
    data = stack.data.copy()
    data[:, labels == 9] -= edges(np.full((1, 1), 8343.0))[:, 0].astype(np.float32)
    result = normalize_edge(stack.with_data(data), regions=labels)
    state = result.history[-1].state
    found = {region["label"]: region for region in result.metadata["edge_lines"]["regions"]}
    assert [found[number]["own_e0"] for number in (1, 2, 5, 9)] == [True, True, False, False]
    assert found[5]["e0"] == found[9]["e0"] == state["e0"]
    assert found[5]["e0_error"] is None
    warnings = "\n".join(result.metadata["warnings"])
    assert "region 5: E0 is that of the whole stack" in warnings
    assert "fewer than 8 pixels" in warnings
    assert "region 9: E0 is that of the whole stack" in warnings
    assert "no edge of their own" in warnings
    assert result.metadata["edge_jump"].mask[0, :2].all()


def test_the_rest_of_the_image_is_one_more_region() -> None:
    labels = halves()
    stack = stack_of(labels, noise=0.003)
    result = normalize_edge(stack, regions=[(0, 12, 8, 16)])
    found = result.metadata["edge_lines"]["regions"]
    assert [region["label"] for region in found] == [0, 1]
    assert [region["e0"] for region in found] == pytest.approx([8343, 8346], abs=0.1)
    np.testing.assert_array_equal(result.data, normalize_edge(stack, regions=[labels == 2]).data)
    empty = stack.data.copy()
    empty[..., :8] = 0.003 * np.random.default_rng(1).standard_normal(empty[..., :8].shape)
    on_empty = normalize_edge(stack.with_data(empty), regions=[labels == 2])
    assert not any("the rest of the image: E0 is" in text for text in on_empty.metadata["warnings"])


def test_volumes_take_labels_of_slices_and_of_the_volume() -> None:
    labels = halves()
    stack = stack_of(labels, noise=0.003)
    volume = stack.with_data(stack.data.reshape(-1, 2, 6, 16))
    flat = normalize_edge(stack, regions=labels).data
    for regions in (labels[:6], labels.reshape(2, 6, 16)):
        found = normalize_edge(volume, regions=regions)
        np.testing.assert_allclose(found.data.reshape(flat.shape), flat, atol=2e-6)


def test_the_error_of_e0_is_its_scatter() -> None:
    clean = edges(np.full((1, 60), 8343.0))[:, 0]
    lines = EdgeLines(ENERGY, 8343.0, (-60, -20), (40, 105))
    rng = np.random.default_rng(3)
    found, told = [], []
    for _ in range(16):
        spectra = clean + 0.08 * rng.standard_normal(clean.shape)
        found.append(find_e0(ENERGY, spectra.mean(axis=1)))
        told.append(error_of_e0(lines, spectra))
    assert np.median(told) == pytest.approx(np.std(found), rel=0.35)


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        (np.ones((3, 4), int), r"labels of the regions have shape \(3, 4\), the image \(12, 16\): crop or bin both"),
        (np.zeros(SHAPE, int), "no pixel belongs to a region: all labels are 0"),
        (-np.ones(SHAPE, int), "labels are numbers from 0"),
        (np.ones(SHAPE), "one whole number per pixel"),
        ([(0, 6, 0, 6), (5, 9, 5, 9)], "region 2 has 1 pixels in common with region 1, but a pixel belongs to one"),
        ([(0, 6, 0, 6), (5, 13, 5, 9)], "region 2: box y 5-13, x 5-9 does not lie in an image of 12 x 16 pixels"),
        ([(0, 6, 0, 6), None], "a region is None"),
        ([], "regions are empty"),
        ([[0, 1], [1]], "rows of a label image must have one length"),
        ({"shape": [1, 3], "labels": [1], "runs": [1, 2]}, "1 labels for 2 runs"),
    ],
)
def test_regions_that_do_not_fit_are_refused(regions: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        normalize_edge(stack_of(halves()), regions=regions)


def test_regions_and_what_contradicts_them() -> None:
    labels = halves()
    stack = stack_of(labels)
    with pytest.raises(ValueError, match="leave out e0 or regions"):
        normalize_edge(stack, regions=labels, e0=8343.0)
    with pytest.raises(ValueError, match="region_edges are those of regions, but there are none"):
        normalize_edge(stack, region_edges=[1.0])
    with pytest.raises(ValueError, match="region_edges holds 3 numbers, but 2 regions .* need 10 each"):
        normalize_edge(stack, regions=labels, region_edges=[1.0, 2.0, 3.0])


def test_every_form_of_regions_gives_the_same_labels() -> None:
    labels = halves()
    forms = [labels, LabelImage(labels), labels.tolist(), [labels == 1, labels == 2], [(0, 12, 0, 8), (0, 12, 8, 16)]]
    for form in forms:
        loaded = load_regions(form)
        np.testing.assert_array_equal(as_labels(loaded, SHAPE), labels)
        np.testing.assert_array_equal(as_labels(load_regions(to_plain(loaded)), SHAPE), labels)
    for one in (labels == 1, (0, 12, 0, 8), to_plain(labels == 1)):
        np.testing.assert_array_equal(as_labels(load_regions(one), SHAPE), labels == 1)
