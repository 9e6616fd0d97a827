"""Where stacks lie on a common grid: by their images, a grid, or what the user says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.progress import Progress
from napari_xanes.registration.overlap import LEAST, REPEATS, Overlap
from napari_xanes.registration.placement import placed
from napari_xanes.stack import SpectralStack
from napari_xanes.stitching.images import tile_images
from napari_xanes.stitching.segment_shift import segment_overlap
from napari_xanes.stitching.tile_shift import may_share, repeats_itself, tile_overlap
from napari_xanes.wording import one_or_more

_REACH = 0.15
"""How far from a known place a tile is looked for, as a share of the image."""

_LEAST_REACH = 12.0
_FARTHEST_SEGMENT = 1 / 3
"""How far segments of one scan may lie apart, as a share of the image."""

_SURE, _LEAST_MOVE = 3.0, 0.02
"""A segment is moved if its shift is more than so many times its error, and more than so many pixels."""


@dataclass(frozen=True)
class Pair:
    """Two stacks and where the second lies on the first; `overlap` is None where they were not matched."""

    i: int
    j: int
    overlap: Overlap | None
    accepted: bool
    why_not: str = ""


@dataclass(frozen=True)
class Layout:
    """Positions (N, 2) of all stacks relative to the first, their errors, where they come from, and the pairs."""

    position: Float64Array
    sigma: Float64Array
    placed_by: tuple[str, ...]
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...] = field(default=())


def start_positions(
    stacks: Sequence[SpectralStack], positions: Any, grid: list[float] | None
) -> tuple[Float64Array | None, str]:
    """Return where stacks lie by what the user says, relative to the first, and what that is called.

    Raises
    ------
    ValueError
        If both are given, or do not fit the number of stacks.
    """
    if positions is not None and grid is not None:
        raise ValueError("give positions or grid, not both")
    if positions is not None:
        found = np.asarray(positions, dtype=np.float64)
        if found.shape != (len(stacks), 2):
            raise ValueError(f"positions are one pair (y, x) for each of {len(stacks)} stacks, not {found.shape}")
        return found - found[0], "given"
    if grid is None:
        return None, ""
    if len(grid) != 3 or grid[0] % 1 or grid[1] % 1 or min(grid[:2]) < 1 or not 0 <= grid[2] < 1:
        raise ValueError(f"grid is rows, columns and the overlap as a share of a tile, such as 3, 4, 0.1, not {grid}")
    rows, columns = int(grid[0]), int(grid[1])
    if rows * columns != len(stacks):
        raise ValueError(f"a grid of {rows} x {columns} tiles needs {rows * columns} stacks, there are {len(stacks)}")
    height, width = stacks[0].shape[-2:]
    step = np.array([height, width]) * (1 - grid[2])
    places = np.array([(row, column) for row in range(rows) for column in range(columns)])
    return places * step, "grid"


def tile_layout(
    stacks: Sequence[SpectralStack],
    names: Sequence[str],
    start: Float64Array | None,
    said: str,
    *,
    register: bool,
    progress: Progress | None = None,
) -> Layout:
    """Return where the tiles of a mosaic lie.

    Parameters
    ----------
    stacks : sequence of SpectralStack
        The tiles.
    names : sequence of str
        Their names.
    start : ndarray, shape (N, 2), optional
        Where they lie about; by default all pairs are tried at all places.
    said : str
        What `start` comes from.
    register : bool
        Whether the images decide; else `start` is taken as it is.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    ValueError
        If nothing says where a tile lies.
    """
    if not register:
        if start is None:
            raise ValueError("place='as given' needs positions or grid; with place='register' the images tell them")
        return Layout(start, np.full(start.shape, np.nan), (said,) * len(stacks), ())
    images = [tile_images(stack) for stack in stacks]
    shapes = [(image.shape[1], image.shape[2]) for image in images]
    reach = None if start is None else max(_LEAST_REACH, _REACH * max(max(shape) for shape in shapes))
    tried = [
        (i, j)
        for i, j in combinations(range(len(stacks)), 2)
        if start is None or may_share(shapes[i], shapes[j], start[j] - start[i])
    ]
    found, repeat = [], [repeats_itself(some) for some in images]
    for n, (i, j) in enumerate(tried):
        near = None if start is None else start[j] - start[i]
        found.append(tile_overlap(images[i], images[j], near, reach, repeats=repeat[i] and repeat[j]))
        if progress is not None:
            progress((n + 1) / len(tried), "matching tiles")
    layout = _solve(names, tried, found, start, said)
    lost = [name for name, by in zip(names, layout.placed_by, strict=True) if not by]
    if lost:
        repeated = any(repeat) or any(overlap is not None and overlap.why_not == REPEATS for overlap in found)
        why = "the sample repeats itself, so that they fit at several places" if repeated else ""
        raise ValueError(
            f"nothing says where {', '.join(lost)} {one_or_more(len(lost), 'lies', 'lie')}: "
            f"{why or 'no overlap with the other tiles was found'}. Give positions=... in pixels or "
            "grid=[rows, columns, overlap], or leave it out"
        )
    return layout


def _solve(
    names: Sequence[str],
    tried: list[tuple[int, int]],
    found: list[Overlap | None],
    start: Float64Array | None,
    said: str,
) -> Layout:
    """Return the positions that agree with the pairs."""
    good = [n for n, overlap in enumerate(found) if overlap is not None and not overlap.why_not]
    chosen = [found[n] for n in good]
    offset = np.array([o.position for o in chosen if o]).reshape(-1, 2)
    sigma = np.array([o.sigma for o in chosen if o]).reshape(-1, 2)
    score = np.array([o.score for o in chosen if o])
    pairs = np.array([tried[n] for n in good], dtype=np.intp).reshape(-1, 2)
    result = placed(len(names), pairs, offset, sigma, score, start)
    contradicts = {n: not agrees for n, agrees in zip(good, result.agrees, strict=True)}
    seams = []
    for n, ((i, j), overlap) in enumerate(zip(tried, found, strict=True)):
        why = "" if overlap is None else overlap.why_not
        if contradicts.get(n) and overlap is not None:
            off = float(np.abs(overlap.position - (result.position[j] - result.position[i])).max())
            why = f"it contradicts the others by {off:.1f} pixels"
        if overlap is not None and (start is not None or not why or n in contradicts):
            seams.append(Pair(i, j, overlap, not why, why))
    tied = result.tied
    # A tile that no pair ties keeps its place relative to the first one.
    position = result.position.copy()
    if start is not None:
        position[~tied] = start[~tied]
    by = tuple("registration" if t else said if start is not None else "" for t in tied)
    warnings = [
        f"{names[j]} lies on top of {names[i]}: a pattern of the detector may have been taken for the sample; give "
        "positions or grid if they are tiles"
        for i, j in combinations(np.flatnonzero(tied).tolist(), 2)
        if start is None and np.abs(position[i] - position[j]).max() < 1
    ]
    of_tile = [{o.why_not for n, o in enumerate(found) if o and k in tried[n]} for k in range(len(names))]
    warnings += [
        f"{name} {'repeats itself' if REPEATS in why else 'shows nothing that its neighbours show'}, so it lies where "
        f"the {said} {'says' if said == 'grid' else 'positions say'}; no error is known"
        for name, t, why in zip(names, tied, of_tile, strict=True)
        if not t and start is not None
    ]
    return Layout(position, result.sigma, by, tuple(seams), tuple(warnings))


def segment_layout(
    stacks: Sequence[SpectralStack],
    names: Sequence[str],
    start: Float64Array | None,
    said: str,
    *,
    register: bool,
    tolerance: float,
    progress: Progress | None = None,
) -> Layout:
    """Return where the segments of a scan lie: where they are, unless the frames at the seams show a shift.

    The parameters are those of `tile_layout`; `tolerance` is the difference in eV below which energies are one.
    """
    count = len(stacks)
    origin = np.zeros((count, 2)) if start is None else start
    pairs = neighbours(stacks, tolerance)
    unmoved = Layout(origin, np.full((count, 2), np.nan), ("given" if said else "as it is",) * count, ())
    if min(min(stack.shape[-2:]) for stack in stacks) < LEAST:
        return unmoved
    found: list[Overlap | None] = []
    doubts: list[str] = []
    for n, (i, j) in enumerate(pairs):
        near = origin[j] - origin[i]
        reach = max(_LEAST_REACH, _FARTHEST_SEGMENT * min(stacks[i].shape[-2:]))
        overlap, doubt = segment_overlap(stacks[i], stacks[j], near, reach, tolerance)
        found.append(overlap)
        doubts += (
            [f"the shift of {names[j]} against {names[i]} may be off by more than its error: {doubt}"] if doubt else []
        )
        if progress is not None:
            progress((n + 1) / len(pairs), "matching segments")
    layout = _solve(names, pairs, found, origin, "position as it is")
    if not register:
        told = (*_left_alone(names, origin, layout), *doubts)
        return Layout(origin, unmoved.sigma, unmoved.placed_by, layout.pairs, told)
    away = np.abs(layout.position - origin)
    limit = np.maximum(_SURE * np.nan_to_num(layout.sigma), _LEAST_MOVE)
    moves: BoolArray = np.asarray((away > limit).any(axis=1))
    by = [
        "registration" if move else "as it is, which the images confirm" if tied == "registration" else "as it is"
        for move, tied in zip(moves, layout.placed_by, strict=True)
    ]
    by[0] = "the first"
    position = np.where(moves[:, None], layout.position, origin)
    return Layout(position, layout.sigma, tuple(by), layout.pairs, (*_unseen(names, layout), *doubts))


def _left_alone(names: Sequence[str], origin: Float64Array, layout: Layout) -> tuple[str, ...]:
    """Return warnings of segments that lie elsewhere and are not moved."""
    told = []
    for k in range(1, len(names)):
        move, sigma = layout.position[k] - origin[k], layout.sigma[k]
        if (np.abs(move) > np.maximum(_SURE * sigma, _LEAST_MOVE)).any():
            told.append(
                f"{names[k]} lies ({move[0]:.2f}, {move[1]:.2f}) pixels from {names[0]}, errors "
                f"{sigma[0]:.2g} and {sigma[1]:.2g}, and was not moved: align the result, or use place='register'"
            )
    return tuple(told)


def _unseen(names: Sequence[str], layout: Layout) -> tuple[str, ...]:
    return tuple(
        f"whether {name} is shifted against {names[0]} can't be told from its frames at the seam; it was not moved"
        for name, by in zip(names, layout.placed_by, strict=True)
        if by != "registration"
    )


def neighbours(stacks: Sequence[SpectralStack], tolerance: float) -> list[tuple[int, int]]:
    """Return pairs of segments that share energies or a range of them, and those that follow each other."""
    order = sorted(range(len(stacks)), key=lambda k: (stacks[k].energy[0], stacks[k].energy[-1]))
    following = set(pairwise(order))
    pairs = []
    for i, j in combinations(range(len(stacks)), 2):
        a, b = stacks[i].energy, stacks[j].energy
        if min(a[-1], b[-1]) - max(a[0], b[0]) >= -tolerance or {(i, j), (j, i)} & following:
            pairs.append((i, j))
    return pairs
