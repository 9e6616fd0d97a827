"""Which values of a stack were not measured but filled in by a model, and how much less they say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

import numpy as np

from napari_xanes._typing import Block, Float64Array
from napari_xanes.corrections import Box, Frames
from napari_xanes.field_mapping import FieldMapping

KEY = "filled"
"""Where the metadata of a stack hold its `FilledValues`."""


@dataclass(frozen=True, eq=False)
class FilledValues(FieldMapping):
    """Values that a model filled in from other values of the same pixel.

    Parameters
    ----------
    shape : tuple of int
        Shape of the stack, (E, Y, X) or (E, Z, Y, X).
    frame, pixel : ndarray of int, shape (N,)
        Frames and flattened pixels of the values; `pixel` does not decrease.
    factor : ndarray, shape (N,)
        Factor on the variance that the value would have if it were measured. A fit that takes all values for
        independent then has the errors of a fit without the filled ones.

    Notes
    -----
    Least squares without some values has the covariance ``C + C A' (1 - A C A')^-1 A C`` in units of the noise: `C` is
    that of all values, and `A` holds the rows of the design at those left out (Cook and Weisberg, Residuals and
    Influence in Regression, 1982, sec. 2.2). Filled in by the same fit and taken for independent, with factors `f` on
    their variances, they give ``C + C A' diag(f - 1) A C``. Both agree along each row `a` if ``f - 1`` is the variance
    of its prediction without the values over that with them; for a single value it is ``1 / (1 - h)`` with its
    leverage `h`.
    """

    shape: Any
    frame: Any
    pixel: Any
    factor: Any

    def widened(self, variance: Block, pixels: Any) -> Block:
        """Return variances (E, P) of flattened pixels, a slice or their numbers, larger where values were filled in."""
        n_pixels = prod(self.shape[1:])
        if isinstance(pixels, slice):
            start, stop, _ = pixels.indices(n_pixels)
            here = np.arange(*np.searchsorted(self.pixel, (start, stop)))
            columns = self.pixel[here] - start
        else:
            places = _places(np.asarray(pixels), n_pixels)[self.pixel]
            here = np.flatnonzero(places >= 0)
            columns = places[here]
        if not here.size:
            return variance
        wider = np.array(variance)
        wider[self.frame[here], columns] *= self.factor[here]
        return wider

    def measured_share(self, pixels: Any) -> Float64Array:
        """Return the share of the energies that were measured in flattened pixels, (P,); at least that of one."""
        counts = np.bincount(self.pixel, minlength=prod(self.shape[1:]))[pixels]
        return np.asarray(np.maximum(1 - counts / self.shape[0], 1 / self.shape[0]))

    def isel(self, frames: Frames = slice(None), box: Box | None = None) -> FilledValues:
        """Return the values of some frames and pixels, as `SpectralStack.isel` does."""
        numbers = np.arange(prod(self.shape[1:])).reshape(self.shape[1:])
        kept = numbers if box is None else numbers[box]
        chosen = np.arange(self.shape[0])[frames]
        frame, pixel = _places(chosen, self.shape[0])[self.frame], _places(kept.ravel(), numbers.size)[self.pixel]
        return self._at((chosen.size, *kept.shape), frame, pixel, (frame >= 0) & (pixel >= 0), self.factor)

    def moved(self, shifts: Any) -> FilledValues:
        """Return where the values are after frames were moved back by shifts (E, D), or of slices (E, Z, D).

        A value that lies between pixels afterwards is part of all pixels around it.
        """
        places = np.stack(np.unravel_index(self.pixel, self.shape[1:]), axis=1)
        by = np.asarray(shifts, np.float64)
        by = by[self.frame] if by.ndim == 2 else by[self.frame, places[:, 0]]
        aimed = places.astype(np.float64)
        aimed[:, -by.shape[1] :] -= by
        low, high = np.floor(aimed + 1e-3).astype(np.intp), np.ceil(aimed - 1e-3).astype(np.intp)
        corners = [np.where(corner, high, low) for corner in product((False, True), repeat=aimed.shape[1])]
        everywhere = np.concatenate(corners)
        inside = ((everywhere >= 0) & (everywhere < self.shape[1:])).all(axis=1)
        pixel = np.ravel_multi_index(tuple(np.where(inside[:, None], everywhere, 0).T), self.shape[1:])
        frame, factor = np.tile(self.frame, len(corners)), np.tile(self.factor, len(corners))
        return self._at(self.shape, frame, pixel, inside, factor)

    def joined(self, earlier: FilledValues | None) -> FilledValues:
        """Return these values and those that were filled in before."""
        if earlier is None:
            return self
        frame, pixel, factor = (
            np.concatenate([getattr(earlier, name), getattr(self, name)]) for name in ("frame", "pixel", "factor")
        )
        return self._at(self.shape, frame, pixel, np.ones(frame.size, dtype=bool), factor)

    def _at(self, shape: tuple[int, ...], frame: Any, pixel: Any, kept: Any, factor: Any) -> FilledValues:
        """Return the kept values in the order of their pixels, each place once: the last one counts."""
        frame, pixel, factor = frame[kept][::-1], pixel[kept][::-1], factor[kept][::-1]
        _, first = np.unique(pixel * shape[0] + frame, return_index=True)
        return replace(self, shape=tuple(shape), frame=frame[first], pixel=pixel[first], factor=factor[first])


def as_filled_values(value: Any, shape: tuple[int, ...]) -> FilledValues | None:
    """Return the values that a stack's metadata name as filled in; None where there are none or they do not fit.

    Parameters
    ----------
    value : FilledValues, mapping or None
        ``metadata["filled"]``. Files hold it as a mapping.
    shape : tuple of int
        Shape of the stack's data.
    """
    found = FilledValues.from_mapping(value)
    if found is None or tuple(np.asarray(found.shape).tolist()) != tuple(shape):
        return None
    arrays = [np.asarray(getattr(found, name)).ravel() for name in ("frame", "pixel", "factor")]
    frame, pixel, factor = arrays[0].astype(np.intp), arrays[1].astype(np.intp), arrays[2].astype(np.float64)
    fits = frame.size == pixel.size == factor.size and bool(
        ((frame >= 0) & (frame < shape[0]) & (pixel >= 0) & (pixel < prod(shape[1:]))).all()
    )
    return FilledValues(tuple(shape), frame, pixel, factor) if fits and frame.size else None


def _places(chosen: Any, n: int) -> Any:
    """Return the place of each of n numbers among some of them, -1 where it is not."""
    places = np.full(n, -1, dtype=np.intp)
    places[chosen] = np.arange(chosen.size)
    return places
