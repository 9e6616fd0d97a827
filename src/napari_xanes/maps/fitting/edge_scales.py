"""The noise of a stack, and how far its spectra must be smoothed to show their edges."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Block, BoolArray, Float64Array
from napari_xanes.computing import computed
from napari_xanes.edge import EdgeLines, Lines, Range
from napari_xanes.edge.local_quadratic import LocalQuadratic, local_quadratic, rows_beside, search_frames
from napari_xanes.maps.fitting.edge_fit import EdgeFit
from napari_xanes.maps.fitting.edge_noise import EdgeNoise
from napari_xanes.stack import SpectralStack


class Scales(NamedTuple):
    """Scale of the noise (see `EdgeNoise`), smoothing in eV, and how far it moves energies (`_shifts`)."""

    noise: float | None
    smooth: float | None
    shift: list[float] | None


class _Search(NamedTuple):
    """Where the edges of spectra are looked for, and how."""

    edge: EdgeLines
    energy: Range
    level: float
    smooth: float


_UNMOVED = [0.0] * 6

_UNLIKE = 0.3
"""Least share of a shift that counts as an error, because a pixel's edge is not the mean of all."""

_GROUPS, _LEAST_OF_GROUP = 3, 50
"""Pixels are sorted by their edges into so many groups, if each has so many."""

_DIFFER = 1.3
"""Pixels differ if the variance of their edges is so many times that of noise."""

_SAMPLE_PIXELS = 1 << 10
"""Number of spectra from which noise and smoothing are estimated."""

_CLEAR = 8.0
"""The steepest rise must be this many times the noise of a slope."""

_BENDS = 4.0
"""A maximum must bend this many times as much as noise does."""

_WIDEST = 3e-4, 0.4
"""Widest smoothing: a share of E0, about the natural width of an edge, but at least this many eV."""

_MEDIAN_OF_NORMAL = 0.6745
"""Median of the absolute value of a normal variable, in standard deviations."""

_STEPS = 12
"""Number of widths that are tried."""


def estimate_scales(
    sample: SpectralStack, edge: EdgeLines, energy: Range, level: float, least_jump: float, given: Scales
) -> Scales:
    """Estimate noise and smoothing from a sample of pixels.

    The smoothing is the smallest with which the maxima of the mean spectrum stand out from the noise of a pixel, 0
    where they do without. How far it moves the mean spectrum's energies is measured with what smoothing the mean
    itself needs, usually none.

    Parameters
    ----------
    sample : SpectralStack
        Some pixels of a stack, in memory (`sample_of`).
    edge : EdgeLines
        Its lines.
    energy : tuple of float
        Search range in eV.
    level : float
        Fraction of the step whose crossing is the edge energy.
    least_jump : float
        Pixels with a smaller edge jump do not count.
    given : Scales
        Values that are given are kept.
    """
    noise, smooth, shift = given
    if noise is not None and (smooth == 0 or (smooth is not None and shift is not None)):
        return Scales(noise, smooth, shift or _UNMOVED)
    frames, is_normalized = search_frames(sample.energy, energy), sample.quantity == "normalized"
    with np.errstate(all="ignore"):
        block, lines, chosen = with_edge(sample, edge, least_jump)
        if not chosen.any():
            return Scales(noise or 0.0, smooth or 0.0, shift or _UNMOVED)
        if noise is None:
            noise = EdgeNoise(edge, sample, frames).pooled(block, lines, chosen)
        typical = float(np.median(EdgeNoise(edge, sample, frames, noise).typical(block, lines)[chosen]))
        typical = min(typical, _roughness(block[frames][:, chosen], sample.energy[frames], sample, lines.jump[chosen]))
        mean = _mean(edge, block[:, chosen], is_normalized)
        smooth = _smoothing(mean, edge, frames, typical) if smooth is None else smooth
        if shift is None and smooth:
            search = _Search(edge, energy, level, smooth)
            shift = _shifts(search, _normalized(edge, block[:, chosen], is_normalized), mean, typical)
    return Scales(noise, smooth, shift or _UNMOVED)


def _roughness(block: Block, axis: Float64Array, stack: SpectralStack, jump: Float64Array) -> float:
    """Noise as a share of the jump, from how far points lie from the line between their neighbours.

    The median leaves the edge itself out. Where spectra are smooth it is smaller than the residuals of the pre-edge
    line, which see that spectra are not straight.
    """
    before, after = np.diff(axis)[:-1, None], np.diff(axis)[1:, None]
    left, right = after / (before + after), before / (before + after)
    off = (block[1:-1] - left * block[:-2] - right * block[2:]) / np.sqrt(1 + left**2 + right**2)
    share = off if stack.quantity == "normalized" else off / jump
    return float(np.median(np.abs(share)) / _MEDIAN_OF_NORMAL)


def with_edge(sample: SpectralStack, edge: EdgeLines, least_jump: float) -> tuple[Block, Lines, BoolArray]:
    """Return the spectra (E, P) of a sample, their lines, and which (P,) are finite and have a larger edge jump."""
    block = np.asarray(sample.data, dtype=np.float32).reshape(sample.energy.size, -1)
    lines = edge.measure(block)
    return block, lines, np.isfinite(block.sum(axis=0)) & (lines.jump > least_jump)


def sample_of(stack: SpectralStack) -> SpectralStack:
    """Return some rows of a stack, in memory: about a thousand pixels."""
    n_pixels, rows = int(np.prod(stack.shape[1:])), stack.shape[-2]
    step = max(1, min(rows, round(n_pixels / _SAMPLE_PIXELS)))
    slices = max(1, round(n_pixels / step / _SAMPLE_PIXELS))
    box: tuple[slice | int, ...] = (slice(step // 2, None, step), slice(None))
    if len(stack.shape) == 4:
        box = (slice(0, None, slices), *box)
    sample = stack.isel(box=box)
    return sample.with_data(computed(sample.data).astype(np.float32))


def _normalized(edge: EdgeLines, block: Block, normalized: bool) -> Block:
    """Spectra (E, P), normalized."""
    return block if normalized else edge.normalize(block, edge.measure(block))


def _mean(edge: EdgeLines, block: Block, normalized: bool) -> Float64Array:
    """The mean of spectra (E, P), normalized."""
    mean = _normalized(edge, block.mean(axis=1, dtype=np.float64)[:, None], normalized)
    return mean[:, 0].astype(np.float64)


@lru_cache(maxsize=2 * _STEPS)
def _matrices(axis: bytes, start: int, stop: int, width: float) -> LocalQuadratic:
    """The parabolas of a width in eV: those of one axis are needed for several spectra."""
    return local_quadratic(np.frombuffer(axis), slice(start, stop), width)


def _smoothing(mean: Float64Array, edge: EdgeLines, searched: slice, noise: float) -> float:
    """The smallest smoothing in eV with which the maxima are clear, for noise as a share of the jump."""
    share, least = _WIDEST
    axis = edge.energy[searched]
    for width in np.linspace(0, max(share * edge.e0, least), _STEPS):
        matrices = _matrices(edge.energy.tobytes(), searched.start, searched.stop, float(width))
        value, slope = matrices.value @ mean[matrices.frames], matrices.slope @ mean[matrices.frames]
        top = int(value.argmax())
        steepest = int(slope[: top + 1].argmax())
        clear = slope[steepest] > _CLEAR * noise * np.linalg.norm(matrices.slope[steepest])
        clear = clear and all(
            _bend(axis, rows, j, float(width)) @ mean[matrices.frames]
            > _BENDS * noise * np.linalg.norm(_bend(axis, rows, j, float(width)))
            for rows, j in ((matrices.value, top), (matrices.slope, steepest))
            if 0 < j < axis.size - 1
        )
        if clear:
            break
    return round(float(width), 3)


def _bend(axis: Float64Array, rows: Float64Array, j: int, width: float) -> Float64Array:
    """Weights of the points in how much the rows bend down at row `j`."""
    left, right = (side[j] for side in rows_beside(axis, width))
    before, after = axis[j] - axis[left], axis[right] - axis[j]
    weights: Float64Array = (rows[j] - rows[left]) / before + (rows[j] - rows[right]) / after
    return weights


def _shifts(search: _Search, spectra: Block, mean: Float64Array, noise: float) -> list[float]:
    """How far smoothing moves each energy of the mean spectrum, and how much that differs between low and high edges.

    Three shifts and three errors in eV. The errors are at least a share of the shifts.
    """
    count = spectra.shape[1]
    shift = _shifts_of_smoothing([mean], search, [noise / float(np.sqrt(count))])[0]
    error = _UNLIKE * np.abs(shift)
    if count >= _GROUPS * _LEAST_OF_GROUP:
        fit = _fit_of(spectra, search, search.smooth, noise)
        found, sigma = fit.energies["edge_energy"]
        low, high = np.nanpercentile(found, (16, 84))
        if ((high - low) / 2) ** 2 > _DIFFER * np.nanmedian(sigma**2):
            groups = np.array_split(np.argsort(found), _GROUPS)
            means = [spectra.take(group, axis=1).mean(axis=1, dtype=np.float64) for group in groups]
            noises = [noise / float(np.sqrt(group.size)) for group in groups]
            moved = _shifts_of_smoothing(means, search, noises)
            error = np.maximum(error, np.abs(moved - shift).max(axis=0))
    return [*shift.round(4).tolist(), *error.round(4).tolist()]


def _fit_of(spectra: Block, search: _Search, smooth: float, noise: float) -> EdgeFit:
    """The edges of normalized spectra (E, P)."""
    stack = SpectralStack(spectra[:, None, :], search.edge.energy, "normalized")
    fit = EdgeFit(search.edge, stack, search.energy, search.level, 0.0, smooth, noise=noise)
    fit.block(spectra, slice(0, spectra.shape[1]))
    return fit


def _shifts_of_smoothing(means: list[Float64Array], search: _Search, noises: list[float]) -> Float64Array:
    """How far smoothing moves each energy of normalized mean spectra, (N, 3), 0 where they have none."""
    searched = search_frames(search.edge.energy, search.energy)
    smoothed = _energies_of(np.stack(means, axis=1), search, search.smooth)
    shifts = np.zeros_like(smoothed)
    for i, (mean, noise) in enumerate(zip(means, noises, strict=True)):
        least = _smoothing(mean, search.edge, searched, noise)
        if least < search.smooth:
            shifts[i] = smoothed[i] - _energies_of(mean[:, None], search, least)[0]
    return np.where(np.isfinite(shifts), shifts, 0.0)


def _energies_of(spectra: Block, search: _Search, smooth: float) -> Float64Array:
    """The three energies (P, 3) of normalized spectra (E, P) without noise."""
    energies = _fit_of(spectra, search, smooth, 0.0).energies.values()
    return np.stack([values.astype(np.float64) for values, _ in energies], axis=1)
