"""The order in which Tab goes through a dock: as one reads it, whenever its widgets were made."""

from __future__ import annotations

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QScrollArea, QWidget

_SAME_ROW = 6
"""px; so little may the middles of widgets in one row differ in height."""


def step_on(root: QWidget, *, forward: bool) -> bool:
    """Give the keyboard to the next widget of a dock, or to the one before; behind the last one, to one outside.

    Qt goes through widgets in the order in which they were made. Panels are made when they are first shown, so that
    theirs would come behind all buttons of napari.

    Parameters
    ----------
    root : QWidget
        The dock; one of its widgets has the keyboard.
    forward : bool
        Whether Tab was pressed, or else Shift+Tab.

    Returns
    -------
    bool
        Whether another widget has the keyboard now.
    """
    now = QApplication.focusWidget()
    stops = tab_stops(root)
    if now is None or now not in stops:
        return False
    place = stops.index(now) + (1 if forward else -1)
    following = stops[place] if 0 <= place < len(stops) else _outside(root, now, forward=forward)
    if following is None:
        return False
    following.setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
    return True


def tab_stops(root: QWidget) -> list[QWidget]:
    """Return the widgets of a dock that take the keyboard, row by row, from the left to the right.

    What an area scrolls has the place of the area, however far it is scrolled.
    """
    units: list[QWidget] = []
    for widget in root.findChildren(QWidget):
        unit = _area_of(widget, root) or widget
        if _takes(widget) and widget.window() is root.window() and unit not in units:
            units.append(unit)
    places = {unit: unit.mapTo(root, QPoint(0, unit.height() // 2)) for unit in units}
    rows: list[list[QWidget]] = []
    height = float("-inf")
    for unit in sorted(units, key=lambda one: places[one].y()):
        if places[unit].y() > height + _SAME_ROW:
            rows.append([])
            height = places[unit].y()
        rows[-1].append(unit)
    stops: list[QWidget] = []
    for row in rows:
        for unit in sorted(row, key=lambda one: places[one].x()):
            content = unit.widget() if isinstance(unit, QScrollArea) else None
            stops += [unit] if content is None else tab_stops(content)
    return stops


def _area_of(widget: QWidget, root: QWidget) -> QScrollArea | None:
    """Return the outermost area within a dock that scrolls a widget."""
    area, parent = None, widget.parentWidget()
    while parent is not None and parent is not root:
        area = parent if isinstance(parent, QScrollArea) else area
        parent = parent.parentWidget()
    return area


def _takes(widget: QWidget) -> bool:
    policy = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    return bool(policy) and widget.isVisible() and widget.isEnabled() and widget.focusProxy() is None


def _outside(root: QWidget, start: QWidget, *, forward: bool) -> QWidget | None:
    """Return the next widget of the window that is not in the dock."""
    widget = start.nextInFocusChain() if forward else start.previousInFocusChain()
    while widget is not None and widget is not start:
        if _takes(widget) and not root.isAncestorOf(widget):
            return widget
        widget = widget.nextInFocusChain() if forward else widget.previousInFocusChain()
    return None
