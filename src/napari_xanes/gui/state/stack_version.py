"""Whether a stack layer still shows the stack that something was made from. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

import numpy as np

from napari_xanes.gui.pixels.spectra import array_of, in_memory

if TYPE_CHECKING:
    from napari.layers import Layer


_VALUES_PER_AXIS = 16


class StackVersion(NamedTuple):
    """What tells one stack of a layer from another: its steps, its quantity, its shape, and a sample of its values.

    Of data that are not in memory, the name of their dask array stands for the sample; it changes with each reading,
    but not where a working copy takes the place of a file (`has_values_of`).
    """

    steps: list[Any]
    quantity: str
    shape: tuple[int, ...]
    values: bytes


def version_of(stack: Layer) -> StackVersion:
    """Return the version of the stack that a layer shows; the same after a step was switched on and off again."""
    xanes, data = stack.metadata["xanes"], array_of(stack)
    if in_memory(data):
        # An odd step meets all columns of a pattern, an even one only a few.
        sample = data[tuple(slice(None, None, n // _VALUES_PER_AXIS | 1) for n in data.shape)]
        values = np.ascontiguousarray(sample).tobytes()
    else:
        name = str(getattr(data, "name", id(data)))
        values = _SAME_VALUES.get(name, name).encode()
    return StackVersion(list(xanes["history"]), str(xanes["quantity"]), tuple(data.shape), values)


_SAME_VALUES: dict[str, str] = {}
"""By the name of a dask array, that of an earlier one that has the same values."""


def has_values_of(data: Any, earlier: Any) -> None:
    """Note that a dask array has the values of an earlier one, so that it makes no other version of a stack."""
    _SAME_VALUES[str(data.name)] = _SAME_VALUES.get(str(earlier.name), str(earlier.name))


class VersionCheck:
    """Tells whether a layer still shows a version of its stack; what did not change is not compared again.

    Parameters
    ----------
    stack : Layer
        The layer as it is now.
    steps : list of dict, optional
        The steps that the stack should have gone through, as its metadata hold them; by default those that it has.
    """

    def __init__(self, stack: Layer, steps: list[Any] | None = None) -> None:
        now = version_of(stack)
        self._version = now if steps is None else now._replace(steps=steps)
        self._seen: tuple[Any, Any] = (lambda: None, None)
        self._same = True

    def holds(self, stack: Layer) -> bool:
        """Return whether a layer shows this version."""
        data, xanes = array_of(stack), stack.metadata["xanes"]
        if self._seen[0]() is not data or self._seen[1] is not xanes:
            self._seen = ref(data), xanes
            self._same = version_of(stack) == self._version
        return self._same
