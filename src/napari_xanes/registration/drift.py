"""The prior of shifts: a sample that drifts at random."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray


@dataclass(frozen=True)
class Drift:
    """Prior of the shifts: from one frame to the next the sample moves at random.

    Parameters
    ----------
    position : ndarray, shape (E,)
        Numbers of the frames in the order in which they were taken.
    variance : ndarray, shape (P,)
        Mean square of a step of each parameter (y and x), in square pixels; learned.
    trend : ndarray, shape (E,), optional
        What the parameters beyond y and x may follow at any rate without a step counting: energies, because the
        magnification of a zone plate follows them.
    least : float
        The smallest step that is learned, in pixels: below, it makes no difference.
    """

    position: Float64Array
    variance: Float64Array
    trend: Float64Array | None = None
    least: float = 1e-3

    @property
    def _free_steps(self) -> Float64Array:
        """Return the matrix of steps (E - 1, E) without what follows the trend."""
        steps = self._steps
        if self.trend is None:
            return steps
        along = steps @ self.trend
        return np.asarray(steps - np.outer(along, along @ steps) / max(float(along @ along), 1e-30))

    @property
    def _steps(self) -> Float64Array:
        """Return the matrix (E - 1, E) of steps, each over the root of the number of frames that it spans."""
        count = len(self.position)
        return np.asarray((np.eye(count)[1:] - np.eye(count)[:-1]) / np.sqrt(np.diff(self.position))[:, None])

    def half_curvature(self) -> Float64Array:
        """Return half the curvature (P E, P E) that the prior adds."""
        n = len(self.variance)
        parts = [(np.arange(n) < 2, self._steps), (np.arange(n) >= 2, self._free_steps)]
        halves = [np.kron(np.diag(which * 0.5 / self.variance), steps.T @ steps) for which, steps in parts]
        return np.asarray(halves[0] + halves[1])

    def learned(self, shifts: Float64Array, covariance: Float64Array) -> Drift:
        """Return the prior that the shifts and their covariance suggest."""
        count = len(self.position)
        if count < 2:
            return self
        n = shifts.shape[1]
        spread = covariance.reshape(n, count, n, count)
        variance = []
        for a in range(n):
            steps = self._steps if a < 2 else self._free_steps
            squares = ((steps @ shifts[:, a]) ** 2).sum() + ((steps @ spread[a, :, a]) * steps).sum()
            variance.append(float(squares) / len(steps))
        return replace(self, variance=np.maximum(variance, self.least**2))


def between(values: Float64Array, frames: IndexArray, count: int) -> Float64Array:
    """Return values (count, P) of all frames from those of some (F, P), between them by interpolation."""
    numbers = np.arange(count)
    return np.stack([np.interp(numbers, frames, column) for column in values.T], axis=1)
