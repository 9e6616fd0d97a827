"""The model error of the valence from a computed library."""

from __future__ import annotations

import numpy as np
import pytest
from tests.maps.matching.k_edge_samples import NIO, measured

from napari_xanes import Spectrum
from napari_xanes.maps.matching.k_edge_calibration import calibrate
from napari_xanes.maps.matching.k_edge_model_error import model_error
from napari_xanes.theory import Library, load_library


@pytest.mark.parametrize(
    ("name", "row", "sigma", "message"),
    [
        ("ni-k", 0, 0.15, ""),
        ("ni-k", 5, 0.15, ""),
        ("mn-k", 0, 0.5, "right to 0.5 only; calibrated on 3+ or more, 0.3 is reached"),
        ("mn-k", 7, 0.3, ""),
        ("fe-k", 0, 0.33, "unreliable"),
        ("fe-k", 3, 0.15, ""),
        ("co-k", 0, 0.6, "unvalidated"),
    ],
)
def test_model_error_depends_on_element_and_calibration(name: str, row: int, sigma: float, message: str) -> None:
    library = load_library(name)
    low, high = library.span
    axis = np.arange(low + 1, high, 0.5)
    spectrum = Spectrum(library.species[row], axis, library.at(axis, broadening=2.0, rows=[row])[0])
    error, said = model_error(library, calibrate(library, spectrum, "linear"))
    assert error == sigma
    assert message in " ".join(said)
    assert bool(said) == bool(message)


def test_calibration_with_a_phase_outside_the_library_is_not_trusted(library: Library) -> None:
    error, messages = model_error(library, calibrate(library, measured(library, NIO, "hydroxide", 2.0), "linear"))
    assert error == 0.6
    assert "not named after a member of the library" in messages[0]
    assert model_error(library, None) == (error, messages)
