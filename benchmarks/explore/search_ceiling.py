"""How often a compound, pair or triple could be found at all: every combination is tried, at the shift that is true.

Among combinations of a known number, a flat prior makes exp(-squares / 2) their probabilities. The three most likely
hold the true one with the sum of theirs: no ranking that knows as little of amounts and background, and less of shift
and number, is right more often.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

_ALIKE = 1e-5
_FAR = 60.0


class Ceiling(NamedTuple):
    """Probability that the truth is among the three most likely, and how many combinations fit better than it."""

    three: float
    n_better: int


def ceiling(columns: np.ndarray, spectrum: np.ndarray, background: np.ndarray, true: Sequence[int]) -> Ceiling:
    """Return how well a spectrum (E,) tells its true columns from all others.

    Parameters
    ----------
    columns : ndarray, shape (N, E)
        Spectra of the library at the true shift, in units of the noise, as the spectrum and the background (E, F).
    """
    basis = np.linalg.qr(background)[0]
    bare = columns - (columns @ basis) @ basis.T
    target = spectrum - basis @ (basis.T @ spectrum)
    own_space = np.linalg.svd(bare, full_matrices=False)[2]
    values, target = bare @ own_space.T, own_space @ target
    lengths = np.linalg.norm(values, axis=1)
    values, own = values / lengths[:, None], (values @ target) / lengths
    gram = values[true] @ values[true].T
    truth = float(own[true] @ np.linalg.solve(gram, own[true]))
    best, total, n_better = np.full(3, -np.inf), 0.0, 0
    for gains in every_gain(values.astype(np.float32), own.astype(np.float32), len(true)):
        more = gains[gains > truth - _FAR].astype(np.float64) - truth
        n_better += int(np.count_nonzero(more > 0.1))
        total += float(np.exp(more / 2).sum())
        best = np.sort(np.concatenate([best, np.partition(more, -3)[-3:] if more.size > 3 else more]))[-3:]
    return Ceiling(float(np.exp(best / 2).sum() / total), n_better)


def every_gain(values: np.ndarray, own: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """Yield what all combinations of 1, 2 or 3 columns of length 1 (N, D) explain of the squares of a spectrum.

    Only combinations with positive amounts count. `own` (N,) are products of the columns with the spectrum.
    """
    if count == 1:
        yield own[own > 0] ** 2
        return
    upper = np.triu(np.ones((len(own), len(own)), bool), 1)
    products = values @ values.T
    if count == 2:
        gains, amounts = _pairs(products, own)
        yield gains[upper & (amounts > 0) & (amounts.T > 0)]
        return
    for i in range(len(own) - 2):
        # Beside column i: what the columns after it have that it has not.
        like = products[i, i + 1 :]
        scale = 1 / np.sqrt(np.maximum(1 - like * like, _ALIKE))
        left = (products[i + 1 :, i + 1 :] - like[:, None] * like) * scale[:, None] * scale
        gains, amounts = _pairs(left, (own[i + 1 :] - like * own[i]) * scale)
        share = amounts * (like * scale)[:, None]
        good = upper[i + 1 :, i + 1 :] & (amounts > 0) & (amounts.T > 0) & (own[i] - share - share.T > 0)
        yield own[i] ** 2 + gains[good]


def _pairs(products: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what pairs explain of the squares (N, N), and the amount of the first beside the second."""
    amounts = (own[:, None] - products * own) / np.maximum(1 - products * products, _ALIKE)
    part = amounts * own[:, None]
    return part + part.T, amounts
