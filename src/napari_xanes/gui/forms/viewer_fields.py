"""Form fields that need the viewer: references, I0, regions, libraries and shifts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from napari_xanes.gui.dialogs import ask_to_open
from napari_xanes.gui.energy import element_of, energies_of
from napari_xanes.gui.forms.form import Field, FieldMaker
from napari_xanes.gui.forms.on_request import OnRequest
from napari_xanes.gui.forms.stack_box import StackBox
from napari_xanes.gui.library_names import SMALL, suggest_library
from napari_xanes.gui.pixels.areas import is_region
from napari_xanes.gui.pixels.masks import mask_of, regions_in
from napari_xanes.gui.references.reference_list import ReferenceList
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.parameters import Parameter
from napari_xanes.spectrum import Spectrum

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


_LEARNED = (
    "error_model",
    "component_basis",
    "clusters",
    "pure_spectra",
    "small_phases",
    "sparse_model",
    "stack_references",
)
"""Kinds of values that only a run can find: they are found, or taken from a recipe."""


def viewer_fields(viewer: Viewer, stacks: StackBox) -> Mapping[str, FieldMaker]:
    """Return makers of the fields for references, I0, regions and libraries.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The fields offer its layers and references.
    stacks : StackBox
        Box with the stack that the method will use.
    """

    def references(parameter: Parameter) -> Field:
        chosen = workspace_of(viewer).references
        view = ReferenceList(viewer)
        request = OnRequest(view, parameter.label) if parameter.spec.on_request else None

        def get() -> Any:
            """Return the ticked references that overlap with the energies of the stack."""
            if request is not None and not request.wanted():
                return None
            layer = stacks.layer()
            energies = None if layer is None else energies_of(layer)
            spectra = [s for s in chosen.checked if energies is None or _meets(s, energies)]
            if parameter.kind == "calibration":
                spectra = [s for s in spectra if s.valence is not None]
                return spectra if len(spectra) > 1 else None
            if parameter.optional and request is None and not spectra:
                return None
            if not spectra:
                raise ValueError(
                    "no ticked reference covers the energies of this stack; tick one, load files or use regions"
                )
            return spectra

        def fill(value: Any) -> None:
            chosen.add(value or ())
            if request is not None:
                request.set_wanted(value is not None)

        if request is None:
            return Field(view, get, fill, chosen.changed)
        chosen.changed.connect(request.changed)
        return Field(request, get, fill, request.changed)

    def incident(parameter: Parameter) -> Field:
        box = SourceBox(viewer, stacks, {"automatic": "auto", "flats of the file": "flat", "empty area": "empty"})
        return Field(box, box.value, box.choose_value, box.layer_changed)

    def region(parameter: Parameter) -> Field:
        source = parameter.spec.auto
        box = SourceBox(viewer, stacks, {f"automatic: {source}" if source else "whole image": None}, files=False)
        return Field(box, box.value, box.choose_value, box.layer_changed)

    def regions(parameter: Parameter) -> Field:
        fixed = {f"automatic: {parameter.spec.auto}" if parameter.spec.auto else "none": None}
        box = SourceBox(viewer, stacks, fixed, files=False, take=regions_in)
        return Field(box, box.value, box.choose_value, box.layer_changed)

    def reference(parameter: Parameter) -> Field:
        box = SourceBox(viewer, stacks, {"none": None}, regions=False)
        return Field(box, box.value, box.choose_value, box.layer_changed)

    def library(parameter: Parameter) -> Field:
        from napari_xanes.theory.library.shipped import LIBRARIES

        box = LibrarySource(viewer, stacks, {name: name for name in LIBRARIES}, regions=False)
        return Field(box, box.value, box.choose_value, box.layer_changed)

    def shifts(parameter: Parameter) -> Field:
        box = SourceBox(viewer, stacks, {"from the images": None}, regions=False)
        return Field(box, box.value, box.choose_value, box.layer_changed)

    def learned(parameter: Parameter) -> Field:
        box = SourceBox(viewer, stacks, {parameter.spec.auto or "automatic": None}, regions=False, files=False)
        return Field(box, box.value, box.choose_value, box.layer_changed)

    return {
        "references": references,
        "calibration": references,
        "reference": reference,
        "i0": incident,
        "region": region,
        "regions": regions,
        "library": library,
        "spectra_library": library,
        "shifts": shifts,
        **dict.fromkeys(_LEARNED, learned),
    }


def _meets(spectrum: Spectrum, energies: NDArray[np.float64]) -> bool:
    return bool(spectrum.energy[0] < energies[-1] and spectrum.energy[-1] > energies[0])


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
            if self._files:
                self.addItem(self._FILE)
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
        if self.currentText() != self._FILE:
            return
        path = ask_to_open(self, "Choose a file", near=self._viewer)
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


def suggest_libraries(panel: QWidget) -> None:
    """Let all fields of libraries in a panel follow the edge of its stack."""
    for box in panel.findChildren(LibrarySource):
        box.suggest()
