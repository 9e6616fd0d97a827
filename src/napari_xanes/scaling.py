"""Spectra divided by what is measured on themselves: their area, maximum, mean or norm, in a range of energies.

No edge is needed for that, and an edge jump of 1 does not follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Block, Float64Array, IndexArray
from napari_xanes.field_mapping import FieldMapping
from napari_xanes.noise import AmountNoise, Noise, PhotonNoise
from napari_xanes.spectrum import Spectrum

By = Literal["area", "maximum", "min-max", "mean", "vector"]

SIGNIFICANT = 4.0
"""A factor counts if it exceeds what noise alone gives by so many of its standard errors."""


@dataclass(frozen=True, eq=False)
class Scaling(FieldMapping):
    """What the spectra of a stack were divided by.

    Parameters
    ----------
    by : {"area", "maximum", "min-max", "mean", "vector"}
        What is 1 after the division; see `napari_xanes.ops.normalize`.
    energy : tuple of float
        First and last energy in eV of the frames that it is measured on.
    background : tuple of float, optional
        First and last energy in eV of the frames whose mean is subtracted before.
    """

    by: By
    energy: tuple[float, float]
    background: tuple[float, float] | None = None

    def unit_of_factor(self, unit: str) -> str:
        """Return the unit of the factors of a stack whose values have a unit."""
        return f"{unit} eV" if self.by == "area" else unit

    @property
    def unit(self) -> str:
        """Unit of the values after the division."""
        return "1/eV" if self.by == "area" else "1"

    def moved(self, slope: float, offset: float) -> Scaling:
        """Return the scaling of a stack whose energies are corrected to ``slope * energy + offset``."""

        def corrected(limits: tuple[float, float]) -> tuple[float, float]:
            return slope * limits[0] + offset, slope * limits[1] + offset

        background = None if self.background is None else corrected(self.background)
        return replace(self, energy=corrected(self.energy), background=background)

    def __str__(self) -> str:
        """Return what was done, in words."""
        name = {"min-max": "difference of maximum and minimum", "vector": "norm"}.get(self.by, self.by)
        text = f"{name} from {self.energy[0]:g} to {self.energy[1]:g} eV"
        if self.background is None:
            return text
        return f"{text}, less the mean from {self.background[0]:g} to {self.background[1]:g} eV"


def as_scaling(value: Any) -> Scaling | None:
    """Return the scaling that ``metadata["scaling"]`` describes, also as files hold it; None where there is none."""
    if isinstance(value, Scaling):
        return value
    if not isinstance(value, Mapping) or value.get("by") not in get_args(By):
        return None
    try:
        low, high = map(float, value["energy"])
        if value.get("background") is None:
            return Scaling(value["by"], (low, high))
        first, last = map(float, value["background"])
    except (KeyError, TypeError, ValueError):
        return None  # a file may hold anything
    return Scaling(value["by"], (low, high), (first, last))


class Factors(NamedTuple):
    """What spectra are divided by, each (P,).

    ``offset`` is subtracted before, ``sigma`` is the standard error of ``factor``, and ``chance`` what noise alone
    would give for it.
    """

    offset: Float64Array
    factor: Float64Array
    sigma: Float64Array
    chance: Float64Array


@dataclass(frozen=True)
class Ruler:
    """A scaling on an energy axis.

    Parameters
    ----------
    axis : ndarray, shape (E,)
        Energies in eV.
    scaling : Scaling
        What is measured, on the frames of its ranges.
    noise : PhotonNoise or AmountNoise, optional
        Noise of the stack; by default that of each spectrum is estimated (`scatter`).

    Examples
    --------
    >>> ruler = Ruler(np.arange(5.0), Scaling("area", (1.0, 4.0), (0.0, 0.0)))
    >>> ruler.measure(np.array([[1.0], [2], [3], [3], [2]])).factor
    array([5.])
    """

    axis: Float64Array
    scaling: Scaling
    noise: Noise | None = None

    @cached_property
    def frames(self) -> IndexArray:
        """Frames that the factor is measured on."""
        return frames_within(self.axis, self.scaling.energy)

    @cached_property
    def _of_background(self) -> Float64Array:
        """Weights (E,) of the mean that is subtracted."""
        weights = np.zeros(self.axis.size)
        if self.scaling.background is not None:
            chosen = frames_within(self.axis, self.scaling.background)
            weights[chosen] = 1 / chosen.size
        return weights

    @cached_property
    def _weights(self) -> Float64Array:
        """Weights (E,) of a mean, or of an area by trapezoids."""
        weights, axis = np.zeros(self.axis.size), self.axis[self.frames]
        if self.scaling.by == "area":
            steps = np.diff(axis) / 2
            weights[self.frames] = np.append(steps, 0) + np.append(0, steps)
        else:
            weights[self.frames] = 1 / axis.size
        return weights

    def measure(self, block: NDArray[Any], pixels: slice = slice(None)) -> Factors:
        """Measure the factors of spectra.

        Parameters
        ----------
        block : ndarray, shape (E, P)
            Spectra in columns.
        pixels : slice
            Where they are among the pixels of the stack, for their noise.
        """
        values = block.astype(np.float64)
        mean = self._of_background @ values
        inside = values[self.frames] - mean
        number = np.arange(values.shape[1])
        gradient = np.zeros_like(values)
        offset = mean
        if self.scaling.by in ("area", "mean"):
            factor = self._weights @ values - self._weights.sum() * mean
            gradient += self._weights[:, None]
        elif self.scaling.by == "vector":
            factor = np.sqrt(np.einsum("ep,ep->p", inside, inside))
            gradient[self.frames] = inside / np.maximum(factor, np.finfo(float).tiny)
        else:
            highest = np.argmax(np.where(np.isnan(inside), -np.inf, inside), axis=0)
            factor = inside[highest, number]
            gradient[self.frames[highest], number] = 1
            if self.scaling.by == "min-max":
                lowest = np.argmin(np.where(np.isnan(inside), np.inf, inside), axis=0)
                factor, offset = factor - inside[lowest, number], mean + inside[lowest, number]
                gradient[self.frames[lowest], number] -= 1
        gradient -= self._of_background[:, None] * gradient.sum(axis=0)
        variance = self._variance(block, pixels)
        sigma = np.sqrt(self._propagated(gradient, variance, pixels))
        return Factors(offset, factor, sigma, self._by_chance(variance.mean(axis=0)))

    def _variance(self, block: Block, pixels: slice) -> Float64Array:
        """Return the variance of each value, (E, P) or (1, P), as far as it is noise of single energies."""
        if isinstance(self.noise, AmountNoise):
            return np.asarray(self.noise.sigma(pixels), dtype=np.float64) ** 2
        if isinstance(self.noise, PhotonNoise):
            variance = np.asarray(self.noise.variance(block, pixels), dtype=np.float64)
            shared = 0.0 if self.noise.flats is None else self.noise.shared_variance(pixels)
            return np.broadcast_to(variance - shared, block.shape)
        return scatter(self.axis, block)[None] ** 2

    def _propagated(self, gradient: Float64Array, variance: Float64Array, pixels: slice) -> Float64Array:
        """Return the variance (P,) of a quantity from its change (E, P) with each value."""
        if isinstance(self.noise, AmountNoise):
            parts = self.noise.sources(np.eye(self.axis.size), pixels)
            result: Float64Array = (np.einsum("ep,emp->mp", gradient, parts) ** 2).sum(axis=0)
            return result
        result = np.einsum("ep,ep->p", gradient**2, np.broadcast_to(variance, gradient.shape))
        if isinstance(self.noise, PhotonNoise) and self.noise.flats is not None:
            # What energies share of a flat changes a pixel's factor by about the same everywhere.
            with np.errstate(invalid="ignore"):
                typical = np.nanmean(gradient, axis=1, keepdims=True)
            result = result + (self.noise.sources(typical, pixels)[0] ** 2).sum(axis=0)
        return result

    def _by_chance(self, variance: Float64Array) -> Float64Array:
        """Return the factor (P,) that noise alone is expected to give."""
        from scipy.special import ndtri

        n = self.frames.size
        extreme = float(ndtri((n - 0.375) / (n + 0.25))) if n > 1 else 0.0
        size = {"maximum": extreme, "min-max": 2 * extreme, "vector": float(np.sqrt(n))}.get(self.scaling.by, 0.0)
        result: Float64Array = size * np.sqrt(variance)
        return result


def frames_within(axis: Float64Array, limits: tuple[float, float]) -> IndexArray:
    """Return the numbers of the frames from one energy to another, ends included."""
    return np.flatnonzero((axis >= limits[0] - 1e-6) & (axis <= limits[1] + 1e-6))


def scatter(axis: Float64Array, block: NDArray[Any]) -> Float64Array:
    """Return the noise (P,) of spectra (E, P) by how far values lie off the line through their neighbours.

    It is the median over the energies: an edge in a minority of them does not change it, a coarse axis makes it too
    large. NaN for fewer than three energies.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (400, 200))
    >>> round(float(scatter(np.arange(400.0), noise).mean()), 2)
    0.1
    """
    if axis.size < 3:
        return np.full(block.shape[1], np.nan)
    before, after = np.diff(axis)[:-1, None], np.diff(axis)[1:, None]
    left, right = after / (before + after), before / (before + after)
    off = block[1:-1] - left * block[:-2] - right * block[2:]
    result: Float64Array = np.median(np.abs(off) / np.sqrt(1 + left**2 + right**2), axis=0) / 0.6745
    return result


def scaled_spectrum(spectrum: Spectrum, scaling: Scaling, axis: Float64Array) -> Spectrum:
    """Return a spectrum divided as the spectra of a stack were, at the same energies.

    Parameters
    ----------
    spectrum : Spectrum
        A reference.
    scaling : Scaling
        What was done to the stack.
    axis : ndarray, shape (E,)
        Energies of the stack in eV.

    Raises
    ------
    ValueError
        If the stack has lost the energies of its scaling, the spectrum does not reach over them, or its factor is not
        positive.

    Examples
    --------
    >>> axis = np.array([700.0, 710, 720])
    >>> scaled_spectrum(Spectrum("Fe", axis, [0.0, 4, 2]), Scaling("maximum", (700.0, 720.0)), axis).mu.tolist()
    [0.0, 1.0, 0.5]
    """
    for low, high in filter(None, (scaling.energy, scaling.background)):
        if axis[0] > low + 1e-3 or axis[-1] < high - 1e-3:
            raise ValueError(
                f"the stack was divided by its {scaling}, but its energies are now {axis[0]:g} to {axis[-1]:g} eV: "
                "references can't be divided in the same way; crop before normalize, not after"
            )
        if spectrum.energy[0] > low + 1e-3 or spectrum.energy[-1] < high - 1e-3:
            raise ValueError(
                f"{spectrum.name!r} covers {spectrum.energy[0]:g} to {spectrum.energy[-1]:g} eV, but the stack was "
                f"divided by its {scaling}: leave it out, or give normalize a range that all references cover"
            )
    found = Ruler(axis, scaling).measure(np.nan_to_num(spectrum.at(axis))[:, None])
    offset, factor = float(found.offset[0]), float(found.factor[0])
    if not factor > 0:
        raise ValueError(
            f"{spectrum.name!r} can't be divided by its {scaling}, which is {factor:.3g}: choose another scaling, or "
            "check its sign and energies"
        )
    sigma = None if spectrum.sigma is None else spectrum.sigma / factor
    metadata = {name: value for name, value in spectrum.metadata.items() if name != "normalized"}
    metadata["scaled"] = str(scaling)
    return Spectrum(spectrum.name, spectrum.energy, (spectrum.mu - offset) / factor, spectrum.valence, sigma, metadata)
