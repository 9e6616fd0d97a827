"""E0 and the lines of the selected reference: as handles in the plot, and as numbers here."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_xanes.gui.dock_layout import push_button, say, wrapping_label
from napari_xanes.gui.state.reference_lines import ReferenceLines
from napari_xanes.gui.telling import tell

_RANGES = (("pre", "before", "Line before the edge"), ("post", "behind", "Line behind the edge"))


class LinesEditor(QWidget):
    """Shows how the selected reference is normalized, while its button is pressed.

    Parameters
    ----------
    looked_at : ReferenceLines
        What is looked at; the plot shows it, too.

    Attributes
    ----------
    button : QPushButton
        Opens and closes the editor.
    """

    def __init__(self, looked_at: ReferenceLines, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._looked_at = looked_at
        self._name: str | None = None
        self._looks = False
        self.button = QPushButton("Normalize")
        self.button.setCheckable(True)
        self.button.setToolTip(
            "Show the selected reference in the plot with E0 and the lines below and above its edge, and change them"
        )
        self.e0 = _spin("E0 on the shifted axis, in eV", 0.0, 200_000.0)
        self.ends = {
            name: tuple(_spin(f"{tip}, in eV from E0", -2000.0, 5000.0) for _ in "  ") for name, _, tip in _RANGES
        }
        self.normalized = QCheckBox("normalized")
        self.normalized.setToolTip("Show the reference as fits use it when it is normalized by these lines")
        self.automatic = push_button("Automatic", "Find E0 and the ranges again", self._set_automatic)
        self.message = wrapping_label()
        self._lay_out()
        self.hide()
        self.button.toggled.connect(lambda _: self._look())
        self.normalized.toggled.connect(lambda _: self._look())
        self.e0.editingFinished.connect(lambda: self._set("e0", self.e0.value()))
        for name, boxes in self.ends.items():
            for box in boxes:
                box.editingFinished.connect(lambda name=name: self._set_range(name))
        looked_at.changed.connect(self._show)

    def choose(self, name: str | None) -> None:
        """Follow the selection of the list."""
        if name != self._name:
            self._name = name
            self._look()

    def hideEvent(self, event: Any) -> None:
        """Give the plot back when the list is hidden."""
        super().hideEvent(event)
        self.button.setChecked(False)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.addWidget(QLabel("E0"), 0, 0)
        grid.addWidget(self.e0, 0, 1)
        grid.addWidget(self.normalized, 0, 2)
        grid.addWidget(self.automatic, 0, 3)
        for row, (name, word, _) in enumerate(_RANGES, 1):
            grid.addWidget(QLabel(word), row, 0)
            grid.addWidget(self.ends[name][0], row, 1)
            grid.addWidget(QLabel("to"), row, 2)
            grid.addWidget(self.ends[name][1], row, 3)
        grid.addWidget(self.message, len(_RANGES) + 1, 0, 1, 4)

    def _look(self) -> None:
        looks = self.button.isChecked() and self._name is not None
        self.setVisible(looks)
        if looks or self._looks:  # another list may look at a reference
            self._looks = looks
            self._looked_at.look_at(self._name if looks else None, self.normalized.isChecked())

    def _show(self) -> None:
        """Show what is looked at; numbers that are found automatically are italic."""
        lines, spectrum = self._looked_at.lines, self._looked_at.spectrum
        say(self.message, self._looked_at.problem)
        if lines is None or spectrum is None:
            return
        found, chosen = lines.normalized, spectrum.lines
        shown: dict[str, tuple[tuple[QDoubleSpinBox, float], ...]] = {"e0": ((self.e0, found.e0),)}
        shown |= {name: tuple(zip(self.ends[name], getattr(found, name), strict=True)) for name in ("pre", "post")}
        for name, boxes in shown.items():
            for box, value in boxes:
                with QSignalBlocker(box):
                    box.setValue(float(value))
                font = box.font()
                font.setItalic(name not in chosen)
                box.setFont(font)
        self.automatic.setEnabled(bool(chosen))

    def _set_automatic(self) -> None:
        self._looked_at.change()

    def _set_range(self, name: str) -> None:
        low, high = (box.value() for box in self.ends[name])
        self._set(name, [low, high])

    def _set(self, name: str, value: Any) -> None:
        """Take a number that was typed; one that only lost the focus stays automatic."""
        lines = self._looked_at.lines
        if lines is None:
            return
        before = getattr(lines.normalized, name)
        typed, known = ([value], [before]) if name == "e0" else (value, list(before))
        if all(abs(one - other) < 0.006 for one, other in zip(typed, known, strict=True)):
            return
        try:
            self._looked_at.change(**{name: value})
        except ValueError as error:
            tell(error)
            self._show()


def _spin(tip: str, low: float, high: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(2)
    box.setSingleStep(0.5)
    box.setSuffix(" eV")
    box.setToolTip(f"{tip}; italic: found automatically")
    box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
    box.setMinimumWidth(84)
    return box
