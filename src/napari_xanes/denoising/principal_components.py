"""Principal components of a stack in units of its noise, and how many of them stand out from the noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.blocks import single_threaded_blas
from napari_xanes.denoising.bands import apply_matrix, lazy_product, over_bands
from napari_xanes.denoising.precision import WeightedStack, estimate_precision
from napari_xanes.denoising.result import DenoisingReport, DenoisingResult
from napari_xanes.edge import require_absorption
from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack

_DRAWS = 20
_SEED = 0  # parallel analysis needs the average over noise, so it need not differ from run to run


@dataclass(frozen=True)
class Components:
    """A stack as ``mean + spectra @ (scores * noise)``.

    ``mean`` (E,); ``spectra`` (E, N); ``scores`` (N, Y, X), in which the noise has unit variance, 0 where a pixel
    can't be used; ``noise`` (Y, X), the standard error at an average energy, NaN where a pixel can't be used.
    """

    mean: Float64Array
    spectra: Float64Array
    scores: Float32Array
    noise: Float32Array


def find_components(stack: SpectralStack, count: int | None, progress: Progress | None = None) -> Components:
    """Find the largest principal components.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X)
        Absorption.
    count : int, optional
        Number of components. None takes those that are larger than noise alone would make them (Horn's parallel
        analysis, Psychometrika 30, 179, 1965), at least one.

    Raises
    ------
    ValueError
        If the stack is no absorption or a volume, or no pixel is usable.
    """
    require_absorption(stack, "denoise", normalized=True)
    if len(stack.shape) != 3:
        raise ValueError(f"components are computed from images (E, Y, X); {stack.name!r} has shape {stack.shape}")
    weighted = estimate_precision(stack, part(progress, 0.0, 0.3))
    precision = weighted.precision
    root = np.sqrt(weighted.weight)
    mean, covariance = _moments(weighted, precision, part(progress, 0.3, 0.6))
    with single_threaded_blas():
        variances, vectors = np.linalg.eigh(covariance)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    if count is None:
        count = _significant(variances, int((precision > 0).sum()), weighted.photons_known)
    chosen = vectors[:, : min(count, len(root))]
    scores = np.empty((chosen.shape[1], *stack.shape[1:]), np.float32)
    mean_frame = mean.astype(np.float32)[:, None, None]

    def project(band: Float32Array, rows: slice) -> None:
        values = apply_matrix(chosen.T * root, weighted.unbiased(band, rows) - mean_frame)
        scores[:, rows] = values * np.sqrt(precision[rows])

    over_bands(project, stack.data, progress=part(progress, 0.6, 1.0), message="components")
    with np.errstate(divide="ignore"):
        noise = np.where(precision > 0, 1 / np.sqrt(precision), np.nan).astype(np.float32)
    return Components(mean, chosen / root[:, None], scores, noise)


def _moments(
    weighted: WeightedStack, precision: Float32Array, progress: Progress | None
) -> tuple[Float64Array, Float64Array]:
    """Return the mean spectrum (E,), and the covariance (E, E) in units of the noise, summed band by band."""
    root = np.sqrt(weighted.weight)
    moments = _Moments(weighted.stack.energy.size)

    def summed(band: Float32Array, rows: slice) -> tuple[float, Float64Array, Float64Array]:
        values = weighted.unbiased(band, rows).reshape(len(band), -1).astype(np.float64)
        share = precision[rows].ravel().astype(np.float64)
        total = float(share.sum())
        mean = values @ share / max(total, 1e-30)
        values -= mean[:, None]
        values *= np.sqrt(share)
        return total, mean, values @ values.T

    over_bands(summed, weighted.stack.data, collect=moments.add, progress=progress, message="components")
    return moments.mean, moments.squares * np.outer(root, root) / int((precision > 0).sum())


class _Moments:
    """Weighted sums of bands that were added so far: their ``mean`` (E,) and the ``squares`` (E, E) around it.

    Squares are summed around the mean of each band, in double precision: those of a large mean would hide the noise
    (Chan, Golub and LeVeque, Am. Stat. 37, 242, 1983).
    """

    def __init__(self, n_energies: int) -> None:
        self.total = 0.0
        self.mean = np.zeros(n_energies)
        self.squares = np.zeros((n_energies, n_energies))

    def add(self, band: tuple[float, Float64Array, Float64Array]) -> None:
        """Add a band: its total weight, its mean and its squares around this mean."""
        total, mean, squares = band
        together = self.total + total
        if total == 0:
            return
        difference = mean - self.mean
        self.squares += squares + np.outer(difference, difference) * (self.total * total / together)
        self.mean += difference * (total / together)
        self.total = together


def _significant(variances: Float64Array, n_pixels: int, photons_known: bool) -> int:
    """Count the variances above the largest one of noise, at least 1."""
    typical, limit = eigenvalues_of_noise(variances.size, n_pixels)
    rank = min(variances.size, n_pixels - 1)  # around their mean, few pixels span fewer dimensions than there are
    if rank < 1:
        return 1
    noise = 1.0 if photons_known else float(np.median(variances[:rank]) / np.median(typical[:rank]))
    return max(1, int((variances > limit * noise).sum()))


def eigenvalues_of_noise(n_energies: int, n_pixels: int) -> tuple[Float64Array, float]:
    """Return the mean eigenvalues (E,) of the covariance of unit noise, largest first, and a limit for the first one.

    They are drawn as those of a bidiagonal matrix, which has the same ones as the covariance of normal numbers
    (Dumitriu & Edelman, J. Math. Phys. 43, 5830, 2002), at no cost per pixel.
    """
    from scipy.linalg import eigvalsh_tridiagonal

    rng = np.random.default_rng(_SEED)
    # The covariance of few pixels has as many eigenvalues above 0 as they have degrees of freedom.
    few, many = sorted((n_energies, max(1, n_pixels - 1)))
    steps = np.arange(few)
    eigenvalues = np.zeros((_DRAWS, n_energies))
    for row in eigenvalues:
        squares, beside = rng.chisquare(many - steps), rng.chisquare(few - steps[1:])
        diagonal = squares + np.append(0.0, beside)
        row[:few] = eigvalsh_tridiagonal(diagonal, np.sqrt(squares[:-1] * beside))[::-1] / n_pixels
    return eigenvalues.mean(axis=0), float(eigenvalues[:, 0].mean() + 4 * eigenvalues[:, 0].std())


def recombine(stack: SpectralStack, components: Components, method: str) -> SpectralStack:
    """Return the sum of the components as a stack, with a report that names the method; its noise is not known.

    A lazy stack gives a lazy result.
    """
    count = components.spectra.shape[1]
    columns = np.concatenate([components.mean[:, None], components.spectra], axis=1)
    usable = np.where(np.isfinite(components.noise), 1, np.nan).astype(np.float32)
    maps = np.concatenate([usable[None], components.scores * components.noise])
    data: Any = lazy_product(columns, maps)
    text = [
        f"{method} of {count} {'component' if count == 1 else 'components'}.",
        "It does not use the references and gives no errors. Details that it smooths away can't be told from noise.",
    ]
    result = DenoisingResult(report=DenoisingReport(text, components=count))
    return stack.with_data(
        data if stack.is_lazy else data.compute(callbacks=()), metadata={"denoise": result, "noise": None}
    )


def clean_each(
    images: Float32Array, clean: Callable[[Float32Array], Float32Array], progress: Progress | None = None
) -> Float32Array:
    """Apply a function to each image of (N, Y, X)."""
    cleaned = np.empty_like(images)
    for i, image in enumerate(images):
        if progress is not None:
            progress(i / len(images), "cleaning the components")
        cleaned[i] = clean(image)
    return cleaned
