"""Spectra learned from the stack itself, where no references are given."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.denoising.design import Design
from napari_xanes.denoising.measure import Squares

MOST = 6


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
