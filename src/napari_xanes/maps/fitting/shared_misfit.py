"""What the residuals of many pixels share: a phase without a reference, or an energy axis or frames that are off."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.residual_tests import pooled_residual

_P_VALUE = 0.01
"""What is more likely by chance is not reported."""

PHASE = 3.5
"""Error that a missing phase makes within the references over the residual that it leaves outside.

An unknown phase has an unknown valence, which counts too: with 10 % of metal (valence 0) in oxides of Ni and Fe, the
error of the mean valence is 3.0 to 5.7 times the change of the valence if a spectrum as large as the residual were
added within the span of the references. 3.5 covers that at 2 sigma.
"""

_MOSTLY = 0.5
"""Share of the residual that a shift must explain before it is taken for one."""

_WHOLLY = 0.8
"""From this share on, the rest is taken as an error of the shift, which is estimated in one step."""

_TWENTIETH = 1.96
"""By chance, 5 % of absolute values are larger than this many standard errors."""

_LEAST_SHIFT = 0.1
"""Smaller shifts, in eV, are not reported."""


class SharedMisfit(NamedTuple):
    """Fields of `ErrorModel` of the same names; the p-value, and the rms of the spectrum for its amount."""

    shared: Float64Array
    shared_per_jump: bool
    span: float
    shift: float
    p_value: float
    size: float
    white: bool


def shared_misfit(
    residual: Float64Array,
    variance: Float64Array,
    tiles: IndexArray,
    jump: Float64Array,
    freedom: int,
    shift_of: Callable[[float], tuple[float, float]],
) -> SharedMisfit:
    """Look for what the residuals of many pixels share; zeros if nothing is found.

    Parameters
    ----------
    residual, variance : ndarray, shape (E, P)
        Residuals of unbounded fits and their variance.
    tiles : ndarray of int, shape (P,)
        Square of each pixel, see `tile_numbers`; -1 for pixels to leave out.
    jump : ndarray, shape (P,)
        Edge jumps.
    freedom : int
        Degrees of freedom of a fit.
    shift_of : callable
        Returns the shift in eV that explains most of the mean residual, whose root mean square beyond noise it is
        given, and the share that it explains.
    """
    nothing = SharedMisfit(np.zeros(len(residual)), True, 0.0, 0.0, 1.0, 0.0, False)
    per_jump = True
    found = pooled_residual(residual, variance, tiles, jump)
    if found.p_value > _P_VALUE or not found.size > 0:
        return nothing
    shift, explained = shift_of(found.mean_size)
    if explained < _MOSTLY or abs(shift) < _LEAST_SHIFT:
        shift, explained = 0.0, 0.0
    places = _places(residual, variance, tiles, jump, found.spectrum)
    if not _grows_with_jump(places):
        per_jump, found = False, pooled_residual(residual, variance, tiles)
        places = _places(residual, variance, tiles, np.ones_like(jump), found.spectrum)
    left = found.spectrum * _largest(places) * (np.sqrt(1 - explained) if explained < _WHOLLY else 0.0)
    rough = _roughness(found.spectrum)
    norm = float(np.linalg.norm(left))
    # Errors of single frames fall into each direction alike; a smooth spectrum may lie in any.
    smooth = max(1 - 2 * rough, 0.0)
    span = norm * np.sqrt(smooth * PHASE**2 + (1 - smooth) / max(freedom, 1))
    return SharedMisfit(found.spectrum, per_jump, span, shift, found.p_value, found.size, rough > _MOSTLY)


class _Places(NamedTuple):
    """Squares (T,): pixels, mean weight, amount of the shared spectrum per pixel, and the standard error of that."""

    pixels: Float64Array
    weight: Float64Array
    amount: Float64Array
    sigma: Float64Array


def _places(
    residual: Float64Array, variance: Float64Array, tiles: IndexArray, weight: Float64Array, spectrum: Float64Array
) -> _Places:
    """The amount of a spectrum in the residuals of each square."""
    used = (tiles >= 0) & np.isfinite(residual).all(axis=0)
    _, number = np.unique(tiles[used], return_inverse=True)
    count = np.bincount(number).astype(np.float64)
    direction = spectrum / max(float(spectrum @ spectrum), 1e-300)
    amount = np.bincount(number, direction @ residual[:, used]) / count
    squares = np.bincount(number, direction**2 @ variance[:, used])
    return _Places(count, np.bincount(number, weight[used]) / count, amount, np.sqrt(squares) / count)


def _grows_with_jump(places: _Places) -> bool:
    """Whether what pixels share is proportional to their edge jump rather than the same in all."""
    squares = []
    for weight in (places.weight, np.ones_like(places.weight)):
        factor = np.sum(places.pixels * weight * places.amount) / np.sum(places.pixels * weight**2)
        squares.append(float(np.sum(places.pixels * (places.amount - factor * weight) ** 2)))
    return squares[0] <= 1.05 * squares[1]


def _largest(places: _Places) -> float:
    """How much more than on average there is in the twentieth of the squares with most, at least 1."""
    weight = np.maximum(places.weight, 1e-12)
    noise = _TWENTIETH * float(np.median(places.sigma / weight))
    most = float(np.quantile(np.abs(places.amount) / weight, 0.95))
    return max(1.0, float(np.sqrt(max(most**2 - noise**2, 0.0))))


def _roughness(spectrum: Float64Array) -> float:
    """0 for a smooth spectrum, 1 for one whose neighbours are independent (von Neumann's ratio over 2)."""
    squares = float(np.sum(spectrum**2))
    return float(np.clip(np.sum(np.diff(spectrum) ** 2) / (2 * squares), 0.0, 1.0)) if squares > 0 else 1.0
