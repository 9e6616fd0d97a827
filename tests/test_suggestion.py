"""The step that a stack needs next."""

from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.suggestion import measured_drift, suggested_step


@pytest.fixture(scope="module")
def depth() -> nx.SpectralStack:
    return nx.ops.optical_depth(nx.sample.nmc_ni_k(size=64).stack)


def test_counts_need_optical_depth_first() -> None:
    suggestion = suggested_step(nx.sample.nmc_ni_k(size=24).stack)
    assert suggestion is not None
    assert suggestion.step.name == "optical_depth"
    assert "counts" in suggestion.reason


def test_a_drift_is_told_with_its_size(depth: nx.SpectralStack) -> None:
    n = depth.energy.size
    shifts = np.stack([np.linspace(-1.5, 1.5, n), np.zeros(n)], axis=1)
    drifted = nx.ops.crop(nx.ops.align(depth, shifts=shifts), region=(3, 61, 3, 61))
    drifted = replace(drifted, history=depth.history)  # as if it had been measured so
    drift = measured_drift(drifted)
    assert drift is not None
    assert drift[0] == pytest.approx(3.0, abs=0.15)
    suggestion = suggested_step(drifted)
    assert suggestion is not None
    assert suggestion.step.name == "align"
    assert f"{drift[0]:.1f}" in suggestion.reason


def test_a_stack_that_stands_still_is_normalized_next(depth: nx.SpectralStack) -> None:
    suggestion = suggested_step(depth)
    assert suggestion is not None
    assert suggestion.step.name == "normalize_edge"
    assert " eV" in suggestion.reason


def test_nothing_is_left_after_normalization(depth: nx.SpectralStack) -> None:
    assert suggested_step(nx.ops.normalize_edge(depth)) is None


def test_nothing_is_suggested_where_nothing_is_seen() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (20, 40, 40)).astype(np.float32)
    assert suggested_step(nx.SpectralStack(noise, np.linspace(8300, 8400, 20), "optical_depth")) is None


def test_a_lazy_volume_and_a_tiny_image_are_answered(depth: nx.SpectralStack) -> None:
    da = pytest.importorskip("dask.array")
    volume = np.repeat(depth.data[:, None], 2, axis=1)
    lazy = nx.SpectralStack(da.from_array(volume, chunks=(10, 1, 64, 64)), depth.energy, "optical_depth")
    suggestion = suggested_step(lazy)
    assert suggestion is not None
    assert suggestion.step.name == "normalize_edge"
    tiny = nx.SpectralStack(depth.data[:, :4, :4], depth.energy, "optical_depth")
    assert measured_drift(tiny) is None


def test_a_stack_in_a_file_is_not_read_whole(depth: nx.SpectralStack) -> None:
    read: list[int] = []

    def frame(block_id: tuple[int, ...]) -> np.ndarray:
        read.append(block_id[0])
        return depth.data[block_id[0]][None]

    chunks = ((1,) * depth.shape[0], *((n,) for n in depth.shape[1:]))
    lazy = depth.with_data(da.map_blocks(frame, chunks=chunks, dtype=np.float32, meta=np.zeros((0, 0, 0), np.float32)))
    suggestion = suggested_step(lazy)
    assert suggestion is not None
    assert suggestion.step.name == "normalize_edge"
    assert len(set(read)) < depth.shape[0]
    assert len(read) <= 60


@pytest.mark.filterwarnings("error")
def test_an_empty_frame_suggests_nothing_in_silence(depth: nx.SpectralStack) -> None:
    data = depth.data.copy()
    data[4] = np.nan
    assert suggested_step(depth.with_data(data)) is None
