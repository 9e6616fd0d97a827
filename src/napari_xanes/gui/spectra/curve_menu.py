"""The menu of a curve in the plot or in its legend."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QMenu

from napari_xanes.gui.spectra.as_reference import pins_as_references
from napari_xanes.gui.spectra.menus import open_menu, with_menu
from napari_xanes.gui.spectra.pins import fill_pin_menu
from napari_xanes.gui.spectra.region_list import fill_region_menu
from napari_xanes.gui.spectra.view import SpectrumView
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class CurveMenu:
    """Opens a menu at a right click on a curve or its entry in the legend, the menu key and Shift+F10.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    view : SpectrumView
        The plot and what it shows.
    """

    def __init__(self, viewer: Viewer, view: SpectrumView) -> None:
        self._viewer, self._view = viewer, view
        view.plot.scene().sigMouseClicked.connect(self._on_click)
        with_menu(view.plot.legend, lambda menu, at: self._fill(menu, view.plot.legend.key_at(at)))
        with_menu(view.plot, lambda menu, _at: self._fill(menu, None), right_click=False)

    def _on_click(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            key = self._view.plot.curve_at(event.scenePos())
            at: QPoint = event.screenPos().toPoint()
            open_menu(self._view.plot, lambda menu, _at: self._fill(menu, key), None, at)

    def _fill(self, menu: QMenu, key: str | None) -> None:
        view = self._view
        pin, region = view.curves.pin(key or ""), view.curves.region(key or "")
        if pin is not None:
            menu.addSection(pin.name)
            fill_pin_menu(menu, self._viewer, [pin], view)
        elif region is not None:
            menu.addSection(region.name)
            fill_region_menu(menu, self._viewer, [region])
        elif key is not None:
            self._fill_other(menu, key)
        menu.addSeparator()
        menu.addAction("Show all energies and values", view.plot.show_all)
        hidden = view.plot.hidden_keys
        if hidden:
            menu.addAction("Show hidden curves", lambda: self._show_all(hidden))

    def _show_all(self, hidden: Collection[str]) -> None:
        for key in hidden:
            self._view.toggle(key)

    def _fill_other(self, menu: QMenu, key: str) -> None:
        view = self._view
        menu.addAction("Show" if key in view.plot.hidden_keys else "Hide", lambda: view.toggle(key))
        cursor = view.curves.cursor
        if key == "cursor" and cursor is not None:
            menu.addAction("Pin", workspace_of(self._viewer).pinning.pin)
            menu.addAction("As reference", lambda: pins_as_references(self._viewer, [cursor]))
