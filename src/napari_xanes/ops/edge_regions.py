"""E0 and lines of each region of an image, for `normalize_edge`: what they are, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import IndexArray
from napari_xanes.computing import frames_of
from napari_xanes.edge import EdgeLines, error_of_e0
from napari_xanes.ops.edge_jumps import EdgeJumps, LineFit
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import first_few

LEAST_PIXELS = 8
"""Of fewer pixels nobody can say how certain their E0 is."""

_SAMPLE_PIXELS, _ALL_PIXELS = 1 << 14, 1 << 18
"""So many spectra of a region, and of all regions together, serve to find E0 and the lines."""

_CLEAR = 4.0
"""The mean jump of a region with an edge is at least so many standard errors."""

_UNCERTAIN = 2.5e-4
"""An E0 of a region whose error is larger than this share of it, or than `_LEAST_ERROR`, says nothing of its own."""

_LEAST_ERROR = 0.6

_FAR = 15.0
"""Valences and ligands move an edge by less, in eV."""

_SEEN = 0.05
"""Pixels of the rest are told of if more than this share of them has an edge."""

_MOST_WARNINGS = 6


class RegionEdge(NamedTuple):
    """Edge and lines of one region, as numbers.

    Parameters
    ----------
    own : float
        1 if E0 and the lines are those of the region, 0 if they are those of the stack.
    e0, e0_error : float
        In eV; the error is 0 if E0 is that of the stack.
    pre_from, pre_to, post_from, post_to : float
        Both ranges, in eV from E0.
    min_jump : float
        Smallest edge jump of a pixel that is normalized.
    line_error : float
        Error of the lines as a share of the jump.
    shared_noise : float
        Noise that all pixels share.
    slopes : tuple of float
        With shared slopes, their four numbers.
    """

    own: float
    e0: float
    e0_error: float
    pre_from: float
    pre_to: float
    post_from: float
    post_to: float
    min_jump: float
    line_error: float
    shared_noise: float
    slopes: tuple[float, ...] = ()

    @classmethod
    def of(cls, edge: EdgeLines, min_jump: float, slopes: Sequence[float], *, own: bool, error: float) -> RegionEdge:
        """Return the numbers of a region from its lines."""
        of_errors = min_jump, edge.model_error, edge.shared_noise
        return cls(float(own), edge.e0, error, *edge.pre, *edge.post, *of_errors, tuple(slopes))

    def numbers(self) -> list[float]:
        """Return the numbers as a list."""
        return [float(value) for value in (*self[:-1], *self.slopes)]

    def jumps(self, fit_of: Callable[..., LineFit], n_pixels: int) -> EdgeJumps:
        """Return the jumps of so many pixels, by the lines that `fit_of` makes of the numbers."""
        ranges = (self.pre_from, self.pre_to), (self.post_from, self.post_to)
        fit = fit_of(self.e0, *ranges, self.line_error, self.shared_noise, list(self.slopes) or None)
        return EdgeJumps(fit, self.min_jump, n_pixels)


_N_NUMBERS = len(RegionEdge._fields) - 1


def region_edges_of(numbers: Sequence[float], n_regions: int, n_slopes: int) -> list[RegionEdge]:
    """Return the edges of regions from their numbers in a row.

    Raises
    ------
    ValueError
        If there are not as many numbers as the regions need.
    """
    size = _N_NUMBERS + n_slopes
    if len(numbers) != size * n_regions:
        raise ValueError(
            f"region_edges holds {len(numbers)} numbers, but {n_regions} regions (with the rest of the image) need "
            f"{size} each: leave them out to find the edges in the stack"
        )
    rows = [tuple(numbers[start : start + size]) for start in range(0, len(numbers), size)]
    return [RegionEdge._make([*row[:_N_NUMBERS], row[_N_NUMBERS:]]) for row in rows]


def own_edge(
    sample: SpectralStack,
    learn: Callable[[SpectralStack], tuple[EdgeLines, float, list[float]]],
    whole: RegionEdge,
    near: float | None,
) -> RegionEdge:
    """Return the edge of a region from a sample of its spectra, that of the whole stack if it shows none of its own."""
    finite = sample.data.reshape(sample.energy.size, -1)
    finite = finite[:, np.isfinite(finite.sum(axis=0, dtype=np.float64))]
    if finite.shape[1] < LEAST_PIXELS:
        return whole
    try:
        edge, min_jump, slopes = learn(sample)
    except ValueError:
        return whole
    jump = edge.measure(finite).jump
    noise = np.hypot(jump.std() / np.sqrt(jump.size), edge.shared_error)
    error = error_of_e0(edge, finite, near)
    if jump.mean() < _CLEAR * noise or error > max(_LEAST_ERROR, _UNCERTAIN * edge.e0):
        return whole
    return RegionEdge.of(edge, min_jump, slopes, own=True, error=error)


def samples_of(
    stack: SpectralStack, labels: NDArray[np.int32], progress: Progress | None = None
) -> Iterator[SpectralStack]:
    """Return some spectra of each region, in order of the labels, as stacks of shape (E, 1, N) in memory.

    Frames are read once, one after the other.
    """
    order = np.argsort(labels, axis=None, kind="stable")
    numbers, starts = np.unique(labels.ravel()[order], return_index=True)
    most = min(_SAMPLE_PIXELS, max(64, _ALL_PIXELS // numbers.size))
    rng = np.random.default_rng(0)
    chosen = [_some(pixels, most, rng) for pixels in np.split(order, starts[1:])]
    picked = np.concatenate(chosen)
    data = np.empty((stack.energy.size, picked.size), dtype=np.float32)
    for i, frame in enumerate(frames_of(stack.data)):
        data[i] = frame.ravel()[picked]
        if progress is not None:
            progress((i + 1) / stack.energy.size, "edges of the regions")
    named = {name: stack.metadata[name] for name in ("element", "edge") if name in stack.metadata}
    ends = np.cumsum([pixels.size for pixels in chosen])[:-1]
    for spectra in np.split(data, ends, axis=1):
        yield SpectralStack(spectra[:, None], stack.energy, stack.quantity, metadata=named)


def _some(pixels: IndexArray, most: int, rng: np.random.Generator) -> IndexArray:
    return pixels if pixels.size <= most else np.sort(rng.choice(pixels, most, replace=False))


class RegionJumps:
    """The edge jumps of the regions of an image, block after block.

    Parameters
    ----------
    labels : array of int, shape (Y, X) or (Z, Y, X)
        The region of each pixel, 0 for the rest.
    edges : list of RegionEdge
        The edge of each region that has pixels, in order of the labels.
    jumps : callable
        Makes the EdgeJumps of a region from its edge and its number of pixels.
    """

    def __init__(
        self,
        labels: NDArray[np.int32],
        edges: Sequence[RegionEdge],
        jumps: Callable[[RegionEdge, int], EdgeJumps],
    ) -> None:
        self.numbers, region = np.unique(labels, return_inverse=True)
        self._region = region.ravel()
        counts = np.bincount(self._region)
        self._place = np.empty(self._region.size, dtype=np.intp)
        order, starts = np.argsort(self._region, kind="stable"), np.cumsum(counts) - counts
        self._place[order] = np.arange(order.size) - np.repeat(starts, counts)
        self.edges = list(edges)
        self.jumps = [jumps(edge, int(count)) for edge, count in zip(edges, counts, strict=True)]

    @property
    def n_terms(self) -> int:
        """The most terms that the lines of a region have."""
        return max(jumps.n_terms for jumps in self.jumps)

    def parts(self, pixels: slice) -> Iterator[tuple[EdgeJumps, IndexArray, IndexArray]]:
        """Return, of each region in a block, its jumps, its columns in the block, and its own pixels."""
        here, place = self._region[pixels], self._place[pixels]
        for number in np.unique(here):
            columns = np.flatnonzero(here == number)
            yield self.jumps[number], columns, place[columns]

    def gathered(self, name: str) -> NDArray[Any]:
        """Return `jump`, `sigma` or `mask` of all pixels (P,)."""
        values = [getattr(jumps, name) for jumps in self.jumps]
        starts = np.cumsum([0, *(part.size for part in values[:-1])])
        gathered: NDArray[Any] = np.concatenate(values)[starts[self._region] + self._place]
        return gathered

    def metadata(self, stack: SpectralStack, element: str | None, edge: str | None) -> dict[str, Any]:
        """Return the map of the jump, what is known of each region, and the warnings."""
        regions: list[dict[str, Any]] = []
        texts: dict[str, list[int]] = {}
        for number, found, jumps in zip(self.numbers.tolist(), self.edges, self.jumps, strict=True):
            lines, notices = jumps.report(element, edge)
            told = [*_on_fallback(number, found, jumps), *_on_distance(found, self.edges), *notices]
            for text in told:
                texts.setdefault(text, []).append(number)
            regions.append({"label": number, "pixels": jumps.mask.size, **_plain(found), **lines, "warnings": told})
        jump, sigma, mask = (self.gathered(name).reshape(stack.shape[1:]) for name in ("jump", "sigma", "mask"))
        return {
            "edge_jump": ParameterMap(jump, stack.unit, sigma, mask),
            "edge_lines": {"regions": regions},
            "warnings": [*stack.metadata.get("warnings", ()), *_joined(texts)],
        }


def _plain(edge: RegionEdge) -> dict[str, Any]:
    """Return where the edge of a region lies, for the metadata."""
    ranges = {"pre_range": [edge.pre_from, edge.pre_to], "post_range": [edge.post_from, edge.post_to]}
    error = edge.e0_error if edge.own else None
    return {"e0": edge.e0, "e0_error": error, "own_e0": bool(edge.own), **ranges}


def _on_fallback(number: int, edge: RegionEdge, jumps: EdgeJumps) -> list[str]:
    """Say that E0 of a region is that of the whole stack; of the rest, only if some of it has an edge."""
    count = jumps.mask.size
    if edge.own or (number == 0 and jumps.mask.mean() <= _SEEN):
        return []
    reason = f"fewer than {LEAST_PIXELS} pixels" if count < LEAST_PIXELS else "no edge of their own that is clear"
    return [f"E0 is that of the whole stack ({edge.e0:.1f} eV), because there are {reason}"]


def _on_distance(edge: RegionEdge, edges: Sequence[RegionEdge]) -> list[str]:
    middle = float(np.median([other.e0 for other in edges]))
    if abs(edge.e0 - middle) <= _FAR:
        return []
    return [
        f"E0 = {edge.e0:.1f} eV is {abs(edge.e0 - middle):.0f} eV from that of most regions ({middle:.1f} eV): look "
        "whether it is the same edge; the metadata's element and edge, or absorber, say where to search"
    ]


def _joined(texts: Mapping[str, list[int]]) -> list[str]:
    """Return warnings with the regions that they are about, not too many."""
    told = [f"{_names(numbers)}: {text}" for text, numbers in texts.items()]
    if len(told) <= _MOST_WARNINGS:
        return told
    left = len(told) - _MOST_WARNINGS
    return [*told[:_MOST_WARNINGS], f"{left} more warnings on regions: metadata['edge_lines']['regions'] holds all"]


def _names(numbers: Sequence[int]) -> str:
    labelled = [str(number) for number in numbers if number]
    regions = [f"region{'s' * (len(labelled) > 1)} {first_few(labelled, 8)}"] if labelled else []
    return " and ".join([*regions, *(["the rest of the image"] if 0 in numbers else [])])
