"""What a run of Explore has found, in words, and buttons that make references and regions of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import push_button, wrapping_label
from napari_xanes.gui.pixels.areas import new_labels
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.parameter_map import MapSet

if TYPE_CHECKING:
    from napari.viewer import Viewer

_NOTHING = (
    "Nothing is found yet. Choose a method on the first tab and press Run: its spectra can then become references, and "
    "its clusters regions."
)


class FoundSpectra(QWidget):
    """Words about the chosen run, and what can be made of it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        workspace = workspace_of(viewer)
        self._runs, self._references = workspace.runs, workspace.references
        self.words = wrapping_label(_NOTHING)
        self.references_button = push_button(
            "Use as references",
            "Add the spectra to the references: they are drawn in the plot, and fits can use them",
            self._use_as_references,
        )
        self.regions_button = push_button(
            "Use as regions",
            "Make a layer of regions of the labels: their mean spectra are drawn in the plot",
            self._use_as_regions,
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.words, self.references_button, self.regions_button):
            column.addWidget(widget)
        self._runs.chosen_changed.connect(self._refresh)
        self._runs.removed.connect(self._refresh)
        self._refresh()

    def _maps(self) -> MapSet | None:
        run = self._runs.chosen
        return None if run is None else run.maps

    def _refresh(self, _run: Any = None) -> None:
        maps = self._maps()
        spectra = [] if maps is None else maps.metadata.get("spectra") or []
        self.words.setText(_NOTHING if maps is None else words_of(maps))
        self.references_button.setEnabled(bool(spectra))
        self.regions_button.setEnabled(maps is not None and _labels_of(maps) is not None)

    def _use_as_references(self) -> None:
        maps = self._maps()
        if maps is not None:
            self._references.add(maps.metadata["spectra"])

    def _use_as_regions(self) -> None:
        run = self._runs.chosen
        labels = None if run is None else _labels_of(run.maps)
        if run is None or labels is None:
            return
        if run.source is None or run.source not in self._viewer.layers:
            show_error("the stack of this run is not in the viewer: regions need it; open it again")
            return
        layer = new_labels(self._viewer, run.source)
        layer.name = f"regions · {run.maps.name}"
        layer.data = labels


def words_of(maps: MapSet) -> str:
    """Return what a run has found, in sentences.

    Parameters
    ----------
    maps : MapSet
        The maps of the run.
    """
    sentences = [str(maps.metadata[name]["words"]) for name in ("clusters", "unmix") if name in maps.metadata]
    if "explained" in maps.metadata:
        shares = ", ".join(f"{100 * share:.3g} %" for share in maps.metadata["explained"])
        sentences.append(f"components explain {shares} of what is more than noise")
    if "ambiguity" in maps.metadata:
        widths = [(one["name"], float(np.mean(one["high"] - one["low"]))) for one in maps.metadata["ambiguity"]]
        ranges = ", ".join(f"{name} {width:.2g}" for name, width in widths)
        sentences.append(f"other spectra fit as well, within a range of (mean over the energies) {ranges}")
    sentences += maps.metadata.get("warnings") or []
    return "\n".join(f"• {sentence}" for sentence in sentences) or _NOTHING


def _labels_of(maps: MapSet) -> Any:
    """Return the first map of labels as numbers, or None."""
    return next((one.valid().astype(np.uint8) for one in maps.values() if one.labels is not None), None)
