"""Energy shift and width of a K-edge library from one spectrum of a known phase."""

from __future__ import annotations

import numpy as np
import pytest
from tests.maps.matching.k_edge_samples import ENERGY, LNO, NIO, SHIFT, WIDTH, measured

from napari_xanes import Spectrum
from napari_xanes.maps.matching.k_edge_calibration import calibrate, known_phase
from napari_xanes.theory import Library


def test_calibration_finds_shift_and_width(library: Library) -> None:
    calibration = calibrate(library, measured(library, NIO), "linear")
    assert calibration.offset == pytest.approx(SHIFT, abs=0.02)
    assert calibration.broadening == pytest.approx(WIDTH, abs=0.05)
    assert calibration.misfit < 1e-3
    assert calibration.members == ["NiO"]
    with_given_offset = calibrate(library, measured(library, NIO), "linear", offset=0.5)
    assert with_given_offset.offset == 0.5
    assert with_given_offset.misfit > calibration.misfit


def test_calibration_phase_is_found_by_name_valence_or_mixture(library: Library) -> None:
    def rows(name: str, valence: float | None) -> list[str]:
        chosen, _, _ = known_phase(library, Spectrum(name, ENERGY, np.ones_like(ENERGY), valence))
        return [library.species[row] for row in chosen]

    assert rows("ref_NiO", None) == ["NiO"]
    assert rows("NiO2 charged", None) == ["NiO2"]
    assert rows("standard", 4) == ["NiO2", "BaNiO3"]
    assert rows("LiNiO2 half charged", 3.5) == library.species  # from the name alone, the valence would be 3
    with pytest.raises(ValueError, match=r"'foil' is of no known phase: give its valence, or name it after .*NiO"):
        rows("foil", None)
    with pytest.raises(ValueError, match="has valence 0, but library 'ni-k' holds 2 to 4"):
        rows("foil", 0)


def test_a_mixture_calibrates_by_its_valence(library: Library) -> None:
    halves = measured(library, NIO).mu / 2 + measured(library, LNO).mu / 2
    calibration = calibrate(library, Spectrum("mixture", measured(library, NIO).energy, halves, 2.5), "linear")
    assert calibration.offset == pytest.approx(SHIFT, abs=0.3)
