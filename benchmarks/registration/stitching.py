"""Print how far off `stitch` puts segments and tiles whose places are known, and the step between them.

``python -m benchmarks.registration --cases stitch`` prints these rows alone.
"""

from __future__ import annotations

import time

import numpy as np
from benchmarks.registration.cases import CASES, layers
from benchmarks.registration.rendering import Array, recorded, texture
from benchmarks.registration.specimens import SPECIMENS

import napari_xanes as nx

SHIFT, STEP = np.array([2.3, -1.6]), 0.03
RESIDUE = 0.01


class Sample:
    """A sample of several stacks: maps (3, Y, X) with their spectra (3, E)."""

    def __init__(self, case: str, specimen: str, seed: int, size: int, frames: int) -> None:
        rng = np.random.default_rng(seed)
        references = nx.sample.nmc_ni_k(size=16, photons=10.0).stack.metadata["references"]
        self.energy = np.linspace(8270.0, 8460.0, frames)
        self.spectra = np.array([*(reference.at(self.energy) for reference in references), np.ones(frames)])
        self.maps = layers(case, rng, *SPECIMENS[specimen](rng, size))

    def part(
        self, seed: int, place: Array, size: int, photons: float, frames: slice = slice(None), step: float = 0.0
    ) -> nx.SpectralStack:
        """Return what a stack shows that lies `place` from the middle of the sample, (y, x) in pixels."""
        energy = self.energy[frames]
        pattern = RESIDUE * texture(np.random.default_rng(7), size, 8.0) - step
        made = recorded(
            np.random.default_rng(seed),
            energy,
            self.spectra[:, frames],
            self.maps,
            np.tile(-place, (energy.size, 1)),
            size=size,
            photons=photons,
            pattern=pattern,
            name=f"part {seed}",
        )
        return made.stack


class Errors:
    """Errors of positions, also in units of those that were stated, and seconds of the processor."""

    def __init__(self) -> None:
        self.error: list[Array] = []
        self.pull: list[Array] = []
        self.lost, self.seconds = 0, 0.0

    def add(self, stacks: list[nx.SpectralStack], places: Array) -> nx.SpectralStack | None:
        start = time.process_time()
        try:
            joined = nx.stitch(stacks)
        except ValueError:
            self.lost += 1
            return None
        finally:
            self.seconds += time.process_time() - start
        found = joined.metadata["stitch"]
        error = (found.position - found.position[0] - (places - places[0]))[1:]
        self.error.append(error)
        self.pull.append(error / found.sigma[1:])
        return joined

    def __str__(self) -> str:
        count = len(self.error) + self.lost
        if not self.error:
            return f"refused in {self.lost} of {count}"
        rms, inside = np.sqrt(np.mean(np.square(self.error))), np.mean(np.abs(self.pull) < 2)
        lost = f", refused in {self.lost} of {count}" if self.lost else ""
        return f"rms {rms:.4f} pixels, 2 sigma {100 * inside:3.0f} %{lost}, {self.seconds / count:.1f} s CPU"


def segments(case: str, specimen: str, size: int, frames: int, photons: float, common: int, seeds: int) -> None:
    """Print the errors of the second segment, which begins `common` energies before the end of the first."""
    errors, steps = Errors(), []
    for seed in range(seeds):
        sample = Sample(case, specimen, seed, size + 32, frames)
        cut = int(0.45 * frames)
        stacks = [
            sample.part(2 * seed, np.zeros(2), size, photons, slice(None, cut)),
            sample.part(2 * seed + 1, SHIFT, size, photons, slice(cut - common, None), STEP),
        ]
        joined = errors.add(stacks, np.array([np.zeros(2), SHIFT]))
        if joined is not None and common:
            steps.append(joined.metadata["stitch"].seams[0]["step"] - STEP)
    step = f", step off by {np.sqrt(np.mean(np.square(steps))):.4f} OD" if steps else ""
    print(f"  segments, {common} energies in common: {errors}{step}")


def tiles(case: str, specimen: str, size: int, frames: int, photons: float, overlap: int, seeds: int) -> None:
    """Print the errors of a mosaic of 2 x 2 tiles that is found without any hint."""
    errors = Errors()
    for seed in range(seeds):
        sample = Sample(case, specimen, seed, 2 * size + 16, frames)
        half = 0.5 * (size - overlap)
        places = half * np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)])
        places = places + np.random.default_rng(seed).uniform(-2, 2, (4, 2))
        errors.add([sample.part(4 * seed + k, place, size, photons) for k, place in enumerate(places)], places)
    print(f"  2 x 2 tiles, overlap {overlap} pixels: {errors}")


def compare_stitching(size: int, frames: int, photons: float, seeds: int = 6) -> None:
    """Print all rows: contrast that stays, inverts and is weak, and samples of other textures."""
    kinds = [(case, "particle") for case in CASES] + [("same", name) for name in SPECIMENS if name != "particle"]
    for case, specimen in kinds:
        print(f"stitch, {case}, {specimen}, {photons:g} photons, {frames} x {size} x {size}, {seeds} seeds")
        for common in (3, 0):
            segments(case, specimen, size, frames, photons, common, seeds)
        for overlap in (size // 4, size // 8, 6):
            tiles(case, specimen, size, frames, photons, overlap, seeds)
