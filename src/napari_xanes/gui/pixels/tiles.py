"""Tiles of a stack that stays in its file: a pixel costs about as much to read as the pixels around it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from napari_xanes.gui.pixels.spectra import Values, box_spectrum

EDGE = 64
"""Edge of a tile in pixels. Of frames compressed whole any size costs the same, of plain ones this twice a pixel."""

CACHE_BYTES = 256 << 20
"""How much is kept; the tiles that were read last stay."""

Key = tuple[int, ...]


class Tiles:
    """The last tiles that were read of a stack. Reading and looking may happen in different threads.

    Parameters
    ----------
    data : array, shape (E, Y, X) or (E, Z, Y, X)
        The stack.
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        self._cache: OrderedDict[Key, Any] = OrderedDict()

    def spectrum(self, index: tuple[int, ...], size: int) -> Values | None:
        """The mean spectrum of a box as `box_spectrum` gives it, None if its tile has yet to be read."""
        key = _key(index, size)
        tile = self._cache.get(key)
        return None if tile is None else _within(tile, key, index, size)

    def read(self, index: tuple[int, ...], size: int) -> Values:
        """The mean spectrum of a box, read with its tile, which is kept."""
        key = _key(index, size)
        tile = self._cache[key] = np.asarray(self.data[(slice(None), *key[:-3], *_range(key))])
        while len(self._cache) > 1 and sum(cached.nbytes for cached in list(self._cache.values())) > CACHE_BYTES:
            self._cache.popitem(last=False)
        return _within(tile, key, index, size)


def _key(index: tuple[int, ...], size: int) -> Key:
    """Slices, row and column of the tile that a pixel lies in, and the margin that its box needs around the tile."""
    *slices, y, x = index
    return (*slices, y // EDGE, x // EDGE, size // 2)


def _range(key: Key) -> tuple[slice, slice]:
    row, column, margin = key[-3:]
    rows, columns = (slice(max(n * EDGE - margin, 0), (n + 1) * EDGE + margin) for n in (row, column))
    return rows, columns


def _within(tile: Any, key: Key, index: tuple[int, ...], size: int) -> Values:
    rows, columns = _range(key)
    return box_spectrum(tile, (index[-2] - rows.start, index[-1] - columns.start), size)
