"""Steps and estimators read each chunk of a lazy stack once in each pass, not once for each of its frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.chunked import Chunked

import napari_xanes as nx
from napari_xanes.alignment import Alignment
from napari_xanes.edge import fit_edge, raise_if_frame_empty
from napari_xanes.edge import stacks as edge_stacks
from napari_xanes.maps.fitting.edge_scales import sample_of
from napari_xanes.maps.fitting.tile_sample import tile_sample
from napari_xanes.ops.edge_regions import samples_of
from napari_xanes.ops.empty_area import empty_area
from napari_xanes.ops.spoiled_frames import dead_or_repeated
from napari_xanes.region_spectra import mean_spectrum

N_FRAMES, CHUNK = 42, 8
BOX = (2, 8, 2, 30)


def depth() -> nx.SpectralStack:
    """Return absorption with an edge, and noise."""
    rng = np.random.default_rng(0)
    energy = np.linspace(8300.0, 8420.0, N_FRAMES)
    thick = rng.uniform(0.2, 0.8, (32, 32))
    thick[:10] = 0
    values = 0.1 + thick * (1 / (1 + np.exp((8345 - energy) / 2)))[:, None, None]
    values = values + 0.01 * rng.standard_normal(values.shape)
    return nx.SpectralStack(values.astype(np.float32), energy, "optical_depth", metadata={"name": "grains"})


def counts() -> nx.SpectralStack:
    sample = depth()
    beam = 1 + 0.02 * np.random.default_rng(1).standard_normal(N_FRAMES)
    light = (1000 * beam[:, None, None] * np.exp(-np.where(np.arange(32)[:, None] < 10, 0, sample.data))).round()
    metadata = {"flat": np.full((1, 32, 32), 1000.0, np.float32), "name": "counts"}
    return nx.SpectralStack(light.astype(np.float32), sample.energy, "counts", metadata=metadata)


def volume() -> nx.SpectralStack:
    stack = depth()
    return nx.SpectralStack(stack.data.reshape(N_FRAMES, 4, 8, 32), stack.energy, "optical_depth")


Made = Callable[[nx.SpectralStack], Any]

LABELS = np.kron([[0, 1], [2, 3]], np.ones((16, 16))).astype(np.int32)

READS: dict[str, tuple[Callable[[], nx.SpectralStack], Made, int]] = {
    "beam": (counts, lambda stack: nx.ops.correct_beam(stack, region=BOX).history[-1].state["factors"], 1),
    "empty area": (counts, empty_area, 1),
    "region of I0": (counts, lambda stack: nx.ops.optical_depth(stack, i0=BOX).history[-1].state["i0"]["mu"], 1),
    "empty frames": (depth, lambda stack: nx.ops.crop(stack, drop_empty=True).energy, 1),
    "no frame empty": (depth, raise_if_frame_empty, 1),
    "foil": (depth, lambda stack: nx.ops.calibrate_energy(stack, value=8345.0).energy, 1),
    "regions": (depth, lambda stack: [part.data for part in samples_of(stack, LABELS)], 1),
    "dead frames": (depth, lambda stack: list(dead_or_repeated(stack)), 1),
    # Frames that are dead, frames that are empty, and pixels.
    "bad pixels": (depth, lambda stack: nx.ops.repair(stack).history[-1].state["pixels"]["runs"], 3),
    "edge": (depth, lambda stack: fit_edge(stack, None, None, None)[0].e0, 1),
    "squares": (depth, lambda stack: tile_sample(stack, slice(3, None)).spectra, 1),
    "squares of a volume": (volume, lambda stack: tile_sample(stack, slice(0, None)).spectra, 1),
    "rows": (depth, lambda stack: sample_of(stack).data, 1),
    "region": (depth, lambda stack: mean_spectrum(stack.data, np.s_[2:8, 2:30], np.ones((6, 28), bool)).mean, 1),
}


@pytest.mark.parametrize("name", READS)
def test_chunks_are_read_once_in_each_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, read, passes = READS[name]
    monkeypatch.setattr(edge_stacks, "_SAMPLE_PIXELS", 500)
    stack = made()
    source = Chunked(stack.data, CHUNK)
    found = read(stack.with_data(source.lazy()))
    assert (source.decoded <= passes).all()
    if found is not None:
        np.testing.assert_allclose(found, read(stack), rtol=1e-6)


class Rows(Chunked):
    """An array of which rows are read alone."""

    piece = (1, 1)


def test_aligned_rows_read_what_each_frame_needs_however_far_frames_moved() -> None:
    """A drift of hundreds of pixels must not make every frame read what all frames together need."""
    data = np.random.default_rng(0).standard_normal((4, 300, 8)).astype(np.float32)
    shifts = [(-120.3, 0.2), (-119.8, 0.0), (0.4, 0.3), (130.2, -0.4)]

    stored = Rows(data)
    stack = nx.SpectralStack(stored.lazy(), [700.0, 701, 702, 703], "optical_depth")
    aligned = nx.ops.align(stack, shifts=shifts)
    stored.pixels = 0
    rows = np.asarray(aligned.data[:, 150:151])
    assert stored.pixels <= 4 * 36 * 8
    whole = nx.ops.align(nx.SpectralStack(data, stack.energy, "optical_depth"), shifts=shifts).data
    np.testing.assert_allclose(rows, whole[:, 150:151], atol=1e-6)


SHIFTS = np.array([(-3.3, 0.2), (-1.8, 0.0), (0.4, 0.3), (2.2, -0.4)])
MOVES = {
    "magnification": Alignment(SHIFTS, magnification=np.array([0.97, 1.0, 1.02, 1.04])),
    "affine": Alignment(SHIFTS, matrix=np.eye(2) + np.linspace(-0.03, 0.04, 16).reshape(4, 2, 2)),
    "lines": Alignment(SHIFTS, line_shifts=np.random.default_rng(1).normal(0, 1, (4, 300))),
}


@pytest.mark.parametrize("kind", MOVES)
def test_rows_of_stretched_frames_and_lines_read_what_they_need(kind: str) -> None:
    """The same numbers as of whole frames, missing values included."""
    data = np.random.default_rng(0).standard_normal((4, 300, 40)).astype(np.float32)
    data[1, 100:103, 7] = np.nan
    stored = Rows(data)
    energy = [700.0, 701, 702, 703]
    aligned = nx.ops.align(nx.SpectralStack(stored.lazy(), energy, "optical_depth"), shifts=MOVES[kind])
    whole = nx.ops.align(nx.SpectralStack(data, energy, "optical_depth"), shifts=MOVES[kind]).data
    stored.pixels = 0
    some = np.asarray(aligned.data[:, 150:152])
    assert stored.pixels <= 4 * 60 * 40
    np.testing.assert_allclose(some, whole[:, 150:152], atol=1e-5)
    for rows in (slice(0, 3), slice(90, 120), slice(296, 300)):
        np.testing.assert_allclose(np.asarray(aligned.data[:, rows]), whole[:, rows], atol=1e-5)
    assert np.isnan(whole).any()
    assert np.isfinite(whole[:, 150:152]).any()
