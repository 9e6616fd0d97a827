"""Broaden sticks to a spectrum: core-hole lifetimes, instrument resolution, and the split between L3 and L2.

Lines are Voigt profiles (scipy.special.voigt_profile). Many lines are placed on a fine lattice and convolved with one
profile, which costs a thousandth of a sum over lines. The sum is used if widths differ from line to line, or if there
are few lines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes._typing import Float64Array

_CELL = 1e-3
"""Width of a cell as a fraction of the narrowest line; sticks in one cell are merged."""

_LATTICE = 0.04
"""Lattice step as a fraction of the line width: the error of interpolation over 8 points is then below 1e-7."""

_POINTS = 8
"""Lattice points that an interpolation uses."""

_BATCH = 256
"""Lines summed at once; the number limits the memory use."""


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
    """Broaden sticks to Voigt lines, with an error below 1e-6 of the maximum.

    Parameters
    ----------
    grid : array_like, shape (E,)
        Energies of the spectrum in eV, on the same axis as the sticks.
    energy, intensity : ndarray, shape (N,)
        The sticks; energies in eV.
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
        If a width is negative or not finite, if Lorentzian and Gaussian are both 0, or if an energy is not finite.

    Examples
    --------
    >>> line = broadened([0.0], np.array([0.0]), np.array([1.0]), split=5, lorentz_l3=0.2, lorentz_l2=0.4, gauss=0)
    >>> round(float(line[0] * np.pi * 0.1), 6)
    1.0
    """
    widths = (lorentz_l3, lorentz_l2, gauss, growth)
    if not np.isfinite(widths).all() or min(widths) < 0 or (gauss == 0 and min(lorentz_l3, lorentz_l2) == 0):
        raise ValueError(
            f"widths must be positive: Lorentz {lorentz_l3} and {lorentz_l2} eV, Gauss {gauss} eV, growth {growth}"
        )
    axis = np.asarray(grid, dtype=np.float64)
    if not np.isfinite(axis).all():
        raise ValueError(
            "the energies of a spectrum must all be numbers in eV; NaN or infinite energies are not allowed"
        )
    centre, height = merged(energy, intensity, _CELL * (gauss + min(lorentz_l3, lorentz_l2)))
    result = np.zeros(axis.shape)
    in_l3 = centre < split
    centroid = _mean(centre[in_l3], height[in_l3]) if in_l3.any() else split
    for edge, lorentz in ((in_l3, lorentz_l3), (~in_l3, lorentz_l2)):
        if axis.size and edge.any():
            extra_width = growth * np.maximum(centre[edge] - centroid, 0.0)
            result += _edge(axis, centre[edge], height[edge], lorentz, gauss, extra_width)
    return result


def merged(energy: Float64Array, intensity: Float64Array, width: float) -> tuple[Float64Array, Float64Array]:
    """Merge the sticks in each cell of the energy axis into one stick at their centroid.

    If a cell is a thousandth of the line width, the spectrum changes by less than 1e-6 of its maximum.

    Parameters
    ----------
    energy, intensity : ndarray, shape (N,)
        The sticks; energies in eV.
    width : float
        Width of a cell in eV.

    Returns
    -------
    energy, intensity : ndarray, shape (M,)
        Merged sticks by increasing energy; sticks without intensity are left out.

    Examples
    --------
    >>> energy, intensity = merged(np.array([1.0001, 1.0003, 2.0]), np.array([1.0, 1.0, 3.0]), 0.01)
    >>> energy.round(4).tolist(), intensity.tolist()
    ([1.0002, 2.0], [2.0, 3.0])
    """
    positive = intensity > 0
    energy, intensity = energy[positive], intensity[positive]
    _, cell = np.unique(np.floor(energy / width), return_inverse=True)
    total = np.bincount(cell, intensity).astype(np.float64)
    return np.bincount(cell, energy * intensity) / total, total


def between_l3_and_l2(energy: Float64Array, intensity: Float64Array) -> float:
    """Estimate an energy between L3 and L2, halfway between the centroids of the sticks below and above it.

    The strongest line does not identify L3: in d0 to d4 ions the strongest line often belongs to L2. This split moves
    smoothly with the crystal field.

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
    for _ in range(100):  # two-means clustering in one dimension; converges after a few steps
        low = energy < split
        if not low.any():
            break
        previous, split = split, (_mean(energy[low], intensity[low]) + _mean(energy[~low], intensity[~low])) / 2
        if split == previous:
            break
    return split


def _mean(energy: Float64Array, intensity: Float64Array) -> float:
    return float(energy @ intensity / intensity.sum())


def _edge(
    axis: Float64Array,
    centre: Float64Array,
    height: Float64Array,
    lorentz: float,
    gauss: float,
    extra_width: Float64Array,
) -> Float64Array:
    """Broaden the lines of one edge, by convolution or by a sum, whichever is cheaper."""
    step = _LATTICE * (lorentz + gauss)
    first = min(axis.min(), centre.min()) - _POINTS * step
    nodes = int((max(axis.max(), centre.max()) - first) / step) + 2 * _POINTS
    if extra_width.any() or nodes > axis.size * centre.size:
        return _sum_of_lines(axis, centre, height, lorentz + extra_width, gauss)
    from scipy.fft import irfft, next_fast_len, rfft

    indices, weights = _interpolation((centre - first) / step)
    source = np.bincount(indices.ravel(), (weights * height[:, None]).ravel(), minlength=nodes)
    line = _lines(step * np.arange(1 - nodes, nodes, dtype=np.float64), lorentz, gauss)
    size = next_fast_len(line.size, real=True)  # the circular convolution wraps around only at points that are not used
    spectrum = irfft(rfft(line, size) * rfft(source, size), size)[nodes - 1 : line.size]
    indices, weights = _interpolation((axis - first) / step)
    result: Float64Array = (spectrum[indices] * weights).sum(axis=-1)
    return result


def _interpolation(position: Float64Array) -> tuple[NDArray[np.intp], Float64Array]:
    """Return the lattice points around each position and their weights in the Lagrange polynomial.

    They distribute a stick over lattice points so that its first moments stay, and interpolate between lattice points.
    """
    below = np.floor(position).astype(np.intp) - (_POINTS // 2 - 1)
    points = np.arange(_POINTS)
    distance = (position - below)[..., None] - points
    weights = np.empty(distance.shape)
    for k in points:
        is_other = points != k
        weights[..., k] = np.prod(distance[..., is_other] / (k - points[is_other]), axis=-1)
    return below[..., None] + points, weights


def _sum_of_lines(
    axis: Float64Array, centre: Float64Array, height: Float64Array, lorentz: Float64Array, gauss: float
) -> Float64Array:
    result = np.zeros(axis.shape)
    for start in range(0, centre.size, _BATCH):
        batch = slice(start, start + _BATCH)
        result += _lines(axis[..., None] - centre[batch], lorentz[batch], gauss) @ height[batch]
    return result


def _lines(distance: Float64Array, lorentz: float | Float64Array, gauss: float) -> Float64Array:
    """Return line profiles of unit area at a distance from their centres; widths are full widths at half maximum."""
    if gauss == 0:
        lorentzian: Float64Array = (lorentz / (2 * np.pi)) / (distance**2 + (lorentz / 2) ** 2)
        return lorentzian
    from scipy.special import voigt_profile

    profile: Float64Array = voigt_profile(distance, gauss / np.sqrt(8 * np.log(2)), lorentz / 2)
    return profile
