"""The Explore step: components, clusters, pure spectra and small phases, and what to do with what is found."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from napari_xanes.gui.exploring.found import FoundSpectra
from napari_xanes.gui.exploring.scatter import ScatterPanel
from napari_xanes.gui.maps.dock import MapDock
from napari_xanes.maps import EXPLORING

if TYPE_CHECKING:
    from napari.viewer import Viewer


class ExploreDock(MapDock):
    """Choose a method that finds spectra, run it, and use what it finds as references or regions.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.
    alone : bool
        Whether it is a dock of its own, with a box of stacks.
    """

    def __init__(self, napari_viewer: Viewer, *, alone: bool = True) -> None:
        super().__init__(napari_viewer, alone=alone, estimators=EXPLORING)
        self.method_panel.run_button.setToolTip("Find spectra; you can use the window meanwhile")
        self.method_panel.add_tab("found", lambda: [self.found])
        self.method_panel.add_tab("scatter", lambda: [self.scatter])

    @cached_property
    def found(self) -> FoundSpectra:
        """The spectra that a run found; made when it is first shown."""
        return FoundSpectra(self._viewer)

    @cached_property
    def scatter(self) -> ScatterPanel:
        """Two maps of a run against each other; made when it is first shown."""
        return ScatterPanel(self._viewer)
