"""`small_phases`: small unknown phases, found by what the main components leave over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from napari_xanes.edge import Range, raise_if_frame_empty
from napari_xanes.exploring.leftover import images_of
from napari_xanes.exploring.phase_search import find_phases
from napari_xanes.exploring.phases import PhasesArgument, SmallPhases, mark
from napari_xanes.exploring.stacks import within
from napari_xanes.noise import AmountNoise
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.region_means import SHARED_ENERGIES
from napari_xanes.region_spectra import region_spectrum
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack

_LEAST_ENERGIES = 8
"""Fewer energies leave no smooth part beside main components that noise could be told from."""


def _prepared(stack: SpectralStack, energy: Range | None) -> SpectralStack:
    stack = within(stack, "small_phases", energy)
    if stack.energy.size < _LEAST_ENERGIES:
        raise ValueError(
            f"{stack.name!r} has {stack.energy.size} energies; small_phases needs at least {_LEAST_ENERGIES} to tell "
            "spectra from noise"
        )
    if isinstance(stack.noise, AmountNoise):
        raise ValueError(
            f"the noise of {stack.name!r} was removed, and what it did not know with it: use the stack before denoising"
        )
    return stack


def _fit_state(stack: SpectralStack, *, min_pixels: int, energy: Range | None, phases: Any) -> Mapping[str, Any]:
    """Find the phases from the whole stack."""
    if phases is not None:
        return {"phases": phases}
    stack = _prepared(stack, energy)
    return {"phases": find_phases(stack, min_pixels)}


@method(looks_at="neighbours", fit=_fit_state)
def small_phases(
    stack: SpectralStack,
    /,
    *,
    min_pixels: Annotated[int, Param(ge=2, le=1000, label="smallest phase in pixels")] = 4,
    energy: Annotated[Range | None, Param(unit="eV", ge=0, auto="all")] = None,
    phases: PhasesArgument = None,
    progress: Progress | None = None,
) -> MapSet:
    """Small phases that nobody expected: pixels whose spectra the rest of the stack can't make.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence, normalized or scaled absorption.
    min_pixels : int
        Smaller groups of connected pixels are left out, as spots and faulty pixels.
    energy : tuple of float, optional
        Range of energies to use in eV, both ends included.
    phases : SmallPhases, optional
        Phases that an earlier run has found, at the same energies: they are looked for in this stack.

    Returns
    -------
    MapSet
        ``phase``, labels of the pixels that hold a phase, and ``excess``, what is left over against the limit that
        noise exceeds in one of a hundred stacks that hold nothing. ``metadata["spectra"]`` holds the mean spectrum of
        each phase with its error, from the data as they are; ``metadata["leftover"]`` what the rest of the stack
        can't make of it; ``metadata["significance"]`` its mean amount in standard errors.

    Raises
    ------
    ValueError
        If the stack is no absorption, was denoised, has too few energies, or no pixels hold values at all energies.

    Notes
    -----
    Main components are those that many pixels share, found again without the pixels that stand out. What they leave
    over, in units of the noise, is pooled over squares of 1, 3 and 5 pixels; its sum of squares has a chi-square
    distribution, whose limit for the largest of all pixels follows from its tail (Bonferroni). A place that exceeds it
    gives a spectrum if alternate pixels agree, and a pixel holds the phase if it has more than half of what its place
    has typically along this spectrum (matched filter).

    Examples
    --------
    >>> energy = np.linspace(8330, 8400, 40)
    >>> rng = np.random.default_rng(0)
    >>> amounts = rng.uniform(0.5, 1, (2, 60, 60))
    >>> mu = np.tensordot(np.stack([np.arctan(energy - 8343), np.arctan(energy - 8347)]).T, amounts, 1)
    >>> mu[:, 20:24, 30:34] += 0.3 * np.exp(-(((energy - 8360) / 4) ** 2))[:, None, None]
    >>> stack = SpectralStack(mu + 0.05 * rng.standard_normal(mu.shape), energy, "optical_depth")
    >>> int((small_phases(stack)["phase"].data[20:24, 30:34] == 1).sum())
    16
    """
    stack = _prepared(stack, energy)
    found = phases if phases is not None else find_phases(stack, min_pixels)
    _check_energies(found, stack)
    marked = [mark(image, found, min_pixels) for _, image in images_of(stack)]
    numbers = np.stack([one.numbers for one in marked]).reshape(stack.shape[1:])
    excess = np.stack([one.excess for one in marked]).reshape(stack.shape[1:])
    if not np.isfinite(excess).any():
        raise_if_frame_empty(stack)
    present = [number for number in range(1, len(found.amplitudes) + 1) if (numbers == number).any()]
    names = {number: f"phase {number}" for number in range(1, len(found.amplitudes) + 1)}
    counts = [int((numbers == number).sum()) for number in present]
    metadata = {
        "name": stack.name,
        "warnings": [*found.warnings, *_doubts(stack)],
        "spectra": [region_spectrum(stack, numbers == number, names[number]) for number in present],
        "leftover": (found.directions * found.amplitudes[:, None] * found.noise).tolist(),
        "significance": [
            float(found.amplitudes[number - 1] * np.sqrt(count)) for number, count in zip(present, counts, strict=True)
        ],
    }
    maps = {
        "phase": ParameterMap(numbers, "1", labels=names),
        "excess": ParameterMap(excess, "1", companion="phase"),
    }
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)


def _check_energies(phases: SmallPhases, stack: SpectralStack) -> None:
    if phases.energy.shape != stack.energy.shape or not np.allclose(phases.energy, stack.energy, rtol=0, atol=1e-3):
        raise ValueError(
            f"the phases were found at {phases.energy.size} energies from {phases.energy[0]:g} to "
            f"{phases.energy[-1]:g} eV, but {stack.name!r} has {stack.energy.size} from {stack.energy[0]:g} to "
            f"{stack.energy[-1]:g} eV: interpolate_energy first, or leave phases out"
        )


def _doubts(stack: SpectralStack) -> list[str]:
    if stack.metadata.get(SHARED_ENERGIES):
        return [
            "neighbouring energies share noise after smooth or interpolate_energy, which hides small phases or makes "
            "some; find them in the stack before that step"
        ]
    return []
