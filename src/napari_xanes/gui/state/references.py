"""The reference spectra of a viewer; all docks share them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_xanes.colours import colour_of
from napari_xanes.spectrum import Spectrum

if TYPE_CHECKING:
    from napari.layers import Layer

_FIRST_COLOUR = 5  # regions begin with colour 1
_TRIAL_COLOUR = 4  # the colour of fits: a curve that is tried out is none of the references


class ReferenceSet(QObject):
    """Reference spectra, each with a different name.

    Signals
    -------
    changed :
        Spectra were added, removed, renamed, ticked or unticked, or a valence changed.
    dropped :
        Spectra were dropped into the window: a dock may bring its list to the front.
    """

    changed = Signal()
    dropped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._spectra: list[Spectrum] = []
        self._colours: dict[str, str] = {}
        self._unchecked: set[str] = set()
        self._offered: list[Spectrum] = []
        self._trial: Spectrum | None = None

    @property
    def trial(self) -> Spectrum | None:
        """A curve that is tried out and drawn with the references; no fit uses it."""
        return self._trial

    def set_trial(self, spectrum: Spectrum | None) -> None:
        """Draw a curve that is tried out in the place of an earlier one, or none."""
        if spectrum is not self._trial:
            self._trial = spectrum
            self.changed.emit()

    @property
    def drawn(self) -> list[tuple[Spectrum, str]]:
        """What the plot shows, each with its colour: the ticked references and the curve that is tried out."""
        shown = [(spectrum, self.colour(spectrum.name)) for spectrum in self.checked]
        return shown if self._trial is None else [*shown, (self._trial, colour_of(_TRIAL_COLOUR))]

    @property
    def spectra(self) -> list[Spectrum]:
        """The references, in the order in which they were added."""
        return list(self._spectra)

    @property
    def checked(self) -> list[Spectrum]:
        """The ticked references, which the plot shows and fits use."""
        return [spectrum for spectrum in self._spectra if self.is_checked(spectrum.name)]

    def is_checked(self, name: str) -> bool:
        """Return whether a reference is ticked."""
        return name not in self._unchecked

    def set_checked(self, name: str, checked: bool) -> None:
        """Tick or untick a reference."""
        if checked != self.is_checked(name):
            (self._unchecked.discard if checked else self._unchecked.add)(name)
            self.changed.emit()

    def add(self, spectra: Iterable[Spectrum]) -> list[Spectrum]:
        """Add and tick spectra that are new, with a number after a name that exists already; return them as added."""
        added: list[Spectrum] = []
        for spectrum in spectra:
            self._offered.append(spectrum)
            if any(_is_same(spectrum, existing) for existing in self._spectra):
                continue
            name = self._unique_name(spectrum.name)
            spectrum = spectrum if name == spectrum.name else replace(spectrum, name=name)
            self._colours[spectrum.name] = self._free_colour()
            self._spectra.append(spectrum)
            added.append(spectrum)
        if added:
            self.changed.emit()
        return added

    def put(self, spectrum: Spectrum) -> None:
        """Add a spectrum, or replace the one with the same name."""
        if any(existing.name == spectrum.name for existing in self._spectra):
            self._spectra = [spectrum if existing.name == spectrum.name else existing for existing in self._spectra]
            self.changed.emit()
        else:
            self.add([spectrum])

    def restore(self, spectra: Sequence[Spectrum], unticked: Iterable[str], colours: Mapping[str, str]) -> None:
        """Add spectra with their ticks and colours, as a project kept them, by their names there."""
        unticked = set(unticked)
        for spectrum in spectra:
            for added in self.add([spectrum]):
                self._colours[added.name] = colours.get(spectrum.name, self._colours[added.name])
                self.set_checked(added.name, spectrum.name not in unticked)
        if spectra:
            self.changed.emit()

    def offer(self, layer: Layer) -> None:
        """Add the references in a layer's file; each only once, so that a removed one does not come back."""
        references = layer.metadata["xanes"]["metadata"].get("references") or ()
        self.add(
            [s for s in references if isinstance(s, Spectrum) and not any(s is existing for existing in self._offered)]
        )

    def remove(self, names: Sequence[str]) -> None:
        """Remove references by name."""
        remaining = [spectrum for spectrum in self._spectra if spectrum.name not in names]
        if len(remaining) != len(self._spectra):
            self._spectra = remaining
            self._unchecked -= set(names)
            self._colours = {spectrum.name: self._colours[spectrum.name] for spectrum in remaining}
            self.changed.emit()

    def set_valence(self, name: str, valence: float | None) -> None:
        """Set the valence of a reference; None if it is unknown."""
        self._replace(name, valence=valence)

    def rename(self, name: str, new_name: str) -> None:
        """Rename a reference; fits name their maps after it.

        Raises
        ------
        ValueError
            If the name is empty or exists already.
        """
        new_name = new_name.strip()
        if new_name == name:
            return
        if not new_name or any(spectrum.name == new_name for spectrum in self._spectra):
            raise ValueError(f"the name {new_name!r} is {'used already' if new_name else 'empty'}; type another name")
        self._colours[new_name] = self._colours.pop(name)
        if name in self._unchecked:
            self._unchecked.remove(name)
            self._unchecked.add(new_name)
        self._replace(name, name=new_name)

    def colour(self, name: str) -> str:
        """Return the colour of a reference in plots and lists."""
        return self._colours[name]

    def _replace(self, name: str, /, **changes: Any) -> None:
        self._spectra = [replace(s, **changes) if s.name == name else s for s in self._spectra]
        self.changed.emit()

    def _free_colour(self) -> str:
        """Return the first colour that no reference has; with many references, colours come again."""
        colours = [colour_of(_FIRST_COLOUR + number) for number in range(len(self._spectra) + 1)]
        return next((colour for colour in colours if colour not in self._colours.values()), colours[-1])

    def _unique_name(self, name: str) -> str:
        used_names = {spectrum.name for spectrum in self._spectra}
        number, candidate = 1, name
        while candidate in used_names:
            number += 1
            candidate = f"{name} ({number})"
        return candidate


def _is_same(first: Spectrum, second: Spectrum) -> bool:
    return (
        first.name == second.name
        and np.array_equal(first.energy, second.energy)
        and np.array_equal(first.mu, second.mu)
    )
