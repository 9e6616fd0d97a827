"""Valences guessed from names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_xanes.formulas import guess_valence

KNOWN = [
    ("NiO", "Ni", 2), ("LiNiO2", "Ni", 3), ("NiO2 (charged)", "Ni", 4), ("Ni(OH)2", "Ni", 2), ("NiOOH", "Ni", 3),
    ("FeO", "Fe", 2), ("Fe2O3", "Fe", 3), ("alpha-FeOOH", "Fe", 3), ("Fe3O4", "Fe", 2.667), ("FeSO4·7H2O", "Fe", 2),
    ("Fe2(SO4)3", "Fe", 3), ("FePO4", "Fe", 3), ("LiFePO4", "Fe", 2), ("FeCl3", "Fe", 3), ("FeS", "Fe", 2),
    ("MnO", "Mn", 2), ("Mn3O4", "Mn", 2.667), ("Mn2O3", "Mn", 3), ("MnO2", "Mn", 4), ("KMnO4", "Mn", 7),
    ("MnCO3", "Mn", 2), ("LiMn2O4", "Mn", 3.5), ("Li2MnO3", "Mn", 4), ("CoO", "Co", 2), ("LiCoO2", "Co", 3),
    ("Co3O4", "Co", 2.667), ("Cr2O3", "Cr", 3), ("K2CrO4", "Cr", 6), ("V2O5", "V", 5), ("TiO2", "Ti", 4),
    ("Cu2O", "Cu", 1), ("CuO", "Cu", 2), ("Fe₂O₃", "Fe", 3), ("BaTiO3", "Ti", 4), ("UO2", "U", 4), ("CeO2", "Ce", 4),
    ("NiO_scan_003", "Ni", 2), ("ref LiNiO2 norm", "Ni", 3), ("Ni2+", "Ni", 2), ("Ni 3+ library", "Ni", 3),
    ("Fe(III) acetate", "Fe", 3), ("Fe(II)", "Fe", 2), ("Fe III citrate", "Fe", 3), ("Mn IV", "Mn", 4),
    ("Ni foil", "Ni", 0), ("metallic Fe", "Fe", 0), ("Cu_foil_300K", "Cu", 0), ("Mn(2+)", "Mn", 2),
]  # fmt: skip
"""Substances of textbooks, with the valences that these give."""

SILENT = [
    ("hematite", "Fe"), ("sample 3", "Ni"), ("NiO", "Fe"), ("FeS2", "Fe"), ("Fe2O3 and FeO", "Fe"), ("", "Ni"),
    ("LiNi0.8Co0.2O2", "Ni"), ("Ni2+ and Ni3+", "Ni"), ("Nickel", "Ni"), ("NIO", "Ni"), ("Fe", "Fe"),
    ("TiO2 foil", "Ni"), ("No 2", "N"), ("Fe(C5H5)2", "Fe"), ("Co2+", "Ni"), ("Fe2+x", "Ni"), ("O2", "O"),
    ("Fe2O3 powder Fe K", "Fe"), ("NiO on Ni foil", "Ni"), ("Ni0O", "Ni"), ("Ni0.0MgO", "Ni"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "element", "valence"), KNOWN)
def test_known_substances_have_their_valence(name: str, element: str, valence: float) -> None:
    assert guess_valence(name, element) == valence


@pytest.mark.parametrize(("name", "element"), SILENT)
def test_names_that_do_not_tell_give_none(name: str, element: str) -> None:
    assert guess_valence(name, element) is None


@given(st.text(max_size=40), st.sampled_from(["Fe", "Ni", "Mn", "O", "V"]))
def test_any_text_is_answered_by_a_possible_valence(name: str, element: str) -> None:
    valence = guess_valence(name, element)
    assert valence is None or 0 <= valence <= 9
