"""Principal components of a stack in units of its noise, and how many of them are more than noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.bands import mixed, over_bands, times
from napari_xanes.denoising.precision import Measured, mean_of_used, measure, used_precision
from napari_xanes.edge import require_absorption
from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack

_DRAWS = 20

_SEED = 0  # parallel analysis asks what noise does on the average, so it need not differ from run to run


@dataclass(frozen=True)
class Components:
    """A stack as ``mean + spectra @ (scores * noise)``.

    ``mean`` (E,); ``spectra`` (E, N); ``scores`` (N, Y, X), in which the noise has unit variance, 0 where a pixel
    can't be used; ``noise`` (Y, X), the standard error of a usual energy, NaN where a pixel can't be used.
    """

    mean: Float64Array
    spectra: Float64Array
    scores: Float32Array
    noise: Float32Array


def find_components(stack: SpectralStack, count: int | None, progress: Progress | None = None) -> Components:
    """The largest principal components.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X)
        Absorption.
    count : int, optional
        How many; None takes those that are larger than noise alone would make them (Horn's parallel analysis,
        Psychometrika 30, 179, 1965), at least one.

    Raises
    ------
    ValueError
        If the stack is no absorption or a volume, or no pixel is usable.
    """
    require_absorption(stack, "denoise", normalized=True)
    if len(stack.shape) != 3:
        raise ValueError(f"components are sought in images (E, Y, X); {stack.name!r} has shape {stack.shape}")
    measured = measure(stack, part(progress, 0.0, 0.3))
    root = np.sqrt(measured.weight)
    precision = _smoothed(measured)
    used = int((precision > 0).sum())
    sums = np.zeros((stack.shape[1], stack.energy.size))
    squares = np.zeros((stack.shape[1], stack.energy.size, stack.energy.size))

    def add(band: Float32Array, rows: slice) -> None:
        values = measured.depth(band, rows)
        sums[rows.start] = np.einsum("eyx,yx->e", values, precision[rows], optimize=True)
        flat = (values * np.sqrt(precision[rows])).reshape(len(values), -1)
        squares[rows.start] = flat @ flat.T

    over_bands(add, stack.data, progress=part(progress, 0.3, 0.6), message="components")
    total = float(precision.sum())
    mean = sums.sum(axis=0) / total
    covariance = (squares.sum(axis=0) - total * np.outer(mean, mean)) * np.outer(root, root) / used
    sizes, vectors = np.linalg.eigh(covariance)
    sizes, vectors = sizes[::-1], vectors[:, ::-1]
    if count is None:
        usual, most = eigenvalues_of_noise(stack.energy.size, used)
        noise = 1.0 if measured.photons else float(np.median(sizes) / np.median(usual))
        count = max(1, int((sizes / noise > most).sum()))
    chosen = vectors[:, : min(count, len(root))]
    scores = np.empty((chosen.shape[1], *stack.shape[1:]), np.float32)
    shift = (chosen.T @ (root * mean)).astype(np.float32)[:, None, None]

    def project(band: Float32Array, rows: slice) -> None:
        values = times(chosen.T * root, measured.depth(band, rows)) - shift
        scores[:, rows] = values * np.sqrt(precision[rows])

    over_bands(project, stack.data, progress=part(progress, 0.6, 1.0), message="components")
    with np.errstate(divide="ignore"):
        error = np.where(precision > 0, 1 / np.sqrt(precision), np.nan).astype(np.float32)
    return Components(mean, chosen / root[:, None], scores, error)


def _smoothed(measured: Measured) -> Float32Array:
    """The precision; where it was estimated from each pixel's own noise, its mean over a neighbourhood."""
    precision, used = measured.precision, measured.precision > 0
    if measured.photons:
        return precision
    variance = mean_of_used((1 / used_precision(precision)).astype(np.float32), used, 2)
    return np.asarray(np.where(used, 1 / variance, 0), np.float32)


def eigenvalues_of_noise(n_energies: int, n_pixels: int) -> tuple[Float64Array, float]:
    """Eigenvalues (E,) of the covariance of noise of unit variance, the largest first, and what the first stays below.

    Such a matrix is drawn by its Cholesky factor (Bartlett, Proc. R. Soc. Edinb. 53, 260, 1933), at no cost per pixel.
    """
    rng = np.random.default_rng(_SEED)
    freedom = np.maximum(n_pixels - 1 - np.arange(n_energies), 1)
    found = np.zeros((_DRAWS, n_energies))
    for one in found:
        factor = np.tril(rng.standard_normal((n_energies, n_energies)), -1)
        factor[np.diag_indices(n_energies)] = np.sqrt(rng.chisquare(freedom))
        one[:] = np.linalg.eigvalsh(factor @ factor.T)[::-1] / n_pixels
    return found.mean(axis=0), float(found[:, 0].mean() + 4 * found[:, 0].std())


def rebuilt(stack: SpectralStack, parts: Components, method: str) -> SpectralStack:
    """The stack that components add up to, with a report that names the method; its noise is not known any more.

    A lazy stack gives one that is put together when looked at.
    """
    count = parts.spectra.shape[1]
    columns = np.concatenate([parts.mean[:, None], parts.spectra], axis=1)
    level = np.where(np.isfinite(parts.noise), 1, np.nan).astype(np.float32)
    maps = np.concatenate([level[None], parts.scores * parts.noise])
    data: Any = mixed(columns, maps)
    text = [
        f"{method} of {count} {'component' if count == 1 else 'components'}.",
        "It knows nothing of the references, gives no errors, and what it smooths away can't be told from noise.",
    ]
    about = {"report": {"text": text, "components": count}}
    made = data if stack.is_lazy else data.compute()
    return stack.with_data(made, metadata={"denoise": about, "noise": None})


def each_cleaned(
    scores: Float32Array, clean: Callable[[Float32Array], Float32Array], progress: Progress | None = None
) -> Float32Array:
    """Score images (N, Y, X), each cleaned by itself."""
    done = np.empty_like(scores)
    for i, one in enumerate(scores):
        if progress is not None:
            progress(i / len(scores), "cleaning the components")
        done[i] = clean(one)
    return done
