"""Spectra learned from the stack itself, where no references are given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.denoising.binning import Squares
from napari_xanes.spectrum import Spectrum

MOST = 6


@dataclass(frozen=True)
class Design:
    """Columns of the fit, each row divided by the noise of its energy: references (E, K) and free ones (E, F).

    ``root`` (E,) is the factor that the rows were multiplied by. With ``sums`` the amounts of the references add up to
    the edge jump; without, they are scores of learned components, the first of which stands for the jump.
    """

    references: Float64Array
    free: Float64Array
    root: Float64Array
    sums: bool = True

    @property
    def all(self) -> Float64Array:
        """All columns, references first."""
        return np.concatenate([self.references, self.free], axis=1)

    def solver(self) -> Float64Array:
        """What spectra (not divided by the noise) are multiplied with to get the amounts, (K + F, E)."""
        result: Float64Array = np.linalg.pinv(self.all).astype(np.float64) * self.root
        return result

    def covariance(self) -> Float64Array:
        """Of the amounts, for pixels of unit precision."""
        result: Float64Array = np.linalg.inv(self.all.T @ self.all).astype(np.float64)
        return result


def design_of(references: list[Spectrum], energy: Float64Array, weight: Float64Array, shift: float = 0.0) -> Design:
    """References moved up by `shift` (eV), a constant and an E**-3 background, divided by the noise.

    Parameters
    ----------
    references : list of Spectrum
        Normalized to an edge jump of 1.
    energy : ndarray, shape (E,)
        Energies of the stack in eV.
    weight : ndarray, shape (E,)
        Precision of each energy, 1 on the average.
    shift : float
        In eV; beyond its ends a reference goes on as it ended.

    Raises
    ------
    ValueError
        If references can't be told from each other and the background.
    """
    columns = np.stack([np.interp(energy - shift, one.energy, one.mu) for one in references], axis=1)
    cubic = (energy / energy[0]) ** -3
    free = np.stack([np.ones_like(energy), cubic - cubic.mean()], axis=1)
    root = np.sqrt(weight)
    every = np.concatenate([columns, free], axis=1) * root[:, None]
    if np.linalg.cond(every / np.linalg.norm(every, axis=0)) > 1e6:
        names = ", ".join(one.name for one in references)
        raise ValueError(f"on these energies {names} and the background can't be told apart: leave one out")
    return Design(every[:, : len(references)], every[:, len(references) :], root)


def learned_design(squares: Squares, energy: Float64Array, weight: Float64Array) -> Design:
    """The spectra that squares share beyond noise, the mean one first, beside a constant and an E**-3 background.

    How many there are is read off the eigenvalues: those of noise alone stay below a known edge (Marchenko and Pastur,
    Math. USSR Sb. 1, 457, 1967).

    Parameters
    ----------
    squares : Squares
        Means over squares, as measured.
    energy, weight : ndarray, shape (E,)
        Energies in eV, and the precision of each, 1 on the average.

    Raises
    ------
    ValueError
        If nothing stands out from the noise.
    """
    root = np.sqrt(weight)
    cubic = (energy / energy[0]) ** -3
    free = np.stack([np.ones_like(energy), cubic - cubic.mean()], axis=1) * root[:, None]
    basis = np.linalg.qr(free)[0]
    used = squares.sample_precision > 0
    values = squares.sample[:, used].astype(np.float64) * root[:, None]
    values -= basis @ (basis.T @ values)
    precision = squares.sample_precision[used].astype(np.float64)
    mean = values @ precision
    if not mean.any():
        raise ValueError("the stack holds nothing but background: there is nothing to learn spectra from")
    first = mean / np.linalg.norm(mean)
    scaled = (values - np.outer(first, first @ values)) * np.sqrt(precision)
    size, vectors = np.linalg.eigh(scaled @ scaled.T / scaled.shape[1])
    size, vectors = size[::-1], vectors[:, ::-1]
    noise = float(np.median(size[: -3 - basis.shape[1]])) if size.size > 12 else 1.0
    edge = noise * (1 + np.sqrt(size.size / scaled.shape[1])) ** 2 * 1.1
    count = int(np.clip((size > edge).sum(), 0, MOST - 1))
    return Design(np.concatenate([first[:, None], vectors[:, :count]], axis=1), free, root, sums=False)
