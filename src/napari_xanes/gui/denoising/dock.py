"""The Denoise dock."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.gui.as_dock import as_dock
from napari_xanes.gui.denoising.compare import BeforeAfter
from napari_xanes.gui.denoising.covering import crop_to_references, in_words
from napari_xanes.gui.denoising.overlay import in_view, lay_over, preview_layer
from napari_xanes.gui.denoising.report import ReportView
from napari_xanes.gui.denoising.results import background_layer, companion_maps, report_lines, why_not_denoisable
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.focus_ring import ShownFocus
from napari_xanes.gui.layers import stack_of, stack_to_layer
from napari_xanes.gui.map_layers import Shown
from napari_xanes.gui.pixels.areas import depth_of
from napari_xanes.gui.present import present
from napari_xanes.gui.running.absorption import show_prepared, steps_to_absorption
from napari_xanes.gui.running.method_panel import MethodPanel
from napari_xanes.gui.stack_results import add_result
from napari_xanes.gui.state.run import Run, add_layer
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.history import Step
from napari_xanes.ops import OPERATIONS
from napari_xanes.ops.slices import slices_of
from napari_xanes.parameter_map import MapSet
from napari_xanes.registry import Method
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class DenoiseDock(QWidget):
    """Choose a stack, preview the result, denoise the stack, and compare before and after.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.
    alone : bool
        Whether it is a dock of its own, with a box of stacks.
    """

    def __init__(self, napari_viewer: Viewer, *, alone: bool = True) -> None:
        super().__init__()
        self._viewer = viewer = plain_viewer(napari_viewer)
        self._preview: Layer | None = None
        self._runs = workspace_of(viewer).runs
        self._companions: Run | None = None
        self._result: Layer | None = None
        self._pending: list[Callable[[], None]] = []
        self._add_timer = QTimer(self)
        self._add_timer.timeout.connect(self._add_next)
        self.method_panel = MethodPanel(
            viewer,
            {name: OPERATIONS[name] for name in OPERATIONS if name.startswith("denoise")},
            steps_before=self._steps_before,
            in_words=in_words,
            unsuited=why_not_denoisable,
            require=_require_denoisable,
            stack_row=alone,
        )
        self.method_panel.run_button.setToolTip("Denoise the whole stack; you can use the window meanwhile")
        self.preview_button = self.method_panel.add_button(
            "Preview here",
            "Denoise the visible part of the image, at most 256 × 256 pixels, and show it over the image",
            self.preview,
        )
        self.report = ReportView()
        self.method_panel.add_tab("result", lambda: (self.report, self.compare))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.method_panel)
        self.method_panel.prepared.connect(self._show_prepared)
        self.method_panel.finished.connect(self._show)
        self.report.novelty_toggled.connect(self._show_novelty)
        DropTarget(self, viewer)
        ShownFocus(self, viewer)
        as_dock(self, viewer)

    @cached_property
    def compare(self) -> BeforeAfter:
        """The stack before and after; made when it is first shown."""
        compare = BeforeAfter(self._viewer)
        if self.isVisible():
            compare.start()
        return compare

    def showEvent(self, event: Any) -> None:
        """Start the comparison."""
        super().showEvent(event)
        if "compare" in vars(self):
            self.compare.start()

    def hideEvent(self, event: Any) -> None:
        """Stop the comparison: a hidden dock must not leave the image covered."""
        if "compare" in vars(self):
            self.compare.stop()
        super().hideEvent(event)

    def _steps_before(self, stack: SpectralStack, name: str) -> list[Step]:
        """Return what cuts away the energies that a ticked reference lacks, and what makes absorption of counts."""
        used = workspace_of(self._viewer).references.of_use(stack.energy) if name == "denoise" else []
        return [*crop_to_references(stack, used), *steps_to_absorption(stack)]

    def preview(self) -> None:
        """Denoise the visible part in a worker thread and show it over the image."""
        layer = self.method_panel.stacks.layer()
        if layer is None:
            return
        depth, box = depth_of(self._viewer, layer), in_view(layer)
        self.method_panel.launch(
            self.preview_button.text(),
            lambda stack, name: [Step("crop", {"region": box}), *self._steps_before(stack, name)],
            lambda ready, cleaned: self._show_preview(layer, depth, box, present(ready), cleaned),
            lambda stack: slices_of(stack, slice(depth[0], depth[0] + 1)) if depth else stack,
            _preview_of,
        )

    def _show_preview(
        self,
        layer: Layer,
        depth: tuple[int, ...],
        box: tuple[int, int, int, int],
        original: SpectralStack,
        cleaned: SpectralStack,
    ) -> None:
        self._drop_preview()
        if layer not in self._viewer.layers:
            return
        self._preview = preview_layer(cleaned, layer, depth, box)
        lay_over(self._viewer, self._preview, layer)
        height, width = cleaned.shape[-2:]
        self.report.set_lines(report_lines(cleaned), f"Preview of {width} × {height} pixels")
        self._compare(original, cleaned, self._preview)

    def _drop_preview(self) -> None:
        if self._preview in self._viewer.layers:
            self._viewer.layers.remove(self._preview)
        self._preview = None

    def _show_prepared(self, stack: SpectralStack) -> None:
        self.method_panel.source = show_prepared(self._viewer, self.method_panel.source, stack)

    def _show(self, cleaned: SpectralStack) -> None:
        """Add the denoised stack, show the report, and add the companion layers afterwards."""
        viewer, original = self._viewer, stack_of(self.method_panel.source)
        self._drop_preview()
        self._companions = None
        self._result = add_result(viewer, stack_to_layer(cleaned))
        maps = companion_maps(cleaned)
        self._pending = [] if maps is None else [lambda: self._add_background(cleaned), lambda: self._add_maps(maps)]
        viewer.layers.selection.active = self._result
        self.method_panel.job.then(lambda: self._show_report(original, cleaned, maps))

    def _show_report(self, original: SpectralStack, cleaned: SpectralStack, maps: MapSet | None) -> None:
        self.report.set_lines(report_lines(cleaned), can_show=maps is not None and "novelty" in maps)
        if self._result in self._viewer.layers:
            self._compare(original, cleaned, self._result)
        self._add_timer.start()

    @property
    def companions_pending(self) -> bool:
        """True while companion layers of the result remain to be added."""
        return bool(self._pending)

    def _add_next(self) -> None:
        """Add one hidden companion layer below the result; one per event loop turn, to keep the window responsive."""
        if self._result not in self._viewer.layers:
            self._pending = []
        if not self._pending:
            self._add_timer.stop()
            return
        self._pending.pop(0)()

    def _add_background(self, cleaned: SpectralStack) -> None:
        """Add the removed background as a hidden layer below the result."""
        data, keywords, kind = background_layer(cleaned)
        add_layer(self._viewer, (data, keywords | {"visible": False}, kind), self._result)

    def _add_maps(self, maps: MapSet) -> None:
        """Add the fractions, the edge jump and the novelty as a run, hidden below the result."""
        self._companions = self._runs.add(maps, self._result, visible=False, below=self._result)

    def _compare(self, original: SpectralStack, cleaned: SpectralStack, layer: Layer) -> None:
        self.compare.set_stacks(original, cleaned, layer)
        self.method_panel.show_tab("result")

    def _show_novelty(self, visible: bool) -> None:
        """Show or hide the map of what is not explained, above all other layers."""
        layers, run = self._viewer.layers, self._companions
        if run is None or run not in self._runs:
            return
        active = layers.selection.active
        layer = self._runs.show(run, Shown("novelty"))
        layer.visible = visible
        layers.move(layers.index(layer), len(layers))
        layers.selection.active = active


def _require_denoisable(stack: SpectralStack, step: Step) -> None:
    """Raise the errors of `denoise` about its input before the optical depth is computed."""
    from napari_xanes.ops.denoising import require_denoisable

    if step.name == "denoise":
        references = step.parameters["references"]
        for crop in crop_to_references(stack, references or ()):
            stack = OPERATIONS["crop"](stack, **crop.parameters)
        require_denoisable(stack, references)


def _preview_of(name: str) -> Method[SpectralStack] | None:
    """Return the quicker method for a preview, None if there is none."""
    from napari_xanes.ops.denoising import preview_denoise

    return preview_denoise if name == "denoise" else None
