"""Whether references suit a stack, and the valences that their names tell."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import Spectrum
from napari_xanes.edge import tabulated_e0
from napari_xanes.reference_checks import (
    Absorber,
    absorber_of,
    is_guessed,
    why_unsuitable,
    with_guessed_valence,
    with_valence,
)

STACK = np.linspace(8300.0, 8500.0, 41)


def edge(name: str, e0: float, width: float = 100.0, **metadata: str) -> Spectrum:
    energy = np.arange(e0 - width, e0 + width)
    return Spectrum(name, energy, 0.5 + np.arctan(energy - e0) / np.pi, metadata=metadata)


@pytest.mark.parametrize("element", ["V", "Mn", "Fe", "Ni", "Cu", "Zn"])
def test_the_edge_tells_the_element(element: str) -> None:
    at = tabulated_e0(element)
    assert at is not None
    found = absorber_of(edge("x", at + 8))
    assert found.element in (element, None), "V K lies beside La L3: two answers are none"
    assert not found.named
    assert absorber_of(edge("x", 8345, element="Co", edge="K")) == Absorber("Co", "K", named=True)
    assert absorber_of(Spectrum("flat", STACK, np.ones(41))).element is None


@pytest.mark.parametrize(
    ("spectrum", "stack", "reason"),
    [
        (edge("NiO", 8345), Absorber("Ni", "K"), ""),
        (edge("NiO", 8345), Absorber(), ""),
        (edge("FeO", 7120), Absorber("Ni", "K"), "rises as if of Fe K; the stack is of Ni K"),
        (edge("FeO", 7120), Absorber(), "no common energies: Fe K, 7020 to 7219 eV, the stack 8300 to 8500 eV"),
        (edge("x", 8345, element="Co", edge="K"), Absorber("Ni", "K"), "of Co K; the stack is of Ni K"),
        (edge("x", 8345, element="Ni"), Absorber("Ni", "K"), ""),
        (edge("x", 8345, element="Ni", edge="L3"), Absorber("Ni", "K"), "of Ni L3; the stack is of Ni K"),
        (edge("Fe, Co and Ni", 7720, 700), Absorber("Ni", "K"), ""),
        (edge("cut", 8205), Absorber("Ni", "K"), "shares only 1 of 41 energies: it has 8105 to 8304 eV"),
    ],
)
def test_a_reference_of_another_element_is_said(spectrum: Spectrum, stack: Absorber, reason: str) -> None:
    assert why_unsuitable(spectrum, absorber_of(spectrum), STACK, stack) == reason


def test_a_stack_of_two_energies_is_no_reason() -> None:
    assert why_unsuitable(edge("NiO", 8345), Absorber("Ni", "K"), [8320, 8350], Absorber("Ni", "K")) == ""


def test_a_guess_is_marked_until_the_user_says_more() -> None:
    guessed = with_guessed_valence(edge("LiNiO2", 8345), "Ni")
    assert guessed.valence == 3
    assert is_guessed(guessed)
    assert is_guessed(Spectrum.from_plain(guessed.to_plain())), "a project keeps it"
    told = with_valence(guessed, 2.8)
    assert told.valence == 2.8
    assert not is_guessed(told)
    known = Spectrum("LiNiO2", STACK, STACK, valence=2.9)
    for kept in (with_guessed_valence(known, "Ni"), with_guessed_valence(known, None)):
        assert kept is known
    assert with_guessed_valence(edge("sample 3", 8345), "Ni").valence is None
