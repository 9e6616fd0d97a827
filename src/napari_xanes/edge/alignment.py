"""The shift in energy between two spectra: by the edge, by the white line, or by all of their shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge.position import find_e0
from napari_xanes.spectrum import Spectrum

Feature = Literal["edge", "white line", "shape"]
"""What is compared: the steepest rise, the highest point behind it, or the whole spectrum near the edge."""

_REACH = 40.0
"""The white line lies within so many eV behind the edge; the shape is compared from half of this below the edge on."""

_LARGEST = 15.0
"""Largest shift in eV by which shapes are moved."""

_HELD = (5.0, 10.0)
"""Shapes are compared if both spectra reach from so many eV below the edge to so many above it."""

_UNLIKE = 0.3
"""Spectra of which the best shift leaves a larger share of the squares about a line show no common edge."""

_REPEATS = 40
"""Spectra with other noise, from which the error is estimated."""


class Shift(NamedTuple):
    """By how many eV a spectrum must be moved, and the standard error that noise causes."""

    value: float
    sigma: float


def feature_energy(energy: Float64Array, mu: Float64Array, feature: Feature) -> Shift:
    """Return the energy of the edge or of the white line, with the error that noise causes.

    Parameters
    ----------
    energy, mu : ndarray, shape (E,)
        A spectrum; energies in eV.
    feature : {"edge", "white line"}
        The steepest rise (`find_e0`), or the vertex of a parabola through the highest point behind it.

    Raises
    ------
    ValueError
        If there is no edge, or the white line is no maximum.

    Examples
    --------
    >>> axis = np.arange(8300.0, 8400.0)
    >>> round(feature_energy(axis, np.arctan((axis - 8343.4) / 2), "edge").value, 1)
    8343.4
    """
    measure = _white_line if feature == "white line" else find_e0
    return _with_error(lambda values: measure(energy, values), energy, mu)


def shift_between(spectrum: Spectrum, target: Spectrum, feature: Feature) -> Shift:
    """Return by how many eV a spectrum must be moved to lie on another.

    Parameters
    ----------
    spectrum, target : Spectrum
        Two spectra of the same edge.
    feature : {"edge", "white line", "shape"}
        What is laid on top of each other. The shape fits the target times a factor plus a line, from 20 eV below the
        edge to 40 eV above.

    Raises
    ------
    ValueError
        If a spectrum has no edge, both lie further apart than 15 eV, or one ends so near the edge that it lacks its
        shape.

    Examples
    --------
    >>> axis = np.arange(8300.0, 8400.0)
    >>> low, high = (Spectrum("foil", axis, np.arctan((axis - e0) / 2)) for e0 in (8343.0, 8344.2))
    >>> round(shift_between(low, high, "shape").value, 1)
    1.2
    """
    if feature != "shape":
        ours, theirs = (feature_energy(s.energy, s.mu, feature) for s in (spectrum, target))
        return Shift(theirs.value - ours.value, float(np.hypot(ours.sigma, theirs.sigma)))
    e0 = find_e0(target.energy, target.mu)
    shift, unlike = _shape_shift(spectrum, target, e0, np.arange(-_LARGEST, _LARGEST + 0.25, 0.5))
    if abs(shift) > _LARGEST - 0.5 or unlike > _UNLIKE:
        raise ValueError(
            f"{spectrum.name!r} and {target.name!r} lie more than {_LARGEST:g} eV apart, or are unlike: "
            "check that they show the same edge"
        )
    # Noise of the target moves its shape as noise of the spectrum does.
    near = shift + np.arange(-1.0, 1.25, 0.5)
    ours = _with_error(
        lambda mu: _shape_shift(replace(spectrum, mu=mu), target, e0, near)[0], spectrum.energy, spectrum.mu
    )
    theirs = _with_error(
        lambda mu: _shape_shift(spectrum, replace(target, mu=mu), e0, near)[0], target.energy, target.mu
    )
    return Shift(shift, float(np.hypot(ours.sigma, theirs.sigma)))


def align_spectra(
    spectra: list[Spectrum], target: Spectrum, *, feature: Feature = "edge", shifts: list[float] | None = None
) -> list[Spectrum]:
    """Move spectra in energy so that they lie on another one.

    Parameters
    ----------
    spectra : list of Spectrum
        Spectra of the same edge; those of foils that were measured with samples, for example.
    target : Spectrum
        What they are laid on.
    feature : {"edge", "white line", "shape"}
        What is compared, see `shift_between`.
    shifts : list of float, optional
        Shifts in eV that were found before, one per spectrum: so samples follow their foils.

    Returns
    -------
    list of Spectrum
        Moved spectra; ``metadata["shift"]`` and ``metadata["shift_sigma"]`` are in eV.

    Raises
    ------
    ValueError
        If there is not one shift per spectrum, or a shift can't be found.

    Examples
    --------
    >>> axis = np.arange(8300.0, 8400.0)
    >>> low, high = (Spectrum("foil", axis, np.arctan((axis - e0) / 2)) for e0 in (8343.0, 8344.2))
    >>> round(align_spectra([low], high)[0].metadata["shift"], 1)
    1.2
    """
    if shifts is not None and len(shifts) != len(spectra):
        raise ValueError(f"{len(shifts)} shifts for {len(spectra)} spectra; give one for each")
    found = (
        [shift_between(spectrum, target, feature) for spectrum in spectra]
        if shifts is None
        else [Shift(float(value), 0.0) for value in shifts]
    )
    return [
        Spectrum(
            s.name,
            s.energy + shift.value,
            s.mu,
            s.valence,
            s.sigma,
            {**s.metadata, "shift": shift.value, "shift_sigma": shift.sigma},
        )
        for s, shift in zip(spectra, found, strict=True)
    ]


def _white_line(energy: Float64Array, mu: Float64Array) -> float:
    """Return the vertex of a parabola through the highest point behind the edge and its neighbours."""
    e0 = find_e0(energy, mu)
    inside = np.flatnonzero((energy >= e0) & (energy <= e0 + _REACH))
    i = int(inside[np.argmax(mu[inside])]) if inside.size else 0
    if not 0 < i < energy.size - 1 or mu[i] < max(mu[i - 1], mu[i + 1]):
        raise ValueError(f"no maximum lies within {_REACH:g} eV behind the edge at {e0:.1f} eV; use the edge instead")
    bend, slope, _ = np.polyfit(energy[i - 1 : i + 2] - energy[i], mu[i - 1 : i + 2], 2)
    return float(energy[i] - slope / (2 * bend)) if bend < 0 else float(energy[i])


def _shape_shift(spectrum: Spectrum, target: Spectrum, e0: float, shifts: Float64Array) -> tuple[float, float]:
    """Return the shift with which the target, a factor and a line fit best, and the share of squares left over.

    Only energies that the target covers are compared: beyond its ends nobody knows its shape.
    """
    energy = spectrum.energy
    near = (energy > e0 - _REACH / 2 - _LARGEST) & (energy < e0 + _REACH + _LARGEST)
    axis, values = energy[near], spectrum.mu[near]
    if axis.size < 8:
        raise ValueError(
            f"fewer than 8 energies lie near the edge of {target.name!r} at {e0:.1f} eV; give a spectrum with more"
        )

    def covered(lowest: float, highest: float) -> slice:
        first, last = target.energy[[0, -1]]
        return slice(
            int(np.searchsorted(axis, first - lowest)), int(np.searchsorted(axis, last - highest, side="right"))
        )

    def share(shift: float, points: slice) -> float:
        x, y = axis[points], values[points]
        x = x - x.mean()
        shape = np.interp(axis[points] + shift, target.energy, target.mu)
        y, shape = (v - v.mean() - x * (x @ v / (x @ x)) for v in (y, shape))
        squares = max(float(shape @ shape), 1e-300)
        return 1 - float(y @ shape) ** 2 / max(squares * float(y @ y), 1e-300)

    def holds_the_edge(shift: float, points: slice) -> bool:
        moved = axis[points] + shift
        return moved.size >= 8 and moved[0] <= e0 - _HELD[0] and moved[-1] >= e0 + _HELD[1]

    from scipy.optimize import minimize_scalar

    tried = [(shift, covered(shift, shift)) for shift in shifts]
    usable = [(share(shift, points), shift) for shift, points in tried if holds_the_edge(shift, points)]
    if not usable:
        raise ValueError(
            f"{spectrum.name!r} and {target.name!r} share too little of the shape of the edge at {e0:.1f} eV: at least "
            f"{_HELD[0]:g} eV below it and {_HELD[1]:g} eV above it are needed, the second one has "
            f'{target.energy[0]:.1f} to {target.energy[-1]:.1f} eV; compare the edge instead (feature="edge")'
        )
    best = float(min(usable)[1])
    points = covered(best - 0.5, best + 0.5)
    found = minimize_scalar(
        share, bounds=(best - 0.5, best + 0.5), args=(points,), method="bounded", options={"xatol": 1e-3}
    )
    return float(found.x), float(found.fun)


def _with_error(measure: Callable[[Float64Array], float], energy: Float64Array, mu: Float64Array) -> Shift:
    """Return a value and its scatter over spectra with more noise of the same size."""
    value, noise = measure(mu), _noise(energy, mu)
    rng = np.random.default_rng(0)
    repeats = []
    for _ in range(_REPEATS if noise > 0 else 0):
        try:
            repeats.append(measure(mu + noise * rng.standard_normal(mu.size)))
        except ValueError:
            repeats.append(np.nan)
    scatter = np.abs(np.array(repeats) - value)
    # Half a width of 68 %: one repeat that jumps to another maximum must not decide.
    return Shift(value, float(np.nanpercentile(scatter, 68)) if np.isfinite(scatter).any() else 0.0)


def _noise(energy: Float64Array, mu: Float64Array) -> float:
    """Return the standard deviation of noise from how far points lie from cubics through their neighbours."""
    if energy.size < 12:
        return 0.0
    weights = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
    differences = np.convolve(mu, weights, mode="valid") / np.sqrt((weights**2).sum())
    return float(np.median(np.abs(differences)) / 0.6745)
