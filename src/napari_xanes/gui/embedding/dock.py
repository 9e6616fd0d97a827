"""The Embedding dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.colours import OKABE_ITO
from napari_xanes.gui.choosing import LayerBox
from napari_xanes.gui.dropping import DropTarget
from napari_xanes.gui.embedding.model import Picture, picture_of
from napari_xanes.gui.embedding.plot import EmbeddingPlot
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.jobs import Job
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.map_dock import steps_to_absorption
from napari_xanes.gui.runner import DOCK_WIDTH, EMPTY_STATE
from napari_xanes.gui.spectra.areas import region_layers
from napari_xanes.gui.spectra.cursor import CursorFollower
from napari_xanes.gui.spectra.regions import RegionTracker
from napari_xanes.recipe import run

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.progress import Progress

METHODS = {"MDS": "mds", "Isomap": "isomap", "t-SNE": "tsne", "PCA": "pca"}
SELECTION = "embedding selection"
_MOST_POINTS = 3000


class EmbeddingDock(QWidget):
    """A library as labelled branches, a stack's pixels as a density, and what links them to the image.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        from napari_xanes.theory.shipped import GRIDS

        self._viewer = viewer = plain_viewer(napari_viewer)
        self.picture: Picture | None = None
        self._layer: Any = None
        self._cache: dict[Any, Picture] = {}
        self.job = Job(self)
        self.stacks = LayerBox(viewer)
        self.library = QComboBox()
        self.library.addItems(sorted(GRIDS, key=lambda name: name != "mn-l23-oh"))
        self.library.setToolTip("Simulated spectra to compare with; -oh is the small library of the paper")
        self.method = QComboBox()
        self.method.addItems(METHODS)
        self.offset = QDoubleSpinBox(minimum=-10, maximum=10, singleStep=0.1, decimals=2, suffix=" eV")
        self.offset.setToolTip("How much too high the energies of the stack read; match_library finds it")
        self.run_button, self.cancel_button = QPushButton("Embed"), QPushButton("Cancel")
        self.lasso_button = QPushButton("Lasso → label")
        self.lasso_button.setCheckable(True)
        self.lasso_button.setToolTip("Draw around points; their pixels become a label in the image")
        self.plot = EmbeddingPlot()
        self.readout, self.quality, self._bar = QLabel(EMPTY_STATE), QLabel(), QProgressBar()
        self._cursor, self._tracker = CursorFollower(viewer, self), RegionTracker(viewer, self)
        self._lay_out()
        self._connect()
        self._show_state()
        DropTarget(self, viewer)

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("stack", self.stacks)
        rows.addRow("library", self.library)
        both = QHBoxLayout()
        for widget in (self.method, QLabel("offset"), self.offset):
            both.addWidget(widget)
        rows.addRow("method", both)
        buttons = QHBoxLayout()
        for widget in (self.run_button, self.cancel_button, self.lasso_button):
            buttons.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(rows)
        layout.addWidget(self.plot, 1)
        for label in (self.readout, self.quality):
            label.setWordWrap(True)
            layout.addWidget(label)
        layout.addLayout(buttons)
        layout.addWidget(self._bar)
        self.plot.setMinimumHeight(160)
        self.setMinimumSize(DOCK_WIDTH, 300)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _connect(self) -> None:
        self.run_button.clicked.connect(self.start)
        self.cancel_button.clicked.connect(self.job.cancel)
        self.method.currentIndexChanged.connect(lambda _: self.picture is not None and self.start())
        self.lasso_button.toggled.connect(self.plot.set_lasso)
        self.plot.lassoed.connect(self._label)
        self.stacks.chosen.connect(self._show_state)
        self.job.done.connect(self._show)
        self.job.failed.connect(lambda error: show_error(str(error)))
        self.job.ended.connect(self._show_state)
        self.job.progressed.connect(lambda done, text: self._bar.setValue(round(100 * done)))
        self._cursor.moved.connect(self._on_cursor)
        self._tracker.changed.connect(self._light_up)

    def showEvent(self, event: Any) -> None:
        """Follow cursor, regions and theme while shown."""
        super().showEvent(event)
        self.plot.set_theme(self._viewer.theme)
        self._viewer.events.theme.connect(self._on_theme)
        self._cursor.start()
        self._tracker.start()

    def hideEvent(self, event: Any) -> None:
        """Draw nothing while hidden."""
        self._viewer.events.theme.disconnect(self._on_theme)
        self._cursor.stop()
        self._tracker.stop()
        super().hideEvent(event)

    def _on_theme(self, event: Any = None) -> None:
        self.plot.set_theme(self._viewer.theme)
        if self.picture is not None:
            self.plot.show_picture(self.picture)

    def _show_state(self) -> None:
        layer, running = self.stacks.layer(), self.job.running
        self.run_button.setEnabled(layer is not None and not running)
        self.cancel_button.setEnabled(running)
        self.lasso_button.setEnabled(self.picture is not None)
        self._bar.setVisible(running)
        if layer is None:
            self.readout.setText(EMPTY_STATE)
        elif self.picture is None:
            self.readout.setText("Press Embed to place the pixels of the stack among the spectra of the library")

    def start(self) -> None:
        """Embed the library and place the pixels, in a worker unless it was done before."""
        layer = self.stacks.layer()
        if layer is None or self.job.running:
            return
        stack = stack_of(layer)
        name, method, offset = self.library.currentText(), METHODS[self.method.currentText()], self.offset.value()
        key = (id(layer.data), name, method, offset)
        if key in self._cache:
            self._show((key, layer, self._cache[key]))
            return

        def work(progress: Progress) -> tuple[Any, Any, Picture]:
            from napari_xanes.theory import load_library

            progress(0.0, "embedding the library")
            before = steps_to_absorption(stack)
            ready = run(before, stack) if before else stack
            return key, layer, picture_of(ready, load_library(name), method, offset, progress)

        self.job.start(work, f"Embed {name}")
        self._show_state()

    def _show(self, found: tuple[Any, Any, Picture]) -> None:
        key, self._layer, self.picture = found
        self._cache[key] = self.picture
        self.plot.show_picture(self.picture)
        made = self.picture.embedding
        placed = np.isfinite(self.picture.pixels[..., 0]).mean()
        self.quality.setText(
            f"stress {made.stress:.2f} · trustworthiness {made.trustworthiness:.3f} · {100 * placed:.0f} % of pixels "
            "placed · numbers: 10Dq (eV)"
        )
        self.readout.setText("Move the cursor over the image to see where a pixel lies")
        self._show_state()
        self._light_up()

    def _on_cursor(self, layer: Any, index: Any) -> None:
        if self.picture is None or index is None or any(i >= n for i, n in zip(index, self._shape(), strict=False)):
            self.plot.show_cursor(None)
            return
        point = self.picture.pixels[index]
        self.plot.show_cursor(point)
        if np.isfinite(point).all():
            member = self.picture.nearest(point)
            self.readout.setText(f"here: nearest {self.picture.library.label(member)}")
        else:
            self.readout.setText("here: too little signal to be placed")

    def _shape(self) -> tuple[int, ...]:
        return self.picture.pixels.shape[:-1] if self.picture is not None else ()

    def _light_up(self) -> None:
        """Show the pixels of brushed regions as points in the regions' colours."""
        if self.picture is None or self._layer not in self._viewer.layers:
            self.plot.show_regions([])
            return
        groups = []
        for region in self._tracker.regions:
            if region.layer.name == SELECTION or not hasattr(region.layer, "selected_label"):
                continue
            marked = np.asarray(region.layer.data) == region.number
            if marked.shape == self._shape():
                points = self.picture.pixels[marked]
                groups.append((region.colour, points[:: max(1, len(points) // _MOST_POINTS)]))
        self.plot.show_regions(groups)

    def _label(self, polygon: Any) -> None:
        """Turn the pixels inside the lasso into the next label of a Labels layer."""
        if self.picture is None or self._layer not in self._viewer.layers:
            return
        inside = self.picture.inside(polygon)
        if not inside.any():
            show_error("no pixel lies inside the lasso; draw around coloured points")
            return
        layer = next((one for one in region_layers(self._viewer, self._layer) if one.name == SELECTION), None)
        if layer is None:
            colours: dict[Any, str] = dict(enumerate(OKABE_ITO, start=1))
            layer = self._viewer.add_labels(
                np.zeros(self._shape(), np.uint8),
                name=SELECTION,
                scale=self._layer.scale[1:],
                units=self._layer.units[1:],
                translate=self._layer.translate[1:],
                colormap=colours | {0: "transparent", None: "#999999"},
            )
        number = int(layer.data.max()) + 1
        layer.data = np.where(inside, np.uint8(number), layer.data)
        self.readout.setText(f"{int(inside.sum())} pixels are label {number} of “{SELECTION}”")
