"""How `normalize_edge` fits the lines of block after block, and what it keeps of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block, Float32Array, Float64Array, IndexArray
from napari_xanes.edge import EdgeLines, Lines, notices_of, on_selection
from napari_xanes.edge.robust import measure_robust
from napari_xanes.edge.shared_slopes import SharedLines, SharedSlopes, SlopeStatistics, words
from napari_xanes.edge.stray_light import DepthSample
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack

_PER_BLOCK = 64
"""About so many spectra of each block serve the mean spectrum."""


def slopes_of(stack: SpectralStack, edge: EdgeLines, *, robust: bool, progress: Progress | None) -> SharedSlopes:
    """Learn the slopes of the lines from all pixels."""
    statistics = SlopeStatistics(edge, partial(measure_robust, edge) if robust else edge.measure)
    blocks.over_pixels(
        lambda block, pixels: statistics.add(block), stack.data, progress=progress, message="shared slopes"
    )
    return statistics.slopes()


def given_slopes(values: list[float]) -> SharedSlopes:
    """Return shared slopes from a list of their numbers.

    Raises
    ------
    ValueError
        If they are not four.
    """
    if len(values) != len(SharedSlopes._fields):
        raise ValueError(
            f"shared_slopes = {values}: four numbers are needed, {', '.join(SharedSlopes._fields)}; leave them out to "
            "learn them from all pixels"
        )
    return SharedSlopes(*values)


def gain(edge: EdgeLines, slopes: list[float]) -> float:
    """Return the noise of jumps with shared slopes over that with slopes of their own."""
    shared = SharedLines(edge, SharedSlopes(*slopes))
    return shared.norm / float(np.linalg.norm(edge.lines.matrix[3]))


class LineFit(NamedTuple):
    """How lines are fitted to the spectra of a block."""

    edge: EdgeLines
    shared: SharedLines | None
    robust: bool

    def measure(self, block: Block) -> Lines:
        """Fit the lines of spectra (E, P)."""
        measure = self.edge.measure if self.shared is None else self.shared.measure
        return measure_robust(self.edge, block, measure) if self.robust else measure(block)


class EdgeJumps:
    """The edge jumps of block after block, (P,), and the mean spectrum of pixels that have one."""

    def __init__(self, fit: LineFit, min_jump: float, n_pixels: int) -> None:
        self.fit, self._min_jump = fit, min_jump
        self.jump, self.sigma = (np.full(n_pixels, np.nan, dtype=np.float32) for _ in range(2))
        self._measured, self._noise = (np.full(n_pixels, np.nan, dtype=np.float32) for _ in range(2))
        self.mask = np.zeros(n_pixels, dtype=bool)
        self._sums: list[tuple[Float64Array, int]] = []
        self._depths = DepthSample(n_pixels)

    @property
    def edge(self) -> EdgeLines:
        """E0 and the ranges."""
        return self.fit.edge

    @property
    def n_terms(self) -> int:
        """Number of terms of the lines of a pixel."""
        return self.edge.n_terms

    def parts(self, pixels: slice) -> Iterator[tuple[EdgeJumps, slice, slice]]:
        """Return all columns of a block of pixels as one part."""
        yield self, slice(None), pixels

    def measure(self, block: Block, pixels: slice | IndexArray) -> Lines:
        """Measure the lines of a block (E, P); the jump is NaN where it is too small or a value is missing."""
        with np.errstate(invalid="ignore", over="ignore"):
            lines = self.fit.measure(block)
            self._depths.add(block, pixels)
            mask = self.edge.is_complete(block, lines) & (lines.jump > self._min_jump)
        self._measured[pixels], self._noise[pixels] = lines.jump, self.edge.error_by(lines.noise)
        jump = np.where(mask, lines.jump, np.nan)
        self.mask[pixels], self.jump[pixels], self.sigma[pixels] = mask, jump, lines.sigma
        some = np.flatnonzero(mask)
        some = some[:: max(1, some.size // _PER_BLOCK)]
        self._sums.append((block[:, some].sum(axis=1, dtype=np.float64), some.size))
        return lines._replace(jump=jump)

    def report(self, element: str | None, edge: str | None) -> tuple[dict[str, Any], list[str]]:
        """Return the kinds of line with what they share, and the warnings."""
        count = sum(n for _, n in self._sums)
        notices = []
        if count:
            mean = np.sum([total for total, _ in self._sums], axis=0) / count
            notices = notices_of(self.edge, mean, element, edge)
        notices += on_selection(self._measured, self._noise, self._min_jump, self.mask)
        told: dict[str, Any] = {"robust": True} if self.fit.robust else {}
        if self.fit.shared is not None:
            told["slopes"], warnings = words(self.fit.shared, self.jump[self.mask].astype(np.float64))
            notices += warnings
        lines = self.edge.lines
        of_errors = {"line_error": self.edge.model_error, "shared_noise": self.edge.shared_noise}
        return {"pre": lines.pre, "post": lines.post, **of_errors, **told}, notices

    def metadata(self, stack: SpectralStack, element: str | None, edge: str | None) -> dict[str, Any]:
        """Return the map of the jump, the kinds of line, and the warnings."""
        shape = stack.shape[1:]
        jump, sigma, mask = self.jump.reshape(shape), self.sigma.reshape(shape), self.mask.reshape(shape)
        told, notices = self.report(element, edge)
        notices += self._depths.told(stack)
        return {
            "edge_jump": ParameterMap(jump, stack.unit, sigma, mask),
            "edge_lines": told,
            "warnings": [*stack.metadata.get("warnings", ()), *notices],
        }


class MeasuredJumps(Protocol):
    """Jumps of pixels by one kind of lines, or by those of the region that each pixel belongs to."""

    @property
    def n_terms(self) -> int:
        """The most terms that the lines of a pixel have."""

    def parts(self, pixels: slice) -> Iterable[tuple[EdgeJumps, slice | IndexArray, slice | IndexArray]]:
        """Return jumps for each part of a block of pixels, its columns in the block, and its pixels in these jumps."""


def normalized(stack: SpectralStack, measured: MeasuredJumps, *, flatten: bool, progress: Progress | None) -> Any:
    """Return the normalized data; of a lazy stack the lines are measured now, and each frame is normalized alone."""
    normalize = _normalized_lazily if stack.is_lazy else _normalized_now
    return normalize(stack, measured, flatten=flatten, progress=progress)


def _normalized_now(
    stack: SpectralStack, measured: MeasuredJumps, *, flatten: bool, progress: Progress | None
) -> Float32Array:
    """Normalize block after block of a stack in memory, each into its place."""
    data = np.empty(stack.shape, dtype=np.float32)
    out = data.reshape(stack.shape[0], -1)

    def normalize(block: Block, pixels: slice) -> None:
        for jumps, columns, own in measured.parts(pixels):
            spectra, place = block[:, columns], out[:, pixels]
            lines = jumps.measure(spectra, own)
            if isinstance(columns, slice):
                jumps.edge.normalize(spectra, lines, flatten=flatten, out=place[:, columns])
            else:
                place[:, columns] = jumps.edge.normalize(spectra, lines, flatten=flatten)

    blocks.over_pixels(normalize, stack.data, progress=progress, message="edge normalization")
    return data


def _normalized_lazily(
    stack: SpectralStack, measured: MeasuredJumps, *, flatten: bool, progress: Progress | None
) -> Any:
    """Measure the lines of a lazy stack now, so that later one frame can be normalized alone."""
    n_pixels = int(np.prod(stack.shape[1:]))
    scale, terms = np.full(n_pixels, np.nan, np.float32), np.zeros((measured.n_terms, n_pixels), np.float32)

    def store(block: Block, pixels: slice) -> None:
        for jumps, columns, own in measured.parts(pixels):
            scale[pixels][columns], found = jumps.edge.scaled(jumps.measure(block[:, columns], own))
            terms[: len(found), pixels][:, columns] = found

    def normalize(block: Block, frames: slice, pixels: slice) -> Float32Array:
        out = np.empty(block.shape, dtype=np.float32)
        for jumps, columns, _ in measured.parts(pixels):
            found = terms[: jumps.n_terms, pixels][:, columns]
            some, own, place = block[:, columns], scale[pixels][columns], out[:, columns]
            if isinstance(columns, slice):
                jumps.edge.subtract(some, own, found, flatten=flatten, frames=frames, out=place)
            else:
                out[:, columns] = jumps.edge.subtract(some, own, found, flatten=flatten, frames=frames)
        return out

    blocks.over_pixels(store, stack.data, progress=progress, message="edge normalization")
    return blocks.transform_frames(normalize, stack.data)
