"""Time and memory of edge normalization, a reference fit and edge maps, compared with scipy.optimize.nnls.

Run ``python benchmarks/fit_maps.py [height] [energies]``. Quote ratios, and the shortest of the repeated runs: other
programs on the machine can only make a run slower.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import nnls

from napari_xanes.maps import edge_energy, fit_references
from napari_xanes.ops import normalize_edge
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

REPEATS = 5
NNLS_SAMPLE = 2000


def references(energy: np.ndarray) -> list[Spectrum]:
    """Return three normalized edges at different energies, with white lines of different height."""
    spectra = []
    for name, e0, height, valence in (
        ("Ni2+", 8343.0, 0.7, 2.0),
        ("Ni3+", 8344.6, 0.55, 3.0),
        ("Ni4+", 8346.2, 0.4, 4.0),
    ):
        offset = energy - e0
        mu = 0.5 + np.arctan(offset / 1.2) / np.pi + height * np.exp(-(((offset - 4) / 2.6) ** 2))
        spectra.append(Spectrum(name, energy, mu, valence, metadata={"normalized": True}))
    return spectra


def sample(height: int, n_energies: int) -> tuple[SpectralStack, list[Spectrum]]:
    """Return the noisy optical depth of a round particle, float32, and its references."""
    rng = np.random.default_rng(0)
    energy = np.sort(
        np.concatenate([np.linspace(8270, 8329, n_energies // 5), np.linspace(8330, 8370, n_energies // 2),
                        np.linspace(8372, 8450, n_energies - n_energies // 5 - n_energies // 2)])
    )  # fmt: skip
    refs = references(energy)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : height * 1j].reshape(2, -1)
    amounts = rng.dirichlet((0.6, 0.6, 0.6), height * height).T * 0.6 * np.clip(1.1 - np.hypot(y, x), 0, 1)
    data = rng.standard_normal((n_energies, height * height), dtype=np.float32)
    data *= 0.01
    data += np.array([ref.mu for ref in refs], np.float32).T @ amounts.astype(np.float32)
    data += np.float32(0.2)
    return SpectralStack(data.reshape(n_energies, height, height), energy, "optical_depth"), refs


def best_of(work: Callable[[], Any]) -> float:
    """Return the time of the shortest run, in seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def resident() -> int:
    """Return the resident memory now, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def peak_of(work: Callable[[], Any]) -> int:
    """Return the largest resident memory while `work` runs, in bytes, sampled every millisecond."""
    sizes, stop = [resident()], threading.Event()

    def watch() -> None:
        while not stop.wait(0.001):
            sizes.append(resident())

    thread = threading.Thread(target=watch)
    thread.start()
    work()
    stop.set()
    thread.join()
    return max(sizes)


def seconds_of_scipy(stack: SpectralStack, refs: list[Spectrum]) -> float:
    """Return the seconds that scipy.optimize.nnls needs for all pixels, extrapolated from some of them."""
    spectra = stack.data.reshape(stack.energy.size, -1)
    subset = spectra[:, :: max(1, spectra.shape[1] // NNLS_SAMPLE)].astype(np.float64)
    ones = np.ones(stack.energy.size)
    design = np.column_stack([*(ref.mu for ref in refs), ones, -ones])
    start = time.perf_counter()
    for column in subset.T:
        nnls(design, column)
    return (time.perf_counter() - start) * spectra.shape[1] / subset.shape[1]


def main(height: int = 512, n_energies: int = 100) -> None:
    idle_memory = resident()
    stack, refs = sample(height, n_energies)
    read = best_of(lambda: np.sum(stack.data))
    copy = best_of(lambda: stack.data.copy())
    normalized = normalize_edge(stack)
    parts = {
        "normalize_edge": best_of(lambda: normalize_edge(stack)),
        "fit_references (3, non-negative)": best_of(lambda: fit_references(normalized, references=refs)),
        "edge_energy (3 maps)": best_of(lambda: edge_energy(normalized)),
    }
    # Free this result: the peak memory below must not include it.
    normalized = None

    def everything() -> None:
        result = normalize_edge(stack)
        fit_references(result, references=refs)
        edge_energy(result)

    peak = peak_of(everything) - idle_memory
    scipy = seconds_of_scipy(stack, refs)
    total = sum(parts.values())
    megabytes = stack.data.nbytes / 1e6
    machine = f"{os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}; best of {REPEATS}"
    print(f"stack {stack.shape}, float32, {megabytes:.0f} MB; {machine}")
    print(f"{'part':34s} {'s':>8s} {'reads':>7s}")
    for name, seconds in {"read once (np.sum)": read, "copy once": copy, **parts, "total": total}.items():
        print(f"{name:34s} {seconds:8.3f} {seconds / read:7.1f}")
    print(f"{'scipy.optimize.nnls in a loop':34s} {scipy:8.1f} {scipy / read:7.0f}   (from {NNLS_SAMPLE} pixels)")
    print(f"fit_references is {scipy / parts['fit_references (3, non-negative)']:.0f} times faster than the loop")
    print(f"peak memory: {peak / stack.data.nbytes:.2f} times the stack, stack included")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
