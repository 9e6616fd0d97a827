"""The list of pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import push_button
from napari_xanes.gui.placement import place
from napari_xanes.gui.spectra.as_reference import pins_as_references
from napari_xanes.gui.spectra.menus import add_colours, with_menu
from napari_xanes.gui.spectra.place_list import PlaceList, Row
from napari_xanes.gui.state.pin_spectra import PinSpectrum
from napari_xanes.gui.state.pins import Pin
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

_EMPTY = "No pins yet: click in the image to pin the place under the cursor"


class PinList(QWidget):
    """The viewer's pins as a list: where each lies on the stack that is shown."""

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, workspace = viewer, workspace_of(viewer)
        self._set, self._spectra, self._stacks = workspace.pins, workspace.pin_spectra, workspace.stacks
        self._empty = QLabel(_EMPTY)
        self._empty.setWordWrap(True)
        self.list = PlaceList()
        self.list.setToolTip(
            "Pins: a tick draws mark and spectrum. Double-click or F2: rename. Delete: remove. Right click: more"
        )
        with_menu(self.list, self._fill)
        buttons = QHBoxLayout()
        buttons.addWidget(push_button("Remove", "Remove the selected pins (Delete)", self.remove_selected))
        buttons.addWidget(push_button("Remove all", "Remove all pins", self._set.clear))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self._empty)
        layout.addWidget(self.list, 1)
        layout.addLayout(buttons)
        self.list.renamed.connect(lambda row, name: self._set.change(self._at(row).number, name=name))
        self.list.ticked.connect(lambda row, shown: self._set.change(self._at(row).number, visible=shown))
        self.list.deleted.connect(lambda rows: self._set.remove([self._at(row).number for row in rows]))
        self._set.changed.connect(self._rebuild)
        self._spectra.changed.connect(self._rebuild)
        self._rebuild()

    def remove_selected(self) -> None:
        """Remove the selected pins."""
        self._set.remove([self._at(row).number for row in self.list.selected()])

    def _at(self, row: int) -> Pin:
        return self._set.pins[row]

    def _rebuild(self) -> None:
        found = {spectrum.pin.number: spectrum for spectrum in self._spectra.spectra}
        self.list.show_rows(
            [Row(pin.name, self._said(found.get(pin.number)), pin.colour, pin.visible) for pin in self._set.pins]
        )
        self._empty.setVisible(not self._set.pins)
        self.list.setVisible(bool(self._set.pins))

    def _said(self, found: PinSpectrum | None) -> str:
        layer = self._stacks.layer
        if layer is None or found is None:
            return "no stack is shown"
        return f"outside {layer.name}" if found.index is None else place(layer, found.index)

    def _fill(self, menu: QMenu, position: QPoint | None) -> None:
        rows = self.list.selected()
        pins = [self._at(row) for row in rows]
        if pins:
            fill_pin_menu(menu, self._viewer, pins, self)
            if len(rows) == 1:
                rename = menu.addAction("Rename", lambda: self.list.edit_name(rows[0]))
                menu.insertAction(menu.actions()[0], rename)


def fill_pin_menu(menu: QMenu, viewer: Viewer, pins: list[Pin], parent: QWidget) -> None:
    """Add what can be done with pins to a menu."""
    workspace = workspace_of(viewer)
    numbers = [pin.number for pin in pins]

    def change(**changes: object) -> None:
        for number in numbers:
            workspace.pins.change(number, **changes)

    shown = any(pin.visible for pin in pins)
    menu.addAction("Hide" if shown else "Show", lambda: change(visible=not shown))
    add_colours(menu, parent, pins[0].colour, lambda colour: change(colour=colour))
    curves = [found.curve for found in workspace.pin_spectra.spectra if found.pin in pins and found.curve is not None]
    action = menu.addAction("As reference", lambda: pins_as_references(viewer, curves))
    if action is not None:
        action.setEnabled(bool(curves))
    menu.addAction("Remove", lambda: workspace.pins.remove(numbers))
