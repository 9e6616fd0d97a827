"""What the elements of a fluorescence detector would tell `denoise` about the noise of their sum.

``python -m benchmarks.denoise.elements [--seeds 2] [--photons 20 100 1000]``: simulated particles, four elements of
unequal shares; the sum is denoised with the noise that `denoise` estimates, with that of `nx.element_noise`, and with
the true one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import napari_xanes as nx
from napari_xanes.denoising.precision import WeightedStack, estimate_precision
from napari_xanes.sample import nmc_ni_k

SIZE, BACKGROUND = 128, 0.1
SHARES = (0.3, 0.25, 0.25, 0.2)
Estimator = Callable[..., WeightedStack]


def with_variance(pixels: NDArray[Any], energies: NDArray[Any]) -> Estimator:
    """Return an estimator of the noise that takes mean variances (Y, X) and (E,) as they are given."""

    def estimate(stack: nx.SpectralStack, progress: Any = None) -> WeightedStack:
        weight = 1 / energies
        precision = (1 / pixels).astype(np.float32)
        return replace(estimate_precision(stack, progress), precision=precision, weight=weight / weight.mean())

    return estimate


@contextmanager
def noise_from(estimator: Estimator) -> Iterator[None]:
    """Let `denoise` take its noise from an estimator."""
    with patch("napari_xanes.denoising.survey.estimate_precision", estimator):
        yield


def compare(seed: int, photons: float) -> str:
    """Return a line of the table: errors of both noises, and of the valence with each."""
    sample = nmc_ni_k(size=SIZE, photons=1e5, seed=seed)
    references, energy = sample.stack.metadata["references"], sample.stack.energy
    truth = np.nan_to_num([np.asarray(sample.truth[spectrum.name].data) for spectrum in references])
    jump = np.nan_to_num(np.asarray(sample.truth["edge_jump"].data))
    spectra = np.stack([np.interp(energy, spectrum.energy, spectrum.mu) for spectrum in references])
    rate = photons * (BACKGROUND + np.tensordot(spectra.T, truth * jump / jump.max(), 1))
    counts = [np.random.default_rng((seed, i)).poisson(rate * share) for i, share in enumerate(SHARES)]
    elements = [nx.SpectralStack((n / photons).astype(np.float32), energy, "fluorescence") for n in counts]
    stack = elements[0].with_data(np.sum([element.data for element in elements], axis=0))
    true = rate / photons**2
    measured = nx.element_noise(elements).variance
    own = estimate_precision(stack)
    own_energies = np.mean(1 / own.precision) / own.weight
    smooth = np.maximum(gaussian_filter(stack.data.mean(axis=0), 1), 1e-3)
    estimators = (
        estimate_precision,
        with_variance(smooth * measured.mean() / stack.data.mean(), measured),
        with_variance(true.mean(axis=0), true.mean(axis=(1, 2))),
    )
    thick, cells = jump > 0.3 * jump.max(), []
    for estimator in estimators:
        with noise_from(estimator):
            found = nx.ops.denoise(stack, references=references).metadata["denoise"]
        error = (found.fractions[1] - truth[1])[thick]
        inside = np.mean(np.abs(error) < 2 * found.fraction_sigma[1][thick])
        cells.append(f"{np.sqrt(np.mean(error**2)):9.4f} {inside:5.3f}")
    scatter = [np.std(variance / true.mean(axis=(1, 2))) for variance in (own_energies, measured)]
    return f"{photons:8g}{seed:6d}" + "".join(f"{value:9.3f}" for value in scatter) + "".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.denoise.elements", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--photons", type=float, nargs="+", default=[20.0, 100.0, 1000.0])
    arguments = parser.parse_args()
    print("Relative error of the variance of an energy by denoise and by elements; then, with the noise of denoise, of")
    print("the elements, and the true one, the error of the fraction and the share within two sigma.")
    for photons in arguments.photons:
        for seed in range(arguments.seeds):
            print(compare(seed, photons), flush=True)


if __name__ == "__main__":
    main()
