"""The whole way from an optical depth to cleaned maps: background, amounts, new features, fractions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import times
from napari_xanes.denoising.design_matrix import MOST, Design
from napari_xanes.denoising.novelty.amounts import (
    CLEAR,
    amounts_along,
    significance,
)
from napari_xanes.denoising.novelty.shared_features import (
    Directions,
    find_directions,
    residual_squares,
)
from napari_xanes.denoising.novelty.small_features import (
    lone_directions,
)
from napari_xanes.denoising.survey import (
    Look,
)
from napari_xanes.progress import Progress, part


def new_features(
    seen: Look,
    design: Design,
    patterns: Background | None,
    offset: Float64Array,
    precision: Float32Array,
    has_air: bool,
    keep_new: bool,
    progress: Progress | None,
) -> tuple[Directions, Float32Array, NDArray[np.bool_], Float32Array]:
    """Directions, amounts along them, where they are clear, and the largest significance."""
    nothing = np.zeros((0, *precision.shape), np.float32)
    none = np.zeros((design.root.size, 0))
    if not keep_new:
        return Directions(none, none, 0), nothing, nothing.astype(bool), np.zeros_like(precision)
    directions = _directions(seen, design, patterns, has_air, part(progress, 0.0, 0.5))
    if directions.new.shape[1] == 0:
        return directions, nothing, nothing.astype(bool), np.zeros_like(precision)
    inside = np.where(seen.air, 0, precision).astype(np.float32)
    along = amounts_along(
        seen.measured, directions.new, design, offset, patterns, part(progress, 0.5, 1.0), has_air=has_air
    )
    clearness = significance(along, inside)
    return directions, along, clearness > CLEAR, clearness.max(axis=0)


def _directions(
    seen: Look, design: Design, patterns: Background | None, has_air: bool, progress: Progress | None
) -> Directions:
    """Spectra that many squares share, and those of few squares that are far beyond noise."""
    precision = seen.squares.sample_precision
    left = residual_squares(seen.squares, design, patterns, has_air=has_air)
    explained = design.all.shape[1]
    new, nuisance = find_directions(left, precision, explained)
    known = np.concatenate([new, nuisance], axis=1)
    left -= times(known, times(known.T, left))
    known = np.concatenate([np.linalg.qr(design.all)[0], known], axis=1)
    lone = lone_directions(
        left, precision, known, seen.measured, design, ~seen.air, most=MOST - new.shape[1], progress=progress
    )
    return Directions(np.concatenate([new, lone.directions], axis=1), nuisance, lone.unexplained)
