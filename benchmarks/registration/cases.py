"""The three cases that alignment must master: contrast that stays, inverts, or hardly changes at the edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from benchmarks.registration.rendering import Array, Drifting, random_walk, recorded, texture
from benchmarks.registration.specimens import SPECIMENS, Specimen
from scipy import ndimage

import napari_xanes as nx

CASES = ("same", "invert", "weak")
"""Same contrast on both sides of the edge; contrast that inverts at the edge; an edge five times weaker."""

EDGE = 8344.0
MARGIN = 40
"""Pixels around the frame that drift into it."""


def layers(case: str, rng: np.random.Generator, jump: Array, share: Array) -> Array:
    """Return maps (3, Y, X): two references, and what absorbs alike at all energies."""
    maps, constant = [jump * (1 - share), jump * share], 0.5 * jump
    if case == "invert":
        constant = np.clip(0.35 - 0.9 * jump, 0, None) * (1 + 0.05 * texture(rng, jump.shape, 2))
    if case == "weak":
        maps, constant = [0.2 * image for image in maps], 0.03 * jump
    return np.array([*maps, constant])


def drifting(
    case: str,
    *,
    specimen: str | Specimen = "particle",
    seed: int = 0,
    size: int = 256,
    frames: int = 60,
    photons: float = 4000.0,
    residue: float = 0.01,
    residue_scale: float = 8.0,
    step: float = 0.5,
    shifts: Array | None = None,
    margin: int = MARGIN,
    blur: float = 0.0,
) -> Drifting:
    """Return a drifting stack with a residue of the flat, which varies by 30 % from frame to frame.

    `blur` in pixels takes off what is sharper than pixels can show.
    """
    rng = np.random.default_rng(seed)
    energy = np.linspace(8270.0, 8460.0, frames)
    references = list(nx.sample.nmc_ni_k(size=16, photons=10.0).stack.metadata["references"])
    made = SPECIMENS[specimen] if isinstance(specimen, str) else specimen
    maps = layers(case, rng, *made(rng, size + 2 * margin))
    if blur:
        maps = ndimage.gaussian_filter(maps, (0, blur, blur), mode="wrap")
    spectra = np.array([*(reference.at(energy) for reference in references), np.ones(frames)])
    path = random_walk(rng, frames, step) if shifts is None else shifts - shifts.mean(axis=0)
    pattern = residue * texture(rng, size, residue_scale) if residue else 0.0
    stack = recorded(
        rng, energy, spectra, maps, path, size=size, photons=photons, pattern=pattern, flicker=0.3, name=case
    )
    return replace(stack, references=references, edge=EDGE)
