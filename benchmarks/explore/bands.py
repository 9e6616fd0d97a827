"""How often the bands of `unmix` hold the true spectra, on stacks whose spectra are known.

Stacks are made up: two to four edges with white lines, amounts of random shares (Dirichlet, .7) and thicknesses, with
and without pure pixels. A band should hold the truth at 95 % of the energies.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

import napari_xanes as nx

BAR = 0.95
N_ENERGIES, SIZE = 60, 64


def mixtures(
    count: int, seed: int, *, purest: float = 1.0, snr: float = 50.0, size: int = SIZE
) -> tuple[nx.SpectralStack, NDArray[np.float64], NDArray[np.float64]]:
    """Return a stack of mixtures, its spectra (K, E) with a mean of 1, and the amounts (K, Y, X).

    Parameters
    ----------
    count : int
        Number of spectra.
    seed : int
        Of spectra, amounts and noise.
    purest : float
        Largest share that a spectrum has in a pixel.
    snr : float
        Mean absorption over the noise of a pixel at one energy.
    size : int
        Width in pixels.
    """
    rng = np.random.default_rng(seed)
    energy, spectra = np.linspace(8300, 8400, N_ENERGIES), []
    for number in range(count):
        e0 = 8339 + 12 * (number + rng.uniform(0.2, 0.8)) / count
        white_line = rng.uniform(0, 1.5) * np.exp(-(((energy - e0 - 4) / 4) ** 2))
        spectra.append(1.6 + np.arctan((energy - e0) / rng.uniform(1, 3)) + white_line)
    pure = np.array(spectra)
    pure /= pure.mean(axis=1, keepdims=True)
    shares = rng.dirichlet(np.full(count, 0.7), 40 * size * size).T
    shares = shares[:, shares.max(axis=0) <= purest][:, : size * size].reshape(count, size, size)
    amounts = shares * rng.uniform(0.5, 1.5, (size, size))
    data = np.tensordot(pure.T, amounts, 1) + rng.standard_normal((N_ENERGIES, size, size)) / snr
    return nx.SpectralStack(data.astype(np.float32), energy, "optical_depth"), pure, amounts


def matched(spectra: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which found spectrum each true one is."""
    from scipy.optimize import linear_sum_assignment

    cost = np.sum((spectra[:, None] - found) ** 2, axis=2)
    return np.asarray(linear_sum_assignment(cost)[1])


def report(trials: int) -> None:
    """Print the share of energies where bands hold the truth, and how wide they are."""
    print(f"bands of unmix, {N_ENERGIES} energies, {SIZE} x {SIZE} pixels, {trials} stacks each; bar {BAR:.2f}")
    print("spectra   purest   SNR   start           spectra held   least   amounts held   width   CPU time (s)")
    for count, purest, snr, start in CASES:
        held, kept, width, begun = [], [], [], time.process_time()
        for seed in range(trials):
            stack, spectra, amounts = mixtures(count, seed, purest=purest, snr=snr)
            maps = nx.maps.unmix(stack, count=count, start=start)
            order = matched(spectra, np.array([one.mu for one in maps.metadata["spectra"]]))
            for true, number in enumerate(order):
                band = maps.metadata["ambiguity"][number]
                held.append(np.mean((band["low"] <= spectra[true]) & (spectra[true] <= band["high"])))
                width.append(np.mean(band["high"] - band["low"]))
                name = f"amount_{number + 1}"
                noise = 2 * maps[name].sigma
                above = maps[f"{name}_low"].data - noise <= amounts[true]
                kept.append(np.mean(above & (amounts[true] <= maps[f"{name}_high"].data + noise)))
        spent = (time.process_time() - begun) / trials
        print(
            f"{count:4d}{purest:11.2f}{snr:7.0f}   {start:16s}{np.mean(held):10.3f}{min(held):11.2f}"
            f"{np.mean(kept):11.3f}{np.mean(width):12.2f}{spent:10.2f}",
            flush=True,
        )


CASES = [
    *((count, purest, 50.0, "unlike pixels") for count in (2, 3, 4) for purest in (1.0, 0.85)),
    *((3, purest, 10.0, "unlike pixels") for purest in (1.0, 0.85)),
    *((count, purest, 50.0, "vca") for count in (3, 4) for purest in (1.0, 0.85)),
    (3, 1.0, 10.0, "vca"),
]
"""Number of spectra, largest share in a pixel, signal-to-noise ratio, and where spectra start."""
