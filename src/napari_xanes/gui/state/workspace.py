"""Everything that the docks of a viewer share."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.state.asked_map import AskedMap
from napari_xanes.gui.state.bars import ColourBars
from napari_xanes.gui.state.cursor import CursorFollower
from napari_xanes.gui.state.dock_step import DockStep
from napari_xanes.gui.state.fit import ShownFit
from napari_xanes.gui.state.frame_contrast import FrameContrast
from napari_xanes.gui.state.keys import Keys
from napari_xanes.gui.state.pin_layers import PinLayers
from napari_xanes.gui.state.pin_spectra import PinSpectra
from napari_xanes.gui.state.pinning import PinGestures
from napari_xanes.gui.state.pins import PinSet
from napari_xanes.gui.state.preview import RecipePreview
from napari_xanes.gui.state.profiles import LineProfiles
from napari_xanes.gui.state.recipe import RecipeState
from napari_xanes.gui.state.reference_lines import ReferenceLines
from napari_xanes.gui.state.references import ReferenceSet
from napari_xanes.gui.state.regions import RegionTracker
from napari_xanes.gui.state.run_fit import RunFit
from napari_xanes.gui.state.runs import RunList
from napari_xanes.gui.state.shown import ShownQuantity
from napari_xanes.gui.state.stacks import StackFollower

if TYPE_CHECKING:
    from napari.viewer import Viewer

_WORKSPACES: WeakKeyDictionary[Any, Workspace] = WeakKeyDictionary()


class Workspace:
    """What the window knows of one viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; the workspace does not keep it alive.

    Attributes
    ----------
    stacks : StackFollower
        The chosen stack, and which of its frames is shown.
    shown : ShownQuantity
        As what counts are shown.
    frame_contrast : FrameContrast
        Display limits of counts that differ much from frame to frame.
    recipe : RecipeState
        The steps that prepare the chosen stack.
    preview : RecipePreview
        The frame and the spectrum after these steps, while they are changed.
    cursor : CursorFollower
        The spectrum under the mouse cursor.
    regions : RegionTracker
        The spectra of brushed and drawn regions.
    pins : PinSet
        The pins: places whose spectra stay in view.
    pin_spectra : PinSpectra
        The spectra of the pins on the chosen stack.
    pin_layers : PinLayers
        The marks of the pins on the image.
    pinning : PinGestures
        Pins on a click in the image or a key.
    references : ReferenceSet
        The reference spectra.
    reference_lines : ReferenceLines
        The normalization of the reference that is looked at.
    fit : ShownFit
        The fit that is drawn over the measured spectra.
    runs : RunList
        The results of runs.
    bars : ColourBars
        The colour bars of maps on the canvas.
    run_fit : RunFit
        The chosen run at the pixel under the cursor.
    asked_map : AskedMap
        The estimator that Map or Explore is asked to show.
    profiles : LineProfiles
        Values along drawn lines.
    step : DockStep
        The step that the XANES dock shows.
    keys : Keys
        What the keys of the canvas do.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.stacks, self.shown = StackFollower(viewer), ShownQuantity()
        self.frame_contrast = FrameContrast(self.stacks)
        self.cursor = CursorFollower(viewer, self.stacks, self.shown)
        self.recipe = RecipeState(viewer, self.stacks)
        self.preview = RecipePreview(viewer, self.stacks, self.cursor, self.recipe)
        self.regions = RegionTracker(viewer, self.stacks, self.shown)
        self.pins, self.references, self.fit = PinSet(), ReferenceSet(self.stacks), ShownFit()
        self.reference_lines = ReferenceLines(self.references)
        self.runs, self.bars = RunList(viewer, self.references), ColourBars(viewer)
        self.run_fit = RunFit(self.cursor, self.stacks, self.runs, self.fit)
        self.asked_map = AskedMap()
        self.keys, self.step = Keys(viewer), DockStep()
        self.profiles = LineProfiles(viewer, self.runs)
        self.pin_spectra = PinSpectra(viewer, self.stacks, self.shown, self.cursor, self.pins)
        self.pin_layers = PinLayers(viewer, self.stacks, self.pins)
        self.pinning = PinGestures(viewer, self.cursor, self.pins, self.keys)


def workspace_of(viewer: Viewer) -> Workspace:
    """Return the viewer's workspace; the first call creates it and shows the energy over the image."""
    viewer = plain_viewer(viewer)
    if viewer not in _WORKSPACES:
        _WORKSPACES[viewer] = Workspace(viewer)
    return _WORKSPACES[viewer]


@atexit.register
def _hide_windows() -> None:
    """Hide the windows that a script leaves open when it ends, so that docks stop following before all is deleted."""
    for viewer in list(_WORKSPACES):
        window = getattr(getattr(viewer, "window", None), "_qt_window", None)
        if window is not None:
            window.hide()
