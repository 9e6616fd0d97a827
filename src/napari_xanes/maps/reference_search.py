"""`search_references`: which spectra of a library one spectrum is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.blocks import single_threaded_blas
from napari_xanes.edge import Range, find_e0, tabulated_e0
from napari_xanes.maps.searching.answers import FoundReferences
from napari_xanes.maps.searching.columns import Columns
from napari_xanes.maps.searching.library import SpectraLibrary, load_spectra_library
from napari_xanes.maps.searching.one_spectrum import OneSpectrum
from napari_xanes.spectrum import Spectrum

Background = Literal["linear", "constant", "none"]

MOST = 3
"""Largest number of references in a combination."""

_HARD = 2000.0
_BELOW, _ABOVE = 20.0, 80.0
"""At edges above 2000 eV, energies from so many eV below E0 to so many above it are compared."""

_LEAST_ENERGIES = 10

_COUNT = 10
"""Number of answers."""

_AT_THE_LIMIT = 0.98


def search_references(
    spectrum: Spectrum,
    library: Any,
    max_components: int = 3,
    shift: float = 2.0,
    *,
    energy: Range | None = None,
    background: Background = "linear",
    tolerance: float = 0.02,
) -> FoundReferences:
    """Find the spectra of a library that a spectrum is made of, with fractions, errors and what can't be told apart.

    Parameters
    ----------
    spectrum : Spectrum, shape (E,)
        Absorption, normalized or not. Its `sigma` are the errors; else the scatter about the best fit tells them.
    library : list of Spectrum, path, str or SpectraLibrary
        A folder of files of spectra, an Athena project, the SQLite file of the X-ray Absorption Data Library, the name
        or file of a library of theory, or `load_spectra_library`'s result, which saves reading it again.
    max_components : int
        Largest number of references in a combination, 1 to 3.
    shift : float
        By how many eV at most the energies of the spectrum may lie above or below those of the library.
    energy : (float, float), optional
        Range in eV that is compared; by default, at edges above 2000 eV, from 20 eV below the edge to 80 eV above it,
        as far as most of the library goes.
    background : {"linear", "constant", "none"}
        What is fitted beside the references.
    tolerance : float
        Root mean square, as a share of the edge jump, by which measurements of one substance may differ. What misses
        the spectrum by more, and by more than noise, is not what it is made of.

    Returns
    -------
    FoundReferences
        Answers, best first, each with names, fractions, errors of noise and model, shift, BIC, p-value and chi square;
        ``words`` says the result.

    Raises
    ------
    ValueError
        If the library is of another edge or its spectra are too short, the spectrum has too few energies, or nothing of
        the library has a positive amount.

    Notes
    -----
    The spectrum is a sum of references with amounts of at least 0, all moved by one shift, and a background. See
    `maps.searching.combinations` for how all combinations are tried. They are ranked by the Bayesian information
    criterion (Schwarz, Ann. Stat. 6, 461, 1978) extended by twice the logarithm of the number of combinations (Chen and
    Chen, Biometrika 95, 759, 2008): among a million pairs, some fit well by chance. What the best fit leaves over
    beyond noise counts as noise that neighbouring energies share. Answers that differ by less than 6 in BIC are not
    told apart (Kass and Raftery, J. Am. Stat. Assoc. 90, 773, 1995).

    Examples
    --------
    >>> energy = np.linspace(8320, 8400, 81)
    >>> known = [Spectrum(f"e0 = {e0}", np.arange(8300.0, 8420), np.arctan(np.arange(8300.0, 8420) - e0) / np.pi + 0.5)
    ...          for e0 in (8340, 8344, 8348)]
    >>> noise = 0.005 * np.random.default_rng(0).standard_normal(81)
    >>> mu = 0.7 * known[0].at(energy - 0.5) + 0.3 * known[2].at(energy - 0.5) + noise
    >>> search_references(Spectrum("x", energy, mu), known).words
    'e0 = 8340 70 ± 1 %, e0 = 8348 30 ± 1 %'
    """
    _check(max_components, shift, tolerance)
    prepared = load_spectra_library(library)
    low, high = compared_range(spectrum, prepared, shift, energy)
    good = np.isfinite(spectrum.mu) & (spectrum.energy >= low) & (spectrum.energy <= high)
    axis = spectrum.energy[good]
    if axis.size < _LEAST_ENERGIES + max_components:
        raise ValueError(
            f"{spectrum.name!r} has {axis.size} energies in {low:g} to {high:g} eV; a search takes at least "
            f"{_LEAST_ENERGIES + max_components}: give a wider energy range, or a spectrum with more energies"
        )
    with single_threaded_blas():
        columns, warnings = prepared.columns(axis, shift)
        return search(columns, spectrum, good, max_components, background, tolerance, warnings)


def search(
    columns: Columns,
    spectrum: Spectrum,
    used: Any,
    max_components: int,
    background: Background,
    tolerance: float,
    warnings: list[str],
) -> FoundReferences:
    """Search in a library that was brought to the `used` energies of a spectrum; see `search_references`."""
    sigma = None if spectrum.sigma is None else spectrum.sigma[used]
    if sigma is not None and not (np.isfinite(sigma).all() and (sigma > 0).all()):
        sigma = None
    if not np.ptp(spectrum.mu[used]) > 0:
        raise ValueError(
            f"{spectrum.name!r} is the same at all energies; there is nothing to search for; choose another spectrum"
        )
    # Shares do not depend on the unit; squares of large numbers would not fit single precision.
    unit = float(np.abs(spectrum.mu[used]).max())
    errors = None if sigma is None else sigma / unit
    columns_beside = background_columns(columns.energy, background)
    one = OneSpectrum(columns, spectrum.mu[used] / unit, errors, columns_beside, tolerance)
    found = one.answers(max_components, _COUNT)
    if found is None:
        raise ValueError(
            f"no spectrum of the library fits {spectrum.name!r} with a positive amount: is it absorption of this edge? "
            "Choose another library"
        )
    told = list(warnings)
    best = found.best[0]
    limit = columns.shifts[-1]
    # Nothing says how well references fit beyond the limit, so an answer there is none.
    at_limit = limit > 0 and abs(best.shift) > _AT_THE_LIMIT * limit
    if at_limit:
        told.append(f"the shift of {best.shift:.2g} eV lies at its limit; allow a larger shift, or calibrate energies")
    in_library = not at_limit and (best.misfit <= tolerance or one.is_noise(best))
    answers = tuple(replace(answer, fitted=answer.fitted * unit) for answer in found.best)
    return FoundReferences(
        spectrum.name,
        answers,
        in_library,
        tuple(columns.names),
        found.presence,
        columns.energy,
        spectrum.mu[used],
        told,
    )


def background_columns(energy: Float64Array, background: Background) -> Float64Array:
    """Return the columns (E, F) of a background."""
    middle = energy - energy.mean()
    columns = {"linear": [np.ones_like(energy), middle], "constant": [np.ones_like(energy)], "none": []}[background]
    return np.array(columns).reshape(len(columns), energy.size).T


def compared_range(spectrum: Spectrum, library: SpectraLibrary, shift: float, energy: Range | None) -> Range:
    """Return the range of energies in eV that is compared, as far as most spectra of the library go."""
    if energy is not None:
        return energy
    good = np.isfinite(spectrum.mu)
    axis, mu = spectrum.energy[good], spectrum.mu[good]
    if axis.size < _LEAST_ENERGIES:
        raise ValueError(
            f"{spectrum.name!r} has {axis.size} energies; a search takes at least {_LEAST_ENERGIES} to tell references"
        )
    low, high = float(axis[0]), float(axis[-1])
    if low > _HARD:
        near = tabulated_e0(spectrum.metadata.get("element"), spectrum.metadata.get("edge"))
        e0 = find_e0(axis, mu, near=near)
        low, high = max(low, e0 - _BELOW), min(high, e0 + _ABOVE)
    members = [s for s in library.spectra if s.energy[0] < high and s.energy[-1] > low]
    if members:
        first = float(np.quantile([s.energy[0] for s in members], 0.8)) + shift
        last = float(np.quantile([s.energy[-1] for s in members], 0.2)) - shift
        if last - first > (high - low) / 2:
            low, high = max(low, first), min(high, last)
    return low, high


def _check(max_components: int, shift: float, tolerance: float) -> None:
    if max_components not in range(1, MOST + 1):
        raise ValueError(
            f"max_components = {max_components!r}: combinations have 1 to {MOST} references; give one of these"
        )
    if not 0 <= shift <= 15:
        raise ValueError(f"shift = {shift!r} eV: the largest shift is 0 to 15 eV; give one of these")
    if not tolerance >= 0:
        raise ValueError(f"tolerance = {tolerance!r}: it is a share of the edge jump of at least 0")
