"""The button that saves or copies what the plot shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu, QPushButton

from napari_xanes.gui.spectra import export
from napari_xanes.gui.spectra.plot import SpectrumPlot

_FORMATS = (("CSV…", ".csv"), ("XDI…", ".xdi"), ("Picture (PNG)…", ".png"))


class ExportButton(QPushButton):
    """A menu of formats.

    Parameters
    ----------
    plot : SpectrumPlot
        What is exported.
    label : callable
        Says what the plot's values are, for the headings of columns.
    """

    def __init__(self, plot: SpectrumPlot, label: Callable[[], str], parent: Any = None) -> None:
        super().__init__("Export", parent)
        self._plot, self._label = plot, label
        self.setToolTip("Save or copy what the plot shows")
        menu = QMenu(self)
        for text, suffix in _FORMATS:
            menu.addAction(text, lambda suffix=suffix: self.ask(suffix))
        menu.addSeparator()
        menu.addAction("Copy values", self.copy_values)
        menu.addAction("Copy picture", self.copy_picture)
        self.setMenu(menu)

    def ask(self, suffix: str) -> None:
        """Let the user choose a file, and write what the plot shows."""
        path, _ = QFileDialog.getSaveFileName(self, "Export what is shown", f"spectra{suffix}", f"*{suffix}")
        if path:
            self.save(Path(path) if Path(path).suffix else Path(path + suffix))

    def save(self, path: Path) -> None:
        """Write what the plot shows; the suffix .csv, .xdi or .png decides how. A notification says if it fails."""
        curves = self._plot.curves
        if not curves:
            show_error("There is nothing to export: move the cursor over the image, or brush a region")
            return
        try:
            if path.suffix.lower() == ".csv":
                export.save_csv(curves, self._label(), path)
            elif path.suffix.lower() == ".xdi":
                export.save_xdi(curves, path)
            elif path.suffix.lower() == ".png":
                export.save_png(self._plot, path)
            else:
                raise ValueError(f"take .csv, .xdi or .png, not {path.suffix!r}")
        except (OSError, ValueError) as error:
            show_error(f"{path.name} was not written: {error}")

    def copy_values(self) -> None:
        """Put the numbers on the clipboard, as a spreadsheet takes them."""
        QApplication.clipboard().setText(export.table(self._plot.curves, self._label(), "\t"))

    def copy_picture(self) -> None:
        """Put the picture on the clipboard."""
        QApplication.clipboard().setPixmap(self._plot.grab())
