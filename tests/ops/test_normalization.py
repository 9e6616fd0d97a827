"""normalize_edge: exact results, thresholds, messages."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.noise import AmountNoise
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
    expected = {"e0", "pre", "post", "min_jump", "left_out", "line_error", "shared_noise"}
    assert set(state) == expected  # and absorber, for MBACK
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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("post_form", ["automatic", "constant"])
def test_a_missing_value_at_any_energy_masks_its_pixel(value: float, post_form: Any) -> None:
    missing = np.eye(AXIS.size, AXIS.size + 1, dtype=bool)[:, None]  # one energy in each pixel but the last
    data = np.where(missing, value, 0.5 * (AXIS > E0)[:, None, None] + 1)
    stack = SpectralStack(data, AXIS, "optical_depth")
    result = normalize_edge(stack, e0=E0, pre=(-70, -20), post=(40, 110), min_jump=0.1, post_form=post_form)
    mask = result.metadata["edge_jump"].mask
    np.testing.assert_array_equal(mask.ravel(), [False] * AXIS.size + [True])
    np.testing.assert_array_equal(np.isfinite(result.data), np.broadcast_to(mask, data.shape))


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
    with pytest.raises(ValueError, match=r"frame 12 \(8332.0 eV\) holds no finite value: drop it with drop_frames"):
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


def test_the_errors_of_a_cleaned_stack_are_divided_by_the_jump(references: list[nx.Spectrum]) -> None:
    energy = np.arange(8285.0, 8445.0, 2.0)
    spectra = np.array([reference.at(energy) for reference in references])
    jump = np.array([[0.2, 0.5], [1.0, 2.0]])
    data = (jump * np.tensordot([0.4, 0.6], spectra, 1)[:, None, None]).astype(np.float32)
    factors = 0.02 * jump * np.array([1.0, -1.0])[:, None, None, None]
    noise = AmountNoise(spectra.T.astype(np.float32), factors.astype(np.float32))
    stack = SpectralStack(data, energy, "optical_depth", metadata={"noise": noise})
    before = nx.maps.fit_references(stack, references=references)["valence"].sigma
    normalized = nx.ops.normalize_edge(stack, e0=8345.0, pre=(-60, -20), post=(30, 100))
    after = nx.maps.fit_references(normalized, references=references)["valence"].sigma
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(before, 0.02, rtol=0.02)
    np.testing.assert_allclose(after, 0.02, rtol=0.1)
    np.testing.assert_allclose(
        normalized.noise.sigma(slice(None)),
        stack.noise.sigma(slice(None)) / normalized.metadata["edge_jump"].data.ravel(),
        rtol=1e-5,
        atol=1e-6,
    )
