"""`difference_map`: signal minus background, as in two-image mapping."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from scipy import stats

from napari_xanes import blocks
from napari_xanes._typing import Block, Float32Array, Float64Array, IndexArray
from napari_xanes.computing import computed
from napari_xanes.edge import Range, fit_edge, raise_if_frame_empty, require_absorption
from napari_xanes.noise import AmountNoise, Noise, PhotonNoise
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.region_means import SHARED_ENERGIES
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import one_or_more

_LEAST = 4
"""So many energies in a range show how large noise is, from the residuals of a line."""

_EMPTY, _LEAST_EMPTY, _LEAST_SHARE = 3.0, 50, 0.02
"""Pixels are empty if their background is the lowest of all within so many errors; so many pixels, and this share of
all, tell whether the beam was the same in both ranges."""

_MOST_BACKGROUND = 0.1
"""Optical depth beyond which the lowest background is that of a sample."""

_ALIKE, _DRIFT = 1.5, 5.0
"""Differences of empty pixels scatter by no more than so many times their errors, and have a mean of so many times its
error where the beam was another one."""


@method(looks_at="pixel")
def difference_map(
    stack: SpectralStack,
    /,
    *,
    signal: Annotated[Range | None, Param(unit="eV", ge=0, auto="last tenth of the energies")] = None,
    background: Annotated[Range | None, Param(unit="eV", ge=0, auto="first tenth of the energies")] = None,
    progress: Progress | None = None,
) -> MapSet:
    """Mean over energies of a peak or behind an edge, minus the mean over energies before it.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized.
    signal : tuple of float, optional
        Lowest and highest energy of the signal in eV, both included; by default the last tenth of the energies.
    background : tuple of float, optional
        Lowest and highest energy of the background in eV; by default the first tenth of the energies.

    Returns
    -------
    MapSet
        ``difference`` of the means, in the unit of the stack, and their ``ratio``, signal over background, which is
        masked where the background is not above twice its error. Errors are those of the photons, or of a denoised
        stack, where they are known; else those of the residuals of a straight line over each range, widened so that two
        of them hold 95 % (Student's t). They are unknown after `smooth` over energies and `interpolate_energy`, where
        energies share noise. Where photons are known, pixels that have one value at all energies are dead and have no
        value. Warnings say if pixels without absorption before the edge have a difference, too, as where the beam
        changed between both ranges, and if a range holds a spoiled frame.

    Raises
    ------
    ValueError
        If the stack holds counts, a range holds no energy, or both ranges overlap.

    Examples
    --------
    >>> data = np.array([0.25, 0.25, 1.25, 1.25]).reshape(4, 1, 1)
    >>> stack = SpectralStack(data, [700, 701, 710, 711], "optical_depth")
    >>> maps = difference_map(stack, signal=(709, 712), background=(699, 702))
    >>> maps["difference"].data.item(), maps["ratio"].data.item()
    (1.0, 5.0)
    """
    require_absorption(stack, "difference_map", normalized=True, scaled=True)
    tenth = max(1, stack.energy.size // 10)
    frames = [
        _frames(stack, "background", background, slice(0, tenth)),
        _frames(stack, "signal", signal, slice(stack.energy.size - tenth, None)),
    ]
    if np.intersect1d(frames[0], frames[1]).size:
        if stack.energy.size == 1:
            raise ValueError(f"{stack.name!r} has a single energy; a difference needs at least two")
        raise ValueError("signal and background share energies; choose ranges that do not overlap")
    n_pixels = int(np.prod(stack.shape[1:]))
    values = {name: np.full(n_pixels, np.nan, dtype=np.float32) for name in ("difference", "ratio")}
    sigmas = {name: np.full(n_pixels, np.nan, dtype=np.float32) for name in values}
    lows, low_sigmas = (np.full(n_pixels, np.nan, dtype=np.float32) for _ in range(2))
    noise = stack.noise

    def measure(block: Block, pixels: slice) -> None:
        with np.errstate(all="ignore"):
            low, high = (block[chosen].mean(axis=0, dtype=np.float64) for chosen in frames)
            covariance = _covariance(stack.energy, block, frames, noise, pixels)
            if isinstance(noise, PhotonNoise) and len(block) >= _LEAST:
                high[(block == block[0]).all(axis=0)] = np.nan
            values["difference"][pixels] = high - low
            lows[pixels], low_sigmas[pixels] = low, np.sqrt(covariance[0])
            sigmas["difference"][pixels] = np.sqrt(covariance[0] + covariance[1] - 2 * covariance[2])
            ratio = high / low
            ratio[~(low > 0) | (low <= 2 * np.sqrt(covariance[0]))] = np.nan
            values["ratio"][pixels] = ratio
            variance = covariance[1] + ratio**2 * covariance[0] - 2 * ratio * covariance[2]
            sigmas["ratio"][pixels] = np.sqrt(np.maximum(variance, 0)) / low

    blocks.over_pixels(measure, stack.data, progress=progress, message="differences")
    if not np.isfinite(values["difference"]).any():
        raise_if_frame_empty(stack)
    units = {"difference": stack.unit, "ratio": "1"}
    shape = stack.shape[1:]
    maps = {
        name: ParameterMap(values[name].reshape(shape), unit, sigmas[name].reshape(shape))
        for name, unit in units.items()
    }
    warnings = [
        *_spoiled(stack, frames, sigmas["difference"]),
        *_other_beam(stack, values["difference"], sigmas["difference"], lows, low_sigmas),
    ]
    if noise is None and stack.metadata.get(SHARED_ENERGIES):
        for sigma in sigmas.values():
            sigma.fill(np.nan)
        warnings.append(
            "the errors are not known: neighbouring energies share noise after smooth or interpolate_energy, so that "
            "their scatter hides it; make the map from the stack before that step"
        )
    elif noise is None and min(chosen.size for chosen in frames) < _LEAST:
        warnings.append(
            f"the errors are not known: neither are the photons, nor do both ranges hold {_LEAST} energies, "
            "whose scatter would show the noise"
        )
    return MapSet(maps, pixel_size=stack.pixel_size, metadata={"name": stack.name, "warnings": warnings})


def _frames(stack: SpectralStack, name: str, limits: Range | None, automatic: slice) -> IndexArray:
    """Return the numbers of the frames in a range."""
    if limits is None:
        return np.arange(stack.energy.size)[automatic]
    chosen = np.flatnonzero((stack.energy >= limits[0]) & (stack.energy <= limits[1]))
    if chosen.size == 0:
        raise ValueError(
            f"{name} = {limits[0]:g} to {limits[1]:g} eV holds none of the energies of {stack.name!r} "
            f"({stack.energy[0]:g} to {stack.energy[-1]:g} eV): give a range with some of them"
        )
    return chosen


def _spoiled(stack: SpectralStack, frames: list[IndexArray], sigma: Float32Array) -> list[str]:
    """Say which of the frames are brighter or darker than their neighbours by more than the error of a pixel."""
    try:
        left_out = fit_edge(stack, None, None, None)[0].left_out
    except ValueError:
        # Two energies, or no edge: nothing tells.
        return []
    used = [i for some in frames for i in some if stack.energy[i] in left_out and some.size > 1]
    if not used or not np.isfinite(sigma).any():
        return []
    spoiled, least = [], float(np.nanmedian(sigma))
    for some in frames:
        if not np.isin(some, used).any():
            continue
        levels = np.array([float(np.nanmean(computed(stack.data[i]))) for i in some])
        spoiled += some[(np.abs(levels - np.median(levels)) > least) & np.isin(some, used)].tolist()
    if not spoiled:
        return []
    names = ", ".join(f"{stack.energy[i]:g}" for i in spoiled)
    return [
        f"the {one_or_more(len(spoiled), 'frame', 'frames')} at {names} eV {one_or_more(len(spoiled), 'is', 'are')} "
        "brighter or darker than those around, as with a spoiled flat, and part of the map: drop_frames leaves them out"
    ]


def _other_beam(
    stack: SpectralStack, values: Float32Array, sigma: Float32Array, low: Float32Array, low_sigma: Float32Array
) -> list[str]:
    """Say by how much pixels without absorption before the edge differ, if these all differ by the same."""
    if stack.quantity != "optical_depth":
        return []
    known = np.isfinite(values) & (sigma > 0)
    least = float(np.percentile(low[known], 100 * _LEAST_SHARE)) if known.any() else np.inf
    if abs(least) > _MOST_BACKGROUND:
        return []
    # Without sample, all have the lowest background of all, which is not 0 if the beam has changed since I0.
    near = known & (low <= least + 2 * _EMPTY * low_sigma)
    base = float(np.median(low[near]))
    empty = known & (np.abs(low - base) <= _EMPTY * low_sigma)
    count = int(empty.sum())
    if count < max(_LEAST_EMPTY, _LEAST_SHARE * values.size):
        return []
    usual, mean = float(np.median(sigma[empty])), float(np.median(values[empty]))
    scatter = 1.4826 * float(np.median(np.abs(values[empty] - mean)))
    error = 1.25 * scatter / np.sqrt(count)
    if scatter > _ALIKE * usual or abs(mean) < max(_DRIFT * error, 0.5 * usual):
        return []
    return [
        f"{count} pixels of the lowest background all have a difference of {mean:.3g} +- {error:.1g}: the "
        "beam changed between both ranges (I0 at each energy helps), or a film covers them; all may be off by this"
    ]


def _covariance(
    energy: Float64Array, block: Block, frames: list[IndexArray], noise: Noise | None, pixels: slice
) -> Float64Array:
    """Return the variances of both means and their covariance, (3, P)."""
    weights = np.zeros((energy.size, 2))
    for column, chosen in enumerate(frames):
        weights[chosen, column] = 1 / chosen.size
    count = block.shape[1]
    parts = np.zeros((2, 0, count))
    variances = np.full((2, count), np.nan)
    if isinstance(noise, AmountNoise):
        variances, parts = np.zeros((2, count)), noise.sources(weights, pixels)
    elif isinstance(noise, PhotonNoise):
        # A value that is missing at another energy has no weight.
        own = np.where((weights.sum(axis=1) > 0)[:, None], noise.variance(block, pixels), 0)
        if noise.flats is not None:
            own = own - noise.shared_variance(pixels)
            parts = np.broadcast_to(noise.sources(weights, pixels), (2, np.shape(noise.flats)[1], count))
        variances = (weights**2).T @ own
    else:
        variances = np.stack([_residual_variance(energy[chosen], block[chosen]) for chosen in frames])
        freedom = sum(chosen.size - 2 for chosen in frames)
        variances *= (stats.t.ppf(0.975, freedom) / stats.norm.ppf(0.975)) ** 2 if freedom > 0 else np.nan
    shared = np.einsum("imp,jmp->ijp", parts, parts)
    return np.stack([variances[0] + shared[0, 0], variances[1] + shared[1, 1], shared[0, 1]])


def _residual_variance(energy: Float64Array, values: Block) -> Float64Array:
    """Return the variance (P,) of the mean of values (N, P), from the residuals of a line; NaN for few energies."""
    if energy.size < _LEAST:
        return np.full(values.shape[1], np.nan)
    basis, _ = np.linalg.qr(np.stack([np.ones_like(energy), energy - energy.mean()], axis=1))
    residual = values - basis @ (basis.T @ values)
    variance: Float64Array = (residual**2).sum(axis=0, dtype=np.float64) / (energy.size - 2) / energy.size
    return variance
