"""Noise that all pixels share, as of a beam that flickers: measured, part of sigma, and told."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.edge_images import E0, LONG, arctan_step

from napari_xanes import SpectralStack
from napari_xanes.edge import EdgeLines
from napari_xanes.edge.shared_noise import shared_noise
from napari_xanes.maps import edge_energy
from napari_xanes.ops import normalize_edge
from napari_xanes.sample import k_edge_curve

SIZE = 24


def jumps(kind: str) -> np.ndarray:
    """Jumps of pixels: with and without material, all alike, or of any thickness."""
    rng = np.random.default_rng(7)
    if kind == "half empty":
        return np.repeat([0.0, 0.4], SIZE**2 // 2)
    return np.full(SIZE**2, 0.4) if kind == "uniform" else rng.uniform(0, 0.4, SIZE**2)


def flickering(kind: str, flicker: float, noise: float, seed: int) -> SpectralStack:
    """Pixels with fine structure, noise of each value, and a beam that flickers from one frame to the next."""
    rng = np.random.default_rng(seed)
    per_atom = k_edge_curve(LONG, E0, 0.6, 0.1)
    data = 0.3 + per_atom[:, None] * jumps(kind) + noise * rng.standard_normal((LONG.size, SIZE**2))
    data += flicker * rng.standard_normal((LONG.size, 1))
    return SpectralStack(data.reshape(-1, SIZE, SIZE).astype(np.float32), LONG, "optical_depth")


def measured(stack: SpectralStack) -> float:
    state = normalize_edge(stack).history[-1].state
    assert state is not None
    return float(state["shared_noise"])


@pytest.mark.parametrize("kind", ["half empty", "uniform", "any thickness"])
@pytest.mark.parametrize("flicker", [0.0, 0.005, 0.02])
def test_shared_noise_is_that_of_the_beam_and_fine_structure_is_none(kind: str, flicker: float) -> None:
    found = np.array([measured(flickering(kind, flicker, 0.02, seed)) for seed in range(6)])
    assert np.sqrt(np.mean(found**2)) == pytest.approx(flicker, rel=0.3, abs=0.0012)


@pytest.mark.parametrize("kind", ["half empty", "uniform"])
def test_errors_of_the_jump_hold_where_the_beam_flickers(kind: str) -> None:
    deviations = []
    inside = jumps(kind).reshape(SIZE, SIZE) > 0
    for seed in range(30):
        stack = flickering(kind, 0.01, 0.01, seed)
        one = normalize_edge(stack, line_error=0.0, e0=E0, pre=(-90, -20), post=(40, 240)).metadata["edge_jump"]
        still = flickering(kind, 0.0, 0.0, seed)
        lines = EdgeLines(LONG, E0, (-90, -20), (40, 240)).measure(still.data.reshape(LONG.size, -1))
        true = lines.jump.reshape(SIZE, SIZE)
        deviations.append(((one.data - true) / one.sigma)[inside])
    within = [np.mean(np.abs(deviations) < n) for n in (1, 2)]
    assert 0.55 < within[0] < 0.8  # 30 draws of the beam
    assert within[1] > 0.9


def test_jumps_of_a_flickering_beam_are_told_and_no_reason_to_mask() -> None:
    made = normalize_edge(flickering("half empty", 0.02, 0.005, 1))
    assert [text for text in made.metadata["warnings"] if "all pixels share noise of 0.0" in text]
    jump = made.metadata["edge_jump"]
    assert jump.mask[SIZE // 2 :].all()
    assert not jump.mask[: SIZE // 2].any()  # the same number in all pixels is no edge
    maps = edge_energy(flickering("half empty", 0.02, 0.005, 1))
    assert np.median(maps["edge_jump"].sigma[maps["edge_jump"].mask]) == pytest.approx(
        np.median(jump.sigma[jump.mask]), rel=0.15
    )


def test_one_spectrum_shares_nothing() -> None:
    lines = EdgeLines(LONG, E0, (-90, -20), (40, 240))
    spectra = arctan_step(LONG, E0)[:, None] + 0.02 * np.random.default_rng(0).standard_normal((LONG.size, 1))
    assert shared_noise(lines, spectra) == pytest.approx(0, abs=1e-6)
