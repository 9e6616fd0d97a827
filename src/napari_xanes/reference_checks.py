"""Whether a reference suits a stack: its element, its edge and its energies; the valence that its name tells."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes.edge import find_e0, tabulated_e0
from napari_xanes.edge.elements import absorbers_at
from napari_xanes.formulas import guess_valence
from napari_xanes.spectrum import VALENCE_GUESSED, Spectrum

_LEAST_SHARED = 3
"""Fewer shared energies of a longer stack do not tell spectra apart."""


class Absorber(NamedTuple):
    """Element and edge of a spectrum; None where unknown.

    `named` says that the file names them; otherwise they follow from where the spectrum rises most.
    """

    element: str | None = None
    edge: str | None = None
    named: bool = False

    @property
    def words(self) -> str:
        """Such as ``Ni K``; empty if unknown.

        Examples
        --------
        >>> Absorber("Ni", "K").words, Absorber("Fe").words, Absorber().words
        ('Ni K', 'Fe', '')
        """
        return " ".join(filter(None, (self.element, self.edge)))


UNKNOWN = Absorber()


def absorber_of(spectrum: Spectrum) -> Absorber:
    """Return element and edge of a spectrum: as its metadata say, or those of the only edge where it rises most.

    Examples
    --------
    >>> energy = np.arange(8300.0, 8400.0)
    >>> absorber_of(Spectrum("x", energy, np.arctan(energy - 8345))).words
    'Ni K'
    """
    element, edge = spectrum.metadata.get("element"), spectrum.metadata.get("edge")
    if element and tabulated_e0(str(element)) is not None:
        return Absorber(str(element), str(edge) if edge else None, named=True)
    good = np.isfinite(spectrum.mu)
    try:
        found = absorbers_at(find_e0(spectrum.energy[good], spectrum.mu[good]))
    except ValueError:
        return UNKNOWN
    return Absorber(*found[0]) if len(found) == 1 else UNKNOWN


def why_unsuitable(spectrum: Spectrum, absorber: Absorber, energy: ArrayLike, stack: Absorber = UNKNOWN) -> str:
    """Return why a reference can't be of use for a stack; no text if it may be.

    Parameters
    ----------
    spectrum : Spectrum
        The reference.
    absorber : Absorber
        What it is of; see `absorber_of`.
    energy : array_like, shape (E,)
        Energies of the stack in eV.
    stack : Absorber
        Element and edge of the stack, as far as they are known.

    Examples
    --------
    >>> iron = Spectrum("FeO", [7100, 7150], [0, 1])
    >>> why_unsuitable(iron, Absorber("Fe", "K", named=True), [8300, 8350, 8400], Absorber("Ni", "K"))
    'of Fe K; the stack is of Ni K'
    >>> why_unsuitable(iron, Absorber(), [8300, 8350, 8400])
    'no common energies: it has 7100 to 7150 eV, the stack 8300 to 8400 eV'
    """
    axis = np.asarray(energy, dtype=np.float64)
    first, last = spectrum.energy[0], spectrum.energy[-1]
    if absorber.element and _is_other(spectrum, absorber, stack):
        return f"{'' if absorber.named else 'rises as if '}of {absorber.words}; the stack is of {stack.words}"
    shared = int(np.sum((axis >= first) & (axis <= last)))
    if not shared:
        what = f"{absorber.words}, " if absorber.element else ""
        return (
            f"no common energies: {what or 'it has '}{first:.0f} to {last:.0f} eV, "
            f"the stack {axis[0]:.0f} to {axis[-1]:.0f} eV"
        )
    if shared < min(_LEAST_SHARED, axis.size):
        return f"shares only {shared} of {axis.size} energies: it has {first:.0f} to {last:.0f} eV"
    return ""


def _is_other(spectrum: Spectrum, absorber: Absorber, stack: Absorber) -> bool:
    """Return whether a reference is of another element or edge than a stack that is known."""
    if not stack.element:
        return False
    same_edge = not absorber.edge or not stack.edge or absorber.edge[0] == stack.edge[0]
    if absorber.element == stack.element and same_edge:
        return False
    if absorber.named:
        return True
    # A spectrum may hold several edges, and rise most at another one.
    at = tabulated_e0(stack.element, stack.edge)
    return at is not None and not spectrum.energy[0] <= at <= spectrum.energy[-1]


def with_guessed_valence(spectrum: Spectrum, element: str | None) -> Spectrum:
    """Return a spectrum without valence with the one that its name tells, marked as guessed; else the same spectrum.

    Parameters
    ----------
    spectrum : Spectrum
        A reference.
    element : str, optional
        The absorbing element.

    Examples
    --------
    >>> guessed = with_guessed_valence(Spectrum("LiNiO2", [8330, 8350], [0, 1]), "Ni")
    >>> guessed.valence, is_guessed(guessed)
    (3.0, True)
    """
    if spectrum.valence is not None or not element:
        return spectrum
    valence = guess_valence(spectrum.name, element)
    if valence is None:
        return spectrum
    return replace(spectrum, valence=valence, metadata={**spectrum.metadata, VALENCE_GUESSED: True})


def with_valence(spectrum: Spectrum, valence: float | None) -> Spectrum:
    """Return a spectrum with the valence that a user gave, no longer a guess."""
    metadata = {key: value for key, value in spectrum.metadata.items() if key != VALENCE_GUESSED}
    return replace(spectrum, valence=valence, metadata=metadata)


def is_guessed(spectrum: Spectrum) -> bool:
    """Return whether the valence of a spectrum was guessed from its name."""
    return bool(spectrum.metadata.get(VALENCE_GUESSED))
