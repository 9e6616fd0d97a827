"""A stack as a few spectra times maps: values that are missing follow from those that are left in their pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Block, BoolArray, Float64Array, IndexArray
from napari_xanes.blocks import pixels_per_block
from napari_xanes.filled_values import FilledValues
from napari_xanes.noise import PhotonNoise
from napari_xanes.spreading import spread
from napari_xanes.stack import SpectralStack

_PIXELS, _FEWEST = 4096, 48
"""Number of pixels that the spectra are learned from, and without which there are none."""

_LEAST_KNOWN = 10.0
"""A value stays empty if its prediction has more than so many times the variance of the noise."""

_ROUNDS, _MORE_ROUNDS, _SETTLED = 3, 30, 0.02
"""Number of rounds, in each of which the noise of frames is measured again by the residuals. Where values are missing,
more rounds follow until what is filled in changes by so much of the noise only."""

_PATIENCE = 8
"""So many spectra more than the best number are tried."""

_FLOOR = 0.01
"""Least variance of counts over the usual one: a model may be zero or below where next to nothing was counted."""

_TINY = float(np.finfo(np.float64).tiny)
"""In place of a divisor of 0."""

Variance = Callable[[Block, IndexArray], Block]
"""Gives the variance (E, P) of the noise of values (E, P) in some pixels, up to a factor."""


class LowRank(NamedTuple):
    """Spectra by which values are predicted, and how well.

    Parameters
    ----------
    spectra : ndarray, shape (E, K)
        Orthonormal after division by the root of `profile`.
    profile : ndarray, shape (E,)
        Variances of the frames, 1 on average.
    usual : float
        Variance of a residual in the usual pixel, in units of the variance of the noise.
    error : float
        Root mean square error of predicted values, in the unit of the stack.
    """

    spectra: Float64Array
    profile: Float64Array
    usual: float
    error: float


class Filling(NamedTuple):
    """What became of the values that were to be filled: the record, the number that stays empty, and the model."""

    filled: FilledValues | None
    n_left: int
    model: LowRank


def fill_by_low_rank(data: Block, holes: BoolArray, stack: SpectralStack, skip: list[int]) -> Filling:
    """Fill in values of a stack, in place, from the other energies of their pixels.

    Parameters
    ----------
    data : ndarray, shape (E, Y, X) or (E, Z, Y, X)
        Values, NaN where there are none; changed.
    holes : ndarray of bool, same shape
        Which values to fill; these are NaN.
    stack : SpectralStack
        What the values are: its quantity and noise.
    skip : list of int
        Frames that are not used, and not filled.

    Raises
    ------
    ValueError
        If too few pixels have values to learn spectra from.

    Notes
    -----
    Weighted least squares: frames are divided by the root of their variance of noise, pixels by theirs (Keenan and
    Kotula, Surf. Interface Anal. 36, 203, 2004). The spectra are the leading singular vectors. Their number is the one
    that predicts best, in one half of the pixels with the spectra of the other half, values that are left out one by
    one: ``r / (1 - h)`` with residual `r` and leverage `h` (Allen, Technometrics 16, 125, 1974). More spectra would add
    noise to the prediction, and fewer would miss a part of the sample.
    """
    frames = np.setdiff1d(np.arange(len(data)), skip)
    spectra, wanted = data.reshape(len(data), -1), holes.reshape(len(data), -1)
    variance = _variance(stack, frames)
    model = learn_low_rank(spectra, frames, variance, stack.name)
    pixels = np.flatnonzero(np.any([wanted[i] for i in frames], axis=0))
    size, found, n_left = pixels_per_block(4 * len(frames)), [], 0
    for start in range(0, pixels.size, size):
        some = pixels[start : start + size]
        values, hole = spectra[np.ix_(frames, some)].astype(np.float64), wanted[np.ix_(frames, some)]
        predicted, error, factor = _predicted(model, values, variance, some)
        known = hole & (error <= _LEAST_KNOWN)
        row, column = np.nonzero(known)
        spectra[frames[row], some[column]] = predicted[row, column]
        found.append((frames[row], some[column], factor[row, column]))
        n_left += int(np.count_nonzero(hole & ~known))
    frame, pixel, factor = (np.concatenate([part[i] for part in found] or [np.empty(0)]) for i in range(3))
    order = np.lexsort((frame, pixel))
    record = FilledValues(stack.shape, frame[order], pixel[order], factor[order]) if frame.size else None
    return Filling(record, n_left, model)


def told_about_filling(stack: SpectralStack, filling: Filling) -> list[str]:
    """Say what was filled in, by how many spectra, how well they predict, and what stays empty."""
    count, n = filling.model.spectra.shape[1], 0 if filling.filled is None else filling.filled.frame.size
    by = "1 spectrum times a map" if count == 1 else f"{count} spectra times maps"
    unit = "" if stack.unit == "1" else f" {stack.unit}"
    text = [
        f"{n} {'value was' if n == 1 else 'values were'} filled in by {by}. Such a model predicts measured values that "
        f"it does not know to {filling.model.error:.2g}{unit} (root mean square, their own noise included)."
    ]
    left = f"{filling.n_left} values stay empty: the other energies of their pixels do not tell what they were."
    return text + ([left] if filling.n_left else [])


def _variance(stack: SpectralStack, frames: IndexArray) -> Variance:
    """Return the noise of a stack: of its photons if they are known, that of counts, or the same for all values."""
    noise = stack.noise
    if isinstance(noise, PhotonNoise):
        of_frames = noise.isel(frames)
        return lambda values, pixels: of_frames.variance(values, pixels)  # type: ignore[arg-type]
    if stack.quantity in ("counts", "transmission", "fluorescence"):
        return lambda values, pixels: values
    return lambda values, pixels: np.ones_like(values)


def learn_low_rank(spectra: Block, frames: IndexArray, variance: Variance, name: str) -> LowRank:
    """Learn a few spectra from some pixels.

    Parameters
    ----------
    spectra : ndarray, shape (E, P)
        The stack, NaN where there is no value.
    frames : ndarray of int
        Frames that are used.
    variance : callable
        The noise of values.
    name : str
        Name of the stack, for errors.
    """
    chosen = _sample(spectra, frames, name)
    values = spectra[np.ix_(frames, chosen)].astype(np.float64)
    measured = np.isfinite(values)
    values[~measured] = np.nan
    start = np.nanmean(values, axis=1)[:, None]
    amount = np.nansum(values * start, axis=0) / np.maximum(np.sum(measured * start**2, axis=0), _TINY)
    values = np.where(measured, values, start * amount)
    by_pixel, profile = _separated(variance(values, chosen))
    for i in range(_ROUNDS if measured.all() else _MORE_ROUNDS):
        root = np.sqrt(profile[:, None] * by_pixel)
        white = values / root
        vectors = _best(white, measured)
        amounts, leverage = _fitted(vectors, white, measured)
        fit = vectors @ amounts
        left = np.where(measured, white - fit, 0) / np.maximum(1 - leverage, 1e-3)
        # Of n values without themselves, squares are larger than those of the noise by 1 / (1 - h).
        squares = np.sum(left**2 * (1 - leverage), axis=1) / measured.sum(axis=1)
        change = np.sqrt(np.mean((fit - white)[~measured] ** 2)) if i and not measured.all() else np.inf
        values = np.where(measured, values, fit * root)
        if i + 1 >= _ROUNDS and change < _SETTLED * np.sqrt(np.mean(squares)):
            break
        squares = np.maximum(squares, _TINY)
        profile = profile * squares / squares.mean()
    off = (left * root)[measured]
    usual = float(np.median(np.sum(left**2 * (1 - leverage), axis=0) / measured.sum(axis=0)))
    return LowRank(vectors, np.square(root[:, 0]) / by_pixel[0], usual, float(np.sqrt(np.mean(off**2))))


def _sample(spectra: Block, frames: IndexArray, name: str) -> IndexArray:
    """Return pixels spread over the image: those that have all values, or at least half of them if these are few."""
    counts = np.zeros(spectra.shape[1], dtype=np.intp)
    for i in frames:
        counts += np.isfinite(spectra[i])
    whole, half = np.flatnonzero(counts == len(frames)), np.flatnonzero(counts >= len(frames) / 2)
    usable = whole if whole.size >= _PIXELS / 4 else half
    chosen = usable[spread(usable.size, _PIXELS)]
    if usable.size >= _FEWEST:
        known = np.isfinite(spectra[np.ix_(frames, chosen)]).sum(axis=1)
        if known.min() >= _FEWEST:
            return chosen
    raise ValueError(
        f"{name!r}: too few pixels have values at all energies, or at most of them, to learn spectra from (at least "
        f"{_FEWEST} in each frame): crop the stack to where frames overlap, drop frames, or take fill='neighbours'"
    )


def _best(white: Float64Array, measured: BoolArray) -> Float64Array:
    """Return as many leading spectra (E, K) of values (E, P) as predict best what is left out."""
    most = max(1, min(len(white) // 2, white.shape[1] // 8))
    halves = slice(None, None, 2), slice(1, None, 2)
    losses = [_left_out(_leading(white[:, a], most), white[:, b], measured[:, b]) for a, b in (halves, halves[::-1])]
    return _leading(white, 1 + int(np.argmin(np.sum(losses, axis=0))))


def _separated(variance: Block) -> tuple[Float64Array, Float64Array]:
    """Return variances (E, P) as a part of each pixel (P,) times a part of each frame (E,), which is 1 on average."""
    usual = float(np.median(variance[variance > 0])) if (variance > 0).any() else 1.0
    least = np.maximum(variance, _FLOOR * usual)
    by_pixel = least.mean(axis=0)
    profile = (least / by_pixel).mean(axis=1)
    return by_pixel * profile.mean(), profile / profile.mean()


def _leading(white: Float64Array, count: int) -> Float64Array:
    """Return the leading singular vectors (E, K) of values (E, P)."""
    vectors: Float64Array = np.linalg.eigh(white @ white.T)[1][:, ::-1][:, :count]
    return vectors


def _left_out(vectors: Float64Array, white: Float64Array, measured: BoolArray) -> Float64Array:
    """Return the mean squares (K,) of measured values that 1, 2 ... K vectors (E, K) predict without themselves."""
    losses, residual, freedom = np.full(vectors.shape[1], np.inf), white.copy(), np.ones(len(white))
    for k, vector in enumerate(vectors.T):
        residual -= np.outer(vector, vector @ white)
        freedom -= vector**2
        losses[k] = np.mean((residual / np.maximum(freedom, 1e-6)[:, None])[measured] ** 2)
        if k - np.argmin(losses) > _PATIENCE:
            break
    return losses


def _fitted(vectors: Float64Array, white: Float64Array, measured: BoolArray) -> tuple[Float64Array, Float64Array]:
    """Return the amounts (K, P) of orthonormal vectors in the measured values, and their variance (E, P) of the fit.

    The variance is in units of the noise: of a measured value its leverage, of others that of their prediction.
    """
    if measured.all():
        return vectors.T @ white, np.sum(vectors**2, axis=1)[:, None] + np.zeros_like(white)
    pairs = np.einsum("ek,el->ekl", vectors, vectors).reshape(len(vectors), -1)
    count = vectors.shape[1]
    # A little of the unit matrix keeps pixels without values solvable; their predictions are refused.
    normal = (measured.T.astype(np.float64) @ pairs).reshape(-1, count, count) + 1e-9 * np.eye(count)
    inverse = np.linalg.inv(normal)
    amounts = np.einsum("pkl,lp->kp", inverse, vectors.T @ np.where(measured, white, 0))
    return amounts, pairs @ inverse.reshape(-1, count**2).T


def _predicted(
    model: LowRank, values: Float64Array, variance: Variance, pixels: IndexArray
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return what the spectra predict for values (E, P), the variance of its difference to measured ones, and factors.

    The variance is in units of that of the noise; the factors are those of `FilledValues`. A pixel whose residuals are
    larger than usual holds something that the spectra do not describe, so that its predictions are off by more.
    """
    root, measured = np.sqrt(model.profile)[:, None], np.isfinite(values)
    white = values / root
    amounts, leverage = _fitted(model.spectra, white, measured)
    fit = model.spectra @ amounts
    squares = np.sum(np.where(measured, white - fit, 0) ** 2, axis=0)
    by_pixel = _separated(variance(fit * root, pixels))[0]
    freedom = np.maximum(measured.sum(axis=0) - len(amounts), 1)
    odd = np.maximum(squares / by_pixel / freedom / max(model.usual, _TINY), 1.0)
    whole = np.sum(model.spectra**2, axis=1)[:, None]
    return fit * root, odd * (1 + leverage), 1 + odd * (leverage + 1e-9) / (whole + 1e-9)
