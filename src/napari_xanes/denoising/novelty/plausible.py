"""What the spectrum of a missing phase may look like, so that little of it suffices to find it.

A phase holds the same element as the references. Its edge lies higher or lower, it is broader or sharper, and its
oscillations have another period. The part of such spectra outside the references fills few dimensions, and there the
noise is much smaller than over all energies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.denoising.bands import outside
from napari_xanes.denoising.design_matrix import DesignMatrix

_SHIFTS = np.linspace(-4, 4, 17)
"""Shifts of an edge, in widths of the narrowest edge of a reference."""

_STRETCHES = (0.7, 0.85, 1.0, 1.2, 1.4)
"""Factors on energies relative to the edge: oscillations of other bond lengths."""

_BLURS, _SHARPENINGS = (0.5, 1.0), (1.0, 2.0)
"""Widths of a blur, in widths of the edge, and how often the difference to the wider one is added: other lines."""

_LINES, _LINE_SHARE, _LEAST_LINE = (0.3, 0.6, 1.2), 0.3, 0.1
"""Standard deviations of single lines, in widths of the edge; their size relative to the differences between edges, and
the smallest one relative to the largest."""

_KEPT, _MOST = 0.995, 16
"""Share of the variance of plausible spectra that is kept, and the largest number of dimensions."""

_LEAST_NORM, _ALIKE = 0.3, 0.92
"""Part outside the references, relative to the median, from which on a candidate is used, and the cosine from which on
one candidate stands for another."""


@dataclass(frozen=True)
class PlausibleSpectra:
    """Spectra outside the design matrix, divided by the noise of each energy.

    ``basis`` (E, R): sums with random coefficients of variance 1 look like a missing phase of edge jump 1.
    ``candidates`` (R, K): coefficients of single spectra that are unlike each other.
    """

    basis: Float64Array
    candidates: Float64Array


def plausible_spectra(design: DesignMatrix, energy: Float64Array) -> PlausibleSpectra:
    """Return what the references do not explain of spectra that are made from them.

    Parameters
    ----------
    design : DesignMatrix
        Columns of the fit. Of learned spectra, the first one is used, which is the mean.
    energy : ndarray, shape (E,)
        Energies in eV.
    """
    references = design.unscaled_references[:, : 1 if design.learned else None]
    width = min(edge_width(energy, reference) for reference in references.T)
    edges = _edges(references, energy, width)
    size = np.std(edges, axis=1)
    size = np.maximum(size, _LEAST_LINE * size.max())
    distance = (energy[:, None] - energy[None]) / width
    lines = [_LINE_SHARE * np.exp(-0.5 * (distance / sigma) ** 2) * size for sigma in _LINES]
    both = [edges / np.sqrt(edges.shape[1]), np.concatenate(lines, axis=1) / np.sqrt(len(lines))]
    columns = outside(design.basis, np.concatenate(both, axis=1) * design.root_weight[:, None])
    vectors, lengths, _ = np.linalg.svd(columns, full_matrices=False)
    share = np.cumsum(lengths**2) / max(float(np.sum(lengths**2)), 1e-30)
    count = min(int(np.searchsorted(share, _KEPT)) + 1, _MOST)
    coefficients = (vectors[:, :count] / lengths[:count]).T @ columns[:, : edges.shape[1]] * np.sqrt(edges.shape[1])
    return PlausibleSpectra(vectors[:, :count] * lengths[:count], coefficients)


def edge_width(energy: Float64Array, spectrum: Float64Array) -> float:
    """Return the height of a spectrum (E,) over its steepest slope, in eV.

    Examples
    --------
    >>> edge_width(np.array([0.0, 1, 2, 3, 4]), np.array([0, 0, 0.5, 1, 1]))
    2.0
    """
    return float(np.ptp(spectrum) / max(float(np.abs(np.gradient(spectrum, energy)).max()), 1e-30))


def unlike(candidates: Float64Array, gram: Float64Array) -> Float64Array:
    """Return few of the candidates (R, K), such that each of the others is similar to one of them.

    Parameters
    ----------
    candidates : ndarray, shape (R, K)
    gram : ndarray, shape (R, R)
        Scalar products of the basis.
    """
    norms = np.sqrt(np.maximum(np.einsum("rk,rs,sk->k", candidates, gram, candidates, optimize=True), 0))
    used = candidates[:, norms > _LEAST_NORM * np.median(norms)]
    used = used / np.sqrt(np.einsum("rk,rs,sk->k", used, gram, used, optimize=True))
    alike = used.T @ gram @ used > _ALIKE
    chosen: list[int] = []
    free = np.ones(len(alike), bool)
    while free.any():
        best = int(np.argmax((alike & free).sum(axis=1) * free))
        chosen.append(best)
        free &= ~alike[best]
    result: Float64Array = used[:, chosen]
    return result


def _edges(references: Float64Array, energy: Float64Array, width: float) -> Float64Array:
    """Return references (E, K) shifted, stretched, blurred and sharpened, (E, N)."""
    mean = references.mean(axis=1)
    edge = float(energy[np.argmax(np.abs(np.gradient(mean, energy)))])
    result = []
    for reference in references.T:
        blurred = [_blurred(energy, reference, sigma * width) for sigma in _BLURS]
        fine = reference - blurred[-1]
        for curve in (reference, *blurred, *(reference + times * fine for times in _SHARPENINGS)):
            for stretch in _STRETCHES:
                for shift in _SHIFTS * width:
                    result.append(np.interp(edge + (energy - edge - shift) * stretch, energy, curve))
    return np.stack(result, axis=1)


def _blurred(energy: Float64Array, spectrum: Float64Array, sigma: float) -> Float64Array:
    """Return a spectrum (E,) averaged over a Gaussian of the energy."""
    kernel = np.exp(-0.5 * ((energy[:, None] - energy[None]) / sigma) ** 2) * np.gradient(energy)
    result: Float64Array = kernel @ spectrum / kernel.sum(axis=1)
    return result
