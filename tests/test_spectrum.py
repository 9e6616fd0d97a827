from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import Spectrum


def test_interpolates_linearly_and_knows_its_range() -> None:
    spectrum = Spectrum("a", [8330, 8340, 8350], [0, 1, 0])
    assert spectrum.at([8335, 8345]).tolist() == [0.5, 0.5]
    assert np.isnan(spectrum.at([8329.9, 8350.1])).all()


@pytest.mark.parametrize(
    ("energy", "mu", "text"),
    [
        ([8.33, 8.34], [0, 1], "look like keV"),
        ([8340, 8330], [0, 1], "out of order"),
        ([8340, 8340], [0, 1], "8340 eV at position 1 comes twice"),
        ([8340, np.nan], [0, 1], "energy 1 is not a number"),
        ([8330, 0], [0, 1], "0 at position 1 is no photon energy"),
        ([-1, 8330], [0, 1], "-1 at position 0 is no photon energy"),
        ([8340, 8350], [0, 1, 2], "2 energies but mu has shape"),
        ([], [], "at least one value"),
        ([[8340, 8350]], [[0, 1]], "list of at least one"),
    ],
)
def test_error_names_a_wrong_axis(energy: list, mu: list, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Spectrum("NiO", energy, mu)


def test_spectrum_to_plain_values_and_back_is_unchanged() -> None:
    spectrum = Spectrum("a", [8330.1, 8340.2], [0.1, 0.3], 2, [0.01, 0.02], {"normalized": True, "path": "x.txt"})
    restored = Spectrum.from_plain(spectrum.to_plain())
    assert restored.to_plain() == spectrum.to_plain()
    assert restored.valence == 2.0
    assert restored.metadata["normalized"] is True


def test_spectrum_does_not_share_memory_with_its_input() -> None:
    mu = np.zeros(2)
    spectrum = Spectrum("a", [8330, 8340], mu)
    mu[0] = 5
    assert spectrum.mu[0] == 0
