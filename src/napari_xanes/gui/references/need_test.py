"""The button that tests which references are needed, and what it found."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QMenu, QPushButton

from napari_xanes.gui.job import Job
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.present import present
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.history import Step
from napari_xanes.progress import Progress, part
from napari_xanes.wording import one_or_more

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_xanes.maps.reference_needs import NeededReferences
    from napari_xanes.spectrum import Spectrum
    from napari_xanes.stack import SpectralStack

_Test: TypeAlias = "Callable[[Callable[[], SpectralStack], list[Spectrum], Progress], NeededReferences]"
"""Tests references on the stack that a function returns."""

MOST_PIXELS = 30
"""Number of pixels of a sample: with more of them, a reference has to stand out more to be called needed."""


class NeedTest(QObject):
    """Tests the ticked references on the chosen stack in a thread.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    parent : QObject
        What it belongs to.

    Attributes
    ----------
    button : QPushButton
        Opens the menu of what to test on; while the test runs, it cancels it.

    Signals
    -------
    said : str, str
        What was found as a whole, or why nothing could be; and what else to know, in a line each.
    """

    said = Signal(str, str)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._workspace = viewer, workspace_of(viewer)
        self.job = Job(self)
        self.button = QPushButton("Needed?")
        self.button.setToolTip(
            "Test which of the ticked references are needed (F-test), and whether each can be there at all (target "
            "transformation): on the mean of the stack, on regions, or on some pixels. And plan which energies to "
            "measure"
        )
        self.menu = QMenu(self.button)
        self.menu.aboutToShow.connect(self._fill)
        self.button.setMenu(self.menu)
        self.button.clicked.connect(self._on_click)
        self.job.started.connect(lambda _title: self._show_running(True))
        self.job.ended.connect(lambda: self._show_running(False))
        self.job.done.connect(self._show)
        self.job.failed.connect(self._fail)

    def on_stack(self) -> None:
        """Test on the mean spectrum of the stack."""
        self._start("the mean of the stack", _of_mean)

    def on_pixels(self) -> None:
        """Test on some pixels that show the edge."""
        self._start(f"up to {MOST_PIXELS} pixels", _of_pixels)

    def on_regions(self, name: str | None = None) -> None:
        """Test on the mean spectrum of a region, or of each region."""
        read = self._workspace.regions.reader()

        def test(
            stack: Callable[[], SpectralStack], references: list[Spectrum], progress: Progress
        ) -> NeededReferences:
            from napari_xanes.maps.reference_needs import needed_references

            spectra = [spectrum for spectrum in read() if name in (None, spectrum.name)]
            if not spectra:
                raise ValueError("there are no regions: brush one first (step Look > Regions > Brush)")
            return needed_references(spectra, references, progress=progress)

        self._start("all regions" if name is None else f"the region {name}", test)

    def _fill(self) -> None:
        self.menu.clear()
        self.menu.addAction("On the mean of the stack", self.on_stack)
        self.menu.addAction(f"On {MOST_PIXELS} pixels that show the edge", self.on_pixels)
        self.menu.addAction("On all regions", self.on_regions)
        for region in self._workspace.regions.regions:
            self.menu.addAction(f"On the region {region.name}", partial(self.on_regions, region.name))
        self.menu.addSeparator()
        self.menu.addAction("Which energies to measure…", self.plan_energies)

    def plan_energies(self) -> None:
        """Open the dialog that plans which energies tell the ticked references apart."""
        from napari_xanes.gui.references.plan_dialog import PlanDialog

        dialog = PlanDialog(self._viewer, self.button.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _on_click(self) -> None:
        if self.job.running:
            self.job.cancel()

    def _show_running(self, running: bool) -> None:
        self.button.setText("Cancel" if running else "Needed?")
        self.button.setMenu(None if running else self.menu)

    def _start(self, on: str, test: _Test) -> None:
        layer, references = self._workspace.stacks.layer, self._workspace.references.checked
        if layer is None or len(references) < 2 or self.job.running:
            if not self.job.running:
                missing = "open a stack first" if layer is None else "tick two or more references"
                self.said.emit(f"Which references are needed is a question for several of them: {missing}", "")
            return
        stack = stack_of(layer)

        def work(progress: Progress) -> tuple[Layer, list[Spectrum], str, NeededReferences]:
            def ready() -> SpectralStack:
                return _absorption(stack, part(progress, 0.0, 0.3))

            return layer, references, on, test(ready, references, present(part(progress, 0.3, 1.0)))

        self.job.start(work, "which references are needed")

    def _show(self, result: Any) -> None:
        layer, references, on, found = result
        self._workspace.references.answer(layer, references, {need.name: need.answer for need in found.needs})
        self.said.emit(summary(found, on), "\n".join(found.warnings))

    def _fail(self, error: Exception) -> None:
        self.said.emit(f"Can't tell which references are needed: {error}", "")


def summary(found: NeededReferences, on: str) -> str:
    """Return what a test found in sentences.

    Parameters
    ----------
    found : NeededReferences
        The result.
    on : str
        What it was tested on.
    """
    needed = sum(need.needed for need in found.needs)
    shown = found.n_components
    spectra = (
        "" if shown is None else f" The stack shows {shown} independent {'spectrum' if shown == 1 else 'spectra'}."
    )
    enough = ", ".join(found.kept) or "none of them"
    answer = f"On {on}: {needed} of {len(found.needs)} ticked references needed; enough are {enough}."
    notes = len(found.warnings)
    more = f" {one_or_more(notes, '1 note', f'{notes} notes')} in the tooltip." if notes else ""
    return answer + spectra + more


def _absorption(stack: SpectralStack, progress: Progress | None) -> SpectralStack:
    from napari_xanes.recipe import run

    if stack.quantity not in ("counts", "transmission"):
        return stack
    return cast("SpectralStack", run([Step("optical_depth")], stack, progress=progress))


def _of_mean(stack: Callable[[], SpectralStack], references: list[Spectrum], progress: Progress) -> NeededReferences:
    from napari_xanes.maps.reference_needs import needed_references

    return needed_references(stack(), references, progress=progress)


def _of_pixels(stack: Callable[[], SpectralStack], references: list[Spectrum], progress: Progress) -> NeededReferences:
    from napari_xanes.maps.pixel_sample import sampled_spectra
    from napari_xanes.maps.reference_needs import needed_references

    return needed_references(sampled_spectra(stack(), MOST_PIXELS), references, progress=progress)
