"""Print what `repair` and `remove_stripes` find, miss and touch wrongly, and how well StackReg aligns beside `align`.

    python -m benchmarks.repair            # 160 x 160 pixels, one minute or two
    python -m benchmarks.repair --seeds 6  # the numbers of docs/methods.md

Everything is simulated, so that what is wrong is known. pystackreg is compared where it is installed.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from benchmarks.registration.cases import drifting
from numpy.typing import NDArray

import napari_xanes as nx
from napari_xanes.arguments import load_region

SIZE = 160
PHOTONS = (20.0, 300.0, 4000.0)
ZINGERS, WEAKEST, STRONGEST = 5e-4, 0.5, 6.0
"""Share of values that a zinger spoils; its counts over the mean of the frame."""

SINGLE = 20
"""Number of dead pixels, and of pixels that flicker."""

FLICKER = 0.6
"""Standard deviation of the logarithm of a flickering pixel's sensitivity."""

MISSING = 0.02
"""Share of values that are missing."""

STUCK = 1.5
"""Counts of the stuck column over those without sample."""


@dataclass(frozen=True)
class Spoiled:
    """Counts of a particle by a camera with flaws, and where they are."""

    stack: nx.SpectralStack
    zingers: NDArray[np.bool_]
    bad: NDArray[np.bool_]


def spoiled(photons: float, seed: int, size: int = SIZE) -> Spoiled:
    """Return a particle with zingers, dead and flickering pixels, and a stuck column.

    Parameters
    ----------
    photons : float
        Photons per pixel and energy without sample.
    seed : int
        Seed of the sample and of the flaws.
    size : int
        Height and width of the image in pixels.
    """
    rng = np.random.default_rng(seed)
    stack = nx.sample.nmc_ni_k(seed=seed, size=size, photons=photons).stack
    data = np.array(stack.data, np.float32)
    dark = np.broadcast_to(np.asarray(stack.metadata["dark"], np.float32), data.shape)
    bad = np.zeros(data.shape[1:], dtype=bool)
    rows, columns = np.unravel_index(rng.choice(bad.size, 2 * SINGLE, replace=False), bad.shape)
    dead, flickering = (rows[:SINGLE], columns[:SINGLE]), (rows[SINGLE:], columns[SINGLE:])
    data[:, *dead] = dark[:, *dead] + rng.normal(0, 1, (len(data), SINGLE))
    data[:, *flickering] *= rng.lognormal(0, FLICKER, (len(data), SINGLE))
    data[:, :, size // 3] = STUCK * np.asarray(stack.metadata["flat"]).mean()
    bad[rows, columns] = bad[:, size // 3] = True
    zingers = (rng.random(data.shape) < ZINGERS) & ~bad
    excess = rng.uniform(WEAKEST, STRONGEST, int(zingers.sum())) * (data - dark).mean()
    data[zingers] += excess.astype(np.float32)
    return Spoiled(stack.with_data(data), zingers, bad)


def found_by_repair(photons: float, seed: int, size: int = SIZE) -> NDArray[np.float64]:
    """Return zingers found and there, bad pixels found and there, right values replaced and there."""
    case = spoiled(photons, seed, size)
    repaired = nx.run([nx.Step("repair")], case.stack)
    pixels = load_region(repaired.history[-1].state["pixels"])
    changed = repaired.data != case.stack.data
    right = ~(case.zingers | case.bad)
    return np.array(
        [
            (changed & case.zingers).sum(),
            case.zingers.sum(),
            (pixels & case.bad).sum(),
            case.bad.sum(),
            (changed & right).sum(),
            right.sum(),
        ],
        dtype=float,
    )


def replaced_in_depth(photons: float, seed: int, size: int = SIZE) -> float:
    """Return the share of values of an optical depth without flaws that are replaced."""
    depth = nx.ops.optical_depth(nx.sample.nmc_ni_k(seed=seed, size=size, photons=photons).stack)
    repaired = nx.ops.repair(depth)
    differs = (repaired.data != depth.data) & np.isfinite(depth.data)
    return float(differs.mean())


def filling_errors(photons: float, seed: int, size: int = SIZE) -> NDArray[np.float64]:
    """Return the root mean squares, in OD, of missing values filled in by spectra and by neighbours, and the noise."""
    sample = nx.sample.nmc_ni_k(seed=seed, size=size, photons=photons)
    depth = nx.ops.optical_depth(sample.stack)
    hole = (np.random.default_rng(seed).random(depth.shape) < MISSING) & np.isfinite(depth.data)
    data = np.where(hole, np.float32(np.nan), depth.data)
    by = [nx.ops.repair(depth.with_data(data), fill=fill, missing=True) for fill in ("low rank", "neighbours")]
    assert depth.noise is not None
    variance = depth.noise.variance(depth.data.reshape(len(data), -1), slice(None))  # type: ignore[union-attr]
    noise = np.sqrt(variance.reshape(data.shape)[hole])
    return np.array([*(rms((filled.data - depth.data)[hole & np.isfinite(filled.data)]) for filled in by), rms(noise)])


def stripes_left(strength: float, photons: float, seed: int, size: int = SIZE) -> float:
    """Return the root mean square, in OD, of stripes that `remove_stripes` leaves."""
    depth = nx.ops.optical_depth(nx.sample.nmc_ni_k(seed=seed, size=size, photons=photons).stack)
    lines = strength * np.random.default_rng(seed).standard_normal((*depth.shape[:2], 1))
    cleaned = nx.ops.remove_stripes(depth.with_data(depth.data + lines.astype(np.float32)))
    return rms(np.nanmean(cleaned.data - depth.data, axis=2))


def rms(values: NDArray[np.float64]) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def print_repair(seeds: range, size: int) -> None:
    """Print what is found at each dose."""
    print(
        f"repair, {size} x {size} pixels, {len(seeds)} seeds: {ZINGERS:.2%} zingers, dead, flickering and stuck pixels"
    )
    for photons in PHOTONS:
        sums = np.sum([found_by_repair(photons, seed, size) for seed in seeds], axis=0)
        zingers, there, pixels, bad, wrong, right = sums
        print(
            f"  {photons:6g} photons: {zingers / there:.1%} of {there:.0f} zingers, {pixels / len(seeds):.1f} of "
            f"{bad / len(seeds):.0f} bad pixels; {wrong:.0f} of {right:.3g} right values replaced"
        )
    for photons in PHOTONS:
        share = np.mean([replaced_in_depth(photons, seed, size) for seed in seeds])
        print(f"  optical depth without flaws, {photons:g} photons: {share:.2g} of the values replaced")
    for photons in PHOTONS:
        by_spectra, by_neighbours, noise = np.mean([filling_errors(photons, seed, size) for seed in seeds], axis=0)
        print(
            f"  {MISSING:.0%} missing, {photons:g} photons: off by {by_spectra:.2g} OD by spectra, "
            f"{by_neighbours:.2g} by neighbours, noise of the measured value ({noise:.2g}) included"
        )


def print_stripes(seeds: range, size: int) -> None:
    """Print what is left of stripes."""
    print(f"remove_stripes, 4000 photons, {size} x {size} pixels, {len(seeds)} seeds")
    for strength in (0.0, 0.02, 0.1):
        left = rms(np.array([stripes_left(strength, 4000.0, seed, size) for seed in seeds]))
        print(f"  stripes of {strength:g} OD: {left:.2g} OD left")


def print_alignment(seed: int, size: int) -> None:
    """Print the errors of `align` and StackReg on frames that drift little, without a pattern of the detector."""
    drift = drifting("same", seed=seed, size=size, frames=62, residue=0.0, step=0.3)
    data = drift.stack.data

    def by_align() -> NDArray[np.float64]:
        found: NDArray[np.float64] = nx.ops.align(drift.stack).metadata["align"].shifts
        return found

    print(f"align, 62 frames of {size} x {size} pixels, .3 pixels from frame to frame")
    programs = [
        ("align", by_align),
        *((f"StackReg to the {name}", by_stackreg(data, name)) for name in ("previous", "mean")),
    ]
    for name, program in programs:
        start = time.process_time()
        try:
            errors = program() - drift.shifts
        except ImportError:
            print(f"  {name}: pystackreg is not installed")
            continue
        seconds = time.process_time() - start
        print(f"  {name}: {rms(errors - errors.mean(axis=0)):.4f} pixels, {seconds:.1f} s CPU")


def by_stackreg(data: NDArray[np.float32], reference: str) -> Callable[[], NDArray[np.float64]]:
    """Return what finds the shifts (E, 2) with StackReg."""

    def find() -> NDArray[np.float64]:
        from pystackreg import StackReg

        matrices = StackReg(StackReg.TRANSLATION).register_stack(data, reference=reference)
        return np.stack([matrices[:, 1, 2], matrices[:, 0, 2]], axis=1)

    return find


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--align-size", type=int, default=256)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    seeds = range(chosen.seeds)
    print_repair(seeds, chosen.size)
    print_stripes(seeds, chosen.size)
    print_alignment(0, chosen.align_size)


if __name__ == "__main__":
    main()
