"""Search of a stack for small phases: places where main components leave something over, and what they share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.computing import computed
from napari_xanes.exploring.leftover import Residuals, images_of, leftover_of, main_factors
from napari_xanes.exploring.phases import LEAST, SmallPhases, amounts_of
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import counted

_ROUNDS = 3
"""So often main components are found again without the pixels that stand out."""

_ALIKE = 0.7
"""A place is of a known phase if the phase's spectrum makes this share of the squares that it leaves over."""

_CONFIRMED = 5.0
"""Standard errors by which the leftovers of alternate pixels of a place must be alike."""

_SIGNIFICANT = 8.0
"""Standard errors by which the mean amount of a place must exceed 0: its spectrum was learned from the same pixels."""

_BOTH_SIGNS = 0.3
"""With so many pixels that lack a spectrum over those that have it, it is no phase but moved frames."""

_MOST_PHASES = 8

_MOST_PLACES = 64


class _Place(NamedTuple):
    """A place: its pixels' residuals (E, N), their positions (N, 2), and how far it exceeds the limit of noise."""

    residual: Float64Array
    positions: NDArray[np.intp]
    excess: float


def find_phases(stack: SpectralStack, min_pixels: int) -> SmallPhases:
    """Find the small phases of a stack.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption.
    min_pixels : int
        Smaller places are spots or faulty pixels.
    """
    n_pixels = int(np.prod(stack.shape[1:]))
    left_out: BoolArray | None = None
    for _ in range(_ROUNDS):
        factors = main_factors(stack, left_out)
        residuals = Residuals(factors.vectors, factors.noise)
        before, left_out = left_out, _standing_out(stack, residuals, n_pixels)
        if before is not None and np.array_equal(before, left_out):
            break
    places: list[_Place] = []
    for z, image in images_of(stack):
        assert left_out is not None
        places += _places_of(image, residuals, left_out.reshape(-1, *image.shape[1:])[z], n_pixels)
    places = sorted(places, key=lambda place: -place.excess)[:_MOST_PLACES]
    directions, amplitudes, warnings = _phases_of(places, min_pixels)
    kept = _one_sided(stack, residuals, directions, amplitudes, left_out)
    if not all(kept):
        warnings.append(
            f"{counted(len(kept) - sum(kept), 'spectrum is', 'spectra are')} added in some places and missing in "
            "others, as where frames have moved (see align): no phase"
        )
    return SmallPhases(
        stack.energy,
        factors.vectors.T,
        factors.noise,
        np.array([d for d, keep in zip(directions, kept, strict=True) if keep]).reshape(-1, stack.energy.size),
        np.array([a for a, keep in zip(amplitudes, kept, strict=True) if keep]),
        n_pixels,
        warnings,
    )


def _standing_out(stack: SpectralStack, residuals: Residuals, n_pixels: int) -> BoolArray:
    images = [(leftover_of(image, residuals, n_pixels).excess > 1).any(axis=0) for _, image in images_of(stack)]
    return np.stack(images).reshape(stack.shape[1:])


def _places_of(image: SpectralStack, residuals: Residuals, standing_out: BoolArray, n_pixels: int) -> list[_Place]:
    """Return the connected places of an image that stand out."""
    from scipy.ndimage import find_objects, label

    labels, _ = label(standing_out, np.ones((3, 3)))
    excess = leftover_of(image, residuals, n_pixels).excess.max(axis=0)
    places = []
    for number, box in enumerate(find_objects(labels), start=1):
        inside = labels[box] == number
        values = np.asarray(computed(image.isel(box=box).data), np.float32)
        residual, _ = residuals.of(values)
        noise = residuals.around(image, box)
        white = residual[:, inside] / np.sqrt(noise[inside])
        places.append(_Place(white.astype(np.float64), np.argwhere(inside), float(excess[box][inside].max())))
    return places


def _phases_of(places: list[_Place], min_pixels: int) -> tuple[list[Float64Array], list[float], list[str]]:
    """Return the spectra of places, of length 1, with their amplitudes, and what is said of other places."""
    directions: list[Float64Array] = []
    amplitudes: list[float] = []
    n_small = n_more = 0
    for place in places:
        mean = place.residual.mean(axis=1)
        explained = max(((d @ mean) ** 2 for d in directions), default=0.0)
        noise = len(mean) / place.residual.shape[1]
        if explained > _ALIKE * max(float(mean @ mean) - noise, 0):
            continue
        direction, members = _refined(place)
        amounts = direction @ place.residual[:, members]
        # The median, because a single value that is off has a large amount, too.
        significant = amounts.size and np.median(amounts) * np.sqrt(amounts.size) > _SIGNIFICANT
        if amounts.size < min_pixels or not significant or not _confirmed(place, members):
            n_small += 1
        elif len(directions) == _MOST_PHASES:
            n_more += 1
        else:
            directions.append(direction)
            amplitudes.append(float(np.median(amounts)))
    warnings = []
    if n_small:
        places_stand = counted(n_small, "place stands", "places stand")
        warnings.append(
            f"{places_stand} out with fewer than {min_pixels} pixels that agree: spots, or faulty pixels (see repair)"
        )
    if n_more:
        more = counted(n_more, "more place stands", "more places stand")
        warnings.append(f"{more} out; only {_MOST_PHASES} phases are told apart")
    return directions, amplitudes, warnings


def _refined(place: _Place) -> tuple[Float64Array, BoolArray]:
    """Return the spectrum of a place, of length 1, and its pixels that hold it."""
    left, _, right = np.linalg.svd(place.residual, full_matrices=False)
    direction = left[:, 0] * np.sign(right[0].sum())
    amounts = direction @ place.residual
    for _ in range(3):
        members: BoolArray = amounts > max(np.quantile(amounts, 0.9) / 2, 1.0)
        if not members.any():
            break
        direction = place.residual[:, members].mean(axis=1)
        direction = direction / np.linalg.norm(direction)
        amounts = direction @ place.residual
    return direction, members


def _confirmed(place: _Place, members: BoolArray) -> bool:
    """Whether alternate pixels of a place, whose noise is independent, leave the same over."""
    colour = place.positions[members].sum(axis=1) % 2 == 0
    some, others = place.residual[:, members][:, colour], place.residual[:, members][:, ~colour]
    if not colour.any() or colour.all():
        return False
    scatter = np.sqrt(len(some) / (some.shape[1] * others.shape[1]))
    return bool(some.mean(axis=1) @ others.mean(axis=1) > _CONFIRMED * scatter)


def _one_sided(
    stack: SpectralStack,
    residuals: Residuals,
    directions: list[Float64Array],
    amplitudes: list[float],
    standing_out: BoolArray | None,
) -> list[bool]:
    """Return which spectra are added where they are, and not as often missing."""
    if not directions or standing_out is None:
        return []
    counts = np.zeros((2, len(directions)))
    limits = np.maximum(np.array(amplitudes) / 2, LEAST)[:, None]
    for z, image in images_of(stack):
        chosen = standing_out.reshape(-1, *image.shape[1:])[z]
        for rows, amounts, finite in amounts_of(image, residuals, np.array(directions)):
            some = amounts[:, finite & chosen[rows]]
            counts += np.stack([(some > limits).sum(axis=1), (some < -limits).sum(axis=1)])
    return [bool(below <= _BOTH_SIGNS * above) for above, below in counts.T]
