"""What a plan is made for: candidate energies, spectra that may be there, and the quantity whose error counts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array, IndexArray


@dataclass(frozen=True, eq=False)
class Question:
    """Candidates and typical pixels, for each of S sets of references that may be the true ones.

    Parameters
    ----------
    energy : ndarray, shape (C,)
        Candidate energies in eV, rising.
    columns : ndarray, shape (S, C, N)
        The columns of the fit: K references, then backgrounds.
    amounts : ndarray, shape (S, P, K)
        What typical pixels are made of.
    forms : ndarray, shape (S, P, L, N)
        How much each of L wanted quantities changes by each coefficient.
    slopes : ndarray, shape (S, C, P)
        Change of the pixels' spectra per eV.
    noise : ndarray, shape (S, C, P)
        Variance of the pixels in a frame of 1 s, in s.
    valences : ndarray, shape (K,) or None
        Valences of the references, if the wanted quantity is their mean; None if it is the fractions.
    energy_sigma : float
        Standard error in eV of the energy axis, which all energies share.
    """

    energy: Float64Array
    columns: Float64Array
    amounts: Float64Array
    forms: Float64Array
    slopes: Float64Array
    noise: Float64Array
    valences: Float64Array | None
    energy_sigma: float

    @property
    def n_columns(self) -> int:
        """Number of coefficients of the fit."""
        return int(self.columns.shape[2])

    def at(self, frames: IndexArray | BoolArray) -> Question:
        """Return the question for some of the candidates only."""
        return replace(
            self,
            energy=self.energy[frames],
            columns=self.columns[:, frames],
            slopes=self.slopes[:, frames],
            noise=self.noise[:, frames],
        )

    @property
    def ignorance(self) -> float:
        """Error of a guess without a measurement: that of any value between the lowest and the highest."""
        return 1 / np.sqrt(12) if self.valences is None else float(np.ptp(self.valences) / np.sqrt(12))


def quantity_forms(amounts: Float64Array, n_backgrounds: int, valences: Float64Array | None) -> Float64Array:
    """Return how the wanted quantities change by each coefficient, at the amounts of pixels.

    Parameters
    ----------
    amounts : ndarray, shape (..., K)
        Coefficients of the references.
    n_backgrounds : int
        Number of the coefficients that follow them.
    valences : ndarray, shape (K,) or None
        For the mean valence, whose change by coefficient k is ``(v_k - V) / sum``; None for the fraction of each
        reference, which changes by ``(1 - f_k) / sum`` and ``-f_j / sum``.

    Returns
    -------
    ndarray, shape (..., L, K + n_backgrounds)
        L is 1 for the valence, K for the fractions.

    Examples
    --------
    >>> quantity_forms(np.array([0.3, 0.1]), 1, np.array([2.0, 4.0])).round(2).tolist()
    [[-1.25, 3.75, 0.0]]
    """
    total = amounts.sum(axis=-1)[..., None]
    shares = amounts / total
    if valences is None:
        forms = (np.eye(amounts.shape[-1]) - shares[..., :, None]) / total[..., None]
    else:
        forms = ((valences - (shares @ valences)[..., None]) / total)[..., None, :]
    return np.concatenate([forms, np.zeros((*forms.shape[:-1], n_backgrounds))], axis=-1)
