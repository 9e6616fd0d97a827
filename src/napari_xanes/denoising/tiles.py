"""Work on maps tile by tile, each with the surroundings that influence it: the memory does not grow with the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari_xanes.blocks import on_threads

Box = tuple[slice, slice]
"""Rows and columns."""

TILE = 512
"""Largest side in pixels."""


@dataclass(frozen=True)
class Tile:
    """A part of a map: ``box``, what it covers; ``wide``, this with a margin; ``inner``, the box within the wide one.

    Examples
    --------
    >>> tile = tiles((1000, 10), margin=16)[1]
    >>> tile.box[0], tile.wide[0], tile.inner[0]
    (slice(504, 1000, None), slice(488, 1000, None), slice(16, 512, None))
    """

    box: Box
    wide: Box
    inner: Box


def tiles(shape: tuple[int, ...], margin: int) -> list[Tile]:
    """Return the tiles of a map of a shape (Y, X), with a margin in pixels inside the map."""
    whole = (slice(0, shape[0]), slice(0, shape[1]))
    return [_tile(box, shape, margin) for box in boxes(whole, TILE)]


def _tile(box: Box, shape: tuple[int, ...], margin: int) -> Tile:
    rows, columns = (with_margin(side, margin, size) for side, size in zip(box, shape, strict=True))
    return Tile(box, (rows, columns), (moved(box[0], -rows.start), moved(box[1], -columns.start)))


def over_tiles(work: Callable[[Tile], None], shape: tuple[int, ...], margin: int) -> None:
    """Call ``work(tile)`` for all tiles of a map of a shape (Y, X) on our threads."""

    def one(tile: Tile) -> float:
        work(tile)
        return 0.0

    on_threads(one, tiles(shape, margin))


def boxes(whole: Box, size: int) -> list[Box]:
    """Cut a box into boxes of about equal sides, at most `size`, whose starts are multiples of 8 from its own."""

    def cut(side: slice) -> list[slice]:
        length = side.stop - side.start
        step = -(-length // (8 * -(-length // size))) * 8
        return [slice(start, min(start + step, side.stop)) for start in range(side.start, side.stop, step)]

    return [(rows, columns) for rows in cut(whole[0]) for columns in cut(whole[1])]


def with_margin(side: slice, margin: int, size: int) -> slice:
    """Return a side of a box with a margin, inside 0 to `size`."""
    return slice(max(0, side.start - margin), min(size, side.stop + margin))


def moved(side: slice, distance: int) -> slice:
    """Return a side of a box moved by a distance."""
    return slice(side.start + distance, side.stop + distance)
