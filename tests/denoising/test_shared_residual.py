"""A missing phase that is spread out: found from pooled residuals, and none is invented."""

from __future__ import annotations

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.denoising.design_matrix import DesignMatrix, design_from_references
from napari_xanes.denoising.novelty import shared_residual
from napari_xanes.denoising.novelty.shared_residual import SharedResidual, find_shared_residual

ENERGY = np.linspace(8300.0, 8400.0, 60)
Y, X = np.indices((24, 24))
JUMP = (0.3 * np.sqrt(np.clip(1 - np.hypot(Y - 12, X - 12) ** 2 / 121, 0, 1))).astype(np.float32)


def edge(name: str, at: float, line: float = 0.4) -> Spectrum:
    energy = np.linspace(8290.0, 8410.0, 600)
    mu = 0.5 + np.arctan(energy - at) / np.pi + line * np.exp(-(((energy - at - 4) / 3) ** 2))
    return Spectrum(name, energy, mu)


LOW, HIGH, OTHER = edge("low", 8342.0), edge("high", 8345.0), edge("other", 8343.0, 0.9)


def found(amount: np.ndarray, seed: int = 0, noise: float = 0.008, patterns: float = 0.0) -> SharedResidual | None:
    """Search bins that hold an amount of another phase, whose air has common noise."""
    rng = np.random.default_rng(seed)
    design: DesignMatrix = design_from_references([LOW, HIGH], ENERGY, np.ones(ENERGY.size))
    values = OTHER.at(ENERGY)[:, None, None] * (amount * JUMP) + noise * rng.standard_normal((60, 24, 24))
    values += noise / 10 * rng.standard_normal((60, 1, 1))  # the noise of the air's spectrum
    basis = design.basis
    residual = (values - np.tensordot(basis @ basis.T, values, 1)).astype(np.float32)
    precision = np.where(JUMP > 0.05, noise**-2, 0).astype(np.float32)
    return find_shared_residual(residual, precision, JUMP, 100 * noise**-2, design, (94, 96), patterns=patterns)


def test_merged_bins_tell_the_same_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    single = found(np.full((24, 24), 0.2))
    monkeypatch.setattr(shared_residual, "_MOST_BINS", 12 * 12)
    merged = found(np.full((24, 24), 0.2))
    assert single is not None
    assert merged is not None
    assert merged.size == pytest.approx(single.size, rel=0.1)
    assert merged.fraction_sigma.shape == single.fraction_sigma.shape
    inside = np.kron(JUMP > 0.2, np.ones((4, 4)))[:94, :96] > 0
    assert np.median(merged.fraction_sigma[:, inside]) == pytest.approx(
        np.median(single.fraction_sigma[:, inside]), rel=0.15
    )


@pytest.mark.parametrize("seed", range(10))
def test_noise_shares_nothing(seed: int) -> None:
    assert found(np.zeros((24, 24)), seed) is None


def test_a_phase_in_all_of_the_sample_is_found() -> None:
    result = found(np.full((24, 24), 0.2))
    assert result is not None
    design = design_from_references([LOW, HIGH], ENERGY, np.ones(ENERGY.size))
    expected = 0.2 * (OTHER.at(ENERGY) - design.basis @ (design.basis.T @ OTHER.at(ENERGY)))
    assert result.size == pytest.approx(np.sqrt(np.mean(expected**2)), rel=0.15)
    assert np.corrcoef(result.spectrum, expected)[0, 1] > 0.9
    assert result.fraction_sigma.shape == (2, 94, 96)


def test_a_phase_in_half_of_the_sample_is_found_there() -> None:
    result = found(np.where(Y < 12, 0.3, 0.0))
    assert result is not None
    inside = np.kron(JUMP > 0.1, np.ones((4, 4), bool))[:94]
    upper, lower = (np.median(result.fraction_sigma[0][half][inside[half]]) for half in (np.s_[:36], np.s_[60:]))
    assert upper > 4 * lower


def test_what_patterns_may_have_left_is_no_phase() -> None:
    assert found(np.full((24, 24), 0.05), patterns=0.1) is None


@pytest.mark.parametrize("amount", [0.0, 0.3])
def test_denoise_widens_the_errors_and_reports_a_phase_that_is_spread_out(amount: float) -> None:
    y, x = np.indices((96, 96))
    jump = 0.25 * np.clip(1.2 * np.sqrt(np.clip(1 - np.hypot(y - 48, x - 48) ** 2 / 1600, 0, 1)), 0, 1)
    share, other = np.clip(0.1 + 0.8 * x / 96, 0, 1), amount * (y < 48)
    low, high, third = (spectrum.at(ENERGY)[:, None, None] for spectrum in (LOW, HIGH, OTHER))
    depth = jump * ((1 - other) * ((1 - share) * low + share * high) + other * third)
    rng = np.random.default_rng(0)
    flat = (rng.poisson(1e4 * np.ones_like(depth)) / 10).astype(np.float32)
    counts = rng.poisson(1000 * np.exp(-depth)).astype(np.float32)
    stack = SpectralStack(counts, ENERGY, "counts", metadata={"flat": flat, "n_flat": 10, "gain": 1.0})
    result = nx.ops.denoise(stack, references=[LOW, HIGH], noise="tv").metadata["denoise"]
    assert any("spread out" in line for line in result["report"]["text"]) == (amount > 0)
    inside = (jump > 0.1) & (y < 40)
    score = np.abs(result["fractions"][1] - (1 - other) * share)[inside] / result["fraction_sigma"][1][inside]
    assert np.mean(score < 2) > 0.9
