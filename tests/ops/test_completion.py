"""Sparse scans: against full least squares, known amounts, and their own errors."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.exploring.sparse_learning import Sparse, learn
from napari_xanes.exploring.sparse_model import SparseModel, amounts_of, posterior
from napari_xanes.noise import AmountNoise
from napari_xanes.ops import complete_sparse
from napari_xanes.sample import k_edge_curve

ENERGY = np.concatenate([np.arange(8290, 8335, 6.0), np.arange(8335, 8360, 1.0), np.arange(8362, 8420, 6.0)])
REFERENCES = [
    Spectrum("Ni2+", np.arange(8280.0, 8430), k_edge_curve(np.arange(8280.0, 8430), 8345.0, 0.65, 0.1), 2),
    Spectrum("Ni4+", np.arange(8280.0, 8430), k_edge_curve(np.arange(8280.0, 8430), 8348.2, 0.42, 0.07), 4),
]


def sparse_scan(
    rng: np.random.Generator, share: float, noise: float = 0.02, size: int = 32
) -> tuple[SpectralStack, np.ndarray, np.ndarray]:
    """Return a scan of which a share is measured, the full spectra without noise, and the valence."""
    jump, fraction = rng.uniform(0.3, 0.6, (size, size)), rng.uniform(0.1, 0.9, (size, size))
    columns = np.stack([one.at(ENERGY) for one in REFERENCES], axis=1)
    truth = np.tensordot(columns, np.stack([jump * (1 - fraction), jump * fraction]), 1) + 0.3 * jump
    data = truth + noise * rng.standard_normal(truth.shape)
    data[rng.random(data.shape) > share] = np.nan
    return SpectralStack(data.astype(np.float32), ENERGY, "optical_depth"), truth, 2 + 2 * fraction


def test_errors_of_the_map_hold(rng: np.random.Generator) -> None:
    scan, truth, valence = sparse_scan(rng, 0.2)
    completed = complete_sparse(scan, references=REFERENCES)
    assert isinstance(completed.noise, AmountNoise)
    off = (completed.data - truth) / completed.noise.sigma(slice(None)).reshape(truth.shape)
    # A little wide: the size of a pixel is found from its values, too, and may be off in the prior.
    assert 0.8 < np.sqrt(np.mean(off**2)) < 1.1
    found = nx.maps.fit_references(completed, references=REFERENCES)["valence"]
    pull = (found.data - valence) / found.sigma
    assert np.mean(np.abs(pull) < 1) == pytest.approx(0.68, abs=0.07)
    assert np.mean(np.abs(pull) < 2) == pytest.approx(0.95, abs=0.04)
    # Better than to take all pixels for the same.
    assert np.sqrt(np.mean((found.data - valence) ** 2)) < 0.8 * valence.std()


def test_posterior_is_that_of_a_normal_prior(rng: np.random.Generator) -> None:
    spectra, mean = rng.standard_normal((9, 2)), np.array([1.0, -0.5])
    covariance = np.array([[0.5, 0.1], [0.1, 0.3]])
    values, weight = rng.standard_normal((9, 3)), rng.uniform(0, 4, (9, 3)) * (rng.random((9, 3)) > 0.4)
    size = np.array([0.5, 1.0, 2.0])
    found, spread = posterior(spectra, mean, covariance, values, weight, size)
    for p in range(3):
        prior = np.linalg.inv(size[p] ** 2 * (covariance + 0.25 * np.outer(mean, mean)))
        expected = np.linalg.inv(spectra.T @ np.diag(weight[:, p]) @ spectra + prior)
        np.testing.assert_allclose(spread[p], expected, rtol=1e-9)
        drawn = spectra.T @ (weight[:, p] * values[:, p]) + size[p] * prior @ mean
        np.testing.assert_allclose(found[p], expected @ drawn, rtol=1e-9)


def test_spectra_of_full_data_span_what_least_squares_finds(rng: np.random.Generator) -> None:
    scan, truth, _ = sparse_scan(rng, 1.1, noise=1e-3)
    flat = scan.data.reshape(ENERGY.size, -1).astype(float)
    model = learn(Sparse(flat, np.ones(flat.shape, bool), np.ones(flat.shape)), np.empty((ENERGY.size, 0)), 2)
    leading = np.linalg.svd(truth.reshape(ENERGY.size, -1), full_matrices=False)[0][:, :2]
    basis = np.linalg.qr(model.spectra)[0]
    assert np.linalg.svd(leading.T @ basis, compute_uv=False).min() > 0.999
    assert np.sqrt(model.scale) == pytest.approx(1e-3, rel=0.1)


def test_pixels_without_values_stay_empty(rng: np.random.Generator) -> None:
    scan, *_ = sparse_scan(rng, 0.2)
    data = scan.data.copy()
    data[:, 3, 4] = np.nan
    completed = complete_sparse(scan.with_data(data), references=REFERENCES)
    assert np.isnan(completed.data[:, 3, 4]).all()
    assert np.isfinite(completed.data[:, 10:, 10:]).all()
    maps = nx.maps.fit_references(completed, references=REFERENCES)
    assert not maps["valence"].mask[3, 4]
    assert completed.metadata["complete_sparse"]["masked"] == pytest.approx(1 / data[0].size)


def test_a_pixel_of_something_else_has_wide_errors(rng: np.random.Generator) -> None:
    scan, *_ = sparse_scan(rng, 0.5)
    odd = scan.data.copy()
    odd[:, 5, 5] += 0.4 * np.sin(ENERGY / 4).astype(np.float32)
    usual, wide = (complete_sparse(scan.with_data(d), references=REFERENCES).noise for d in (scan.data, odd))
    here = slice(5 * 32 + 5, 5 * 32 + 6)
    assert (wide.sigma(here) > 2 * usual.sigma(here)).mean() > 0.9


def test_lazy_stacks_give_the_same(rng: np.random.Generator) -> None:
    scan, *_ = sparse_scan(rng, 0.2)
    whole = complete_sparse(scan, references=REFERENCES)
    lazy = complete_sparse(scan.with_data(da.from_array(scan.data, chunks=(5, 7, 32))), references=REFERENCES)
    assert lazy.is_lazy
    np.testing.assert_allclose(np.asarray(lazy.data), whole.data, atol=1e-5)


def test_what_can_not_be_completed_is_refused(rng: np.random.Generator) -> None:
    scan, *_ = sparse_scan(rng, 0.2)
    data = scan.data.copy()
    data[4] = np.nan
    with pytest.raises(ValueError, match="frame 4"):
        complete_sparse(scan.with_data(data))
    few = np.full(data.shape, np.nan, np.float32)
    few[:, :2, :2] = 1
    with pytest.raises(ValueError, match="at least 30"):
        complete_sparse(scan.with_data(few))
    with pytest.raises(ValueError, match="a model already"):
        complete_sparse(complete_sparse(scan, references=REFERENCES))
    with pytest.raises(ValueError, match="a single spectrum"):
        complete_sparse(scan, components=1)
    with pytest.raises(ValueError, match="no value at"):
        complete_sparse(scan, references=[Spectrum("short", [8340.0, 8400.0], [0.0, 1.0])])


def test_without_references_a_warning_says_so(rng: np.random.Generator) -> None:
    scan, *_ = sparse_scan(rng, 0.5, noise=0.005)
    free, known = complete_sparse(scan, components=2), complete_sparse(scan, references=REFERENCES)
    assert any("learned without references" in text for text in free.metadata["warnings"])
    assert not any("learned without references" in text for text in known.metadata["warnings"])


def test_a_model_checks_its_shapes() -> None:
    with pytest.raises(ValueError, match="spectra of shape"):
        SparseModel(np.arange(700.0, 705), np.ones((2, 4)), np.ones(2), np.eye(2), 1.0, 0.1, 0.1)
    with pytest.raises(ValueError, match="above 0"):
        SparseModel(np.arange(700.0, 705), np.ones((2, 5)), np.ones(2), np.eye(2), 0.0, 0.1, 0.1)
    model = SparseModel(np.arange(700.0, 705), np.ones((1, 5)), np.ones(1), np.eye(1), 0.01, 0.1, 0.1)
    nothing = amounts_of(model, np.full((5, 1), np.nan), np.ones((5, 1)))
    assert np.isfinite(nothing.mean).all()
