"""Small phases as a typed value that a recipe can store, and the pixels that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.exploring.leftover import Residuals, bands_of, leftover_of, pooled
from napari_xanes.field_mapping import FieldMapping
from napari_xanes.history import Plain, to_plain
from napari_xanes.parameters import Param
from napari_xanes.stack import SpectralStack

_CLEAR = 6.0
"""Amplitude in units of the noise from which on single pixels tell whether they hold a phase."""

LEAST = 3.0
"""Smallest amplitude in units of the noise of a pixel, or of the mean over its neighbours, that counts."""

_TYPICAL = 0.85
"""Quantile of the amounts of a place, whose pooled border is wider than the phase."""

_HALO = 6


@dataclass(frozen=True, eq=False)
class SmallPhases(FieldMapping):
    """Small phases of a stack, and the main components that do not hold them.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        In eV.
    vectors : ndarray, shape (K, E)
        Main components, orthonormal in units of the noise.
    noise : ndarray, shape (E,)
        Standard deviation of the noise of a typical pixel.
    directions : ndarray, shape (M, E)
        What each phase leaves over, of length 1, in units of the noise.
    amplitudes : ndarray, shape (M,)
        Its amount in a pixel that holds the phase, in units of the noise.
    n_pixels : int
        Number of pixels of the stack: among more pixels, noise reaches further.
    warnings : list of str
        Places that are no phases.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """

    energy: Float64Array
    vectors: Float64Array
    noise: Float64Array
    directions: Float64Array
    amplitudes: Float64Array
    n_pixels: int
    warnings: list[str]

    def __post_init__(self) -> None:
        for name in ("energy", "vectors", "noise", "directions", "amplitudes"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        n = self.energy.size
        object.__setattr__(self, "directions", self.directions.reshape(-1, n))
        shapes = self.vectors.shape[1:], self.noise.shape, self.directions.shape
        if self.vectors.ndim != 2 or shapes != ((n,), (n,), (self.amplitudes.size, n)):
            raise ValueError(f"small phases at {n} energies have rows of {n} values, not shapes {shapes}")

    @property
    def residuals(self) -> Residuals:
        """Makes residuals beside the main components."""
        return Residuals(self.vectors.T, self.noise)

    def to_plain(self) -> Plain:
        """Return plain values."""
        return to_plain(dict(self))


PhasesArgument = Annotated[
    Any,
    BeforeValidator(SmallPhases.or_none("small phases are what an earlier run of small_phases has found")),
    Param(kind="small_phases", auto="from the stack"),
]
"""`SmallPhases`, or None to find them."""


def amounts_of(image: SpectralStack, residuals: Residuals, directions: Float64Array) -> Any:
    """Yield rows of an image with the amounts (M, R, X) of spectra, in units of the noise, and which are finite."""
    for rows, band in bands_of(image, _HALO):
        top = max(0, rows.start - _HALO)
        own = slice(rows.start - top, rows.stop - top)
        residual, finite = residuals.of(band)
        noise = residuals.local_noise(residual, finite)
        amounts = np.tensordot(directions.astype(np.float32), residual, 1) / np.sqrt(noise)
        yield rows, amounts[:, own], finite[own]


class Marked(NamedTuple):
    """Numbers of the phases of pixels (Y, X), 0 for none; how far they exceed noise (Y, X), 1 is the limit."""

    numbers: NDArray[np.int32]
    excess: Float32Array


def mark(image: SpectralStack, phases: SmallPhases, min_pixels: int) -> Marked:
    """Return which pixels of an image hold which phase.

    A pixel holds a phase if it lies in a place that stands out from noise, and has more than half of what this
    place has typically.

    Parameters
    ----------
    image : SpectralStack, shape (E, Y, X)
        At the energies of the phases.
    phases : SmallPhases
        What was found.
    min_pixels : int
        Smaller groups of pixels are left out.
    """
    from scipy.ndimage import find_objects, label

    shape, residuals = image.shape[1:], phases.residuals
    found = leftover_of(image, residuals, phases.n_pixels)
    excess = np.where(found.finite, found.excess.max(axis=0), np.nan).astype(np.float32)
    numbers = np.zeros(shape, np.int32)
    if not len(phases.amplitudes):
        return Marked(numbers, excess)
    amounts = np.zeros((len(phases.amplitudes), *shape), np.float32)
    for rows, values, finite in amounts_of(image, residuals, phases.directions):
        amounts[:, rows] = np.where(finite, values, 0)
    smooth = pooled(amounts, 3)
    places, count = label(excess > 1, np.ones((3, 3)))
    for number, box in enumerate(find_objects(places), start=1):
        inside = places[box] == number
        numbers[box][inside] = _members(amounts[:, *box][:, inside], smooth[:, *box][:, inside])
    for number in range(1, len(phases.amplitudes) + 1):
        groups, count = label(numbers == number, np.ones((3, 3)))
        small = np.bincount(groups.ravel(), minlength=count + 1) < min_pixels
        numbers[(groups > 0) & small[groups]] = 0
    return Marked(numbers, excess)


def _members(amounts: Float32Array, smooth: Float32Array) -> NDArray[np.int32]:
    """Return the numbers (N,) of the phases of the pixels of a place, from amounts (M, N) and means over neighbours.

    A place that is thin, or that a phase shares with others, has less of it everywhere: half of what it has typically
    counts.
    """
    best = smooth.argmax(axis=0)
    numbers = np.zeros(best.size, np.int32)
    for i in np.unique(best).tolist():
        own = best == i
        typical = float(np.quantile(amounts[i, own], _TYPICAL))
        values, least = (amounts[i], LEAST) if typical >= _CLEAR else (smooth[i], LEAST / 3)
        typical = typical if typical >= _CLEAR else float(np.quantile(smooth[i, own], _TYPICAL))
        numbers[own & (values > max(typical / 2, least))] = i + 1
    return numbers
