"""The design matrix of the linear fit: spectra whose combinations a stack is fitted with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.denoising.binning import BinnedStack
from napari_xanes.spectrum import Spectrum

_MAX_LEARNED = 6
_LEAST_HEIGHT, _MOST_HEIGHT = 1e-3, 1e3
"""Limits of the largest value of a normalized reference."""

_NULL_EDGE_MARGIN = 1.1  # factor on the largest eigenvalue that noise alone reaches


@dataclass(frozen=True)
class DesignMatrix:
    """Columns of the fit, each row divided by the noise of its energy: references (E, K) and baseline (E, F).

    ``root_weight`` (E,) is the factor that the rows were multiplied with. If the references are ``learned``, they are
    components of the stack and the amount of the first one stands for the edge jump; otherwise the amounts of the
    references add up to the edge jump.
    """

    references: Float64Array
    baseline: Float64Array
    root_weight: Float64Array
    learned: bool = False

    @property
    def columns(self) -> Float64Array:
        """All columns, references first, (E, K + F)."""
        return np.concatenate([self.references, self.baseline], axis=1)

    @property
    def basis(self) -> Float64Array:
        """Orthonormal basis of the columns, (E, K + F)."""
        return np.linalg.qr(self.columns)[0]

    @property
    def unscaled_references(self) -> Float64Array:
        """The references without the division by the noise, (E, K)."""
        return self.references / self.root_weight[:, None]

    def solver(self) -> Float64Array:
        """Return the matrix (K + F, E) that gives the amounts when multiplied with spectra not divided by the noise."""
        result: Float64Array = np.linalg.pinv(self.columns).astype(np.float64) * self.root_weight
        return result

    def covariance(self) -> Float64Array:
        """Return the covariance of the amounts, (K + F, K + F), for pixels of unit precision."""
        columns = self.columns
        result: Float64Array = np.linalg.inv(columns.T @ columns).astype(np.float64)
        return result


def baseline_columns(energy: Float64Array) -> Float64Array:
    """Return a constant and an E**-3 background, (E, 2)."""
    cubic = (energy / energy[0]) ** -3
    return np.stack([np.ones_like(energy), cubic - cubic.mean()], axis=1)


def design_from_references(
    references: list[Spectrum], energy: Float64Array, weight: Float64Array, shift: float = 0.0
) -> DesignMatrix:
    """Build the design matrix of references moved up by `shift` (eV), a constant and an E**-3 background.

    Parameters
    ----------
    references : list of Spectrum
        Normalized to an edge jump of 1.
    energy : ndarray, shape (E,)
        Energies of the stack in eV.
    weight : ndarray, shape (E,)
        Precision of each energy, 1 on average.
    shift : float
        In eV; beyond its ends a reference keeps its last value.

    Raises
    ------
    ValueError
        If a reference is not finite or far from normalized, or the references and the background are not linearly
        independent on these energies.
    """
    spectra = [np.interp(energy - shift, reference.energy, reference.mu) for reference in references]
    for reference, mu in zip(references, spectra, strict=True):
        largest = float(np.abs(mu).max())  # NaN if a value is
        if not _LEAST_HEIGHT < largest < _MOST_HEIGHT:
            raise ValueError(
                f"reference {reference.name!r} reaches {largest:.2g} on these energies, but references are normalized "
                "to an edge jump of 1: normalize it, or mark it with normalized=False"
            )
    root = np.sqrt(weight)
    columns = np.concatenate([np.stack(spectra, axis=1), baseline_columns(energy)], axis=1) * root[:, None]
    if np.linalg.cond(columns / np.linalg.norm(columns, axis=0)) > 1e6:
        names = ", ".join(reference.name for reference in references)
        raise ValueError(f"on these energies {names} and the background can't be told apart: leave one out")
    return DesignMatrix(columns[:, : len(references)], columns[:, len(references) :], root)


def design_from_data(binned: BinnedStack, energy: Float64Array, weight: Float64Array) -> DesignMatrix:
    """Learn the spectra that bins share beyond noise, the mean spectrum first; the baseline is as for references.

    The number of spectra follows from the eigenvalues: those of noise alone stay below a known limit (Marchenko and
    Pastur, Math. USSR Sb. 1, 457, 1967).

    Parameters
    ----------
    binned : BinnedStack
        Means over bins, as measured.
    energy, weight : ndarray, shape (E,)
        Energies in eV, and the precision of each, 1 on average.

    Raises
    ------
    ValueError
        If nothing differs from the background.
    """
    root = np.sqrt(weight)
    baseline = baseline_columns(energy) * root[:, None]
    basis = np.linalg.qr(baseline)[0]
    used = binned.sample_precision > 0
    spectra = binned.sample[:, used].astype(np.float64) * root[:, None]
    spectra -= basis @ (basis.T @ spectra)
    precision = binned.sample_precision[used].astype(np.float64)
    mean = spectra @ precision
    if not mean.any():
        raise ValueError(
            "the stack holds nothing but background: there are no spectra to learn; "
            "give references, or crop to the sample"
        )
    first = mean / np.linalg.norm(mean)
    scaled = (spectra - np.outer(first, first @ spectra)) * np.sqrt(precision)
    eigenvalues, vectors = np.linalg.eigh(scaled @ scaled.T / scaled.shape[1])
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    n_energies = eigenvalues.size
    noise = float(np.median(eigenvalues[: -3 - basis.shape[1]])) if n_energies > 12 else 1.0
    limit = noise * (1 + np.sqrt(n_energies / scaled.shape[1])) ** 2 * _NULL_EDGE_MARGIN
    count = int(np.clip((eigenvalues > limit).sum(), 0, _MAX_LEARNED - 1))
    learned = np.concatenate([first[:, None], vectors[:, :count]], axis=1)
    return DesignMatrix(learned, baseline, root, learned=True)
