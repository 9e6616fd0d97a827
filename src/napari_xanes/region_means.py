"""Means of a map over a region, with the error that they have if pixels share noise or a model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes.parameter_map import MapSet

COVARIANCE_LENGTH = "covariance_length_pixels"
"""Entry of the metadata of maps and stacks: pixels in a square of this width share their noise; 1 if none do."""

SHARED_ENERGIES = "energies_share_noise"
"""Entry of the metadata of stacks: whether energies share noise, as after interpolation, so that scatter hides it."""


class RegionMean(NamedTuple):
    """Mean of a map over a region, its standard error, and the number of pixels."""

    value: float
    sigma: float
    n_pixels: int


def independent_pixels(count: float, length: float) -> float:
    """Return how many independent values some pixels stand for, at least one.

    Parameters
    ----------
    count : float
        Number of pixels.
    length : float
        Pixels in a square of this width share their noise.

    Examples
    --------
    >>> independent_pixels(100, 2), independent_pixels(3, 2)
    (25.0, 1.0)
    """
    return max(count / max(length, 1.0) ** 2, 1.0)


def error_of_mean(sigma: ArrayLike, length: float = 1.0, common: ArrayLike = 0.0) -> float:
    """Return the standard error of the mean of some pixels.

    Parameters
    ----------
    sigma : array_like, shape (N,)
        Standard errors of the pixels.
    length : float
        Pixels in a square of this width share their noise, so that the mean is that of ``N / length**2`` values, at
        least one.
    common : array_like, shape (N,) or ()
        The part of `sigma` that all pixels share, such as the error of a model. No mean makes it smaller.

    Returns
    -------
    float
        NaN without pixels.

    Examples
    --------
    >>> error_of_mean(np.full(100, 0.5)), error_of_mean(np.full(100, 0.5), length=2)
    (0.05, 0.1)
    >>> round(error_of_mean(np.full(100, 0.5), common=0.3), 3)
    0.303
    """
    sigma = np.asarray(sigma, dtype=np.float64)
    if sigma.size == 0:
        return float("nan")
    shared = np.broadcast_to(np.asarray(common, dtype=np.float64), sigma.shape)
    alone = np.mean(np.maximum(sigma**2 - shared**2, 0.0))
    return float(np.sqrt(alone / independent_pixels(sigma.size, length) + np.mean(shared) ** 2))


def region_mean(maps: MapSet, name: str, region: ArrayLike | None = None) -> RegionMean:
    """Return the mean of a map over a region, with its standard error.

    Parameters
    ----------
    maps : MapSet
        Maps of one run. ``metadata["covariance_length_pixels"]`` says over how many pixels noise is shared, and the
        map named ``<name>_model`` which part of sigma all pixels share.
    name : str
        A map with a sigma.
    region : array_like of bool, shape (Y, X) or (Z, Y, X), optional
        The region; all pixels by default. Pixels that the map masks are left out.

    Raises
    ------
    KeyError
        If there is no such map.
    ValueError
        If the map has no sigma, the region has another shape, or no pixel of it can be trusted.

    Examples
    --------
    >>> from napari_xanes.parameter_map import ParameterMap
    >>> one = ParameterMap(np.full((10, 10), 2.5), "1", np.full((10, 10), 0.25))
    >>> region_mean(MapSet({"valence": one}), "valence")
    RegionMean(value=2.5, sigma=0.025, n_pixels=100)
    """
    chosen = maps[name]
    if chosen.sigma is None or chosen.mask is None:
        raise ValueError(f"the map {name!r} has no standard errors, so its mean has none; choose a map with a sigma")
    inside = np.ones(chosen.data.shape, dtype=bool) if region is None else np.asarray(region, dtype=bool)
    if inside.shape != chosen.data.shape:
        raise ValueError(
            f"the region has shape {inside.shape}, the map {chosen.data.shape}; give one of the map's shape"
        )
    inside = inside & chosen.mask & np.isfinite(chosen.data)
    if not inside.any():
        raise ValueError(f"no pixel of the region can be trusted in the map {name!r}; choose another region")
    model = maps[f"{name}_model"].data[inside] if f"{name}_model" in maps else 0.0
    length = float(maps.metadata.get(COVARIANCE_LENGTH, 1.0))
    sigma = error_of_mean(chosen.sigma[inside], length, model)
    return RegionMean(float(np.mean(chosen.data[inside], dtype=np.float64)), sigma, int(inside.sum()))
