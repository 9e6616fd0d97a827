"""The valence of the absorbing element, guessed from the name of a substance."""

from __future__ import annotations

import re

_CHARGES = {
    "O": -2, "F": -1, "Cl": -1, "Br": -1, "I": -1, "H": 1,
    "Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Ag": 1,
    "Be": 2, "Mg": 2, "Ca": 2, "Sr": 2, "Ba": 2, "Zn": 2, "Cd": 2,
    "B": 3, "Al": 3, "Ga": 3, "Sc": 3, "Y": 3, "La": 3, "C": 4, "Si": 4, "Ge": 4, "Zr": 4,
}  # fmt: skip
"""Usual charges of elements that have one in oxides, halides and salts (IUPAC rules for oxidation states, Pure Appl.
Chem. 86 (2014) 1017)."""

_WITH_OXYGEN = {"N": 5, "P": 5, "S": 6, "Se": 6}
"""Charges in nitrates, phosphates, sulfates and selenates; without oxygen, sulfides and selenides have -2."""

_WITHOUT_OXYGEN = {"N": -3, "P": -3, "S": -2, "Se": -2}

_PAIRED = re.compile(r"(?:S|Se|As)2")
"""Pyrites hold pairs such as S2 with charge -2, which a sum over atoms takes for -4."""

_METAL_WORDS = re.compile(r"\b(?:metal(?:lic)?|foil|powder)\b", re.IGNORECASE)
_NUMBERS = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8}
_HYDRATE = re.compile(r"[·*•.]\s*(?:\d+(?:\.\d+)?|[nx])?\s*H2O")
_GROUP = re.compile(r"([A-Z][a-z]?)(\d+(?:\.\d+)?)?|\(([^()]*)\)(\d+(?:\.\d+)?)?")


def guess_valence(name: str, element: str) -> float | None:
    """Return the valence of an element in a substance, guessed from its name.

    Parameters
    ----------
    name : str
        Name of a spectrum: a formula, a charge such as Ni2+ or Fe(III), or a foil; other words may stand around it.
    element : str
        Symbol of the absorbing element.

    Returns
    -------
    float or None
        From the charge in the name, else from the balance of the usual charges in a formula, or 0 for the metal. None
        if the name tells nothing, or two things.

    Examples
    --------
    >>> guess_valence("LiNiO2_scan3", "Ni"), guess_valence("Fe(III) acetate", "Fe"), guess_valence("Cu foil", "Cu")
    (3.0, 3.0, 0.0)
    >>> guess_valence("hematite", "Fe") is None
    True
    """
    text = re.sub(r"[₀-₉]", lambda found: str(ord(found[0]) - ord("₀")), name).replace("_", " ")
    charges = _written_charges(text, element)
    if charges:
        return charges.pop() if len(charges) == 1 else None
    told = {valence for word in _words(text) if (valence := _balance(word, element)) is not None}
    if _METAL_WORDS.search(text) and re.search(rf"\b{element}\b", text):
        told.add(0.0)
    return told.pop() if len(told) == 1 else None


def _written_charges(text: str, element: str) -> set[float]:
    """Return the charges that stand beside the element: Ni2+, Ni^2+, Ni(II), Ni(2+), Ni II."""
    arabic = re.findall(rf"\b{element}\s*\^?\(?(\d)\+\)?(?![\w.])", text)
    roman = re.findall(rf"\b{element}\s*\(?([IV]+)\b\)?", text)
    return {float(number) for number in arabic} | {float(_NUMBERS[number]) for number in roman if number in _NUMBERS}


def _words(text: str) -> list[str]:
    """Return the parts of a text that may be formulas, without water of hydrates."""
    return [word for word in re.split(r"[\s,;+/-]+", _HYDRATE.sub("", text)) if word]


def _balance(formula: str, element: str) -> float | None:
    """Return the charge of the element that makes a formula neutral; None if it is no formula that tells it."""
    counts = _counts(formula)
    if not counts.get(element) or len(counts) == 1:
        return None
    if "O" not in counts and _PAIRED.search(formula):
        return None
    total = 0.0
    for symbol, count in counts.items():
        if symbol == element:
            continue
        charge = _CHARGES.get(symbol, (_WITH_OXYGEN if "O" in counts else _WITHOUT_OXYGEN).get(symbol))
        if charge is None:
            return None
        total += charge * count
    valence = -total / counts[element]
    return round(valence, 3) if 0 < valence <= 8 else None


def _counts(formula: str) -> dict[str, float]:
    """Return how many atoms of each element a formula has; empty if it is none."""
    counts: dict[str, float] = {}
    end = 0
    for found in _GROUP.finditer(formula):
        if found.start() != end:
            return {}
        end = found.end()
        symbol, number, inside, times = found.groups()
        if symbol:
            counts[symbol] = counts.get(symbol, 0.0) + float(number or 1)
            continue
        group = _counts(inside)
        if not group:
            return {}
        for part, count in group.items():
            counts[part] = counts.get(part, 0.0) + count * float(times or 1)
    return counts if end == len(formula) else {}
