"""Form fields that need the viewer: references, I0, regions, libraries and shifts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_xanes.gui.energy import energies_of
from napari_xanes.gui.forms.form import Field, FieldMaker
from napari_xanes.gui.forms.on_request import OnRequest
from napari_xanes.gui.forms.source_box import LibrarySource, SearchedLibrary, SourceBox
from napari_xanes.gui.forms.stack_box import StackBox
from napari_xanes.gui.pixels.masks import regions_in
from napari_xanes.gui.references.reference_list import ReferenceList
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.parameters import Parameter

if TYPE_CHECKING:
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
            spectra = chosen.of_use(None if layer is None else energies_of(layer))
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

        source = SearchedLibrary if parameter.kind == "spectra_library" else LibrarySource
        box = source(viewer, stacks, {name: name for name in LIBRARIES}, regions=False)
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
