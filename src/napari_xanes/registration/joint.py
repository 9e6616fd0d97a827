"""The shifts of the highest posterior, by Gauss-Newton steps; see `likelihood`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.registration.drift import Drift
from napari_xanes.registration.fourier import Band, Coefficients
from napari_xanes.registration.learning import with_amplitudes, with_powers
from napari_xanes.registration.likelihood import Model, Moved, Posterior, Projection, gradient, hessian, posterior
from napari_xanes.registration.products import COEFFICIENTS, column_blocks, combined, energy, over_columns

_LARGEST_STEP = 0.5
"""Most pixels of a step, beyond which the phase is no longer linear in the shift."""

_NEAR = 0.02
"""A step that is smaller than this share of the standard errors may be the last one."""


@dataclass(frozen=True)
class Fit:
    """Shifts (E, P) with their covariance (P E, P E), and what else was learned.

    Parameters
    ----------
    shifts : ndarray, shape (E, P)
        In pixels.
    covariance : ndarray, shape (P E, P E)
        Of the shifts.
    model, found, drift : Model, Posterior, Drift
        What was learned of power and spectra, of maps and pattern, and of the drift.
    own : ndarray, shape (E, P)
        What each frame alone tells of its shift: one over a variance.
    residual : ndarray, shape (E,)
        Root mean square of what is left, in units of the noise.
    explained : ndarray, shape (E,)
        Mean square of what the maps explain.
    held : ndarray, shape (E,)
        Mean product of the frame and what the maps explain: equal to ``explained`` if the frame holds just that.
    """

    shifts: Float64Array
    covariance: Float64Array
    model: Model
    found: Posterior
    drift: Drift
    own: Float64Array
    residual: Float64Array
    explained: Float64Array
    held: Float64Array

    @property
    def sigma(self) -> Float64Array:
        """Standard errors (E, P) of the shifts."""
        return np.sqrt(np.diag(self.covariance)).reshape(-1, len(self.shifts)).T

    @property
    def pattern_share(self) -> Float64Array:
        """Power (E,) of the pattern of the detector over that of the maps, in each frame."""
        fixed = np.vdot(self.found.fixed, self.found.fixed).real / self.found.fixed.size
        return np.asarray(self.model.pattern**2 * fixed / np.maximum(self.explained, 1e-30))


def fit(
    band: Band,
    data: Coefficients,
    shifts: Float64Array,
    model: Model,
    drift: Drift,
    share: float,
    *,
    steps: int = 10,
    tolerance: float = 5e-4,
    moved: Moved | None = None,
) -> Fit:
    """Find the shifts of the highest posterior by Gauss-Newton steps.

    Parameters
    ----------
    band : Band
        Frequencies of the coefficients.
    data : ndarray, complex64, shape (E, K)
        Coefficients in units of their noise.
    shifts : ndarray, shape (E, P)
        Start, in pixels.
    model : Model
        Start of what is learned.
    drift : Drift
        Prior of the shifts.
    share : float
        Share of the coefficients that are independent; see `Window.share`.
    steps : int
        Most steps.
    tolerance : float
        Change of a shift, in pixels, up to which it no longer matters; so does a fiftieth of its error.
    moved : Moved, optional
        The coefficients moved back by the start, if they are known; its memory is used.
    """
    count, n = shifts.shape
    moved = moved or Moved.by(band, data, shifts)
    for i in range(steps):
        seen = Projection.of(moved, model.spectra, model.pattern)
        found = posterior(band, seen, model)
        curvature = share * hessian(moved, model, found)
        prior = drift.half_curvature()
        inverse = _inverse(curvature, prior, count)
        slope = share * gradient(moved, model, found).T.ravel() - prior @ shifts.T.ravel()
        step = (inverse @ slope).reshape(n, count).T
        largest, sigma = float(np.abs(step).max()), np.sqrt(0.5 * np.diag(inverse)).reshape(n, count).T
        if (np.abs(step) < np.maximum(tolerance, _NEAR * sigma)).all() or i == steps - 1:
            break
        shifts = shifts + step * min(1.0, _LARGEST_STEP / max(largest, 1e-12))
        shifts = shifts - shifts.mean(axis=0)
        drift = drift.learned(shifts, 0.5 * inverse)
        model = with_amplitudes(moved, with_powers(band, seen, model, found), found)
        moved = Moved.by(band, data, shifts, instead=moved)
    residual, explained, held = _per_frame(moved, model, found)
    own = 2 * np.diag(curvature).reshape(n, count).T
    return Fit(shifts, _of_differences(0.5 * inverse, count), model, found, drift, own, residual, explained, held)


def _per_frame(moved: Moved, model: Model, found: Posterior) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return the residual, what the maps explain of each frame, and what it holds of this; see `Fit`."""
    spectra, pattern = model.spectra, model.pattern.astype(np.float32)[:, None]
    used = np.einsum("k,kij,ei,ej->e", moved.band.in_ring, found.spread, spectra, spectra, optimize=True)
    size = found.fixed.size
    blocks = column_blocks(size, COEFFICIENTS)
    energies = np.empty((len(blocks), 3, len(spectra)))

    def look(block: slice) -> None:
        maps = combined(spectra, found.maps[:, block])
        left = pattern * moved.phase[:, block]
        left *= -found.fixed[block]
        left += moved.aligned[:, block]
        moving = energy(left)
        left -= maps
        energies[block.start // COEFFICIENTS] = moving, energy(left), energy(maps)

    over_columns(look, blocks, moved.data.size * (10 + 2 * spectra.shape[1]))
    moving, residual, explained = energies.sum(axis=0)
    freedom = size - used
    held = 0.5 * (moving + explained - residual) / size
    return np.sqrt(residual / np.maximum(freedom, 1.0)), explained / size, held


def _inverse(curvature: Float64Array, prior: Float64Array, count: int) -> Float64Array:
    """Return the inverse of the Hessian; what the likelihood curves the wrong way counts as flat.

    That happens where a spoiled frame outweighs all others, or what a frame shows is no more than its noise.
    """
    whole = _without_common(curvature + prior, count)
    try:
        np.linalg.cholesky(whole)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(curvature)
        whole = _without_common((vectors * np.maximum(values, 0)) @ vectors.T + prior, count)
    return np.asarray(np.linalg.inv(whole), dtype=np.float64)


def _without_common(matrix: Float64Array, count: int) -> Float64Array:
    """Return a Hessian whose free directions, those of a common shift of all frames, are held."""
    n = len(matrix) // count
    weight = max(float(np.trace(matrix)) / len(matrix), 1e-6)
    common = np.kron(np.eye(n), np.ones((count, count)) / count)
    return matrix + weight * common + 1e-9 * weight * np.eye(len(matrix))


def _of_differences(covariance: Float64Array, count: int) -> Float64Array:
    """Return the covariance of shifts relative to their mean."""
    project = np.kron(np.eye(len(covariance) // count), np.eye(count) - 1 / count)
    result: Float64Array = project @ covariance @ project
    return result
