"""A feature on a large place with sharp rims is kept, although its rims differ from frame to frame."""

from __future__ import annotations

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.denoising.novelty.amounts import CLEAR_SIGMA
from napari_xanes.sample import nmc_ni_k

PLACE = (slice(23, 39), slice(25, 41))


@pytest.fixture(scope="module")
def stack() -> SpectralStack:
    return nx.ops.optical_depth(nmc_ni_k(size=64, photons=4000).stack)


@pytest.mark.parametrize("height", [0.1, 0.04])
def test_a_line_before_the_edge_is_kept_at_full_height(stack: SpectralStack, height: float) -> None:
    line = np.exp(-(((stack.energy - 8333) / 2) ** 2)).astype(np.float32)
    data = stack.data.copy()
    data[(slice(None), *PLACE)] += height * line[:, None, None]
    references = stack.metadata["references"]
    clean = nx.ops.denoise(stack.with_data(data), references=references)
    inside = np.zeros(stack.shape[1:], dtype=bool)
    inside[PLACE] = True
    found = np.asarray(clean.metadata["denoise"].novelty) > CLEAR_SIGMA
    assert found[inside].mean() > 0.9
    assert found[~inside].mean() < 0.05
    plain = nx.ops.denoise(stack, references=references)
    kept = (np.asarray(clean.data) - np.asarray(plain.data))[:, inside].mean(axis=1) @ line / (line @ line)
    assert kept == pytest.approx(height, rel=0.1)
    assert not np.any(plain.metadata["denoise"].novelty > CLEAR_SIGMA)


@pytest.mark.parametrize("seed", [2, 3])
def test_a_pattern_that_the_whole_sample_shares_is_no_feature(stack: SpectralStack, seed: int) -> None:
    """The middle of the beam changed against its rim, where the air is: in each frame by another amount."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(stack.shape[1:]) / stack.shape[1] - 0.5
    middle = np.exp(-(y**2 + x**2) / (2 * 0.25**2)).astype(np.float32)
    changes = rng.normal(0, 0.005, stack.energy.size).astype(np.float32)
    data = stack.data + changes[:, None, None] * middle
    clean = nx.ops.denoise(stack.with_data(data), references=stack.metadata["references"])
    assert np.mean(clean.metadata["denoise"].novelty > CLEAR_SIGMA) < 0.01
