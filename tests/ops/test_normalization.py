"""normalize_edge: exact results, thresholds, messages."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.edge import normalize_mu
from napari_xanes.ops import normalize_edge

AXIS = np.concatenate([np.arange(8270, 8330, 6.0), np.arange(8330, 8362, 1.0), np.arange(8362, 8461, 3.0)])
E0 = 8343.0


@pytest.fixture
def stack(rng: np.random.Generator) -> SpectralStack:
    """Return steps of known height on known lines; the last row is empty."""
    jump = rng.uniform(0.3, 1.0, (6, 5))
    jump[-1] = 0
    offset = (AXIS - E0)[:, None, None]
    data = jump * (offset > 0) + rng.uniform(0, 1, (6, 5)) + rng.uniform(-1e-3, 1e-3, (6, 5)) * offset
    data += 0.003 * rng.standard_normal(data.shape)
    return SpectralStack(data.astype(np.float32), AXIS, "optical_depth", 0.04, metadata={"truth": jump})


def test_edge_jumps_become_one(stack: SpectralStack) -> None:
    result = normalize_edge(stack, e0=E0)
    step, truth = result.metadata["edge_jump"], stack.metadata["truth"]
    assert result.quantity == "normalized"
    assert result.data.dtype == np.float32
    assert step.unit == "OD"
    assert not step.mask[-1].any()
    assert step.mask[:-1].all()
    assert np.isnan(result.data[:, -1]).all()
    np.testing.assert_allclose(step.data[:-1], truth[:-1], atol=0.01)
    assert (np.abs(step.data - truth)[:-1] < 4 * step.sigma[:-1]).all()
    high, low = AXIS > E0 + 30, AXIS < E0 - 15
    np.testing.assert_allclose(result.data[high][:, :-1].mean(axis=0), 1, atol=0.15)
    np.testing.assert_allclose(result.data[low][:, :-1].mean(axis=0), 0, atol=1e-3)


def test_flattening_removes_the_slope_above_the_edge(stack: SpectralStack) -> None:
    tilted = stack.with_data(
        stack.data + np.float32(0.002) * np.maximum(AXIS - E0, 0)[:, None, None].astype(np.float32)
    )
    plain, flat = (normalize_edge(tilted, e0=E0, flatten=f).data[:, :-1] for f in (False, True))
    np.testing.assert_array_equal(plain[AXIS <= E0], flat[AXIS <= E0])
    above = AXIS > E0 + 30
    assert np.ptp(plain[above].mean(axis=(1, 2))) > 0.15
    assert np.ptp(flat[above].mean(axis=(1, 2))) < 0.02


def test_estimated_values_are_in_the_history_and_replayed(stack: SpectralStack) -> None:
    result = normalize_edge(stack)
    state = result.history[-1].state
    assert state is not None
    assert set(state) == {"e0", "pre", "post", "min_jump", "left_out", "line_error"}
    part = stack.with_data(stack.data[:, -1:])
    replayed = normalize_edge.apply(part, result.history[-1])
    np.testing.assert_allclose(replayed.data, result.data[:, -1:], rtol=1e-5)
    assert np.isnan(replayed.data).all()  # an empty tile gives no error


@pytest.mark.parametrize("flatten", [False, True])
def test_one_frame_of_a_lazy_stack_is_computed_alone(stack: SpectralStack, flatten: bool) -> None:
    computed = []

    def frame(block_info: Any = None) -> np.ndarray:
        at = block_info[None]["chunk-location"][0]
        computed.append(at)
        return stack.data[at : at + 1]

    chunks = ((1,) * AXIS.size, (6,), (5,))
    lazy = stack.with_data(da.map_blocks(frame, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32)))
    result, whole = normalize_edge(lazy, flatten=flatten), normalize_edge(stack, flatten=flatten)
    computed.clear()
    np.testing.assert_allclose(np.asarray(result.data[40]), whole.data[40], rtol=1e-5, atol=1e-6)
    assert computed == [40]


def test_lazy_stays_lazy_and_agrees(stack: SpectralStack) -> None:
    whole = normalize_edge(stack, flatten=True)
    lazy = normalize_edge(stack.with_data(da.from_array(stack.data, chunks=(10, 2, 3))), flatten=True)
    assert lazy.is_lazy
    np.testing.assert_allclose(np.asarray(lazy.data), whole.data, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(lazy.metadata["edge_jump"].data, whole.metadata["edge_jump"].data, rtol=1e-5, atol=1e-6)


def test_one_missing_value_affects_one_pixel_only(stack: SpectralStack) -> None:
    data = stack.data.copy()
    data[30, 1, 1], data[2, 2, 2] = np.nan, np.inf
    result = normalize_edge(stack.with_data(data))
    assert np.isnan(result.data[:, [1, 2], [1, 2]]).all()
    assert np.isfinite(result.data[:, 0]).all()


@pytest.mark.parametrize("dtype", [np.float64, np.uint16, np.int32])
def test_any_real_number_type_is_accepted(dtype: type) -> None:
    data = np.tile(100 + 1000 * (AXIS > E0)[:, None, None], (1, 2, 2)).astype(dtype)
    result = normalize_edge(SpectralStack(data, AXIS, "fluorescence"), e0=E0)
    assert result.data.dtype == np.float32
    assert result.metadata["edge_jump"].unit == "a.u."
    np.testing.assert_allclose(result.data[AXIS > E0], 1, atol=1e-5)


def test_messages_say_what_to_do(stack: SpectralStack) -> None:
    counts = SpectralStack(stack.data, AXIS, "counts")
    with pytest.raises(ValueError, match="holds counts: run optical_depth first"):
        normalize_edge(counts)
    with pytest.raises(ValueError, match="normalized already"):
        normalize_edge(normalize_edge(stack))
    empty = stack.data.copy()
    empty[12] = np.nan
    with pytest.raises(ValueError, match=r"frame 12 \(8332.0 eV\) holds no finite value: drop it with crop"):
        normalize_edge(stack.with_data(empty))
    with pytest.raises(ValueError, match=r"no pixel of .* has an edge jump above 5: the largest is 0\.\d+ at E0"):
        normalize_edge(stack, min_jump=5.0)
    with pytest.raises(ValueError, match="lies outside"):
        normalize_edge(stack, e0=9000.0)
    with pytest.raises(ValueError, match="widen post"):
        normalize_edge(stack, post=(500.0, 600.0))
    spoilt = stack.data.copy()
    spoilt[5, ::2], spoilt[6, 1::2] = np.nan, np.nan
    with pytest.raises(ValueError, match="no pixel of .* holds finite values at all energies"):
        normalize_edge(stack.with_data(spoilt))


def test_three_energies_are_too_few_for_two_lines() -> None:
    axis = np.array([8330.0, 8345.0, 8400.0])
    with pytest.raises(ValueError, match="give e0 in eV"):
        normalize_edge(SpectralStack(np.ones((3, 2, 2)), axis, "optical_depth"))
    with pytest.raises(ValueError, match="needs at least 2"):
        normalize_edge(SpectralStack(np.ones((3, 2, 2)), axis, "optical_depth"), e0=8340.0)


def test_reading_a_lazy_stack_reports_progress(stack: SpectralStack) -> None:
    lazy = stack.with_data(da.from_array(stack.data, chunks=(1, 6, 5)))
    reports: list[tuple[float, str]] = []
    nx.run([nx.Step("normalize_edge")], lazy, progress=lambda done, text: reports.append((done, text)))
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert sum(text == "looking for the edge" for _, text in reports) == AXIS.size


def arctan_step(axis: np.ndarray, e0: float) -> np.ndarray:
    return 0.5 + np.arctan((axis - e0) / 1.5) / np.pi


def image_of(mu: np.ndarray, axis: np.ndarray, quantity: Any = "optical_depth") -> SpectralStack:
    """One row of ten pixels without material and ten with it."""
    thick = np.repeat([0.0, 0.8], 10)[None, None]
    noise = 0.003 * np.random.default_rng(3).standard_normal((axis.size, 1, 20))
    return SpectralStack((mu[:, None, None] * thick + noise).astype(np.float32), axis, quantity)


LONG = np.concatenate([np.arange(8245, 8325, 5.0), np.arange(8325, 8375, 1.0), np.arange(8375, 8593, 5.0)])


def test_clean_whole_windows_have_no_warning_and_no_error_of_lines() -> None:
    made = normalize_edge(image_of(arctan_step(LONG, E0), LONG))
    assert made.metadata["warnings"] == []
    assert made.metadata["edge_lines"] == {"pre": "line", "post": "line", "line_error": 0.0}
    jump = made.metadata["edge_jump"]
    assert np.median(jump.sigma[0, 10:]) < 0.004


@pytest.mark.parametrize(("low", "high"), [(-60, 120), (-40, 100), (-30, 60), (-20, 40)])
def test_short_windows_have_a_wider_error_that_counting_does_not_reduce(low: float, high: float) -> None:
    axis = np.arange(E0 + low, E0 + high)
    made = normalize_edge(image_of(arctan_step(axis, E0), axis))
    jump = made.metadata["edge_jump"]
    error = made.metadata["edge_lines"]["line_error"]
    assert 0.05 < error < 0.25
    assert (jump.sigma[0, 10:] >= error * jump.data[0, 10:] * 0.999).all()
    assert jump.mask[0, 10:].all()  # what lines can't know is no reason to leave pixels out
    assert not jump.mask[0, :10].any()
    assert (np.abs(jump.data - 0.8) < 2 * jump.sigma)[0, 10:].all()
    told = [text for text in made.metadata["warnings"] if "uncertain by" in text]
    assert len(told) == (error > 0.12)


@pytest.mark.parametrize("path", ["ni_k/Ni2O3_rt_01.xdi", "ni_k/NiOH2_rt_01.xdi", "fe_k/Fe2O3_rt_01.xdi",
                                  "fe_k/FeO_rt_01.xdi", "ni_k/ref_LiNiO2.txt", "co_k/co_metal_rt.xdi"])  # fmt: skip
@pytest.mark.parametrize(("low", "high"), [(-60, 140), (-40, 100), (-30, 60), (-20, 40)])
def test_measured_jumps_on_short_windows_are_those_of_the_whole(real_data: Any, path: str, low: int, high: int) -> None:
    spectrum = nx.read_spectra(real_data / "references" / path)[0]
    whole = normalize_mu(spectrum.energy, spectrum.mu, pre=(-140, -20), post=(50, 500))
    axis = np.arange(whole.e0 + low, whole.e0 + high)
    stack = SpectralStack(np.interp(axis, spectrum.energy, spectrum.mu)[:, None, None], axis, "optical_depth")
    jump = normalize_edge(stack, min_jump=0.0).metadata["edge_jump"]
    assert abs(jump.data[0, 0] - whole.jump) < 2 * jump.sigma[0, 0]
    assert jump.sigma[0, 0] < 0.25 * whole.jump


def test_a_pre_edge_that_is_too_short_is_told() -> None:
    axis = np.arange(E0 - 2, E0 + 150)
    made = normalize_edge(image_of(arctan_step(axis, E0), axis), e0=E0)
    jump = made.metadata["edge_jump"]
    assert any("begins 2 eV below E0" in text for text in made.metadata["warnings"])
    assert (np.abs(jump.data - 0.8) < 2 * jump.sigma)[0, 10:].all()


def test_a_second_edge_ends_the_range_and_is_told_once() -> None:
    axis = np.concatenate([np.arange(7050, 7105, 5.0), np.arange(7105, 7140, 0.5), np.arange(7140, 7340, 4.0)])
    mu = 0.3 + 0.5 * arctan_step(axis, 7120) + 0.5 * arctan_step(axis, 7243)
    made = normalize_edge(image_of(mu, axis))
    step = made.history[-1].state["post"]
    assert step[1] < 115
    told = [text for text in made.metadata["warnings"] if "another edge at 724" in text]
    assert len(told) == 1
    assert np.median(made.metadata["edge_jump"].data[0, 10:]) == pytest.approx(0.4, rel=0.08)
    forced = normalize_edge(image_of(mu, axis), post=(30, 200))
    assert any("so the edge jump is wrong: shorten post" in text for text in forced.metadata["warnings"])


def test_the_line_lies_behind_l2_or_says_that_it_can_not() -> None:
    axis = np.arange(685.0, 745.0, 0.25)
    peaks = 1.2 / (1 + ((axis - 709.5) / 0.4) ** 2) + 0.5 / (1 + ((axis - 722.5) / 0.6) ** 2)
    mu = 0.1 * arctan_step(axis, 709) + 0.05 * arctan_step(axis, 722) + peaks
    long, short = (normalize_edge(image_of(mu[part], axis[part])) for part in (axis < 745, axis < 725))
    assert long.history[-1].state["post"][0] > 18
    assert long.metadata["warnings"] == []
    assert any("does not lie behind Fe L2" in text for text in short.metadata["warnings"])
    jump = short.metadata["edge_jump"]
    assert (np.abs(jump.data - 0.12) < 2 * jump.sigma)[0, 10:].all()


@pytest.mark.parametrize(("at", "by"), [(7, -1.5), (3, 0.8), (55, 0.6), (70, -0.5)])
def test_a_spoiled_frame_is_left_out_and_told(at: int, by: float) -> None:
    clean = image_of(arctan_step(AXIS, E0), AXIS)
    data = clean.data.copy()
    data[at] += by  # in all pixels, as a flat that was taken in a dip of the beam
    made, right = normalize_edge(clean.with_data(data)), normalize_edge(clean)
    assert made.history[-1].state["left_out"] == [AXIS[at]]
    assert made.history[-1].state["e0"] == pytest.approx(right.history[-1].state["e0"], abs=0.05)
    jumps = [one.metadata["edge_jump"].data[0, 10:] for one in (made, right)]
    np.testing.assert_allclose(*jumps, rtol=0.02)
    assert any(f"({AXIS[at]:.1f} eV)" in text for text in made.metadata["warnings"])
    assert right.history[-1].state["left_out"] == []


def test_warnings_of_a_step_reach_the_maps_of_a_recipe(references: list[nx.Spectrum]) -> None:
    axis = np.arange(8325.0, 8386.0)
    stack = image_of(references[0].at(axis), axis)
    maps = nx.run([nx.Step("normalize_edge"), nx.Step("fit_references", {"references": references})], stack)
    assert any("the edge jump is uncertain" in text for text in maps.metadata["warnings"])
