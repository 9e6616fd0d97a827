"""Energies from motor steps of the monochromator, and settings of a header that change counts."""

from __future__ import annotations

import numpy as np
import pytest
from tests.io.spectra.test_layouts import ANGLE, ENERGY, I0, IT, TRANSMISSION, D, rows

from napari_xanes import read_spectra

STEPS = np.round(ANGLE * 8000, 1)


def written(tmp_path, head, *columns):
    path = tmp_path / "scan.dat"
    path.write_text(head + rows(*columns))
    return path


@pytest.mark.parametrize("name", ["steps", "Mono steps", "MOTOR_STEPS", "pulses", "mono_pulse"])
@pytest.mark.parametrize(
    "scale", ["steps/deg = 8000", "STEPS PER DEGREE: 8000.0", "8000 steps/degree", "pulses/deg 8000",
              "0.000125 deg/step",              "degrees per step = 1.25e-4", "8 pulses/mdeg", "0.125 mdeg/pulse"],
)  # fmt: skip
def test_steps_with_their_scale(tmp_path, name, scale):
    path = written(tmp_path, f"# {scale}, 2d = {2 * D}\n# i0 it {name.replace(' ', '_')}\n", I0, IT, STEPS)
    (spectrum,) = read_spectra(path)
    np.testing.assert_allclose(spectrum.energy, ENERGY, atol=0.02)
    np.testing.assert_allclose(spectrum.mu, TRANSMISSION)
    assert spectrum.metadata["energy_unit"] == f"steps, 8000 per degree, converted with d = {D} A of the header"


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (f"# d-spacing = {D}\n", "is in steps, but the header gives no one number of steps per degree"),
        (f"# d-spacing = {D}, 8000 steps/deg, 4000 steps/deg\n", "no one number of steps per degree"),
        ("# 8000 steps/deg\n", "no d-spacing or crystal"),
        (f"# d-spacing = {D}, 8000 steps/deg\n# angle offset = 0.02\n", "no energy among its columns"),
    ],
)
def test_steps_without_what_they_need_are_refused(tmp_path, head, message):
    with pytest.raises(ValueError, match=message):
        read_spectra(written(tmp_path, f"{head}# steps i0 it\n", STEPS, I0, IT))


@pytest.mark.parametrize(
    ("head", "settings"),
    [
        ("Offsets= 113.00 102.00 73.00\nGains= 7 8 9\n", "offsets 113 102 73, gains 7 8 9"),
        ("Weights:\n1.0 1.0 1.0\nOffsets:\n 0.000 144.200 133.500\n", "offsets 0 144.2 133.5"),
        ("# Dark currents: 12.5, 7.5\n", "dark currents 12.5 7.5"),
    ],
)
def test_offsets_and_gains_are_named(tmp_path, head, settings):
    (spectrum,) = read_spectra(written(tmp_path, f"{head}---------\nenergy i0 it\n", ENERGY, I0, IT))
    np.testing.assert_allclose(spectrum.mu, TRANSMISSION)
    remark = f"the header gives {settings}: not applied, counts are taken as they are in the file"
    assert remark in spectrum.metadata["reasons"]


def test_settings_that_change_nothing_are_not_named(tmp_path):
    head = "Offsets= 0.00 0.00\nGains: 1 1\n---------\nenergy i0 it\n"
    (spectrum,) = read_spectra(written(tmp_path, head, ENERGY, I0, IT))
    assert not any("the header gives" in reason for reason in spectrum.metadata["reasons"])
