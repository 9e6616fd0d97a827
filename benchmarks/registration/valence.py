"""What is left of a drift in the valence map after `align`: errors and coverage beside those without drift."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from benchmarks.registration.cases import drifting
from benchmarks.registration.rendering import Drifting

import napari_xanes as nx
from napari_xanes.parameter_map import ParameterMap

_BORDER = 14
"""Pixels at the border that not all frames see."""


@dataclass(frozen=True)
class MapScore:
    """Root mean square error of a map, and the share of its pixels that lie within two sigma."""

    error: float
    coverage: float


def valence_of(stack: nx.SpectralStack, drift: Drifting) -> ParameterMap:
    """Return the valence map of the part of a stack that all frames see."""
    size = stack.shape[-1] - _BORDER
    part = nx.ops.crop(stack, region=(_BORDER, size, _BORDER, size))
    return nx.maps.fit_references(part, references=list(drift.references))["valence"]


def score(stack: nx.SpectralStack, drift: Drifting) -> MapScore:
    """Compare a valence map with that of the same sample without drift and noise."""
    bare = nx.SpectralStack(drift.still.astype(np.float32), stack.energy, "optical_depth")
    true, found = valence_of(bare, drift), valence_of(stack, drift)
    good = true.mask & found.mask
    error = (found.data - true.data)[good]
    return MapScore(float(np.sqrt(np.mean(error**2))), float(np.mean(np.abs(error) < 2 * found.sigma[good])))


def still_and_aligned(case: str, *, energies: int = 1, **sample: float) -> tuple[MapScore, MapScore, MapScore]:
    """Return the scores of a sample that stays, of one that drifts, and of the same after `align`.

    With `energies`, so many are averaged before the map is made.
    """
    frames = int(sample.get("frames", 60))
    settings = {"residue": 0.0, "blur": 1.0, **sample}
    still = drifting(case, shifts=np.zeros((frames, 2)), **settings)  # type: ignore[arg-type]
    moving = drifting(case, **settings)  # type: ignore[arg-type]
    stacks = [(still.stack, still), (moving.stack, moving), (nx.ops.align(moving.stack), moving)]
    scores = [score(_binned(stack, energies), _binned_truth(drift, energies)) for stack, drift in stacks]
    return scores[0], scores[1], scores[2]


def _binned(stack: nx.SpectralStack, energies: int) -> nx.SpectralStack:
    return nx.ops.bin(stack, pixels=1, energies=energies) if energies > 1 else stack


def _binned_truth(drift: Drifting, energies: int) -> Drifting:
    if energies == 1:
        return drift
    still = drift.still.reshape(-1, energies, *drift.still.shape[1:]).mean(axis=1)
    return Drifting(drift.stack, drift.shifts, drift.bound, still, drift.references, drift.edge)


def print_valence(photons: Iterable[float], *, size: int, frames: int) -> None:
    """Print the scores of each case, with each energy alone and with two averaged after `align`."""
    for case in ("same", "invert"):
        for light in photons:
            for energies in (1, 2):
                scores = still_and_aligned(case, energies=energies, size=size, frames=frames, photons=light)
                texts = [f"{one.error:.4f} ({100 * one.coverage:.0f} %)" for one in scores]
                ratio = scores[2].error / scores[0].error
                print(
                    f"{case}, {light:g} photons, {energies} energies averaged: still {texts[0]}, drifting {texts[1]}, "
                    f"aligned {texts[2]}, {ratio:.2f} times the still one"
                )
