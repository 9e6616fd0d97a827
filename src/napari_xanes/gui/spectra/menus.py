"""Menus for what a mouse or the keyboard points at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor, QIcon, QKeySequence, QShortcut
from qtpy.QtWidgets import QColorDialog, QMenu, QWidget

from napari_xanes.colours import OKABE_ITO
from napari_xanes.gui.present import present
from napari_xanes.gui.references.reference_table import swatch

_KEYS = ("Shift+F10", "Menu")
Fill = Callable[[QMenu, QPoint | None], None]
_NAMES = ("orange", "sky blue", "green", "pink", "blue", "vermilion", "yellow", "dark grey")


def with_menu(widget: QWidget, fill: Fill, *, right_click: bool = True) -> None:
    """Give a widget a menu that opens at a right click, the menu key and Shift+F10.

    Parameters
    ----------
    widget : QWidget
        The widget.
    fill : callable
        Fills the menu for a position in the widget, or for what is selected if there is none. An empty menu does not
        open.
    right_click : bool
        Whether it opens at a press of the right button; not where a drag with it does something else.
    """
    if right_click:
        widget.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        widget.customContextMenuRequested.connect(partial(open_menu, widget, fill))
    for text in _KEYS if not right_click else _KEYS[:1]:
        key = QShortcut(QKeySequence(text), widget)
        key.setContext(Qt.ShortcutContext.WidgetShortcut)
        key.activated.connect(partial(open_menu, widget, fill, None))


def open_menu(widget: QWidget, fill: Fill, position: QPoint | None, at: QPoint | None = None) -> None:
    """Open a menu for a position in a widget, there or `at` another place of the screen."""
    menu = QMenu(widget)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setToolTipsVisible(True)
    fill(menu, position)
    if menu.isEmpty():
        menu.deleteLater()
        return
    menu.popup(at or widget.mapToGlobal(widget.rect().center() if position is None else position))


def add_colours(menu: QMenu, parent: QWidget, colour: str, choose: Callable[[str], None]) -> None:
    """Add a menu of the colours that colour-blind people can tell apart, and a choice of any other."""
    colours = present(menu.addMenu("Colour"))
    for value, name in zip(OKABE_ITO, _NAMES, strict=True):
        colours.addAction(QIcon(swatch(value)), name, partial(choose, value))
    colours.addAction("Other…", lambda: _ask(parent, colour, choose))


def _ask(parent: QWidget, colour: str, choose: Callable[[str], None]) -> None:
    chosen = QColorDialog.getColor(QColor(colour), parent)
    if chosen.isValid():
        choose(chosen.name())
