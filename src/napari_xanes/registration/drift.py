"""The prior of shifts: a sample that drifts at random."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import Float64Array


@dataclass(frozen=True)
class Drift:
    """Prior of the shifts: from one frame to the next the sample moves at random.

    Parameters
    ----------
    position : ndarray, shape (E,)
        Numbers of the frames in the order in which they were taken.
    variance : ndarray, shape (P,)
        Mean square of a step of each parameter (y and x), in square pixels; learned.
    """

    position: Float64Array
    variance: Float64Array

    @property
    def _steps(self) -> Float64Array:
        """Return the matrix (E - 1, E) of steps, each over the root of the number of frames that it spans."""
        count = len(self.position)
        return np.asarray((np.eye(count)[1:] - np.eye(count)[:-1]) / np.sqrt(np.diff(self.position))[:, None])

    def half_curvature(self) -> Float64Array:
        """Return half the curvature (P E, P E) that the prior adds."""
        steps = self._steps
        return np.asarray(np.kron(np.diag(0.5 / self.variance), steps.T @ steps))

    def learned(self, shifts: Float64Array, covariance: Float64Array) -> Drift:
        """Return the prior that the shifts and their covariance suggest."""
        steps, count = self._steps, len(self.position)
        if count < 2:
            return self
        n = shifts.shape[1]
        spread = covariance.reshape(n, count, n, count)
        variance = [
            float(((steps @ shifts[:, a]) ** 2).mean() + ((steps @ spread[a, :, a]) * steps).sum() / len(steps))
            for a in range(n)
        ]
        return replace(self, variance=np.maximum(variance, _LEAST_STEP**2))


_LEAST_STEP = 1e-3
"""The smallest step of a drift, in pixels: below, it makes no difference."""
