"""The pins of a viewer: places whose spectra are drawn, on whichever stack is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_xanes.colours import colour_of
from napari_xanes.gui.places import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FIRST_COLOUR = 3  # regions begin with colour 1, references with 5


@dataclass(frozen=True, eq=False)
class Pin:
    """A place on the sample whose spectrum is kept in view.

    Parameters
    ----------
    number : int
        The number beside its mark on the image; no other pin has it.
    place : Place
        Where it is.
    name : str
        Name in plots and lists.
    colour : str
        As ``#rrggbb``.
    visible : bool
        Whether its mark and its spectrum are drawn.
    """

    number: int
    place: Place
    name: str
    colour: str
    visible: bool = True


class PinSet(QObject):
    """Pins, numbered in the order in which they were pinned.

    Signals
    -------
    changed :
        A pin was added, removed, moved, renamed, hidden, shown, or has another colour.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.pins: list[Pin] = []
        self._last = 0

    def add(self, place: Place, name: str = "", colour: str = "", *, visible: bool = True) -> Pin:
        """Pin a place; without a name or colour it gets those of its number."""
        (pin,) = self.add_all([(place, name, colour, visible)])
        return pin

    def add_all(self, given: Iterable[tuple[Place, str, str, bool]]) -> list[Pin]:
        """Pin places at once, each with its name, its colour (empty: those of its number), and whether it is shown."""
        added = []
        for place, name, colour, visible in given:
            self._last += 1
            colour = colour or colour_of(_FIRST_COLOUR + self._last - 1)
            added.append(Pin(self._last, place, name or f"pin {self._last}", colour, visible))
        if added:
            self.pins = [*self.pins, *added]
            self.changed.emit()
        return added

    def restore(self, pins: Iterable[Pin]) -> None:
        """Add pins as a project kept them; they keep their numbers if there are no others."""
        first = self._last
        self.pins = [*self.pins, *(replace(pin, number=first + pin.number) for pin in pins)]
        self._last = max((pin.number for pin in self.pins), default=0)
        self.changed.emit()

    def change(self, number: int, **changes: Any) -> None:
        """Change name, colour or visibility of a pin."""
        self.pins = [replace(pin, **changes) if pin.number == number else pin for pin in self.pins]
        self.changed.emit()

    def move(self, places: Mapping[int, Place]) -> None:
        """Move pins, given by their numbers, to other places."""
        if any(places.get(pin.number, pin.place) != pin.place for pin in self.pins):
            self.pins = [replace(pin, place=places.get(pin.number, pin.place)) for pin in self.pins]
            self.changed.emit()

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove pins by their numbers."""
        gone = set(numbers)
        if any(pin.number in gone for pin in self.pins):
            self.pins = [pin for pin in self.pins if pin.number not in gone]
            self._last = self._last if self.pins else 0
            self.changed.emit()

    def clear(self) -> None:
        """Remove all pins; the next one is number 1."""
        self.pins, self._last = [], 0
        self.changed.emit()
