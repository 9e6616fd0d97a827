"""The maps that steps leave with a stack: the edge jump of `normalize_edge`, the scale of `normalize`."""

from __future__ import annotations

from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.stack import SpectralStack


def maps_of_steps(stack: SpectralStack) -> MapSet:
    """Return the maps that the steps of a stack have left with it, with their errors and masks.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Any stack.

    Returns
    -------
    MapSet
        The maps of its metadata by name; none if no step has left one.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_xanes.ops import normalize
    >>> stack = SpectralStack(np.full((3, 2, 2), 4.0, np.float32), [8330, 8340, 8350], "optical_depth")
    >>> maps = maps_of_steps(normalize(stack, by="maximum"))
    >>> list(maps), float(maps["scale"].data[0, 0])
    (['scale'], 4.0)
    """
    kept = {
        name: value
        for name, value in stack.metadata.items()
        if isinstance(value, ParameterMap) and value.data.shape == stack.shape[1:]
    }
    return MapSet(kept, stack.history, stack.source, stack.pixel_size, {"name": stack.name})
