"""Processor time of `components`, `cluster` and `unmix` on 100 x 512 x 512, beside scikit-learn's PCA.

The stacks are made up: patches that overlap, each of one spectrum, at a signal-to-noise ratio of 20; for `cluster`
patches without overlap, of many thicknesses. Times are the least of five runs, all threads together.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import napari_xanes as nx

SHAPE = (100, 512, 512)
BARS = {"components": 0.1, "cluster": 0.12, "unmix": 3.0}
"""Seconds of processor time that are asked for."""


def spectra_of(count: int, rng: np.random.Generator, n_energies: int = SHAPE[0]) -> tuple[Any, NDArray[np.float64]]:
    """Return energies (E,) in eV and edges (K, E) at different energies, each with three peaks of its own."""
    energy, spectra = np.linspace(8290, 8460, n_energies), []
    for number in range(count):
        e0 = 8335 + 5 * number
        mu = 0.5 + np.arctan((energy - e0) / rng.uniform(1, 3)) / np.pi
        for _ in range(3):
            peak = np.exp(-0.5 * ((energy - e0 - rng.uniform(0, 50)) / rng.uniform(3, 9)) ** 2)
            mu += rng.uniform(-0.3, 0.6) * peak
        spectra.append(np.maximum(mu, 0.01))
    return energy, np.array(spectra)


def patches(
    count: int, *, mixed: bool, shape: tuple[int, int, int] = SHAPE, snr: float = 20.0, seed: int = 0
) -> nx.SpectralStack:
    """Return a stack (E, Y, X) of patches of several spectra, which overlap if they are mixed."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    energy, spectra = spectra_of(count, rng, shape[0])
    maps = np.array([gaussian_filter(rng.standard_normal(shape[1:]), 6) for _ in range(count)])
    if mixed:
        maps = np.maximum(maps / maps.std(axis=(1, 2), keepdims=True) + 0.5, 0)
        maps /= maps.sum(axis=0).mean()
    else:
        maps = (maps == maps.max(axis=0)) * rng.uniform(0.5, 1.5, shape[1:])
    data = np.tensordot(spectra.T.astype(np.float32), maps.astype(np.float32), 1)
    data += rng.standard_normal(shape, dtype=np.float32) / np.float32(snr)
    return nx.SpectralStack(data, energy, "optical_depth")


def least_time(work: Callable[[], Any], runs: int = 5) -> float:
    """Return the least processor time of some runs in s."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def report(trials: int) -> None:
    """Print the processor time of each method; `trials` is not used."""
    from sklearn.decomposition import PCA

    stack, apart = patches(4, mixed=True), patches(5, mixed=False)
    pixels = stack.data.reshape(SHAPE[0], -1).T
    works = {
        "components": lambda: nx.maps.components(stack),
        "cluster": lambda: nx.maps.cluster(apart, count=5),
        "unmix": lambda: nx.maps.unmix(stack, count=4),
    }
    print(f"processor time on {' x '.join(map(str, SHAPE))}, s; {stack.data.nbytes / 1e6:.0f} MB")
    for name, work in works.items():
        print(f"{name:24s}{least_time(work):8.3f}   bar {BARS[name]}")
    print(f"{'PCA of scikit-learn':24s}{least_time(lambda: PCA(4).fit_transform(pixels)):8.3f}")
