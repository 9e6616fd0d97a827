"""Boxes of where a value comes from: fixed choices, region layers, libraries, files and folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from napari_xanes.gui.dialogs import ask_for_folder, ask_to_open
from napari_xanes.gui.energy import element_of, energies_of
from napari_xanes.gui.forms.stack_box import StackBox
from napari_xanes.gui.library_names import SMALL, suggest_library
from napari_xanes.gui.pixels.areas import is_region
from napari_xanes.gui.pixels.masks import mask_of
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_LIBRARIES = "Libraries of spectra (*.prj *.db *.sqlite *.json *.npz *.dat *.txt *.csv *.xdi);;All files (*)"


class SourceBox(QComboBox):
    """A box of fixed choices, region layers of the viewer and files.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The box offers its region layers.
    stacks : StackBox
        Box with the stack that the regions belong to.
    fixed : mapping of str to object
        Text and value of each fixed choice.
    regions, files : bool
        Whether to offer region layers and files.
    take : callable
        Makes the value from a region layer and the layer of the stack; by default one mask.

    Signals
    -------
    layer_changed :
        Something else is chosen.
    """

    layer_changed = Signal()

    _FILE = "file…"
    _ASKS: Mapping[str, Callable[[QWidget, Viewer], str]] = {
        _FILE: lambda parent, viewer: ask_to_open(parent, "Choose a file", near=viewer)
    }
    """Entries that ask for a path."""

    def __init__(
        self,
        viewer: Viewer,
        stacks: StackBox,
        fixed: Mapping[str, Any],
        *,
        regions: bool = True,
        files: bool = True,
        take: Callable[[Layer, Layer], Any] = mask_of,
    ) -> None:
        self._fixed, self._stacks, self._regions, self._files = dict(fixed), stacks, regions, files
        self._take = take
        self._extra_values: dict[str, Any] = {}
        super().__init__()
        self._viewer = viewer
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(12)
        self.activated.connect(self._on_activated)
        self.currentIndexChanged.connect(self._on_index)
        workspace_of(viewer).stacks.stacks_changed.connect(self.refresh)
        self.refresh()

    def _on_index(self, row: int) -> None:
        self.layer_changed.emit()

    def refresh(self) -> None:
        """List the fixed choices, values from outside the list, region layers and the entry for a file."""
        previous_text = self.currentText()
        with QSignalBlocker(self):
            self.clear()
            for text in (*self._fixed, *self._extra_values):
                self.addItem(text)
            for layer in filter(is_region, reversed(self._viewer.layers)) if self._regions else ():
                self.addItem(f"region: {layer.name}", layer)
            for text in self._ASKS if self._files else ():
                self.addItem(text)
            self.setCurrentIndex(max(0, self.findText(previous_text)))

    def value(self) -> Any:
        """Return the chosen value of the parameter.

        Raises
        ------
        ValueError
            If no region or stack is chosen, or if the region is empty or has another size.
        """
        text = self.currentText()
        if text in self._fixed:
            return self._fixed[text]
        if text in self._extra_values:
            return self._extra_values[text]
        region, stack = self.currentData(), self._stacks.layer()
        if region is None or stack is None:
            raise ValueError(f"can't use {text!r} without a stack and a region layer; choose both")
        return self._take(region, stack)

    def choose_value(self, value: Any) -> None:
        """Choose a value; add it to the list if it is missing."""
        for text, fixed in self._fixed.items():
            if value is fixed or (isinstance(value, str) and value == fixed):
                self.setCurrentText(text)
                return
        text = Path(value).name if isinstance(value, str | Path) else getattr(value, "name", "from the recipe")
        self._extra_values = {str(text): value}
        self.refresh()
        self.setCurrentText(str(text))

    def _on_activated(self, _: int) -> None:
        ask = self._ASKS.get(self.currentText())
        if ask is None:
            return
        path = ask(self, self._viewer)
        if path:
            self.choose_value(path)
        else:
            self.setCurrentIndex(0)


class LibrarySource(SourceBox):
    """A box of libraries of spectra."""

    def suggest(self) -> None:
        """Choose the library of the stack's edge, unless the user or a recipe chose another than the first."""
        layer = self._stacks.layer()
        if layer is None or self.currentText() not in (self.property("suggested"), self.itemText(0)):
            return
        names = [name for name in self._fixed if not name.endswith(SMALL)]
        name = suggest_library(names, energies_of(layer), element_of(layer))
        self.setProperty("suggested", name)
        self.setCurrentText(name or self.itemText(0))


class SearchedLibrary(LibrarySource):
    """A box of libraries to search in: the ticked references, theory, files that hold several spectra, folders."""

    _TICKED = "ticked references"
    _ASKS: Mapping[str, Callable[[QWidget, Viewer], str]] = {
        "file (Athena project, SQLite …)…": lambda parent, viewer: ask_to_open(
            parent, "Choose a library of spectra", _LIBRARIES, near=viewer
        ),
        "folder…": lambda parent, viewer: ask_for_folder(parent, "Choose a folder of spectra", near=viewer),
    }

    def __init__(self, viewer: Viewer, stacks: StackBox, fixed: Mapping[str, Any], **options: Any) -> None:
        super().__init__(viewer, stacks, {self._TICKED: None, **fixed}, **options)
        workspace_of(viewer).references.changed.connect(self._on_references)

    def value(self) -> Any:
        """Return the chosen library, or the ticked references.

        Raises
        ------
        ValueError
            If none is ticked.
        """
        if self.currentText() != self._TICKED:
            return super().value()
        ticked = workspace_of(self._viewer).references.checked
        if not ticked:
            raise ValueError("no reference is ticked: tick some, or choose a library, a file or a folder to search in")
        return ticked

    def suggest(self) -> None:
        """Keep the ticked references where there are some; else choose the theory of the stack's edge."""
        if not workspace_of(self._viewer).references.checked or self.currentText() != self._TICKED:
            super().suggest()

    def _on_references(self) -> None:
        if self.currentText() == self._TICKED:
            self.layer_changed.emit()


def suggest_libraries(panel: QWidget) -> None:
    """Let all fields of libraries in a panel follow the edge of its stack."""
    for box in panel.findChildren(LibrarySource):
        box.suggest()
