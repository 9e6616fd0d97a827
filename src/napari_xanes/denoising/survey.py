"""A stack as it is looked at before it is taken apart: its noise, its empty area, its squares, patterns of the beam."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.denoising.bands import times
from napari_xanes.denoising.binning import Squares, find_air, sums
from napari_xanes.denoising.design_matrix import Design
from napari_xanes.denoising.precision import Measured, measure
from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack

_EDGE_IN_AIR, _EDGE_IN_THIN_AIR = 0.15, 0.5
"""Air whose spectrum holds more than this share of the sample's edge is not air. A beam that drifts makes edges where
there are none, so more is let pass where hardly anything is absorbed."""

_DEPTH_OF_AIR = 0.25
"""Share of the sample's mean absorption below which that is so."""


@dataclass(frozen=True)
class Look:
    """A stack as measured: its noise, where there is no sample, means over squares, and the air's spectrum (E,)."""

    measured: Measured
    air: BoolArray
    squares: Squares
    spectrum: Float64Array


def look(stack: SpectralStack, progress: Progress | None = None) -> Look:
    """Measure a stack: what does not depend on the references."""
    measured = measure(stack, part(progress, 0.0, 0.5))
    air = find_air(measured.total, measured.precision)
    spectrum, squares = sums(measured, air, part(progress, 0.5, 1.0))
    return Look(measured, air, squares, spectrum)


def with_design(seen: Look, design: Design) -> tuple[Look, Float64Array, bool]:
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


def _joined(squares: Squares) -> Squares:
    """Air that is none, counted as sample."""
    precision = squares.air_precision + squares.sample_precision
    mean = squares.air * squares.air_precision + squares.sample * squares.sample_precision
    nothing = np.zeros_like(precision)
    return Squares(np.zeros_like(mean), nothing, mean / np.maximum(precision, 1e-30), precision)
