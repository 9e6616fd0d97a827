"""What every source of a growing scan is: something that says, whenever it is asked, which frames are complete."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from napari_xanes.stack import SpectralStack


@dataclass(frozen=True)
class View:
    """What there is of a scan at one moment.

    Parameters
    ----------
    stack : SpectralStack, optional
        The complete frames, (E, Y, X) or (E, Z, Y, X), in order of energy, mostly lazy; None before the first one.
    generation : int
        Grows when frames that an earlier view had are not what they were: whatever was computed from them is void.
    is_complete : bool
        Whether the scan has ended.
    expected : int, optional
        Number of energies that the scan will have, where it is known.
    waiting : tuple of str
        In words what is there and not taken yet: files that still grow, damaged ones. They are taken when they heal.
    told : tuple of str
        What happened since the last view, in words: a file that was written again.
    """

    stack: SpectralStack | None = None
    generation: int = 0
    is_complete: bool = False
    expected: int | None = None
    waiting: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def n_frames(self) -> int:
        """Number of complete frames."""
        return 0 if self.stack is None else int(self.stack.energy.size)


class Source(Protocol):
    """A scan that is being measured. Another kind of source is one file with a class that has these."""

    @property
    def name(self) -> str:
        """Name for people and for results."""

    @property
    def path(self) -> Path | None:
        """The file or folder that `napari_xanes.read` reads as the whole scan; None if there is none."""

    def look(self) -> View:
        """Return what there is now; nothing waits in it.

        Raises
        ------
        OSError, ValueError
            If the source itself is gone or can't be a scan; frames that can't be read yet raise nothing.
        """

    def whole(self) -> SpectralStack:
        """Return the complete frames as `napari_xanes.read` does: the stack that the final maps are made of.

        Raises
        ------
        OSError, ValueError
            If they can't be read.
        """


@runtime_checkable
class TellingSource(Protocol):
    """A source that is told of new frames and need not be asked for them."""

    def wait(self, seconds: float) -> None:
        """Wait until there is something new, at most so many seconds."""
