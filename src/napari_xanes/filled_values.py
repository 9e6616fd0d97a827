"""Which values of a stack were not measured but filled in by a model, and how much less they say."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from napari_xanes._typing import Block, Float64Array, IndexArray
from napari_xanes.corrections import Box, Frames
from napari_xanes.field_mapping import FieldMapping

KEY = "filled"
"""Where the metadata of a stack hold its `FilledValues`."""

_TINY = 1e-30


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
    share : float or ndarray of shape (N,)
        How much of the value was filled in: less than 1 of a mean in which other values were measured.

    Notes
    -----
    Least squares without some values has the covariance ``C + C A' (1 - A C A')^-1 A C`` in units of the noise: `C` is
    that of all values, and `A` holds the rows of the design at those left out (Cook and Weisberg, Residuals and
    Influence in Regression, 1982, sec. 2.2). Filled in by the same fit and taken for independent, with factors `f` on
    their variances, they give ``C + C A' diag(f - 1) A C``. Both agree along each row `a` if ``f - 1`` is the variance
    of its prediction without the values over that with them; for a single value it is ``1 / (1 - h)`` with its
    leverage `h`. A mean of values takes their `f - 1` in the shares that they have in its variance: so the covariances
    of means of pixels agree, too, and those of neighbouring energies as far as their rows `a` are alike.
    """

    shape: Any
    frame: Any
    pixel: Any
    factor: Any
    share: Any = 1.0

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
        shares = np.broadcast_to(self.share, self.pixel.shape)
        filled = np.bincount(self.pixel, shares, minlength=prod(self.shape[1:]))[pixels]
        return np.asarray(np.maximum(1 - filled / self.shape[0], 1 / self.shape[0]))

    def isel(self, frames: Frames = slice(None), box: Box | None = None) -> FilledValues:
        """Return the values of some frames and pixels, as `SpectralStack.isel` does."""
        numbers = np.arange(prod(self.shape[1:])).reshape(self.shape[1:])
        kept = numbers if box is None else numbers[box]
        chosen = np.arange(self.shape[0])[frames]
        frame, pixel = _places(chosen, self.shape[0])[self.frame], _places(kept.ravel(), numbers.size)[self.pixel]
        inside = (frame >= 0) & (pixel >= 0)
        return self._at((chosen.size, *kept.shape), frame, pixel, inside, self.factor, self.share)

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
        frame, factor, share = (
            np.tile(np.broadcast_to(values, self.frame.shape), len(corners))
            for values in (self.frame, self.factor, self.share)
        )
        return self._at(self.shape, frame, pixel, inside, factor, share)

    def binned(self, size: int) -> FilledValues:
        """Return the values of means over squares of pixels; pixels at the border that fill no square are left out."""
        *outer, height, width = self.shape
        shape = (*outer, height // size, width // size)
        places = np.stack(np.unravel_index(self.pixel, self.shape[1:]))
        places[-2:] //= size
        inside = np.flatnonzero((places[-2] < shape[-2]) & (places[-1] < shape[-1]))
        pixel = np.ravel_multi_index(tuple(places[:, inside]), shape[1:])
        return self.mixed(shape, inside, self.frame[inside], pixel, np.full(inside.size, 1 / size**2))

    def multiplied(self, matrix: Float64Array) -> FilledValues:
        """Return the values of spectra after ``matrix @ spectra``, of weights (F, E) of old energies in new ones."""
        from scipy import sparse

        squares = matrix**2
        of_variance = sparse.csc_array(squares / np.maximum(squares.sum(axis=1, keepdims=True), _TINY))
        starts, counts = of_variance.indptr[self.frame], np.diff(of_variance.indptr)[self.frame]
        value = np.repeat(np.arange(self.frame.size), counts)
        entry = np.arange(value.size) + np.repeat(starts - np.cumsum(counts) + counts, counts)
        shape = (len(matrix), *self.shape[1:])
        return self.mixed(shape, value, of_variance.indices[entry], self.pixel[value], of_variance.data[entry])

    def mixed(
        self, shape: tuple[int, ...], value: IndexArray, frame: IndexArray, pixel: IndexArray, part: Float64Array
    ) -> FilledValues:
        """Return the values of a stack each of whose values was made of several.

        Parameters
        ----------
        shape : tuple of int
            Shape of the new stack.
        value : ndarray of int, shape (M,)
            Numbers of filled values, each as often as it became part of another value.
        frame, pixel : ndarray of int, shape (M,)
            Places of those it became part of.
        part : ndarray, shape (M,)
            Its share in their variance.
        """
        places, number = np.unique(pixel * shape[0] + frame, return_inverse=True)
        excess = np.bincount(number, (self.factor[value] - 1) * part, minlength=places.size)
        share = np.bincount(number, np.broadcast_to(self.share, self.frame.shape)[value] * part, minlength=places.size)
        return FilledValues(tuple(shape), places % shape[0], places // shape[0], 1 + excess, share)

    def joined(self, earlier: FilledValues | None) -> FilledValues:
        """Return these values and those that were filled in before."""
        if earlier is None:
            return self
        frame, pixel, factor, share = (
            np.concatenate([np.broadcast_to(getattr(record, name), record.frame.shape) for record in (earlier, self)])
            for name in ("frame", "pixel", "factor", "share")
        )
        return self._at(self.shape, frame, pixel, np.ones(frame.size, dtype=bool), factor, share)

    def _at(self, shape: tuple[int, ...], frame: Any, pixel: Any, kept: Any, factor: Any, share: Any) -> FilledValues:
        """Return the kept values in the order of their pixels, each place once: the last one counts."""
        share = np.broadcast_to(share, frame.shape)
        frame, pixel, factor, share = (values[kept][::-1] for values in (frame, pixel, factor, share))
        _, first = np.unique(pixel * shape[0] + frame, return_index=True)
        return FilledValues(tuple(shape), *(values[first] for values in (frame, pixel, factor, share)))


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
    frame, pixel = (np.asarray(values).ravel().astype(np.intp) for values in (found.frame, found.pixel))
    factor, share = (np.asarray(values, dtype=np.float64) for values in (found.factor, found.share))
    fits = frame.shape == pixel.shape == factor.shape and share.shape in ((), frame.shape)
    fits = fits and bool(((frame >= 0) & (frame < shape[0]) & (pixel >= 0) & (pixel < prod(shape[1:]))).all())
    return FilledValues(tuple(shape), frame, pixel, factor, share) if fits and frame.size else None


def _places(chosen: Any, n: int) -> Any:
    """Return the place of each of n numbers among some of them, -1 where it is not."""
    places = np.full(n, -1, dtype=np.intp)
    places[chosen] = np.arange(chosen.size)
    return places
