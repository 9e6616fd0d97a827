"""The whole way from an optical depth to cleaned maps: background, amounts, new features, fractions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.background.composition import composition_of
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.background.search import (
    find_background,
    plausible_background,
)
from napari_xanes.denoising.design_matrix import Design
from napari_xanes.denoising.filters.non_local_means import clean_jump
from napari_xanes.denoising.fractions.cleaning import (
    as_measured,
    clean_fractions,
    clean_free,
    clean_ratios,
    expected_fractions,
    summed_to_one,
)
from napari_xanes.denoising.fractions.estimate import (
    edge_variance,
    fractions_of,
    jump_of,
    left_over,
    spread_of_left_over,
)
from napari_xanes.denoising.fractions.fit import amounts_of, without_background
from napari_xanes.denoising.network.adaptation import Adapted, Halves
from napari_xanes.denoising.network.adaptation import adapt as adapt_network
from napari_xanes.denoising.novelty.amounts import (
    kept_amounts,
)
from napari_xanes.denoising.novelty.search import new_features
from napari_xanes.denoising.novelty.shared_features import (
    Directions,
)
from napari_xanes.denoising.precision import Measured, mean_of_used, used_precision
from napari_xanes.denoising.survey import (
    Look,
)
from napari_xanes.progress import Progress, part

PASSES = ((2.0, 0.06), (1.4, 0.05))
"""Strength of the total variation of the expected composition, and how well it is known, each time round."""

_NOISE_LEFT, _AROUND = 0.6, 2.0
"""Least share of an edge jump's noise that is believed to be left, and radius in pixels over which what is gone is
measured: where little is, much is left; where more is than there was noise, structure went with it."""


@dataclass(frozen=True)
class Cleaned:
    """What a stack was taken apart into, maps (.., Y, X).

    ``fractions``, ``fraction_sigma`` (K, ...) of the references; ``jump``, ``jump_sigma``; ``free`` (F, ...), amounts
    of the free columns; ``new`` (N, ...), amounts of the new features, ``novelty``, their significance; ``offset``
    (E,); ``chi_square``, the mean squared residual over the noise; ``used`` (Y, X), where pixels
    could be used; ``adapted``, how the adaptation ended; ``alike``, as in `Fit`.
    """

    fractions: Float32Array
    fraction_sigma: Float32Array
    jump: Float32Array
    jump_sigma: Float32Array
    free: Float32Array
    new: Float32Array
    novelty: Float32Array
    offset: Float64Array
    background: Background | None
    directions: Directions
    chi_square: float
    has_air: bool
    used: BoolArray
    adapted: Adapted | None
    alike: float


def clean(
    seen: Look,
    design: Design,
    offset: Float64Array,
    *,
    has_air: bool,
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
        The stack; its squares without the offset and divided by the noise, as `with_design` makes them.
    design : Design
        What it is a combination of.
    offset : ndarray, shape (E,)
        Spectrum to subtract from every pixel.
    has_air : bool
        Whether that is the spectrum of an empty area.
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
    fit = amounts_of(measured, design, offset, part(progress, 0.0, 0.15))
    raw, squares_left = fit.amounts, fit.squares
    precision = _rescaled(measured, squares_left)
    patterns = plausible_background(seen.squares, design) if background and has_air else None
    if progress is not None:
        progress(0.3, "background")
    amounts = without_background(raw, patterns, design)
    jump, jump_sigma = _clean_jump(amounts, precision, design)
    if patterns is not None and design.sums and design.references.shape[1] > 1:
        for strength, spread in PASSES:
            expected = expected_fractions(fractions_of(amounts, jump, precision, design), strength)
            inside = np.where(seen.air, 0, precision)
            known = composition_of(seen.squares, inside, jump, expected, design, spread)
            patterns = find_background(seen.squares, design, known=known, start=patterns)
            amounts = without_background(raw, patterns, design)
            jump, jump_sigma = _clean_jump(amounts, precision, design)
    if progress is not None:
        progress(0.5, "new features")
    directions, along, clear, novelty = new_features(
        seen, design, patterns, offset, precision, has_air, keep_new, part(progress, 0.5, 0.6)
    )
    ordinary = np.where(clear.any(axis=0), 0, precision) if len(clear) else precision
    known_fractions = fractions_of(amounts, jump, ordinary, design)
    beside = (jump, *_absorption(measured, patterns, design, offset, precision))
    adapted = None
    if adapt and network is not None and design.sums:
        halves = _halves(measured, design, offset, patterns, jump, ordinary, beside)
        adapted = adapt_network(network, halves, seed=seed, device=device, progress=part(progress, 0.6, 0.8))
        network = adapted.network
    how = {"network": network, "device": device, "progress": part(progress, 0.8, 1.0)}
    fractions, sigma = (clean_fractions if design.sums else clean_ratios)(known_fractions, beside, how)
    if clear.any() and len(fractions) > 1:
        fractions, sigma = as_measured(fractions, sigma, fractions_of(amounts, jump, precision, design), clear)
    unseen = left_over(seen.squares, design, patterns)
    if not has_air:  # what the offset may hold within the design is as large as what it holds beside it
        unseen += float(np.sum((offset * design.root) ** 2)) / (offset.size - design.all.shape[1])
    if design.sums and len(fractions) > 1:
        sigma = np.sqrt(sigma**2 + spread_of_left_over(unseen, jump, design))
        fractions, sigma = summed_to_one(fractions, sigma)
    jump_sigma = np.hypot(jump_sigma, np.sqrt(unseen * edge_variance(design))).astype(np.float32)
    free = clean_free(amounts, jump * fractions, precision, design)
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
        alike=fit.alike,
    )


def _halves(
    measured: Measured,
    design: Design,
    offset: Float64Array,
    patterns: Background | None,
    jump: Float32Array,
    precision: Float32Array,
    beside: tuple[Float32Array, Float32Array, Float32Array],
) -> Halves:
    """What every second energy tells of the fractions, and what the others tell."""
    known = []
    for first in (0, 1):
        half = (np.arange(design.root.size) % 2 == first).astype(np.float64)
        columns = (one * half[:, None] for one in (design.references, design.free))
        part_of = replace(design, **dict(zip(("references", "free"), columns, strict=True)), root=design.root * half)
        amounts = without_background(amounts_of(measured, part_of, offset).amounts, patterns, part_of)
        known.append(fractions_of(amounts, jump, precision, part_of))
    return Halves(np.stack([one.num for one in known]), np.stack([one.den for one in known]), beside)


def _rescaled(measured: Measured, squares_left: Float32Array) -> Float32Array:
    """The precision, by the residuals where the photons are not known; squares_left is overwritten."""
    squares_left *= measured.precision
    if measured.photons:
        return measured.precision
    usual = mean_of_used(squares_left, measured.precision > 0, 2)
    return np.asarray(measured.precision / np.maximum(usual, 1e-6), np.float32)


def _clean_jump(amounts: Float32Array, precision: Float32Array, design: Design) -> tuple[Float32Array, Float32Array]:
    """Edge jump cleaned, at least 0.001, and its standard error: of the noise left, and of structure that went."""
    from scipy.ndimage import gaussian_filter

    jump, sigma = jump_of(amounts, precision, design)
    cleaned = clean_jump(jump, sigma)
    removed = np.sqrt(gaussian_filter((jump - cleaned) ** 2 / sigma**2, _AROUND))
    left = np.maximum(np.abs(1 - removed), _NOISE_LEFT)
    return cleaned, (left * sigma).astype(np.float32)


def _absorption(
    measured: Measured, patterns: Background | None, design: Design, offset: Float64Array, precision: Float32Array
) -> tuple[Float32Array, Float32Array]:
    """Mean optical depth without background, and its standard error."""
    total = measured.total - np.float32(offset.mean())
    if patterns is not None:
        mean = (patterns.modes / design.root[:, None]).mean(axis=0)[None]
        total = total - patterns.enlarged(mean, total.shape)[0]
    return total, (1 / np.sqrt(used_precision(precision) * design.root.size)).astype(np.float32)


def parts(cleaned: Cleaned, design: Design) -> tuple[Float64Array, Float32Array]:
    """Columns (E, N) and maps (N, Y, X) whose product is the cleaned stack; NaN in pixels that could not be used."""
    columns = np.concatenate([design.all, cleaned.directions.new], axis=1) / design.root[:, None]
    maps = np.concatenate([cleaned.jump * cleaned.fractions, cleaned.free, cleaned.new])
    maps[:, ~cleaned.used] = np.nan
    return columns, maps
