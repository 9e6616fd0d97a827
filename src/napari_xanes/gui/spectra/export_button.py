"""The button to save or copy the plot."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QApplication, QMenu, QPushButton

from napari_xanes.gui.clipboard import copy_text
from napari_xanes.gui.dialogs import ask_to_save
from napari_xanes.gui.in_thread import in_thread
from napari_xanes.gui.present import present
from napari_xanes.gui.spectra import export
from napari_xanes.gui.spectra.picture import Picture, save_picture
from napari_xanes.gui.spectra.view import SpectrumView
from napari_xanes.gui.telling import show_error, tell

_FORMATS = (
    ("CSV…", ".csv", "One table of all curves"),
    ("XDI…", ".xdi", "One file for each curve"),
    ("Athena project…", ".prj", "All curves in one file for Athena and Larch"),
    ("Picture (PNG)…", ".png", "The plot with its legend, on white"),
    ("Picture (SVG)…", ".svg", "The plot with its legend, on white, to edit"),
)
_SUFFIXES = tuple(suffix for _, suffix, _ in _FORMATS)


class ExportButton(QPushButton):
    """A button with a menu of formats.

    Parameters
    ----------
    view : SpectrumView
        The plot to export.
    """

    def __init__(self, view: SpectrumView, parent: Any = None) -> None:
        super().__init__("Export", parent)
        self._view = view
        self._writing: set[Path] = set()
        self.setToolTip("Save or copy the curves or the picture of the plot")
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for text, suffix, tip in _FORMATS:
            present(menu.addAction(text, partial(self.ask, suffix))).setToolTip(tip)
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
        """Write the plot in the format of the suffix, in a thread; show an error as a notification."""
        curves, suffix = self._view.shown_curves, path.suffix.lower()
        if not curves:
            show_error("The plot has no curves to export: move the cursor over the image, or brush a region")
            return
        if suffix not in _SUFFIXES:
            show_error(f"{path.name} was not written: unsupported suffix {suffix!r}; use {', '.join(_SUFFIXES)}")
            return
        if path in self._writing:  # the window lives while a thread writes
            return
        label, picture = self._view.label(), _picture(self._view)
        work = {
            ".csv": lambda: export.save_csv(curves, label, path),
            ".xdi": lambda: export.save_xdi(curves, label, path),
            ".prj": lambda: export.save_project(curves, label, path),
        }.get(suffix, lambda: save_picture(picture, path))
        self._writing.add(path)
        try:
            in_thread(work, f"export {path.name}", must_end=True)
        except (OSError, ValueError) as error:
            tell(error, f"{path.name} was not written")
        finally:
            self._writing.discard(path)

    def copy_values(self) -> None:
        """Copy the values to the clipboard, as a table for a spreadsheet."""
        copy_text(export.table(self._view.shown_curves, self._view.label(), "\t"))

    def copy_picture(self) -> None:
        """Copy the picture to the clipboard."""
        present(QApplication.clipboard()).setPixmap(self._view.plot.grab())


def _picture(view: SpectrumView) -> Picture:
    """Return what the plot shows, with its ranges and the distances between the curves."""
    energies, values = view.plot.main.vb.viewRange()
    return Picture(view.plot.curves, view.label(), (tuple(energies), tuple(values)), view.plot.residual)
