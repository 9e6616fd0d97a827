"""A cache of tiles of a lazy stack: reading one pixel takes about as long as reading a whole tile."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from napari_xanes.computing import computed
from napari_xanes.gui.pixels.spectra import Values, box_spectrum

EDGE = 64
"""Width and height of a tile in pixels. Reading such a tile takes at most about twice as long as reading one pixel."""

CACHE_BYTES = 256 << 20
"""Size of the cache in bytes; the tiles that were read first are removed first."""

Key = tuple[int, ...]


class Tiles:
    """The last tiles that were read from a stack. `read` and `spectrum` may run in different threads.

    Parameters
    ----------
    data : array, shape (E, Y, X) or (E, Z, Y, X)
        The stack.
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        self._cache: OrderedDict[Key, Any] = OrderedDict()

    def spectrum(self, index: tuple[int, ...], size: int) -> Values | None:
        """Return the mean spectrum of a box as `box_spectrum` does, or None if its tile is not in the cache."""
        key = _key(index, size)
        tile = self._cache.get(key)
        return None if tile is None else _within(tile, key, index, size)

    def middle(self, index: tuple[int, ...], size: int) -> Values | None:
        """Return the spectrum of the pixel in the middle of a box, or None if the tile of the box is not there."""
        key = _key(index, size)
        tile = self._cache.get(key)
        return None if tile is None else _within(tile, key, index, 1)

    def read(self, index: tuple[int, ...], size: int) -> Values:
        """Read the tile of a box into the cache and return the mean spectrum of the box."""
        key = _key(index, size)
        tile = self._cache[key] = computed(self.data[(slice(None), *key[:-3], *_range(key))])
        while len(self._cache) > 1 and sum(cached.nbytes for cached in list(self._cache.values())) > CACHE_BYTES:
            self._cache.popitem(last=False)
        return _within(tile, key, index, size)


def _key(index: tuple[int, ...], size: int) -> Key:
    """Return slices, row and column of the tile of a pixel, and the margin that the box needs around the tile."""
    *slices, y, x = index
    return (*slices, y // EDGE, x // EDGE, size // 2)


def _range(key: Key) -> tuple[slice, slice]:
    row, column, margin = key[-3:]
    rows, columns = (slice(max(n * EDGE - margin, 0), (n + 1) * EDGE + margin) for n in (row, column))
    return rows, columns


def _within(tile: Any, key: Key, index: tuple[int, ...], size: int) -> Values:
    rows, columns = _range(key)
    return box_spectrum(tile, (index[-2] - rows.start, index[-1] - columns.start), size)
