"""The button to save or copy the plot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QApplication, QMenu, QPushButton

from napari_xanes.gui.dialogs import ask_to_save
from napari_xanes.gui.present import present
from napari_xanes.gui.spectra import export
from napari_xanes.gui.spectra.plot import SpectrumPlot

_FORMATS = (("CSV…", ".csv"), ("XDI…", ".xdi"), ("Picture (PNG)…", ".png"))


class ExportButton(QPushButton):
    """A button with a menu of formats.

    Parameters
    ----------
    plot : SpectrumPlot
        The plot to export.
    label : callable
        Returns quantity and unit of the values, for the headings of columns.
    """

    def __init__(self, plot: SpectrumPlot, label: Callable[[], str], parent: Any = None) -> None:
        super().__init__("Export", parent)
        self._plot, self._label = plot, label
        self.setToolTip("Save or copy the curves or the picture of the plot")
        menu = QMenu(self)
        for text, suffix in _FORMATS:
            menu.addAction(text, lambda suffix=suffix: self.ask(suffix))
        menu.addSeparator()
        menu.addAction("Copy values", self.copy_values)
        menu.addAction("Copy picture", self.copy_picture)
        self.setMenu(menu)

    def ask(self, suffix: str) -> None:
        """Let the user choose a file and write the plot to it."""
        path = ask_to_save(self, "Export the plot", f"spectra{suffix}", f"*{suffix}")
        if path:
            self.save(Path(path) if Path(path).suffix else Path(path + suffix))

    def save(self, path: Path) -> None:
        """Write the plot in the format of the suffix (.csv, .xdi or .png); show an error as a notification."""
        curves = self._plot.curves
        if not curves:
            show_error("The plot has no curves to export: move the cursor over the image, or brush a region")
            return
        try:
            if path.suffix.lower() == ".csv":
                export.save_csv(curves, self._label(), path)
            elif path.suffix.lower() == ".xdi":
                export.save_xdi(curves, self._label(), path)
            elif path.suffix.lower() == ".png":
                export.save_png(self._plot, path)
            else:
                raise ValueError(f"unsupported suffix {path.suffix!r}; use .csv, .xdi or .png")
        except (OSError, ValueError) as error:
            show_error(f"{path.name} was not written: {error}")

    def copy_values(self) -> None:
        """Copy the values to the clipboard, as a table for a spreadsheet."""
        present(QApplication.clipboard()).setText(export.table(self._plot.curves, self._label(), "\t"))

    def copy_picture(self) -> None:
        """Copy the picture to the clipboard."""
        present(QApplication.clipboard()).setPixmap(self._plot.grab())
