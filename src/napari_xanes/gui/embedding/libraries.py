"""Choose a library of the package, or a library file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from napari_xanes.gui.dialogs import ask_to_open
from napari_xanes.gui.library_names import suggest_library
from napari_xanes.gui.telling import tell
from napari_xanes.theory.library.model import Library
from napari_xanes.theory.library.shipped import LIBRARIES, load_library

_OPEN = "open a library file…"
_FILES = "Libraries and spectra (*.npz *.csv *.xdi *.txt *.dat *.xy *.nor *.prj);;All (*)"


class LibraryBox(QComboBox):
    """A box with the libraries and an entry to open a file.

    Signals
    -------
    library_changed :
        Another library is chosen.
    """

    library_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for name in LIBRARIES:
            self.addItem(name, name)
        self.addItem(_OPEN)
        self.setToolTip("Spectra with known parameters to compare with; -oh is the small library of the paper")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._last = 0
        self._by_hand = False
        self.activated.connect(self._on_activated)
        self.currentIndexChanged.connect(self._on_changed)

    def source(self) -> str:
        """Return the name or path of the chosen library."""
        return str(self.itemData(self._last))

    def library(self) -> Library:
        """Return the chosen library.

        Raises
        ------
        OSError, ValueError
            If its file can't be read any more.
        """
        return load_library(self.source())

    def choose(self, source: str) -> None:
        """Choose a library by its name or path if it is in the list."""
        index = self.findData(source)
        if index >= 0:
            self.setCurrentIndex(index)
            self._on_changed(index)  # needed if the signals of the box are blocked

    def suggest(self, energy: NDArray[np.float64], element: str | None) -> None:
        """Choose the library of a stack, unless the user chose another that overlaps with its energies."""
        low, high = self.library().span if self._by_hand else (np.inf, -np.inf)
        if not (low < energy[-1] and energy[0] < high):
            self.choose(suggest_library(LIBRARIES, energy, element) or "")

    def open_file(self, path: str) -> None:
        """Add a library file and choose it; show an error as a notification."""
        try:
            load_library(path)
        except (OSError, ValueError) as error:
            tell(error)
            return
        if self.findData(path) < 0:
            self.insertItem(self.count() - 1, Path(path).name, path)
        self.choose(path)

    def _on_activated(self, index: int) -> None:
        self._by_hand = True
        if self.itemText(index) != _OPEN:
            return
        path = ask_to_open(self, "Open a library", _FILES)
        if path:
            self.open_file(path)
        with QSignalBlocker(self):
            self.setCurrentIndex(self._last)

    def _on_changed(self, index: int) -> None:
        if self.itemData(index) is not None and index != self._last:
            self._last = index
            self.library_changed.emit()
