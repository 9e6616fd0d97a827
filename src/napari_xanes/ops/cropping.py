"""Cut energies and pixels away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from napari_xanes.arguments import Region
from napari_xanes.parameters import Param
from napari_xanes.registry import method
from napari_xanes.stack import ParameterMap, SpectralStack, as_mask


@method()
def crop(
    stack: SpectralStack,
    /,
    *,
    energy: Annotated[tuple[float, float] | None, Param(unit="eV", ge=0, auto="all energies")] = None,
    region: Region = None,
    drop_empty: bool = False,
) -> SpectralStack:
    """Keep a range of energies and a box of pixels.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Any quantity. What belongs to its frames (flats, darks, I0) is cut with it.
    energy : tuple of float, optional
        Lowest and highest energy to keep, in eV, both included.
    region : box (y0, y1, x0, x1) in pixels, or mask of shape (Y, X), optional
        Box to keep; of a mask, the smallest box around it.
    drop_empty : bool
        Drop frames that hold nothing but zeros or NaN, as interrupted scans leave them.

    Returns
    -------
    SpectralStack
        The part, without a copy of the data where only energies are cut.

    Raises
    ------
    ValueError
        If nothing would be left.

    Examples
    --------
    >>> import numpy as np
    >>> stack = SpectralStack(np.ones((3, 4, 5), np.float32), [8330, 8340, 8350])
    >>> crop(stack, energy=(8335, 8400), region=(0, 2, 0, 3)).shape
    (2, 2, 3)
    """
    keep = np.ones(stack.energy.size, dtype=bool)
    if energy is not None:
        keep &= (stack.energy >= energy[0]) & (stack.energy <= energy[1])
        if not keep.any():
            raise ValueError(
                f"no frame lies between {energy[0]:g} and {energy[1]:g} eV; "
                f"the stack covers {stack.energy[0]:g} to {stack.energy[-1]:g} eV"
            )
    if drop_empty:
        keep &= [_holds_something(frame) for frame in stack.data]
        if not keep.any():
            raise ValueError("every frame is empty: nothing but zeros and NaN")
    box: tuple[Any, ...] = ()
    if region is not None:
        mask = as_mask(region, stack.shape[1:])
        where = np.argwhere(mask)[:, -2:]
        (y0, x0), (y1, x1) = where.min(axis=0).tolist(), where.max(axis=0).tolist()
        box = (..., slice(y0, y1 + 1), slice(x0, x1 + 1))
    frames = _frames(keep)
    cut = cut_metadata(stack, frames, box)
    data = stack.data[frames]
    return stack.with_data(data[box] if box else data, energy=stack.energy[frames], metadata=cut)


def _holds_something(frame: Any) -> bool:
    values = np.asarray(frame)
    return bool((np.isfinite(values) & (values != 0)).any())


def _frames(keep: np.ndarray) -> Any:
    """The kept frames as a slice where they are neighbours, so that nothing is copied."""
    kept = np.flatnonzero(keep)
    if kept[-1] - kept[0] + 1 == kept.size:
        return slice(int(kept[0]), int(kept[-1]) + 1)
    return kept


def cut_metadata(stack: SpectralStack, frames: Any, box: tuple[Any, ...]) -> dict[str, Any]:
    """Everything that is known of a stack, for some of its frames and the pixels of a box (an index; empty for all)."""
    return {key: _cut(key, value, stack, frames, box) for key, value in stack.metadata.items()}


def _cut(key: str, value: Any, stack: SpectralStack, frames: Any, box: tuple[Any, ...]) -> Any:
    """What is known per frame or per pixel of the stack, cut like the stack."""
    if isinstance(value, Mapping):
        return {name: _cut(name, item, stack, frames, box) for name, item in value.items()}
    if isinstance(value, list):
        return [_cut(key, item, stack, frames, box) for item in value]
    shape = getattr(value, "shape", ())
    if isinstance(value, ParameterMap) and box:
        sigma, mask = (None if part is None else part[box] for part in (value.sigma, value.mask))
        return replace(value, data=value.data[box], sigma=sigma, mask=mask)
    if key in ("i0", "columns") and shape[:1] == stack.shape[:1] and len(shape) < 3:
        return value[frames]
    if shape == stack.shape:
        return value[frames][box] if box else value[frames]
    if shape[1 - len(stack.shape) :] == stack.shape[1:] and box:
        return value[box]
    return value
