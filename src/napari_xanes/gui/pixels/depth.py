"""Optical depth of counts, computed only where spectra are read. No Qt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.computing import computed
from napari_xanes.corrections import Corrections, select
from napari_xanes.gui.pixels.spectra import in_memory
from napari_xanes.ops.flats import dark_counts, find_flats, incident
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack


class DepthOfCounts:
    """Looks like the data of a stack, and gives the optical depth of what is cut out of it.

    The values are those of `napari_xanes.ops.optical_depth` with the flats or the I0 of the stack.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts with flats or I0, or transmission.

    Raises
    ------
    ValueError
        If the stack holds something else, has neither flats nor I0, or if these do not fit it.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, stack: SpectralStack) -> None:
        known = stack.corrections
        if stack.quantity not in ("counts", "transmission"):
            raise ValueError(f"{stack.name!r} holds {stack.quantity.replace('_', ' ')}, not counts")
        if stack.quantity == "counts" and known.flat is None and known.i0 is None:
            raise ValueError(f"{stack.name!r} has neither flats nor I0")
        if stack.quantity == "counts" and known.flat is not None:
            find_flats(stack, "flat")
        self._data, self._energy, self._quantity = stack.data, stack.energy, stack.quantity
        self._known = Corrections(**{name: getattr(known, name) for name in _USED})
        self.shape: tuple[int, ...] = stack.shape
        self.ndim = len(self.shape)
        arrays = [self._data, *(value for value in self._known.values() if np.ndim(value) > 1)]
        self.in_memory = all(in_memory(array) for array in arrays)
        self[:, *(slice(0, 1) for _ in self.shape[1:])]  # what does not fit is known now

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        """Return the optical depth of some frames and pixels; NaN where counts or I0 are not positive.

        Parameters
        ----------
        key : tuple
            A slice of frames, and a slice or number for each spatial axis; a number removes its axis.
        """
        frames, *box = key
        ranges = tuple(slice(i, i + 1) if isinstance(i, int | np.integer) else i for i in box)
        values = computed(self._data[(frames, *ranges)]).astype(np.float32)
        stack = SpectralStack(values, self._energy[frames], self._quantity, metadata=self._corrections(frames, ranges))
        values = values.reshape(len(values), -1) - dark_counts(stack)(slice(None), slice(None))
        with np.errstate(all="ignore"):
            values /= incident(stack, self._i0(stack))(slice(None), slice(None))
            values[~(values > 0) | np.isinf(values)] = np.nan
            depth = -np.log(values).reshape(stack.shape)
        removed = tuple(axis for axis, i in enumerate(box, start=1) if isinstance(i, int | np.integer))
        return np.asarray(depth.squeeze(removed), dtype=np.float32)

    def _corrections(self, frames: Any, box: tuple[slice, ...]) -> dict[str, Any]:
        cut = {name: select(value, self.shape, frames, box) for name, value in self._known.items()}
        known = replace(
            Corrections(), **{name: computed(value) if np.ndim(value) else value for name, value in cut.items()}
        )
        return dict(known)

    def _i0(self, stack: SpectralStack) -> Any:
        if self._quantity == "transmission":
            return Spectrum("I0", stack.energy, np.ones(stack.energy.size))
        known = stack.corrections
        return "flat" if known.flat is not None else Spectrum("I0", stack.energy, known.i0)


_USED = ("flat", "dark", "i0", "exposure", "flat_exposure")
