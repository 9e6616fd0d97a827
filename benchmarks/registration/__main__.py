"""Print errors, coverage and cost of `align`, beside other programs on the same arrays and the Cramér-Rao bound.

``python -m benchmarks.registration --size 512 --frames 100`` is the full run. pystackreg is compared where it is
installed; it is no dependency.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from benchmarks.registration import magnification
from benchmarks.registration.cases import CASES, drifting
from benchmarks.registration.coverage import print_coverage
from benchmarks.registration.methods import compare_methods
from benchmarks.registration.real import print_real
from benchmarks.registration.rendering import Drifting
from benchmarks.registration.stitching import compare_stitching
from benchmarks.registration.valence import print_valence
from numpy.typing import NDArray

import napari_xanes as nx

Shifts = NDArray[np.float64]


def rms(values: Shifts) -> float:
    return float(np.sqrt(np.mean(values**2)))


def of_phase_correlation(data: NDArray[np.float32]) -> Shifts:
    """Match every frame to one behind the edge, with scikit-image."""
    from skimage.registration import phase_cross_correlation

    reference = data[int(0.7 * len(data))]
    return np.array([-phase_cross_correlation(reference, frame, upsample_factor=50)[0] for frame in data])


def of_stackreg(data: NDArray[np.float32]) -> Shifts:
    """Match every frame to the one before."""
    from pystackreg import StackReg

    matrices = StackReg(StackReg.TRANSLATION).register_stack(data, reference="previous")
    return np.stack([matrices[:, 1, 2], matrices[:, 0, 2]], axis=1)


def row(name: str, found: Shifts, drift: Drifting, seconds: float, more: str = "") -> None:
    """Print the errors on each side of the edge and across it, in pixels and in units of the bound."""
    errors = found - drift.shifts
    before = drift.stack.energy < drift.edge
    sides = [errors[side] - errors[side].mean(axis=0) for side in (before, ~before)]
    bounds = [rms(drift.bound[side]) for side in (before, ~before)]
    across = np.abs(errors[before].mean(axis=0) - errors[~before].mean(axis=0)).max()
    texts = [f"{rms(side):.4f} ({rms(side) / bound:.2f} x)" for side, bound in zip(sides, bounds, strict=True)]
    print(f"  {name:24s} before {texts[0]:18s} behind {texts[1]:18s} across {across:.4f}  {seconds:6.1f} s CPU {more}")


def timed(function: Callable[[], Shifts]) -> tuple[Shifts, float]:
    start = time.process_time()
    return function(), time.process_time() - start


def compare(drift: Drifting, *, rivals: bool) -> None:
    start = time.process_time()
    aligned = nx.ops.align(drift.stack)
    seconds = time.process_time() - start
    found = aligned.metadata["align"]
    errors = found.shifts - drift.shifts
    errors -= errors.mean(axis=0)
    seen = np.isfinite(found.sigma)
    inside = np.mean((np.abs(errors) < 2 * found.sigma)[seen])
    row("align", found.shifts, drift, seconds, f"2 sigma {100 * inside:.0f} %, outliers {int(found.outliers.sum())}")
    if not rivals:
        return
    for name, other in (("phase correlation", of_phase_correlation), ("StackReg", of_stackreg)):
        try:
            shifts, seconds = timed(lambda other=other: other(drift.stack.data))  # type: ignore[misc]
        except ImportError:
            print(f"  {name}: not installed")
            continue
        row(name, shifts, drift, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--photons", type=float, nargs="*", default=[4000.0, 300.0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--no-rivals", action="store_true")
    parser.add_argument("--methods", action="store_true", help="compare the methods of align instead")
    parser.add_argument("--magnification", action="store_true", help="images that grow with the energy instead")
    parser.add_argument("--textures", action="store_true", help="print errors and coverage for other textures instead")
    parser.add_argument("--valence", action="store_true", help="print errors of valence maps after align instead")
    parser.add_argument("--real", action="store_true", help="known shifts put into measured stacks instead")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    if "stitch" in chosen.cases:
        compare_stitching(chosen.size, chosen.frames, chosen.photons[0])
        return
    if chosen.real:
        print_real(chosen.seeds)
        return
    if chosen.magnification:
        for photons in chosen.photons:
            magnification.compare(size=chosen.size, frames=chosen.frames, photons=photons, seeds=chosen.seeds)
        return
    if chosen.methods:
        compare_methods(size=chosen.size, frames=chosen.frames, seeds=chosen.seeds)
        return
    if chosen.textures:
        print_coverage(chosen.photons, chosen.seeds, size=chosen.size, frames=chosen.frames)
        return
    if chosen.valence:
        print_valence(chosen.photons, size=chosen.size, frames=chosen.frames)
        return
    for case in chosen.cases:
        for photons in chosen.photons:
            for seed in chosen.seeds:
                drift = drifting(case, seed=seed, size=chosen.size, frames=chosen.frames, photons=photons)
                print(f"{case}, {photons:g} photons, {chosen.frames} x {chosen.size} x {chosen.size}, seed {seed}")
                compare(drift, rivals=not chosen.no_rivals)


if __name__ == "__main__":
    main()
