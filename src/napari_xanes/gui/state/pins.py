"""The pinned spectra of a viewer; all docks share them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_xanes.colours import colour_of
from napari_xanes.gui.curve import Curve
from napari_xanes.gui.pixels.spectra import Values

if TYPE_CHECKING:
    from collections.abc import Iterable

_FIRST_COLOUR = 3  # regions begin with colour 1, references with 5


@dataclass(frozen=True, eq=False)
class Pin:
    """A pinned spectrum: its curve, where it was measured, and the quantity of its stack."""

    curve: Curve
    place: str
    quantity: str


class PinSet(QObject):
    """Pinned spectra, numbered in the order in which they were pinned.

    Signals
    -------
    changed :
        A spectrum was pinned or removed.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.pins: list[Pin] = []
        self._numbers = count(1)

    def pin(self, energy: Values, values: Values, place: str, quantity: str) -> Pin:
        """Pin a spectrum that was measured at `place`."""
        number = next(self._numbers)
        curve = Curve(f"pin {number}", energy, values, "pin", colour_of(_FIRST_COLOUR + number - 1))
        pin = Pin(curve, place, quantity)
        self.pins.append(pin)
        self.changed.emit()
        return pin

    def remove(self, rows: Iterable[int]) -> None:
        """Remove pins by their rows in the list."""
        removed_rows = set(rows)
        self.pins = [pin for row, pin in enumerate(self.pins) if row not in removed_rows]
        self.changed.emit()

    def clear(self) -> None:
        """Remove all pins."""
        self.pins, self._numbers = [], count(1)
        self.changed.emit()
