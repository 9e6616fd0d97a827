"""What is done in turns leaves the event loop time in between."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_xanes.gui.turns import in_turn


def test_events_are_handled_between_two_turns(qtbot: Any, wait: Any) -> None:
    seen: list[str] = []
    one = QObject()

    def first(_one: QObject) -> None:
        seen.append("first")
        QTimer.singleShot(0, lambda: seen.append("between"))

    in_turn(one, first)
    in_turn(one, lambda _one: seen.append("last"))
    assert not seen
    wait(lambda: len(seen) == 3)
    assert seen == ["first", "between", "last"]


def test_what_fails_in_its_turn_leaves_the_others_theirs(qtbot: Any, wait: Any) -> None:
    seen: list[str] = []
    one = QObject()

    def fail(_one: QObject) -> None:
        raise ValueError("no energies")

    with qtbot.captureExceptions() as raised:
        in_turn(one, fail)
        in_turn(one, lambda _one: seen.append("done"))
        wait(lambda: bool(seen))
    assert [str(error[1]) for error in raised] == ["no energies"]


def test_nothing_is_done_with_what_is_gone(qtbot: Any, wait: Any) -> None:
    seen: list[str] = []
    gone, there = QObject(), QObject()
    in_turn(gone, lambda _gone: seen.append("gone"))
    in_turn(there, lambda _there: seen.append("there"))
    del gone
    wait(lambda: bool(seen))
    assert seen == ["there"]
