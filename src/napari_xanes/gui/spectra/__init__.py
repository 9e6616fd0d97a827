"""The Spectra dock: measured spectra under the cursor and in regions."""

from napari_xanes.gui.spectra.dock import SpectraDock, spectra_dock_of

__all__ = ["SpectraDock", "spectra_dock_of"]
