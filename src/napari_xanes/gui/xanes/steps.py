"""The steps of the XANES dock, and their panels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import LaterPage
from napari_xanes.gui.loading import load

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.gui.spectra.view import SpectrumView


@dataclass(frozen=True)
class DockStep:
    """A step: its tooltip, its modules of ``napari_xanes.gui``, and what makes its panel when it is first shown."""

    tip: str
    homes: tuple[str, ...]
    make: Callable[[Viewer, SpectrumView], QWidget]

    def load(self) -> None:
        """Import what the panel needs."""
        for home in self.homes:
            load(home)


def _look(viewer: Viewer, view: SpectrumView) -> QWidget:
    from napari_xanes.gui.live.line import LiveLine
    from napari_xanes.gui.prepare.card_line import CardLine
    from napari_xanes.gui.spectra.look import LookPanel

    panel = QWidget()
    column = QVBoxLayout(panel)
    column.setContentsMargins(0, 0, 0, 0)
    live = LiveLine(viewer)
    column.addWidget(CardLine(viewer, live.button))
    column.addWidget(live)
    column.addWidget(LookPanel(viewer, view), 1)
    return panel


def _prepare(viewer: Viewer, view: SpectrumView) -> QWidget:
    from napari_xanes.gui.prepare import PrepareDock
    from napari_xanes.gui.stitching import StitchDock

    return _tabs(
        (
            "Steps",
            lambda: PrepareDock(viewer, alone=False),
            "The steps that prepare the stack: edit, preview, apply",
        ),
        ("Stitch", lambda: StitchDock(viewer), "Join the segments of a scan, or the tiles of a mosaic, to one stack"),
    )


def _clean(viewer: Viewer, view: SpectrumView) -> QWidget:
    from napari_xanes.gui.denoising import DenoiseDock

    return DenoiseDock(viewer, alone=False)


def _map(viewer: Viewer, view: SpectrumView) -> QWidget:
    from napari_xanes.gui.maps import MapDock

    return MapDock(viewer, alone=False)


def _explore(viewer: Viewer, view: SpectrumView) -> QWidget:
    from napari_xanes.gui.exploring import ExploreDock

    return ExploreDock(viewer, alone=False)


def _theory(viewer: Viewer, view: SpectrumView) -> QWidget:
    from napari_xanes.gui.embedding import EmbeddingDock
    from napari_xanes.gui.simulate import SimulateDock

    return _tabs(
        (
            "Embedding",
            lambda: EmbeddingDock(viewer, alone=False),
            "Library spectra and pixels of the stack in one plane",
        ),
        ("Simulate", lambda: SimulateDock(viewer), "A theory spectrum that follows its sliders, over the measured one"),
    )


def _tabs(*pages: tuple[str, Callable[[], QWidget], str]) -> QTabWidget:
    """Return tabs, each with its title, tooltip and content; that of the others is made when they are first shown."""
    tabs = QTabWidget()
    for title, make, tip in pages:
        page = LaterPage(lambda make=make: [make()], margin=0) if tabs.count() else make()  # type: ignore[misc]
        tabs.setTabToolTip(tabs.addTab(page, title), tip)
    return tabs


STEPS = {
    "Look": DockStep(
        "Look at spectra: regions, references and pins, export",
        ("spectra.look", "prepare.card_line", "live.line"),
        _look,
    ),
    "Prepare": DockStep(
        "Optical depth, alignment, repair, normalization and more",
        ("prepare", "stitching"),
        _prepare,
    ),
    "Clean": DockStep(
        "Remove the background of the beam and the noise, with a report",
        ("denoising",),
        _clean,
    ),
    "Map": DockStep(
        "Make maps of valence, fractions, edge energy, charge or 10Dq",
        ("maps",),
        _map,
    ),
    "Explore": DockStep(
        "Find out which spectra there are: components, clusters, pure spectra, small phases",
        ("exploring",),
        _explore,
    ),
    "Theory": DockStep(
        "Simulate spectra, and draw them over the measured one",
        ("embedding", "simulate"),
        _theory,
    ),
}
"""In the order of the work."""
