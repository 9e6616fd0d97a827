"""From sticks to a spectrum: the lifetimes of the core holes, the resolution of the instrument, L3 told from L2.

Lines are Voigt profiles (scipy.special.voigt_profile). Many of them on a fine lattice are a convolution, which costs a
thousandth of the sum over lines; the sum is kept for widths that differ from line to line, and for few lines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes._typing import Float64Array

_CELL = 1e-3
"""Sticks closer than this share of the narrowest line count as one."""

_LATTICE = 0.04
"""Step of the lattice as a share of a line's width: interpolation over 8 points is then right to 1e-7."""

_POINTS = 8

_BATCH = 256
"""Lines summed at once, so that memory stays small."""


def broadened(
    grid: ArrayLike,
    energy: Float64Array,
    intensity: Float64Array,
    *,
    split: float,
    lorentz_l3: float,
    lorentz_l2: float,
    gauss: float,
    growth: float = 0.0,
) -> Float64Array:
    """Sticks as Voigt lines, right to 1e-6 of the maximum.

    Parameters
    ----------
    grid : array_like, shape (E,)
        Where to compute the spectrum, in eV, on the axis of the sticks.
    energy, intensity : ndarray, shape (N,)
        The sticks.
    split : float
        Energy in eV between L3 and L2.
    lorentz_l3, lorentz_l2 : float
        Full widths at half maximum of the Lorentzian below and above `split`, in eV.
    gauss : float
        Full width at half maximum of the Gaussian, in eV; 0 for none.
    growth : float
        Growth of the Lorentzian's width per eV above the centroid of L3: states further above the edge decay faster.

    Returns
    -------
    ndarray, shape (E,)
        Intensity per eV.

    Raises
    ------
    ValueError
        If a width is negative or no number, a line has no width at all, or an energy is no number.

    Examples
    --------
    >>> one = broadened([0.0], np.array([0.0]), np.array([1.0]), split=5, lorentz_l3=0.2, lorentz_l2=0.4, gauss=0)
    >>> round(float(one[0] * np.pi * 0.1), 6)
    1.0
    """
    widths = (lorentz_l3, lorentz_l2, gauss, growth)
    if not np.isfinite(widths).all() or min(widths) < 0 or (gauss == 0 and min(lorentz_l3, lorentz_l2) == 0):
        raise ValueError(
            f"widths must be positive: Lorentz {lorentz_l3} and {lorentz_l2} eV, Gauss {gauss} eV, growth {growth}"
        )
    axis = np.asarray(grid, dtype=np.float64)
    if not np.isfinite(axis).all():
        raise ValueError("the energies of a spectrum must all be numbers, in eV")
    centre, height = merged(energy, intensity, _CELL * (gauss + min(lorentz_l3, lorentz_l2)))
    result = np.zeros(axis.shape)
    in_l3 = centre < split
    middle = _mean(centre[in_l3], height[in_l3]) if in_l3.any() else split
    for edge, lorentz in ((in_l3, lorentz_l3), (~in_l3, lorentz_l2)):
        if axis.size and edge.any():
            grown = growth * np.maximum(centre[edge] - middle, 0.0)
            result += _edge(axis, centre[edge], height[edge], lorentz, gauss, grown)
    return result


def merged(energy: Float64Array, intensity: Float64Array, width: float) -> tuple[Float64Array, Float64Array]:
    """Sticks that share a cell of the energy axis as one, at their centroid.

    With cells of a thousandth of a line's width, the spectrum moves by less than 1e-6 of its maximum.

    Parameters
    ----------
    energy, intensity : ndarray, shape (N,)
        The sticks; energies in eV.
    width : float
        Width of a cell in eV.

    Returns
    -------
    energy, intensity : ndarray, shape (M,)
        By increasing energy; those without intensity are left out.

    Examples
    --------
    >>> energy, intensity = merged(np.array([1.0001, 1.0003, 2.0]), np.array([1.0, 1.0, 3.0]), 0.01)
    >>> energy.round(4).tolist(), intensity.tolist()
    ([1.0002, 2.0], [2.0, 3.0])
    """
    seen = intensity > 0
    energy, intensity = energy[seen], intensity[seen]
    _, cell = np.unique(np.floor(energy / width), return_inverse=True)
    total = np.bincount(cell, intensity).astype(np.float64)
    return np.bincount(cell, energy * intensity) / total, total


def between_l3_and_l2(energy: Float64Array, intensity: Float64Array) -> float:
    """An energy between the two edges: the middle between the centroids of what lies below it and above it.

    The strongest line does not tell the edges apart: in d0 to d4 ions it is often one of L2. This split moves smoothly
    with the crystal field.

    Parameters
    ----------
    energy, intensity : ndarray, shape (N,)
        The sticks; energies in eV.

    Examples
    --------
    >>> between_l3_and_l2(np.array([0.0, 1.0, 10.0]), np.array([1.0, 1.0, 2.0]))
    5.25
    """
    split = _mean(energy, intensity)
    for _ in range(100):  # two-means clustering in one dimension; it stands still after a few steps
        low = energy < split
        if not low.any():
            break
        before, split = split, (_mean(energy[low], intensity[low]) + _mean(energy[~low], intensity[~low])) / 2
        if split == before:
            break
    return split


def _mean(energy: Float64Array, intensity: Float64Array) -> float:
    return float(energy @ intensity / intensity.sum())


def _edge(
    axis: Float64Array, centre: Float64Array, height: Float64Array, lorentz: float, gauss: float, grown: Float64Array
) -> Float64Array:
    """The lines of one edge, by whichever way is cheaper."""
    step = _LATTICE * (lorentz + gauss)
    first = min(axis.min(), centre.min()) - _POINTS * step
    nodes = int((max(axis.max(), centre.max()) - first) / step) + 2 * _POINTS
    if grown.any() or nodes > axis.size * centre.size:
        return _summed(axis, centre, height, lorentz + grown, gauss)
    from scipy.fft import irfft, next_fast_len, rfft

    places, shares = _interpolation((centre - first) / step)
    source = np.bincount(places.ravel(), (shares * height[:, None]).ravel(), minlength=nodes)
    line = _lines(step * np.arange(1 - nodes, nodes, dtype=np.float64), lorentz, gauss)
    size = next_fast_len(line.size, real=True)  # what wraps around falls on points that are not read
    spectrum = irfft(rfft(line, size) * rfft(source, size), size)[nodes - 1 : line.size]
    places, shares = _interpolation((axis - first) / step)
    result: Float64Array = (spectrum[places] * shares).sum(axis=-1)
    return result


def _interpolation(position: Float64Array) -> tuple[NDArray[np.intp], Float64Array]:
    """The lattice points around each position and their weights in Lagrange's polynomial.

    Used both ways: to share a stick among lattice points so that its first moments stay, and to read between them.
    """
    below = np.floor(position).astype(np.intp) - (_POINTS // 2 - 1)
    points = np.arange(_POINTS)
    distance = (position - below)[..., None] - points
    shares = np.empty(distance.shape)
    for k in points:
        others = points != k
        shares[..., k] = np.prod(distance[..., others] / (k - points[others]), axis=-1)
    return below[..., None] + points, shares


def _summed(
    axis: Float64Array, centre: Float64Array, height: Float64Array, lorentz: Float64Array, gauss: float
) -> Float64Array:
    result = np.zeros(axis.shape)
    for start in range(0, centre.size, _BATCH):
        batch = slice(start, start + _BATCH)
        result += _lines(axis[..., None] - centre[batch], lorentz[batch], gauss) @ height[batch]
    return result


def _lines(distance: Float64Array, lorentz: float | Float64Array, gauss: float) -> Float64Array:
    """Lines of unit area at a distance from their centres; full widths at half maximum."""
    if gauss == 0:
        made: Float64Array = (lorentz / (2 * np.pi)) / (distance**2 + (lorentz / 2) ** 2)
        return made
    from scipy.special import voigt_profile

    profile: Float64Array = voigt_profile(distance, gauss / np.sqrt(8 * np.log(2)), lorentz / 2)
    return profile
