"""The noise of a stack whose edges are looked for: of counted photons, or from the residuals of the pre-edge lines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_xanes._typing import Block, BoolArray, Float64Array
from napari_xanes.edge import EdgeLines, Lines
from napari_xanes.maps.fitting.edge_errors import PAIRS, AmountErrors, BlockErrors, Law
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.stack import UNITS, SpectralStack

_POOLED_FREEDOM = 20
"""Degrees of freedom that the noise of the stack counts for, beside those of the pixel's own residuals."""


class EdgeNoise:
    """The noise of a stack, for block after block.

    Parameters
    ----------
    edge : EdgeLines
        The lines of each spectrum.
    stack : SpectralStack
        The stack; its quantity and noise are used here.
    searched : slice
        Frames of the rows.
    scale : float, optional
        Noise over that of the photons, or where they are not known, its standard deviation: for an optical depth
        without a sample; for fluorescence, of a signal of 1. Each pixel's own residuals by default.
    """

    def __init__(self, edge: EdgeLines, stack: SpectralStack, searched: slice, scale: float | None = None) -> None:
        self._edge, self._searched, self._scale = edge, searched, scale
        noise = stack.noise
        self._is_normalized = stack.quantity == "normalized"
        self._photons = noise if isinstance(noise, PhotonNoise) else None
        self._amounts = noise if isinstance(noise, AmountNoise) else None
        self._law_of = self._law_like(stack)
        unit = edge.measure(np.eye(stack.energy.size))
        self._lines = np.stack([unit.low, unit.low_slope, unit.jump])
        first, second = PAIRS
        self._pairs = self._lines[first] * self._lines[second]
        pre, post = (np.arange(stack.energy.size)[frames] for frames in edge.frames)
        self._pre, self._n_pre, self._used = edge.frames[0], pre.size, np.concatenate([pre, post])
        self._used_pairs = self._pairs[:, self._used].astype(np.float32)
        self._freedom = max(1, stack.energy[self._pre].size - 2)

    @property
    def columns(self) -> Float64Array | None:
        """The spectra whose amounts carry all noise, (E, K), if the stack was put together from amounts."""
        return None if self._amounts is None else np.asarray(self._amounts.columns, dtype=np.float64)

    def _law_like(self, stack: SpectralStack) -> Callable[[Lines, slice], Law | None]:
        """Give the law of the variance up to the scale; none where all is the same, or photons are known."""
        if stack.quantity == "optical_depth":
            flat = np.float32(1 / float(np.mean(stack.corrections.frames_per_flat)))
            return lambda lines, pixels: Law(lambda points, _: np.exp(points) + flat)
        if stack.quantity == "fluorescence":
            return lambda lines, pixels: Law(np.maximum, (_FLOOR * lines.jump).astype(np.float32))
        jump = stack.metadata.get("edge_jump")
        if (
            not isinstance(jump, ParameterMap)
            or jump.unit != UNITS["optical_depth"]
            or jump.data.shape != stack.shape[1:]
        ):
            return lambda lines, pixels: None
        # The optical depth was normalized; how much of it is not the edge is not known any more.
        jumps = jump.data.ravel()
        return lambda lines, pixels: Law(lambda points, own: np.exp(points * own) + np.float32(1), jumps[pixels])

    def _variance(self, block: Block, lines: Lines, pixels: slice) -> Block | None:
        """Return the variance of each point (E, P), up to the scale; None where it is the same for all."""
        if self._photons is not None:
            return self._photons.variance(block, pixels)
        law = self._law_of(lines, pixels)
        return None if law is None else law(block)

    def of_block(self, block: Block, lines: Lines, pixels: slice) -> BlockErrors | AmountErrors:
        """Return the noise of a block (E, P)."""
        if self._amounts is not None:
            columns = self._amounts.columns
            sources = self._amounts.sources(np.linalg.pinv(columns).T, pixels)
            return AmountErrors(sources, self._lines @ columns)
        law = None
        if self._photons is not None:
            variance = self._photons.variance(block, pixels)
            rows, used = variance[self._searched], variance[self._used]
        else:
            law = self._law_of(lines, pixels)
            if law is None:
                equal = np.ones((1, 1))
                return BlockErrors(equal, None, self._pairs.sum(axis=1)[:, None], self._scales(lines.noise**2))
            # Few of the searched points of a spectrum are looked at: their variances are reckoned when they are.
            rows, used = block[self._searched], law(block[self._used])
        own = lines.noise**2 / used[: self._n_pre].mean(axis=0)
        return BlockErrors(rows, law, self._used_pairs @ used, self._scales(own))

    def of_points(self, block: Block, lines: Lines) -> Block | None:
        """Return the variance of each point of the spectra (E, P) of a stack; None if amounts carry all noise."""
        if self._amounts is not None:
            return None
        variance = self._variance(block, lines, slice(None))
        own = lines.noise**2 if variance is None else lines.noise**2 / variance[self._pre].mean(axis=0)
        result: Block = self._scales(own) * (np.ones((len(block), 1)) if variance is None else variance)
        return result

    def typical(self, block: Block, lines: Lines) -> Float64Array:
        """Return the standard error of a point near E0 as a share of the jump, of each spectrum (E, P) of a stack."""
        jump = np.ones_like(lines.jump) if self._is_normalized else lines.jump
        errors = self.of_block(block, lines, slice(None))
        at_e0 = int(np.abs(self._edge.energy[self._searched] - self._edge.e0).argmin())
        sigma: Float64Array = np.sqrt(errors.row(np.full(jump.size, at_e0, dtype=np.intp))) / jump
        return sigma

    def _scales(self, own: Float64Array) -> Float64Array:
        """Factor of the variances of each pixel, from its own residuals and from the stack's."""
        if self._scale is None:
            return own
        pooled = np.full_like(own, self._scale**2)
        if self._photons is not None:
            return pooled
        return (_POOLED_FREEDOM * pooled + self._freedom * own) / (_POOLED_FREEDOM + self._freedom)

    def pooled(self, block: Block, lines: Lines, chosen: BoolArray) -> float:
        """Return the scale that the residuals of chosen spectra of a stack (E, P) give, at least 1 for known photons.

        Their median is robust against spectra that are not like the others; of squares with few degrees of freedom it
        is smaller than the mean (Wilson & Hilferty, PNAS 17, 684, 1931).
        """
        variance = self._variance(block, lines, slice(None))
        own = lines.noise**2 / (1.0 if variance is None else variance[self._pre].mean(axis=0))
        own = own[chosen & np.isfinite(own)]
        if own.size == 0:
            return 1.0 if self._photons is not None else 0.0
        scale = float(np.sqrt(np.median(own) / (1 - 2 / (9 * self._freedom)) ** 3))
        return scale if self._photons is None else _at_least_photons(scale)


_FLOOR = 0.02
"""Share of the edge jump below which the variance of fluorescence does not fall."""

_OF_PHOTONS = 1.15
"""Noise up to this multiple of that of the photons is taken as theirs."""


def _at_least_photons(scale: float) -> float:
    return scale if scale > _OF_PHOTONS else 1.0
