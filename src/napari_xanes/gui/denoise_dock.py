"""The Denoise dock: a stack without background and noise, what was removed, and what could not be explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.before_after import BeforeAfter
from napari_xanes.gui.dropping import DropTarget
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.jobs import Job
from napari_xanes.gui.layers import stack_of, stack_to_layer
from napari_xanes.gui.map_dock import add_layers
from napari_xanes.gui.reference_set import references_of
from napari_xanes.gui.runner import Runner
from napari_xanes.history import Step
from napari_xanes.ops import OPERATIONS
from napari_xanes.recipe import run
from napari_xanes.stack import MapSet, ParameterMap, SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_xanes.progress import Progress

PREVIEW_SIDE = 256
"""Largest side of the part of an image that a preview cleans, in pixels."""

_PREVIEW = "denoised preview"


class DenoiseDock(QWidget):
    """Choose a stack, try on what is in view, clean it, compare before and after.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer = plain_viewer(napari_viewer)
        self.runner = Runner(viewer, {"denoise": OPERATIONS["denoise"]}, what="step")
        self.runner.run_button.setToolTip("Clean the whole stack; the window stays usable meanwhile")
        self.preview_button = QPushButton("Preview here")
        self.preview_button.setToolTip(f"Clean what is in view, at most {PREVIEW_SIDE} x {PREVIEW_SIDE} pixels")
        self.preview_job = Job(self)
        self.compare = BeforeAfter(viewer)
        self.report = QLabel()
        self.report.setWordWrap(True)
        self.show_button = QPushButton("Show what is not explained")
        self.show_button.setVisible(False)
        self.runner.add_tab("result", self.report, self.show_button, self.compare)
        row = QHBoxLayout()
        row.setContentsMargins(4, 0, 4, 4)
        row.addWidget(self.preview_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.runner)
        layout.addLayout(row)
        self._novelty: Layer | None = None
        self.runner.finished.connect(self._show)
        self.runner.stacks.chosen.connect(self._offer_references)
        self.runner.job.ended.connect(self._enable)
        self.preview_button.clicked.connect(self.preview)
        self.preview_job.done.connect(self._show_preview)
        self.preview_job.failed.connect(lambda error: show_error(str(error)))
        self.preview_job.ended.connect(self._enable)
        self.show_button.clicked.connect(self._show_novelty)
        DropTarget(self, viewer)
        self._offer_references()

    def _offer_references(self) -> None:
        """The references that came with the chosen stack."""
        layer = self.runner.stacks.layer()
        if layer is not None:
            references_of(self._viewer).offer(layer)
        self._enable()

    def _enable(self) -> None:
        self.preview_button.setEnabled(self.runner.stacks.layer() is not None and not self.preview_job.running)

    def preview(self) -> None:
        """Clean what is in view, in a worker, and lay it over the image."""
        layer = self.runner.stacks.layer()
        if layer is None or self.preview_job.running:
            return
        try:
            stack = stack_of(layer)
            box = in_view(layer)
            steps = [Step("crop", {"region": box}), Step("denoise", self.runner.form().values())]
        except ValueError as error:
            show_error(str(error))
            return

        def work(progress: Progress) -> tuple[Layer, tuple[int, ...], Any]:
            return layer, box, run(steps, stack, progress=progress)

        self.preview_job.start(work, "Preview")
        self._enable()

    def _show_preview(self, result: tuple[Layer, tuple[int, ...], SpectralStack]) -> None:
        layer, box, stack = result
        self._drop_preview()
        if layer not in self._viewer.layers:
            return
        _, keywords, _ = stack_to_layer(stack, name=_PREVIEW)
        offset = np.zeros(len(stack.shape))
        offset[-2:] = np.array([box[0], box[2]]) * layer.scale[-2:]
        added = self._viewer.add_image(
            stack.data, **keywords | {"translate": layer.translate + offset, "metadata": {}, "visible": True}
        )
        self._viewer.layers.selection.active = layer
        self.report.setText(in_words(stack))
        self.compare.set_layers(layer, added)
        self.runner.show_tab("result")

    def _drop_preview(self) -> None:
        if _PREVIEW in self._viewer.layers:
            self._viewer.layers.remove(_PREVIEW)

    def _show(self, stack: SpectralStack) -> None:
        """Add the cleaned stack, its companions hidden, and say what was done."""
        before = self.runner.stacks.layer()
        self._drop_preview()
        about = stack.metadata["denoise"]
        data, keywords, _ = stack_to_layer(
            SpectralStack(
                about["background"], stack.energy, stack.quantity, stack.pixel_size, metadata={"name": stack.name}
            ),
            name=f"removed background · {stack.name}",
        )
        self._viewer.add_image(data, **keywords | {"visible": False})
        added = add_layers(self._viewer, companion_maps(stack))
        for layer in added:
            layer.visible = False
        self._novelty = next((one for one in added if one.name.startswith("novelty")), None)
        data, keywords, _ = stack_to_layer(stack, name=f"denoised · {stack.name}")
        result = self._viewer.add_image(data, **keywords)
        self._viewer.layers.selection.active = result
        self.report.setText(in_words(stack))
        self.show_button.setVisible(bool(about["report"]["new_features"]))
        self.compare.set_layers(before, result)
        self.runner.show_tab("result")

    def _show_novelty(self) -> None:
        if self._novelty is not None and self._novelty in self._viewer.layers:
            self._novelty.visible = True


def in_view(layer: Layer) -> tuple[int, int, int, int]:
    """The box (y0, y1, x0, x1) of a layer's pixels that is seen, or the middle of it if that is too large.

    Parameters
    ----------
    layer : napari.layers.Image
        A stack.
    """
    box: list[int] = []
    for axis in (-2, -1):
        n = layer.data.shape[axis]
        low, high = (int(np.clip(corner, 0, n)) for corner in layer.corner_pixels[:, axis])
        low, high = (low, high) if high - low >= 16 else (0, n)
        middle = (low + high) // 2
        half = min(PREVIEW_SIDE, high - low) // 2
        box += [max(0, middle - half), min(n, middle + half)]
    return box[0], box[1], box[2], box[3]


def companion_maps(stack: SpectralStack) -> MapSet:
    """Fractions and edge jump with their errors, and the significance of what is new, as maps."""
    about = stack.metadata["denoise"]
    names = about["names"] or [f"learned {i + 1}" for i in range(len(about["fractions"]))]
    maps = {
        f"fraction {name}": ParameterMap(value, "1", sigma)
        for name, value, sigma in zip(names, about["fractions"], about["fraction_sigma"], strict=True)
    }
    maps["edge_jump"] = ParameterMap(about["edge_jump"], stack.unit, about["edge_jump_sigma"])
    if about["report"]["new_features"]:
        maps["novelty"] = ParameterMap(about["novelty"], "sigma")
    return MapSet(maps, stack.history, stack.source, stack.pixel_size, {"name": stack.name})


def in_words(stack: SpectralStack) -> str:
    """The report of a cleaned stack as a list."""
    return "\n".join(f"• {line}" for line in stack.metadata["denoise"]["report"]["text"])
