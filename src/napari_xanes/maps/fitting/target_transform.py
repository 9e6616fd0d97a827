"""Can a spectrum be among those that a stack is made of? Target transformation of its leading components.

Malinowski, Factor Analysis in Chemistry (3rd ed., 2002), ch. 3 and 4: a true component is a combination of the leading
singular vectors, up to noise. SPOIL compares the part of the target that these can't make with what their own noise
makes of a true component: below 3 the target is acceptable, above 6 it is not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array

ACCEPTABLE, UNACCEPTABLE = 3.0, 6.0
"""SPOIL below which a target is, and above which it is not, a component."""


class Target(NamedTuple):
    """SPOIL of a target, and the share of it (root mean square) that the components can't make."""

    spoil: float
    outside: float


def n_components(spectra: Float64Array, lost: int = 0) -> int:
    """Return how many independent spectra there are beyond noise: the minimum of Malinowski's indicator function.

    Parameters
    ----------
    spectra : ndarray, shape (E, T)
        In units of their noise.
    lost : int
        Number of backgrounds that were projected out of them.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mixed = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 60))
    >>> n_components(mixed + 0.01 * rng.standard_normal((40, 60)))
    3
    """
    rows, columns = spectra.shape[0] - lost, spectra.shape[1]
    values = np.linalg.svd(spectra, compute_uv=False)[: min(rows, columns)] ** 2
    left = np.append(np.cumsum(values[::-1])[::-1][1:], 0.0)
    long, short = max(rows, columns), min(rows, columns)
    # The last ones of a few singular values leave no freedom to tell noise.
    numbers = np.arange(1, max(2, short // 2 + 1))
    indicator = np.sqrt(left[numbers - 1] / (long * (short - numbers))) / (short - numbers) ** 2
    return int(numbers[np.argmin(indicator)])


def target_transform(spectra: Float64Array, target: Float64Array, n: int, lost: int = 0) -> Target:
    """Test whether a target is a combination of the leading components of some spectra.

    Parameters
    ----------
    spectra : ndarray, shape (E, T)
        In units of their noise.
    target : ndarray, shape (E,)
        In the same units.
    n : int
        Number of components.
    lost : int
        Number of backgrounds that were projected out of spectra and target.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pure = rng.standard_normal((40, 2))
    >>> spectra = pure @ rng.random((2, 60)) + 0.01 * rng.standard_normal((40, 60))
    >>> other = np.sin(np.arange(40.0))
    >>> target_transform(spectra, pure[:, 1], 2).spoil < 3, target_transform(spectra, other, 2).spoil > 6
    (True, True)
    """
    return target_transforms(spectra, target[:, None], n, lost)[0]


def target_transforms(spectra: Float64Array, targets: Float64Array, n: int, lost: int = 0) -> list[Target]:
    """Test many targets (E, M) as `target_transform` tests one."""
    rows, columns = spectra.shape[0] - lost, spectra.shape[1]
    left, values, _ = np.linalg.svd(spectra, full_matrices=False)
    parts = left[:, :n].T @ targets
    misfits = np.sum((targets - left[:, :n] @ parts) ** 2, axis=0)
    long, short = max(rows, columns), min(rows, columns)
    real_error = np.sqrt(np.sum(values[n:] ** 2) / (long * max(short - n, 1)))
    apparent = np.sqrt(misfits / max(rows - n, 1))
    predicted = real_error * np.linalg.norm(parts / values[:n, None], axis=0)
    tiny = np.finfo(np.float64).tiny
    spoils = np.sqrt(np.maximum(apparent**2 - predicted**2, 0.0)) / np.maximum(predicted, tiny)
    outside = np.sqrt(misfits / np.maximum(np.sum(targets**2, axis=0), tiny))
    return [Target(float(spoil), float(share)) for spoil, share in zip(spoils, outside, strict=True)]
