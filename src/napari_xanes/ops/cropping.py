"""Cut energies and pixels away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray
from napari_xanes.arguments import EnergyRanges, Region, as_mask
from napari_xanes.computing import frames_of
from napari_xanes.corrections import frames_where
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack


@method(looks_at="frame")
def crop(
    stack: SpectralStack,
    /,
    *,
    energy: EnergyRanges = None,
    region: Region = None,
    drop_empty: bool = False,
) -> SpectralStack:
    """Keep ranges of energies and a box of pixels.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Any quantity. Everything that belongs to its frames and pixels (flats, exposures, noise) is cut with it.
    energy : list of tuple of float, or one tuple, optional
        Lowest and highest energy in eV of each range to keep, both included.
    region : box (y0, y1, x0, x1) in pixels, or mask of shape (Y, X), optional
        Box to keep, or a mask: then the smallest box around it is kept.
    drop_empty : bool
        Drop frames that hold only zeros or NaN, as interrupted scans leave them.

    Returns
    -------
    SpectralStack
        The part that is kept; the data are copied only where frames between others are dropped.

    Raises
    ------
    ValueError
        If no frame or pixel would be left.

    Examples
    --------
    >>> import numpy as np
    >>> stack = SpectralStack(np.ones((3, 4, 5), np.float32), [8330, 8340, 8350])
    >>> crop(stack, energy=(8335, 8400), region=(0, 2, 0, 3)).shape
    (2, 2, 3)
    >>> crop(stack, energy=[(8320, 8335), (8345, 8350)]).energy.tolist()
    [8330.0, 8350.0]
    """
    keep = np.ones(stack.energy.size, dtype=bool)
    if energy is not None:
        keep[:] = False
        for low, high in energy:
            inside = (stack.energy >= low) & (stack.energy <= high)
            if not inside.any():
                raise ValueError(
                    f"no frame lies between {low:g} and {high:g} eV; "
                    f"the stack covers {stack.energy[0]:g} to {stack.energy[-1]:g} eV; choose a range in it"
                )
            keep |= inside
    if drop_empty:
        keep &= [_is_filled(frame) for frame in frames_of(stack.data)]
        if not keep.any():
            raise ValueError("every frame is empty: it holds only zeros or NaN; check the file of the stack")
    return stack.isel(frames_where(keep), None if region is None else _box(as_mask(region, stack.shape[1:])))


def _box(mask: BoolArray) -> tuple[slice, ...]:
    """Return the smallest box (Y, X) around a mask; all slices of a volume (Z, Y, X) are kept."""
    where = np.argwhere(mask)[:, -2:]
    (y0, x0), (y1, x1) = where.min(axis=0).tolist(), where.max(axis=0).tolist()
    return (*(slice(None),) * (mask.ndim - 2), slice(y0, y1 + 1), slice(x0, x1 + 1))


def _is_filled(frame: NDArray[Any]) -> bool:
    """Return whether a frame holds a finite value other than zero."""
    return bool((np.isfinite(frame) & (frame != 0)).any())
