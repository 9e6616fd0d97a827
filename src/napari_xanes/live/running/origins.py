"""What each frame of a scan is made of: its own values, and the flats, darks and times that correct it."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from napari_xanes.io.lazy_sources import origin_of_frame
from napari_xanes.stack import SpectralStack

_CORRECTIONS = ("flat", "dark", "i0", "exposure", "flat_exposure")
"""What `optical_depth` takes of a frame besides its values."""


class Origin(NamedTuple):
    """Where the values of a frame come from, and what corrects it; None where nothing tells."""

    values: str | None
    corrections: str | None

    def is_other(self, now: Origin, *, may_have_changed: bool) -> bool:
        """Whether a frame is not what it was.

        Parameters
        ----------
        now : Origin
            What it is now.
        may_have_changed : bool
            Whether the source says that frames have changed: then what nothing is known of counts as changed.

        Examples
        --------
        >>> before, now = Origin(None, "flat 1"), Origin(None, "flat 2")
        >>> before.is_other(now, may_have_changed=False), before.is_other(before, may_have_changed=False)
        (True, False)
        >>> before.is_other(before, may_have_changed=True)
        True
        """
        pairs = zip(self, now, strict=True)
        return any(may_have_changed if None in pair else pair[0] != pair[1] for pair in pairs)


def origins_of(stack: SpectralStack) -> dict[float, Origin]:
    """Return what each frame of a stack is made of, by its energy in eV."""
    each = [_Correction(getattr(stack.corrections, name), stack) for name in _CORRECTIONS]
    found = {}
    for i, energy in enumerate(stack.energy):
        words = [one.of_frame(i) for one in each]
        known = None if None in words else " ".join(map(str, words))
        found[float(energy)] = Origin(origin_of_frame(stack.data, i) if stack.is_lazy else None, known)
    return found


class _Correction:
    """What corrects the frames of a stack: nothing, a number or an image for all, or one for each."""

    def __init__(self, value: Any, stack: SpectralStack) -> None:
        self._is_lazy = hasattr(value, "__dask_graph__")
        one_image = self._is_lazy and value.ndim < stack.data.ndim
        # Frames in one file don't say where they come from; a single image is soon read.
        if one_image or (self._is_lazy and len(value) == 1 and origin_of_frame(value, 0) is None):
            value, self._is_lazy = np.asarray(value), False
        self._value = value
        shapes = (stack.shape, stack.energy.shape) if stack.energy.size > 1 else ()
        self._per_frame = np.shape(value) in shapes
        self._shared = "" if self._is_lazy or self._per_frame or value is None else _digest(value)

    def of_frame(self, frame: int) -> str | None:
        """Return what corrects a frame, as text; None if nothing tells."""
        if self._is_lazy:
            return origin_of_frame(self._value, frame)
        return _digest(self._value[frame]) if self._per_frame else self._shared


def _digest(value: Any) -> str:
    return blake2b(np.ascontiguousarray(value).tobytes(), digest_size=16).hexdigest()
