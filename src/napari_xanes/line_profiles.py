"""Profiles of maps and frames along a line: values over distance, with errors and gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.computing import computed
from napari_xanes.line_sampling import sample_line
from napari_xanes.noise import AmountNoise
from napari_xanes.parameter_map import MapSet
from napari_xanes.region_means import COVARIANCE_LENGTH
from napari_xanes.stack import SpectralStack

_ENOUGH = 0.5 - 1e-6
"""Least share of the pixels of a value that must have one; below, the profile has a gap."""


@dataclass(frozen=True, eq=False)
class LineProfile:
    """Values along a line.

    Parameters
    ----------
    name : str
        What the values are of.
    distance : array, shape (N,)
        Distance from the begin of the line, in `distance_unit`.
    value : array, shape (N,)
        The values; NaN in gaps: where more than half of the pixels are masked, without a value, or off the image.
    sigma : array, shape (N,), optional
        Standard errors; None where those of the pixels are not known.
    unit : str
        Unit of the values; ``1`` is dimensionless.
    distance_unit : str
        ``µm``, or ``px`` where the pixel size is not known.
    places : array, shape (N, 2)
        Where the values lie, (y, x) in pixels.
    """

    name: str
    distance: Float64Array
    value: Float64Array
    sigma: Float64Array | None
    unit: str
    distance_unit: str
    places: Float64Array


def line_profile(
    image: ArrayLike,
    line: ArrayLike,
    width: int = 1,
    *,
    sigma: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    shared: ArrayLike = 0.0,
    length: float = 1.0,
    pixel_size: float | tuple[float, ...] | None = None,
    unit: str = "1",
    name: str = "profile",
) -> LineProfile:
    """Return the profile of an image along a line.

    Parameters
    ----------
    image : array_like, shape (Y, X)
        The values.
    line : array_like, shape (P, 2)
        The corners of the line, (y, x) in pixels; whole numbers are the middles of pixels.
    width : int
        Width in pixels; values across the line are averaged.
    sigma : array_like, shape (Y, X), optional
        Standard errors of the pixels.
    mask : array_like of bool, shape (Y, X), optional
        False where the value can't be trusted. Such pixels, and those without a value, are left out.
    shared : array_like, shape (Y, X) or ()
        The part of `sigma` that all pixels share, such as the error of a model. No mean makes it smaller.
    length : float
        Pixels in a square of this width share their noise.
    pixel_size : float or (float, float), optional
        Length of a pixel along y and x in µm; without it, distances are in pixels.
    unit : str
        Unit of the values.
    name : str
        Name of the profile.

    Returns
    -------
    LineProfile
        Each value is a mean with weights `w` of the pixels that are not left out, so the noise of independent pixels
        gives it the variance ``sum(w**2 * sigma**2)``. Neighbouring values have pixels in common: their errors are not
        independent.

    Raises
    ------
    ValueError
        If a shape differs, the line has no length, or the width is less than one pixel.

    Examples
    --------
    >>> ramp = np.tile(np.arange(4.0), (3, 1))
    >>> profile = line_profile(ramp, [(1, 0), (1, 3)], 3, sigma=np.full((3, 4), 0.3), pixel_size=0.1)
    >>> profile.value.round(3).tolist(), profile.sigma.round(3).tolist(), profile.distance.round(1).tolist()
    ([0.0, 1.0, 2.0, 3.0], [0.173, 0.173, 0.173, 0.173], [0.0, 0.1, 0.2, 0.3])
    """
    values = np.asarray(image)
    if values.ndim != 2:
        raise ValueError(f"a profile needs an image (Y, X), not {values.shape}; choose a frame or a slice")
    for what, other in (("sigma", sigma), ("mask", mask)):
        if other is not None and np.shape(other) != values.shape:
            raise ValueError(
                f"the image has shape {values.shape}, its {what} {np.shape(other)}; give both of one shape"
            )
    samples = sample_line(line, values.shape, width, pixel_size)

    def at_pixels(array: ArrayLike) -> Float64Array:
        return np.asarray(np.broadcast_to(array, values.shape).reshape(-1)[samples.pixels], dtype=np.float64)

    found = at_pixels(values)
    good = np.isfinite(found) if mask is None else np.isfinite(found) & (at_pixels(mask) > 0)
    weights = samples.weights.multiply(good).tocsr()
    share = weights.sum(axis=1)
    total = np.where(share >= _ENOUGH, share, np.nan)
    value = weights @ np.where(good, found, 0.0) / total
    error = None
    if sigma is not None:
        own, common = (np.where(good, at_pixels(part), 0.0) for part in (sigma, shared))
        error = _error(weights, total, own, common, length)
    distance_unit = "px" if pixel_size is None else "µm"
    return LineProfile(name, samples.distance, value, error, unit, distance_unit, samples.places)


def _error(weights: Any, total: Float64Array, sigma: Float64Array, shared: Float64Array, length: float) -> Float64Array:
    """Return the standard errors of weighted means, as `region_means.error_of_mean` does for equal weights."""
    squares = weights.multiply(weights)
    # As many independent pixels of equal weight would have the same error.
    count = total**2 / np.maximum(squares.sum(axis=1), np.finfo(float).tiny)
    alone = squares @ np.maximum(sigma**2 - shared**2, 0.0) * np.minimum(length**2, count)
    error: Float64Array = np.sqrt(alone + (weights @ np.minimum(shared, sigma)) ** 2) / total
    return error


def map_profile(maps: MapSet, name: str, line: ArrayLike, width: int = 1, *, plane: int | None = None) -> LineProfile:
    """Return the profile of a map along a line, with the errors of the map and gaps where it is masked.

    Parameters
    ----------
    maps : MapSet
        Maps of one run. Errors know of noise that pixels share and of the error of the model, as those of
        `region_mean`.
    name : str
        A map of values.
    line : array_like, shape (P, 2)
        The corners of the line, (y, x) in pixels.
    width : int
        Width in pixels.
    plane : int, optional
        The slice of a volume.

    Raises
    ------
    KeyError
        If there is no such map.
    ValueError
        If the map is one of labels, or a volume without `plane`; and as `line_profile`.
    """
    chosen = maps[name]
    if chosen.labels is not None:
        raise ValueError(f"{name!r} holds labels, which have no values between them: choose a map of values")
    model = _plane(maps[f"{name}_model"].data, plane) if f"{name}_model" in maps else 0.0
    return line_profile(
        _plane(chosen.data, plane),
        line,
        width,
        sigma=_plane(chosen.sigma, plane),
        mask=_plane(chosen.mask, plane),
        shared=model,
        length=float(maps.metadata.get(COVARIANCE_LENGTH, 1.0)),
        pixel_size=maps.pixel_size and maps.pixel_size[-2:],
        unit=chosen.unit,
        name=name,
    )


def frame_profile(
    stack: SpectralStack, energy: float, line: ArrayLike, width: int = 1, *, plane: int | None = None
) -> LineProfile:
    """Return the profile of the frame of a stack that is nearest to an energy.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Any quantity. Errors come from the noise of the stack where that is known.
    energy : float
        Photon energy in eV.
    line : array_like, shape (P, 2)
        The corners of the line, (y, x) in pixels.
    width : int
        Width in pixels.
    plane : int, optional
        The slice of a volume.

    Raises
    ------
    ValueError
        If the energy lies outside those of the stack, or the stack is a volume and `plane` is not given; and as
        `line_profile`.
    """
    if not stack.energy[0] <= energy <= stack.energy[-1]:
        raise ValueError(
            f"{energy:g} eV lies outside {stack.energy[0]:g} to {stack.energy[-1]:g} eV of {stack.name!r}; "
            "give one inside"
        )
    frame = int(np.argmin(np.abs(stack.energy - energy)))
    box = (slice(None), slice(None)) if len(stack.shape) == 3 else (plane, slice(None), slice(None))
    if box[0] is None:
        raise ValueError(f"{stack.name!r} is a volume: say which of its {stack.shape[1]} slices")
    # The noise of a frame alone is all that its pixels have, with that of flats that energies share.
    one = stack.isel(slice(frame, frame + 1), box)  # type: ignore[arg-type]
    values = np.asarray(computed(one.data))[0]
    return line_profile(
        values,
        line,
        width,
        sigma=_frame_sigma(one, values),
        length=float(stack.metadata.get(COVARIANCE_LENGTH, 1.0)),
        pixel_size=stack.pixel_size and stack.pixel_size[-2:],
        unit=stack.unit,
        name=f"{stack.energy[frame]:g} eV",
    )


def _frame_sigma(one: SpectralStack, values: NDArray[Any]) -> Float64Array | None:
    """Return the standard errors (Y, X) of a stack of one frame; None where its noise is not known."""
    noise = one.noise
    if noise is None:
        return None
    flat = values.reshape(1, -1)
    with np.errstate(invalid="ignore", over="ignore"):
        variance = (
            noise.sigma(slice(None)) ** 2 if isinstance(noise, AmountNoise) else noise.variance(flat, slice(None))
        )
    sigma: Float64Array = np.sqrt(np.broadcast_to(variance, flat.shape)).reshape(values.shape)
    return sigma


def _plane(values: Any, plane: int | None) -> Any:
    """Return a slice of a volume; an image as it is."""
    if values is None or values.ndim == 2:
        return values
    if plane is None:
        raise ValueError(f"the map is a volume: say which of its {values.shape[0]} slices; give its number as plane")
    return values[plane]
