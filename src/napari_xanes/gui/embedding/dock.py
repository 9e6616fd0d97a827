"""The Embedding dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.gui.as_dock import as_dock
from napari_xanes.gui.dock_layout import DOCK_WIDTH, row_of, wrapping_label
from napari_xanes.gui.embedding.lasso import add_label
from napari_xanes.gui.embedding.libraries import LibraryBox
from napari_xanes.gui.embedding.library_match import match_of, reading, settings_text
from napari_xanes.gui.embedding.marks import pins_in, regions_in
from napari_xanes.gui.embedding.model import QUALITY_TIP, Picture, embed_stack, overlapping_frames, quality_text
from napari_xanes.gui.embedding.plot import EmbeddingPlot
from napari_xanes.gui.embedding.result_cache import ResultCache
from napari_xanes.gui.energy import element_of, energies_of, plain_viewer
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.focus_ring import ShownFocus
from napari_xanes.gui.forms.stack_box import StackBox, StackRow
from napari_xanes.gui.job import Job
from napari_xanes.gui.job_bar import JobBar
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.pixels.areas import depth_of
from napari_xanes.gui.run_keys import RunKeys
from napari_xanes.gui.running.absorption import show_prepared
from napari_xanes.gui.spectra.pages import EmptyPage
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import sentence, tell
from napari_xanes.gui.theme_follower import ThemeFollower
from napari_xanes.gui.while_seen import WhileSeen
from napari_xanes.maps.matching.result import library_settings

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.parameter_map import MapSet
    from napari_xanes.progress import Progress
    from napari_xanes.stack import SpectralStack

METHODS = {"MDS": "mds", "Isomap": "isomap", "t-SNE": "tsne", "PCA": "pca"}
_PRESS = "Press Embed to show library spectra and pixels in a plane: similar spectra are close together"


class EmbeddingDock(QWidget):
    """Shows a library as labelled branches and the pixels of a stack as a density, linked to the image.

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
        self.picture: Picture | None = None
        self._layer: Any = None
        self._result_cache = ResultCache()
        self.job = Job(self)
        self.stacks, self.library, self.method = StackBox(viewer), LibraryBox(), QComboBox()
        self.method.addItems(METHODS)
        self.method.setToolTip("Method that projects the spectra onto a plane; earlier results reappear at once")
        self.run_button, self.cancel_button = QPushButton("Embed"), QPushButton("Cancel")
        self.lasso_button = QPushButton("Lasso → label")
        self.lasso_button.setCheckable(True)
        self.lasso_button.setToolTip("Draw a line around points; their pixels become a label in the image")
        self.plot, self.message = EmbeddingPlot(), QLabel()
        self.readout, self.quality, self._bar = wrapping_label(), wrapping_label(), JobBar(self.job)
        self._pages = QStackedWidget()
        self._workspace = workspace_of(viewer)
        self._cursor, self._tracker = self._workspace.cursor, self._workspace.regions
        self._lasso_worker = LatestOnlyWorker(self)
        self._lay_out(viewer, alone)
        self._connect()
        self._on_layer()
        DropTarget(self, viewer)
        ShownFocus(self, viewer)
        as_dock(self, viewer)

    def _lay_out(self, viewer: Viewer, alone: bool) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("library", row_of((self.library, 1), (QLabel("method"), 0), (self.method, 0)))
        self.message.setWordWrap(True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setContentsMargins(24, 0, 24, 0)
        for page in (self.plot, self.message, EmptyPage(viewer, "mn_oxides_l")):
            self._pages.addWidget(page)
        self.plot.setMinimumHeight(110)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(StackRow(self.stacks, shown=alone))
        layout.addLayout(rows)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self.readout)
        layout.addWidget(self.quality)
        self.quality.setToolTip(QUALITY_TIP)
        layout.addLayout(row_of((self.run_button, 0), (self.cancel_button, 0), (self.lasso_button, 0)))
        layout.addWidget(self._bar)
        self.setMinimumSize(DOCK_WIDTH, 250)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _connect(self) -> None:
        self.run_button.clicked.connect(lambda _checked=False: self.start())
        self.cancel_button.clicked.connect(self.job.cancel)
        self.method.currentIndexChanged.connect(lambda _: self._embed_again())
        self.library.library_changed.connect(self._on_choice)
        self.stacks.layer_changed.connect(self._on_layer)
        self.lasso_button.toggled.connect(self.plot.lasso.switch)
        self.plot.lasso.drawn.connect(self._select)
        self._lasso_worker.done.connect(self._label)
        self._lasso_worker.failed.connect(lambda _key, error: tell(error))
        self.job.done.connect(self._done)
        self.job.failed.connect(tell)
        self.job.ended.connect(self._on_ended)
        RunKeys(self, self._viewer, self.run_button, self.job)
        pins, regions = self._workspace.pin_spectra, self._tracker
        self._seen = WhileSeen(
            self,
            [
                (self._cursor.pixel_changed, self._on_cursor),
                (regions.changed, self._light_up),
                (pins.changed, self._light_up),
            ],
            [regions, pins, self._cursor],
        )
        ThemeFollower(self, self._viewer, self._set_theme)

    def _set_theme(self, theme: str) -> None:
        self.plot.set_theme(theme)
        if self.picture is not None:
            self.plot.show_picture(self.picture)
            self._light_up()

    def _on_layer(self) -> None:
        """Choose the library that the stack was matched with, or the library of its edge."""
        layer = self.stacks.layer()
        if layer is not None and layer is not self._layer:
            match = match_of(self._viewer.layers, layer)
            with QSignalBlocker(self.library):
                self.library.suggest(energies_of(layer), element_of(layer))
                settings = None if match is None else library_settings(match.metadata)
                if settings is not None:
                    self.library.choose(settings.name)
        self._layer = layer
        self._on_choice()

    def _on_choice(self) -> None:
        """Show the remembered picture of stack and library, or explain what to do."""
        self.picture, problem = None, ""
        if self._layer is not None:
            try:
                overlapping_frames(energies_of(self._layer), self.library.library())
            except (OSError, ValueError) as error:
                problem = sentence(error)
            picture = self._result_cache.of(self._layer).get(self._key(match_of(self._viewer.layers, self._layer)))
            if picture is not None:
                self._show(picture)
        self.message.setText(problem[:1].upper() + problem[1:] or _PRESS)
        self._fits = not problem
        self._show_state()

    def _key(self, match: MapSet | None) -> tuple[Any, ...]:
        """Return everything that a picture depends on: library, method and settings of the match."""
        match_settings = "" if match is None else repr(library_settings(match.metadata))
        return self.library.source(), METHODS[self.method.currentText()], match_settings

    def _show_state(self) -> None:
        running = self.job.running
        self._pages.setCurrentIndex(2 if self._layer is None else int(self.picture is None))
        self.run_button.setEnabled(self._layer is not None and self._fits and not running)
        self.cancel_button.setEnabled(running)
        for box in (self.library, self.method):
            box.setEnabled(not running)
        self.lasso_button.setEnabled(self.picture is not None and not running)
        self.readout.setVisible(self.picture is not None)
        self.quality.setVisible(self.picture is not None)

    def _embed_again(self) -> None:
        if self.picture is not None:
            self.start()

    def start(self) -> None:
        """Embed library and pixels in a worker thread, or show the remembered result."""
        layer = self._layer
        if layer is None or self.job.running or not self._fits:
            return
        match = match_of(self._viewer.layers, layer)
        key, results = self._key(match), self._result_cache.of(layer)
        if key in results:
            self._show(results[key])
            return
        source, method, match_settings = key
        match = match or results.get((source, match_settings))
        stack, library = stack_of(layer), self.library.library()

        def work(progress: Progress) -> tuple[Any, Any, SpectralStack | None, Picture]:
            return key, layer, *embed_stack(stack, library, method, match, progress)

        self.job.start(work, f"Embed {library.name}")
        self._show_state()

    def _done(self, result: tuple[Any, Any, SpectralStack | None, Picture]) -> None:
        key, layer, prepared, picture = result
        if layer not in self._viewer.layers:
            return
        if prepared is not None:
            # The picture shows absorption: spectra of pins and regions must, too.
            layer = show_prepared(self._viewer, layer, prepared)
        results = self._result_cache.of(layer)
        source, _method, match_settings = key
        results[key], results[source, match_settings] = picture, picture.maps
        if layer is self._layer:
            self._show(picture)

    def _on_ended(self) -> None:
        if self.picture is not None:
            # After a cancel, the box shows the method of the present picture again.
            shown = next(name for name, method in METHODS.items() if method == self.picture.embedding.method)
            with QSignalBlocker(self.method):
                self.method.setCurrentText(shown)
        self._show_state()

    def _show(self, picture: Picture) -> None:
        self.picture = picture
        self.plot.show_picture(picture)
        self.quality.setText(f"{quality_text(picture)} · {settings_text(picture.maps)}")
        self._show_state()
        self._on_cursor(self._cursor.layer, self._cursor.index)
        self._light_up()

    def _on_cursor(self, layer: Any, index: Any) -> None:
        if self.picture is None or layer is not self._layer or index is None:
            self.plot.show_cursor(None)
            self.readout.setText("Move the cursor over the image to see the pixel in the plot")
            return
        point = self.picture.pixels[index]
        self.plot.show_cursor(point)
        placed = np.isfinite(point).all()
        self.readout.setText(
            f"here: {reading(self.picture.maps, index) if placed else 'the signal of this pixel is too low'}"
        )

    def _light_up(self) -> None:
        """Show the pixels of regions as coloured points, and means and pins as marks."""
        if self.picture is None or not self._seen.live:
            return
        groups, marks = list[Any](), list[Any]()
        if self._workspace.stacks.layer is self._layer:
            depth = depth_of(self._viewer, self._layer)
            groups, marks = regions_in(self.picture, self._tracker.regions, self._layer, depth)
            marks += pins_in(self.picture, self._workspace.pin_spectra.spectra)
        self.plot.show_regions(groups)
        self.plot.show_marks(marks)

    def _select(self, polygon: Any) -> None:
        if (picture := self.picture) is not None:
            self._lasso_worker.submit((picture, self._layer), lambda: picture.inside(polygon))

    def _label(self, key: Any, pixels: Any) -> None:
        """Turn the pixels inside the lasso into the next label of a Labels layer."""
        picture, layer = key
        if picture is not self.picture or layer not in self._viewer.layers:
            return
        try:
            labels, number = add_label(self._viewer, layer, pixels)
        except ValueError as error:
            tell(error)
            return
        self.readout.setText(f"{int(pixels.sum())} pixels are label {number} of “{labels.name}”")
