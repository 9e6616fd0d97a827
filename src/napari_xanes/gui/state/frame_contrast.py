"""Keep frames of counts visible where the beam is much weaker at some energies than at others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.QtCore import QObject

from napari_xanes.gui.contrast import Limits, display_limits
from napari_xanes.gui.state.stacks import StackFollower
from napari_xanes.spreading import spread

if TYPE_CHECKING:
    from napari.layers import Layer

_RATIO = 2.5
"""So far apart, medians of frames are no matter of the sample alone."""

_FRAMES = 9


class FrameContrast(QObject):
    """Sets the display limits of the frame that is shown, of counts that differ much from frame to frame.

    It ends for a layer whose limits the user changes. Stacks in files keep the limits of a few frames.

    Parameters
    ----------
    stacks : StackFollower
        The chosen stack.
    """

    def __init__(self, stacks: StackFollower) -> None:
        super().__init__()
        self._stacks = stacks
        self._given: WeakKeyDictionary[Layer, Limits | None] = WeakKeyDictionary()
        stacks.step_changed.connect(self._follow)
        self._follow(stacks.step)

    def _follow(self, step: int) -> None:
        layer: Any = self._stacks.layer
        if layer is None or step < 0 or not isinstance(layer.data, np.ndarray):
            return
        if layer not in self._given:
            self._given[layer] = tuple(layer.contrast_limits) if differs(layer) else None
        given = self._given[layer]
        if given is None or tuple(layer.contrast_limits) != given:
            self._given[layer] = None
            return
        limits = display_limits(layer.data[step : step + 1])
        layer.contrast_limits = limits
        self._given[layer] = tuple(layer.contrast_limits)


def differs(layer: Layer) -> bool:
    """Return whether a layer holds counts whose frames differ in brightness more than a sample makes them."""
    if layer.metadata["xanes"]["quantity"] != "counts":
        return False
    frames = [np.asarray(layer.data[i])[..., ::4, ::4] for i in spread(len(layer.data), _FRAMES)]
    medians = [float(np.median(finite)) for frame in frames if (finite := frame[np.isfinite(frame)]).size]
    return bool(medians) and max(medians) > _RATIO * max(min(medians), 0.0)
