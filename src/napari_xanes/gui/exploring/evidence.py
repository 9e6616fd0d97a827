"""What a run of Explore found, as numbers to plot: eigenvalues of components, and spectra with their bands. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes.colours import colour_of
from napari_xanes.parameter_map import MapSet
from napari_xanes.region_spectra import STANDARD_DEVIATION
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import UNITS

Values = NDArray[np.float64]

AMBIGUITY = "Bands: the range of the spectra that fit as well"
SPREAD = "Bands: ± standard deviation of the pixels"
ERROR = "Bands: ± standard error"


@dataclass(frozen=True, eq=False)
class Scree:
    """The eigenvalues of a scree plot.

    Parameters
    ----------
    eigenvalues : ndarray, shape (E,)
        Mean squares along the components in units of the noise, largest first.
    limit : float
        The largest one that noise has by chance (parallel analysis).
    n_found : int
        Number of components that the run made maps of.
    """

    eigenvalues: Values
    limit: float
    n_found: int

    @property
    def n_shown(self) -> int:
        """How many components to show at first: those that were found, and enough of the noise beside them."""
        return min(self.eigenvalues.size, max(12, 2 * self.n_found))


@dataclass(frozen=True, eq=False)
class FoundCurve:
    """A spectrum that was found, and the band around it; NaN where the band is not known.

    Parameters
    ----------
    name, colour : str
        The name, and the colour as ``#rrggbb``.
    energy, values, low, high : ndarray, shape (E,)
        Energies in eV, and the spectrum and the ends of its band in its own unit.
    """

    name: str
    colour: str
    energy: Values
    values: Values
    low: Values
    high: Values


def scree_of(maps: MapSet) -> Scree | None:
    """Return the eigenvalues that `components` found; None for the maps of other methods."""
    if "eigenvalues" not in maps.metadata:
        return None
    eigenvalues = _numbers(maps.metadata["eigenvalues"])
    return Scree(eigenvalues, float(maps.metadata["limit"]), len(maps.metadata["spectra"]))


def curves_of(maps: MapSet) -> tuple[list[FoundCurve], str]:
    """Return the spectra that were found, in the colours of their labels, and what their bands are.

    The band of a pure spectrum is its ambiguity, which is mostly wider than its error; that of a cluster is the spread
    of its pixels, that of others the standard error.
    """
    spectra: list[Spectrum] = list(maps.metadata.get("spectra") or [])
    ranges = {one["name"]: (one["low"], one["high"]) for one in maps.metadata.get("ambiguity") or []}
    labels = {name: label for one in maps.values() for label, name in (one.labels or {}).items()}
    curves = []
    for number, spectrum in enumerate(spectra, start=1):
        low, high = ranges.get(spectrum.name) or _around(spectrum)
        colour = colour_of(labels.get(spectrum.name, number))
        energy, mu = _numbers(spectrum.energy), _numbers(spectrum.mu)
        curves.append(FoundCurve(spectrum.name, colour, energy, mu, _numbers(low), _numbers(high)))
    if ranges:
        return curves, AMBIGUITY
    spread = any(STANDARD_DEVIATION in spectrum.metadata for spectrum in spectra)
    return curves, SPREAD if spread else ERROR


def label_of(maps: MapSet) -> str:
    """Return what the spectra that were found are, with their unit.

    Means of pixels have the quantity of the stack; those of components and unmixing are per amount, which has its unit.
    """
    spectra: list[Spectrum] = list(maps.metadata.get("spectra") or [])
    quantity = str(spectra[0].metadata.get("quantity")) if spectra else ""
    if quantity not in UNITS:
        return "absorption per amount (1)"
    unit = UNITS[quantity]
    return f"{quantity.replace('_', ' ')}{'' if unit == '1' else f' ({unit})'}"


def _around(spectrum: Spectrum) -> tuple[Values, Values]:
    """Return the ends of the band of a spectrum: the spread of its pixels, or else its standard error."""
    width = spectrum.metadata.get(STANDARD_DEVIATION, spectrum.sigma)
    half = np.full(spectrum.mu.shape, np.nan) if width is None else _numbers(width)
    return spectrum.mu - half, spectrum.mu + half


def _numbers(values: ArrayLike) -> Values:
    return np.asarray(values, dtype=np.float64)
