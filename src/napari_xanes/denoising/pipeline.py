"""The whole way from an optical depth to cleaned maps: background, amounts, new features, fractions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.denoising.background import Background, Design, find_background
from napari_xanes.denoising.bands import Singles, over_bands, times
from napari_xanes.denoising.evidence import (
    Fractions,
    amounts_of,
    composition_of,
    fractions_of,
    jump_of,
    without_background,
)
from napari_xanes.denoising.measure import Mask, Measured, Squares, find_air, measure, sums
from napari_xanes.denoising.novelty import (
    CLEAR,
    Directions,
    amounts_along,
    find_directions,
    kept_amounts,
    significance,
)
from napari_xanes.models.adaptation import Adapted, Halves
from napari_xanes.models.adaptation import adapt as adapt_network
from napari_xanes.models.cleaning import clean_maps
from napari_xanes.models.examples import clean_jump
from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack

Floats = NDArray[np.float64]

PASSES = ((2.0, 0.06), (1.4, 0.05))
"""Strength of the total variation of the expected composition, and how well it is known, each time round."""

_EDGE_IN_AIR, _EDGE_IN_THIN_AIR = 0.15, 0.5
"""Air whose spectrum holds more than this share of the sample's edge is not air. A beam that drifts makes edges where
there are none, so more is let pass where hardly anything is absorbed."""

_EXTRAPOLATION = 3.0
_DEPTH_OF_AIR = 0.25
"""Share of the sample's mean absorption below which that is so."""


@dataclass(frozen=True)
class Look:
    """A stack as measured: its noise, where there is no sample, means over squares, and the air's spectrum (E,)."""

    measured: Measured
    air: Mask
    squares: Squares
    spectrum: Floats


def look(stack: SpectralStack, progress: Progress | None = None) -> Look:
    """Measure a stack: what does not depend on the references."""
    measured = measure(stack, part(progress, 0.0, 0.5))
    air = find_air(measured.total, measured.precision)
    spectrum, squares = sums(measured, air, part(progress, 0.5, 1.0))
    return Look(measured, air, squares, spectrum)


def with_design(seen: Look, design: Design) -> tuple[Look, Floats, bool]:
    """The squares without the offset of each energy and divided by its noise; that offset (E,); whether air was used.

    Without air, of an offset only what is beside the design can be known.
    """
    squares, root = seen.squares, design.root
    solver = design.solver()
    k = design.references.shape[1]
    edges = times(solver[:k], squares.sample).sum(axis=0)
    usual = np.percentile(edges[squares.sample_precision > 0], 75) if (squares.sample_precision > 0).any() else 0.0
    edge = abs(float((solver[:k] @ seen.spectrum).sum())) / max(abs(usual), 1e-30)
    thick = float(np.percentile(seen.measured.total[~seen.air], 75)) if not seen.air.all() else 0.0
    thin = abs(float(seen.spectrum.mean())) < _DEPTH_OF_AIR * thick
    has_air = bool(seen.spectrum.any()) and edge < (_EDGE_IN_THIN_AIR if thin else _EDGE_IN_AIR)
    if has_air:
        offset = seen.spectrum
    else:
        squares = _joined(squares)
        sure = squares.sample_precision
        mean = np.tensordot(squares.sample, sure, 2) / sure.sum()
        basis = np.linalg.qr(design.all)[0]
        white = mean * root
        offset = (white - basis @ (basis.T @ white)) / root
    by, factor = (one.astype(np.float32)[:, None, None] for one in (offset, root))
    squares = replace(squares, air=(squares.air - by) * factor, sample=(squares.sample - by) * factor)
    return replace(seen, squares=squares), offset, has_air


def plausible_background(squares: Squares, design: Design, *, from_sample: bool = True) -> Background | None:
    """Patterns of the beam, unless they are much larger in the sample than beside it: then they are the sample's own,
    which the design does not explain."""
    found = find_background(squares, design, from_sample=from_sample)
    return found if found is not None and found.extrapolation(squares) < _EXTRAPOLATION else None


def _joined(squares: Squares) -> Squares:
    """Air that is none, counted as sample."""
    precision = squares.air_precision + squares.sample_precision
    mean = squares.air * squares.air_precision + squares.sample * squares.sample_precision
    nothing = np.zeros_like(precision)
    return Squares(np.zeros_like(mean), nothing, mean / np.maximum(precision, 1e-30), precision)


@dataclass(frozen=True)
class Cleaned:
    """What a stack was taken apart into, maps (.., Y, X).

    ``fractions``, ``fraction_sigma`` (K, ...) of the references; ``jump``, ``jump_sigma``; ``free`` (F, ...), amounts
    of the free columns; ``new`` (N, ...), amounts of the new features, ``novelty``, their significance; ``offset``
    (E,); ``chi_square``, the mean squared residual over the noise; ``used`` (Y, X), where pixels
    could be used; ``adapted``, how the adaptation ended.
    """

    fractions: Singles
    fraction_sigma: Singles
    jump: Singles
    jump_sigma: Singles
    free: Singles
    new: Singles
    novelty: Singles
    offset: Floats
    background: Background | None
    directions: Directions
    chi_square: float
    has_air: bool
    used: Mask
    adapted: Adapted | None


def clean(
    seen: Look,
    design: Design,
    *,
    background: bool,
    network: Any | None,
    adapt: bool,
    keep_new: bool,
    device: str,
    seed: int,
    progress: Progress | None = None,
) -> Cleaned:
    """Take a measured stack apart.

    Parameters
    ----------
    seen : Look
        The stack.
    design : Design
        What it is a combination of.
    background : bool
        Whether to look for patterns of the beam.
    network : MixtureNet or None
        What cleans the fractions; None for total variation.
    adapt : bool
        Whether to adapt the network to the stack first.
    keep_new : bool
        Whether to look for what the references do not explain, and keep it.
    device : str
        Where the network computes.
    seed : int
        Of what is random in the adaptation.
    """
    measured = seen.measured
    seen, offset, has_air = with_design(seen, design)
    raw, squares_left = amounts_of(measured, design, offset, part(progress, 0.0, 0.15))
    precision = _rescaled(measured, squares_left)
    patterns = plausible_background(seen.squares, design) if background and has_air else None
    if progress is not None:
        progress(0.3, "background")
    amounts = without_background(raw, patterns, design)
    jump, _ = _clean_jump(amounts, precision, design)
    if patterns is not None and design.sums and design.references.shape[1] > 1:
        for strength, spread in PASSES:
            expected = _expected(fractions_of(amounts, jump, precision, design), strength)
            inside = np.where(seen.air, 0, precision)
            known = composition_of(seen.squares, inside, jump, expected, design, spread)
            patterns = find_background(seen.squares, design, known=known, start=patterns)
            amounts = without_background(raw, patterns, design)
            jump, _ = _clean_jump(amounts, precision, design)
    if progress is not None:
        progress(0.5, "new features")
    directions, along, clear, novelty = _new_features(
        seen, design, patterns, offset, precision, has_air, keep_new, part(progress, 0.5, 0.6)
    )
    ordinary = np.where(clear.any(axis=0), 0, precision) if len(clear) else precision
    jump, jump_sigma = _clean_jump(amounts, precision, design)
    known_fractions = fractions_of(amounts, jump, ordinary, design)
    beside = (jump, *_absorption(measured, patterns, design, offset, precision))
    adapted = None
    if adapt and network is not None and design.sums:
        halves = _halves(measured, design, offset, patterns, jump, ordinary, beside)
        adapted = adapt_network(network, halves, seed=seed, device=device, progress=part(progress, 0.6, 0.8))
        network = adapted.network
    how = {"network": network, "device": device, "progress": part(progress, 0.8, 1.0)}
    fractions, sigma = (_clean_fractions if design.sums else _clean_ratios)(known_fractions, beside, how)
    if clear.any() and len(fractions) > 1:
        fractions, sigma = _as_measured(fractions, sigma, fractions_of(amounts, jump, precision, design), clear)
    if design.sums and len(fractions) > 1:
        fractions, sigma = _summed_to_one(fractions, sigma)
    free = _clean_free(amounts, jump * fractions, precision, design)
    return Cleaned(
        fractions=fractions,
        fraction_sigma=sigma,
        jump=jump,
        jump_sigma=jump_sigma,
        free=free,
        new=kept_amounts(along, precision, clear),
        novelty=novelty,
        offset=offset,
        background=patterns,
        directions=directions,
        chi_square=float(np.median(squares_left[precision > 0])),
        has_air=has_air,
        used=measured.precision > 0,
        adapted=adapted,
    )


def _clean_fractions(known: Fractions, beside: tuple[Singles, ...], how: dict[str, Any]) -> tuple[Singles, Singles]:
    """Cleaned fractions and their errors; a single reference is all there is."""
    if len(known.num) == 1:
        return np.ones_like(known.num), np.zeros_like(known.num)
    return clean_maps(known.num, known.den, *beside, **how)


def _clean_ratios(known: Fractions, beside: tuple[Singles, ...], how: dict[str, Any]) -> tuple[Singles, Singles]:
    """Ratios of scores to the first one, stretched to look like fractions, cleaned, and brought back."""
    ratios, sigma = np.ones_like(known.num), np.zeros_like(known.num)
    num, den = known.num[1:], known.den[1:]
    if len(num) == 0:
        return ratios, sigma
    total = den.sum(axis=(1, 2))
    mean = num.sum(axis=(1, 2)) / total
    value = num / np.maximum(den, 1e-30) - mean[:, None, None]
    noise = (den > 0).sum(axis=(1, 2)) / total
    spread = np.sqrt(np.maximum((den * value**2).sum(axis=(1, 2)) / total - noise, 0.01 * noise))
    scale, shift = (0.2 / spread)[:, None, None], (0.5 - 0.2 * mean / spread)[:, None, None]
    thin = (den / scale**2).astype(np.float32)
    cleaned, errors = clean_maps(
        (scale * num * thin / np.maximum(den, 1e-30) + shift * thin).astype(np.float32), thin, *beside, **how
    )
    ratios[1:], sigma[1:] = (cleaned - shift) / scale, errors / scale
    return ratios, sigma


def _halves(
    measured: Measured,
    design: Design,
    offset: Floats,
    patterns: Background | None,
    jump: Singles,
    precision: Singles,
    beside: tuple[Singles, Singles, Singles],
) -> Halves:
    """What every second energy tells of the fractions, and what the others tell."""
    known = []
    for first in (0, 1):
        half = (np.arange(design.root.size) % 2 == first).astype(np.float64)
        columns = (one * half[:, None] for one in (design.references, design.free))
        part_of = replace(design, **dict(zip(("references", "free"), columns, strict=True)), root=design.root * half)
        amounts = without_background(amounts_of(measured, part_of, offset)[0], patterns, part_of)
        known.append(fractions_of(amounts, jump, precision, part_of))
    return Halves(np.stack([one.num for one in known]), np.stack([one.den for one in known]), beside)


def _rescaled(measured: Measured, squares_left: Singles) -> Singles:
    """The precision, by the residuals where the photons are not known; squares_left is overwritten."""
    from scipy.ndimage import gaussian_filter

    squares_left *= measured.precision
    if measured.photons:
        return measured.precision
    used = measured.precision > 0
    usual = gaussian_filter(np.where(used, squares_left, 0), 2) / np.maximum(gaussian_filter(used * 1.0, 2), 1e-6)
    return np.asarray(measured.precision / np.maximum(usual, 1e-6), np.float32)


def _clean_jump(amounts: Singles, precision: Singles, design: Design) -> tuple[Singles, Singles]:
    """Edge jump cleaned, at least 0.001, and its standard error."""
    jump, sigma = jump_of(amounts, precision, design)
    cleaned = clean_jump(jump, sigma)
    return cleaned, (0.4 * sigma).astype(np.float32)


def _expected(known: Fractions, strength: float) -> Singles:
    """Fractions by total variation, summed to one."""
    import torch

    from napari_xanes.models.candidates import least_variation

    num, den = (torch.from_numpy(np.ascontiguousarray(one)) for one in (known.num, known.den))
    mean = num.sum(dim=(1, 2), keepdim=True) / den.sum(dim=(1, 2), keepdim=True)
    ridge = 8.0
    found = least_variation(num + ridge * mean, den + ridge, torch.full((len(num),), strength)).numpy()
    result: Singles = found / np.maximum(found.sum(axis=0), 0.1)
    return result


def _new_features(
    seen: Look,
    design: Design,
    patterns: Background | None,
    offset: Floats,
    precision: Singles,
    has_air: bool,
    keep_new: bool,
    progress: Progress | None,
) -> tuple[Directions, Singles, NDArray[np.bool_], Singles]:
    """Directions, amounts along them, where they are clear, and the largest significance."""
    nothing = np.zeros((0, *precision.shape), np.float32)
    none = np.zeros((design.root.size, 0))
    if not keep_new:
        return Directions(none, none), nothing, nothing.astype(bool), np.zeros_like(precision)
    directions = find_directions(seen.squares, design, patterns, has_air=has_air)
    if directions.new.shape[1] == 0:
        return directions, nothing, nothing.astype(bool), np.zeros_like(precision)
    inside = np.where(seen.air, 0, precision).astype(np.float32)
    along = amounts_along(seen.measured, directions.new, design, offset, patterns, progress, has_air=has_air)
    clearness = significance(along, inside)
    return directions, along, clearness > CLEAR, clearness.max(axis=0)


def _absorption(
    measured: Measured, patterns: Background | None, design: Design, offset: Floats, precision: Singles
) -> tuple[Singles, Singles]:
    """Mean optical depth without background, and its standard error."""
    total = measured.total - np.float32(offset.mean())
    if patterns is not None:
        mean = (patterns.modes / design.root[:, None]).mean(axis=0)[None]
        total = total - patterns.enlarged(mean, total.shape)[0]
    least = 1e-4 * float(np.median(precision[precision > 0]))
    return total, (1 / np.sqrt(np.maximum(precision, least) * design.root.size)).astype(np.float32)


def _as_measured(
    fractions: Singles, sigma: Singles, measured: Fractions, clear: NDArray[np.bool_]
) -> tuple[Singles, Singles]:
    """Where there is something new, fractions are not smoothed: nothing is known of what they should be."""
    from scipy.ndimage import gaussian_filter

    there = clear.any(axis=0)
    for i in range(len(fractions)):
        den = np.where(there, measured.den[i], 0)
        pooled = gaussian_filter(den, 0.6) + 1e-6
        own = gaussian_filter(np.where(there, measured.num[i], 0), 0.6) / pooled
        fractions[i] = np.where(there, np.clip(own, -0.3, 1.3), fractions[i])
        sigma[i] = np.where(there, np.sqrt(1 / (pooled * 4.5 + 11)), sigma[i])
    return fractions, sigma


def _summed_to_one(fractions: Singles, sigma: Singles) -> tuple[Singles, Singles]:
    """Fractions whose sum is one, the excess taken from the least certain; of two, both have the same error."""
    share = sigma**2 / np.maximum((sigma**2).sum(axis=0), 1e-30)
    fractions = fractions + share * (1 - fractions.sum(axis=0))
    if len(fractions) == 2:
        sigma = np.broadcast_to(np.sqrt((sigma**2).mean(axis=0)), sigma.shape).copy()
    return fractions, sigma


def _clean_free(amounts: Singles, known: Singles, precision: Singles, design: Design) -> Singles:
    """Amounts of the free columns, refitted with those of the references known, cleaned by non-local means."""
    from skimage.restoration import denoise_nl_means

    k = len(known)
    basis = np.linalg.pinv(design.free)
    refitted = amounts[k:] + times(basis @ design.references, amounts[:k] - known)
    # In units of the noise, each direction apart.
    covariance = np.linalg.inv(design.free.T @ design.free)
    root = np.linalg.cholesky(covariance)
    scale = np.sqrt(np.maximum(precision, 1e-4 * np.median(precision[precision > 0])))
    white = times(np.linalg.inv(root), refitted) * scale
    cleaned = np.stack(
        [denoise_nl_means(one, patch_size=5, patch_distance=6, h=0.7, sigma=1.0, fast_mode=True) for one in white]
    )
    return times(root, (cleaned / scale).astype(np.float32))


def parts(cleaned: Cleaned, design: Design) -> tuple[Floats, Singles]:
    """Columns (E, N) and maps (N, Y, X) whose product is the cleaned stack; NaN in pixels that could not be used."""
    columns = np.concatenate([design.all, cleaned.directions.new], axis=1) / design.root[:, None]
    maps = np.concatenate([cleaned.jump * cleaned.fractions, cleaned.free, cleaned.new])
    maps[:, ~cleaned.used] = np.nan
    return columns, maps


def put_together(columns: Floats, maps: Singles, out: Singles, progress: Progress | None = None) -> Singles:
    """Fill `out` (E, Y, X) with the product of columns and maps."""

    def fill(band: Singles, rows: slice) -> None:
        band[...] = times(columns, np.ascontiguousarray(maps[:, rows]))

    over_bands(fill, out, progress=progress, message="putting together")
    return out
