"""How the beam drifts from frame to frame, and what of it looks like a sample.

Without an empty area, only the part of a drift outside the design matrix is seen. A flicker that differs in each frame
says nothing about the part inside. A drift that wanders does: it continues smoothly where the design hides it. How much
of each there is follows from the part that is seen (maximum likelihood), and so does the error that remains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.denoising.design_matrix import DesignMatrix

_RATIOS = np.geomspace(1e-4, 1e2, 25)
"""Variances of a random walk's step over that of the flicker, which are compared."""


@dataclass(frozen=True)
class FrameDrift:
    """The expected drift inside the design matrix.

    ``extension`` (E, E) gives the part inside, multiplied with the part outside, both divided by the noise of each
    energy; ``covariance`` (E, E) is that of what remains unknown inside.
    """

    extension: Float64Array
    covariance: Float64Array


def fit_frame_drift(seen: Float64Array, design: DesignMatrix) -> FrameDrift:
    """Learn how a drift wanders and flickers from its parts outside the design matrix.

    The drift of frame i is a random walk of i steps plus a flicker; the ratio of their variances is the most likely.

    Parameters
    ----------
    seen : ndarray, shape (E, N)
        Drifts outside the design matrix, divided by the noise of each energy.
    design : DesignMatrix
        Columns of the fit; frames are taken to follow each other in time as their energies do.
    """
    n_energies, basis = len(seen), design.basis
    root = design.root_weight
    number = np.arange(n_energies)
    steps = np.minimum.outer(number, number) * np.outer(root, root)
    flicker = np.diag(root**2)
    free = np.linalg.svd(basis, full_matrices=True)[0][:, basis.shape[1] :]
    values = free.T @ seen
    whitening = np.linalg.inv(np.linalg.cholesky(free.T @ flicker @ free))
    variances, vectors = np.linalg.eigh(whitening @ free.T @ steps @ free @ whitening.T)
    squares = np.sum((vectors.T @ whitening @ values) ** 2, axis=1)
    spread = 1 + np.multiply.outer(_RATIOS, np.maximum(variances, 0))
    size = np.mean(squares / spread, axis=1)  # the most likely variance of the flicker, summed over drifts
    likelihood = -np.log(np.maximum(size, 1e-300)) * len(values) - np.log(spread).sum(axis=1)
    best = int(np.argmax(likelihood))
    prior = _RATIOS[best] * steps + flicker
    hidden = basis @ (basis.T @ prior @ free)
    inverse = np.linalg.inv(free.T @ prior @ free)
    inside = basis @ (basis.T @ prior @ basis) @ basis.T
    extension: Float64Array = hidden @ inverse @ free.T
    return FrameDrift(extension, size[best] * (inside - hidden @ inverse @ hidden.T))
