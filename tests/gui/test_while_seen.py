"""What a widget follows while it is seen, and only then."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.gui.state.asked import WhileAsked
from napari_xanes.gui.while_seen import WhileSeen


class Source(QObject):
    changed = Signal(int)


def test_signals_and_states_are_followed_from_show_to_hide(qtbot: Any) -> None:
    outer, source, state, told = QWidget(), Source(), WhileAsked(), list[Any]()
    qtbot.addWidget(outer)
    widget = QWidget()
    QVBoxLayout(outer).addWidget(widget)
    seen = WhileSeen(
        widget,
        [(source.changed, told.append)],
        [state],
        begin=lambda: told.append(("begin", state.asked)),
        end=lambda: told.append(("end", state.asked)),
    )
    source.changed.emit(1)
    outer.hide()
    assert (told, seen.live, state.asked) == ([], False, False), "what was never shown does not end"
    for number in (2, 3):
        outer.show()
        qtbot.waitUntil(widget.isVisible)
        source.changed.emit(number)
        assert (seen.live, state.asked) == (True, True)
        outer.hide()
        source.changed.emit(0)
        assert (told, seen.live, state.asked) == ([("begin", False), number, ("end", False)], False, False)
        told.clear()
