"""The reference spectra of a viewer; all docks share them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_xanes.colours import colour_of
from napari_xanes.gui.state.stack_check import StackCheck
from napari_xanes.gui.state.stacks import StackFollower
from napari_xanes.reference_checks import (
    Absorber,
    absorber_of,
    with_guessed_valence,
    with_valence,
)
from napari_xanes.spectrum import Spectrum

if TYPE_CHECKING:
    from napari.layers import Layer

_FIRST_COLOUR = 5  # regions begin with colour 1
_TRIAL_COLOUR = 4  # the colour of fits: a curve that is tried out is none of the references
_SAME_ENERGY = 1e-6  # eV

MAX_SHIFT = 20.0
"""Largest shift of a reference in eV: monochromators are off by less, and another edge is no matter of a shift."""


class ReferenceSet(QObject):
    """Reference spectra, each with a different name.

    A reference that the user has neither ticked nor unticked is ticked if it suits the chosen stack.

    Parameters
    ----------
    stacks : StackFollower
        The chosen stack.

    Attributes
    ----------
    check : StackCheck
        Whether spectra suit the chosen stack.

    Signals
    -------
    changed :
        Spectra were added, removed, renamed, ticked or unticked, a valence, a shift or the chosen stack changed.
    dropped :
        Spectra were dropped into the window: a dock may bring its list to the front.
    """

    changed = Signal()
    dropped = Signal()

    def __init__(self, stacks: StackFollower) -> None:
        super().__init__()
        self._stacks, self.check = stacks, StackCheck(stacks)
        self._spectra: list[Spectrum] = []
        self._colours: dict[str, str] = {}
        self._by_hand: dict[str, bool] = {}
        self._absorbers: dict[str, Absorber] = {}
        self._reasons: dict[str, str] = {}
        self._told_valence: set[str] = set()
        self._answers: dict[str, str] = {}
        self._asked: tuple[Any, list[Spectrum]] = None, []
        self._offered: list[Spectrum] = []
        self._trial: Spectrum | None = None
        stacks.layer_changed.connect(self._on_stack)

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

    def of_use(self, energy: NDArray[np.float64] | None) -> list[Spectrum]:
        """Return the ticked references that overlap with energies of a stack in eV; all without a stack."""
        return [s for s in self.checked if energy is None or (s.energy[0] < energy[-1] and s.energy[-1] > energy[0])]

    def is_checked(self, name: str) -> bool:
        """Return whether a reference is ticked."""
        return self._by_hand.get(name, not self._reasons[name])

    def is_ticked_by_hand(self, name: str) -> bool:
        """Return whether the user ticked or unticked a reference, so that the chosen stack does not."""
        return name in self._by_hand

    def reason(self, name: str) -> str:
        """Return why a reference can't be of use for the chosen stack; no text if it may be."""
        return self._reasons[name]

    def set_checked(self, name: str, checked: bool) -> None:
        """Tick or untick a reference."""
        if checked != self.is_checked(name):
            self._by_hand[name] = checked
            self.changed.emit()

    def note(self, name: str) -> str:
        """Return what is said about a reference: why it is of no use, or whether it is needed; no text if nothing is.

        An answer holds for the references and the stack that were asked about.
        """
        return self.reason(name) or (self._answers.get(name, "") if self.is_answered else "")

    @property
    def is_answered(self) -> bool:
        """Whether the last answer holds for the references that are ticked now, on the stack that is chosen now."""
        layer, asked = self._asked
        return layer is not None and layer is self._stacks.layer and asked == self.checked

    def answer(self, layer: Layer, asked: Sequence[Spectrum], answers: Mapping[str, str]) -> None:
        """Take what is known of the need of the references, by name, for a stack and the ticked references."""
        self._asked, self._answers = (layer, list(asked)), dict(answers)
        self.changed.emit()

    def add(self, spectra: Iterable[Spectrum]) -> list[Spectrum]:
        """Add spectra that are new, with a number after a name that exists already; return them as added.

        Those that suit the chosen stack are ticked, and a valence that is not known is guessed from the name.
        """
        added: list[Spectrum] = []
        for spectrum in spectra:
            self._offered.append(spectrum)
            if any(_is_same(spectrum, existing) for existing in self._spectra):
                continue
            name = self._unique_name(spectrum.name)
            spectrum = spectrum if name == spectrum.name else replace(spectrum, name=name)
            self._colours[spectrum.name] = self._free_colour()
            absorber = self._absorbers[spectrum.name] = absorber_of(spectrum)
            spectrum = with_guessed_valence(spectrum, absorber.element or self.check.absorber.element)
            self._spectra.append(spectrum)
            self._reasons[spectrum.name] = self._why_unsuitable(spectrum)
            added.append(spectrum)
        if added:
            self.changed.emit()
        return added

    def put(self, spectrum: Spectrum) -> None:
        """Add a spectrum, or replace the one with the same name."""
        if any(existing.name == spectrum.name for existing in self._spectra):
            self._absorbers[spectrum.name] = absorber_of(spectrum)
            self._replace(spectrum.name, spectrum)
        else:
            self.add([spectrum])

    def restore(self, spectra: Sequence[Spectrum], by_hand: Mapping[str, bool], colours: Mapping[str, str]) -> None:
        """Add spectra with their colours, and the ticks that the user set, as a project kept them, by names there."""
        for spectrum in spectra:
            for added in self.add([spectrum]):
                self._colours[added.name] = colours.get(spectrum.name, self._colours[added.name])
                if spectrum.name in by_hand:
                    self._by_hand[added.name] = by_hand[spectrum.name]
                if spectrum.valence is None:
                    self.set_valence(added.name, None)
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
            for facts in self._facts():
                for name in facts.keys() & set(names):
                    del facts[name]
            self._told_valence -= set(names)
            self.changed.emit()

    def set_valence(self, name: str, valence: float | None) -> None:
        """Set the valence of a reference; None if it is unknown."""
        self._told_valence.add(name)
        self._replace(name, with_valence(self._named(name), valence))

    def set_shift(self, name: str, shift: float) -> None:
        """Move the energies of a reference so far from the measured ones, in eV; what fits use is moved.

        Raises
        ------
        ValueError
            If it is more than `MAX_SHIFT`, or no number.
        """
        if not abs(shift) <= MAX_SHIFT:
            raise ValueError(
                f"{name}: a shift lies between -{MAX_SHIFT:g} and {MAX_SHIFT:g} eV, not at {shift:g} eV; "
                "for another edge, load another spectrum"
            )
        if shift != self._named(name).shift:
            self._replace(name, self._named(name).shifted(shift))

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
        for facts in self._facts():
            if name in facts:
                facts[new_name] = facts.pop(name)
        if name in self._told_valence:
            self._told_valence.add(new_name)
        self._replace(name, replace(self._named(name), name=new_name))

    def colour(self, name: str) -> str:
        """Return the colour of a reference in plots and lists."""
        return self._colours[name]

    def _facts(self) -> tuple[dict[str, Any], ...]:
        """Return what is known of the references by name."""
        return self._colours, self._by_hand, self._absorbers, self._reasons

    def _named(self, name: str) -> Spectrum:
        return next(spectrum for spectrum in self._spectra if spectrum.name == name)

    def _replace(self, name: str, spectrum: Spectrum) -> None:
        self._spectra = [spectrum if existing.name == name else existing for existing in self._spectra]
        self._reasons[spectrum.name] = self._why_unsuitable(spectrum)
        self.changed.emit()

    def _on_stack(self, layer: Any = None) -> None:
        """Check all references against another chosen stack, or its new energies."""
        before = dict(self._reasons), list(self._spectra)
        element = self.check.absorber.element
        self._spectra = [
            spectrum
            if spectrum.name in self._told_valence
            else with_guessed_valence(spectrum, self._absorbers[spectrum.name].element or element)
            for spectrum in self._spectra
        ]
        self._reasons = {spectrum.name: self._why_unsuitable(spectrum) for spectrum in self._spectra}
        if before != (self._reasons, self._spectra):
            self.changed.emit()

    def _why_unsuitable(self, spectrum: Spectrum) -> str:
        return self.check.why_unsuitable(spectrum, self._absorbers[spectrum.name])

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
    """Return whether two references are one spectrum, perhaps with other shifts and valences."""
    return (
        first.name == second.name
        and np.array_equal(first.mu, second.mu)
        and np.allclose(first.energy - first.shift, second.energy - second.shift, rtol=0, atol=_SAME_ENERGY)
    )
