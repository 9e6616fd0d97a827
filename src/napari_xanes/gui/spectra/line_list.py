"""The list of lines, with what is shown along them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Shapes
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QLineEdit, QMenu, QSpinBox, QVBoxLayout, QWidget

from napari_xanes.colours import colour_of
from napari_xanes.gui.dialogs import ask_to_save
from napari_xanes.gui.dock_layout import push_button, row_of
from napari_xanes.gui.in_thread import in_thread
from napari_xanes.gui.pixels.areas import is_region, new_shapes
from napari_xanes.gui.pixels.lines import DrawnLine
from napari_xanes.gui.pixels.region_changes import delete_regions, hide_region, rename_region
from napari_xanes.gui.spectra.menus import with_menu
from napari_xanes.gui.spectra.pages import Pages
from napari_xanes.gui.spectra.picture import save_picture
from napari_xanes.gui.spectra.place_list import PlaceList, Row
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import show_error, tell
from napari_xanes.gui.while_seen import WhileSeen
from napari_xanes.profile_table import write_profiles

if TYPE_CHECKING:
    from napari.viewer import Viewer

_WIDEST = 99  # px
_FORMATS = (("CSV…", ".csv"), ("Picture (PNG)…", ".png"), ("Picture (SVG)…", ".svg"))


class LineList(QWidget):
    """Lists the lines that were drawn; while it is seen, the plot shows the profiles along them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    pages : Pages
        The pages of the plot.
    """

    def __init__(self, viewer: Viewer, pages: Pages) -> None:
        super().__init__()
        self._viewer, self._pages, self._profiles = viewer, pages, workspace_of(viewer).profiles
        self._lines: list[DrawnLine] = []
        self.list = PlaceList()
        self.list.setToolTip("Lines: a tick draws the profile. Double-click or F2: rename. Delete: delete")
        with_menu(self.list, self._fill)
        self.width_box = QSpinBox()
        self.width_box.setRange(1, _WIDEST)
        self.width_box.setMaximumWidth(90)
        self.width_box.setSuffix(" px")
        self.width_box.setValue(self._profiles.width)
        self.width_box.setToolTip("Width of the lines: values across are averaged")
        self.energies = QLineEdit()
        self.energies.setPlaceholderText("eV: frame shown")
        self.energies.setToolTip(
            "Profiles of a stack at these energies in eV, such as 8333, 8350; else the frame shown"
        )
        self.line_button = push_button("Line", "Draw a line: drag over the image", self.draw)
        self.export_button = push_button("Save", "Save the profiles: CSV, PNG or SVG", lambda: None)
        menu = QMenu(self)
        for text, suffix in _FORMATS:
            menu.addAction(text, partial(self._ask, suffix))
        self.export_button.setMenu(menu)
        layout = QVBoxLayout(self)
        layout.setSpacing(3)
        layout.addWidget(self.list, 1)
        fields = ((self.line_button, 1), (self.width_box, 0), (self.energies, 2), (self.export_button, 0))
        layout.addLayout(row_of(*fields))
        self.list.renamed.connect(
            lambda row, name: rename_region(self._lines[row].layer, self._lines[row].number, name)
        )
        self.list.ticked.connect(lambda row, on: hide_region(self._lines[row].layer, self._lines[row].number, not on))
        self.list.deleted.connect(self._delete)
        self.width_box.valueChanged.connect(self._set_width)
        self.energies.editingFinished.connect(self._set_energies)
        connections = [(self._profiles.changed, self.rebuild)]
        end = partial(pages.show_profiles, False)
        WhileSeen(self, connections, [self._profiles], begin=self._begin, end=end)

    def _begin(self) -> None:
        self._pages.show_profiles(True)
        self.rebuild()

    def draw(self) -> None:
        """Select a layer of shapes, or add one, with the tool for lines."""
        active = self._viewer.layers.selection.active
        shapes = [layer for layer in self._viewer.layers if isinstance(layer, Shapes) and is_region(layer)]
        layer = active if active in shapes else shapes[-1] if shapes else self._new()
        if layer is not None:
            layer.visible = True
            layer.selected_data = set()  # the colour of a selected line would change, too
            layer.current_edge_color = colour_of(len(layer.data) + 1)
            self._viewer.layers.selection.active = layer
            layer.mode = "add_line"

    def _new(self) -> Shapes | None:
        below = self._profiles.image
        if below is None:
            show_error("There is no image to draw a line on: show a stack or a map")
            return None
        return new_shapes(self._viewer, below)

    def rebuild(self) -> None:
        """List the lines as they are now; the next one that is drawn gets the next colour."""
        self._lines = list(self._profiles.lines)
        for layer in {line.layer for line in self._lines if str(line.layer.mode) == "add_line"}:
            with layer.block_update_properties():  # the line that was just drawn is selected, and keeps its colour
                layer.current_edge_color = colour_of(len(layer.data) + 1)
        lengths = {
            (line.layer, line.number): f"{profile.distance[-1]:.3g} {profile.distance_unit}"
            for line, profile in self._profiles.profiles
        }
        self.list.show_rows(
            [
                Row(line.name, lengths.get((line.layer, line.number), "not drawn"), line.colour, not line.hidden)
                for line in self._lines
            ]
        )
        self.export_button.setEnabled(bool(self._profiles.profiles))

    def _set_width(self, pixels: int) -> None:
        self._profiles.width = pixels

    def _set_energies(self) -> None:
        text = self.energies.text().replace(",", " ").replace(";", " ")
        try:
            self._profiles.energies = [float(word) for word in text.split()]
        except ValueError:
            show_error(f"{self.energies.text()!r} are no energies: type numbers in eV, such as 8333, 8350")

    def _delete(self, rows: list[int]) -> None:
        chosen = [self._lines[row] for row in rows]
        for layer in {id(line.layer): line.layer for line in chosen}.values():
            delete_regions(layer, [line.number for line in chosen if line.layer is layer])

    def _fill(self, menu: QMenu, position: QPoint | None) -> None:
        rows = self.list.selected()
        if not rows:
            return
        if len(rows) == 1:
            menu.addAction("Rename", lambda: self.list.edit_name(rows[0]))
        menu.addAction("Delete", lambda: self._delete(rows))

    def _ask(self, suffix: str) -> None:
        path = ask_to_save(self, "Export the profiles", f"profiles{suffix}", f"*{suffix}")
        if path:
            self.save(Path(path) if Path(path).suffix else Path(path + suffix))

    def save(self, path: Path) -> None:
        """Write the profiles as CSV, or their plot as PNG or SVG, in a thread; show an error as a notification."""
        found, subject, picture = self._profiles.profiles, self._profiles.subject, self._pages.profiles.picture()
        if not found or subject is None:
            show_error("There is no profile to export: press Line, then drag over the image")
            return
        if path.suffix.lower() not in [suffix for _, suffix in _FORMATS]:
            show_error(f"{path.name} was not written: use .csv, .png or .svg")
            return
        named = [replace(profile, name=f"{line.name}, {profile.name}") for line, profile in found]
        title = f"{subject.title}\nmean over {self._profiles.width} px across"
        csv = path.suffix.lower() == ".csv"
        try:
            in_thread(
                lambda: write_profiles(named, path, title) if csv else save_picture(picture, path),
                f"export {path.name}",
                must_end=True,
            )
        except (OSError, ValueError) as error:
            tell(error, f"{path.name} was not written")
