"""The Spectra dock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.gui.energy import attach_energy, energies_of, energy_of_step, go_to_step, plain_viewer, step_of_energy
from napari_xanes.gui.layers import is_stack
from napari_xanes.gui.references import ReferenceList, references_of
from napari_xanes.gui.spectra import export
from napari_xanes.gui.spectra.box import OddSpinBox
from napari_xanes.gui.spectra.cursor import CursorFollower
from napari_xanes.gui.spectra.display import MODES, axis_label, reference_shown, shown
from napari_xanes.gui.spectra.model import Curve, Values, readout
from napari_xanes.gui.spectra.pages import EmptyPage, EnergiesPage, lacks_energies
from napari_xanes.gui.spectra.pins import PinList
from napari_xanes.gui.spectra.plot import SpectrumPlot
from napari_xanes.gui.spectra.region_list import RegionList
from napari_xanes.gui.spectra.regions import RegionTracker

if TYPE_CHECKING:
    import napari

_DOCKS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def spectra_dock_of(viewer: napari.viewer.Viewer) -> SpectraDock | None:
    """The viewer's Spectra dock, if it was opened."""
    known = _DOCKS.get(plain_viewer(viewer))
    return known() if known is not None else None
