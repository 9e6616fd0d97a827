"""What headings of exported curves say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_xanes import read_spectra


@pytest.mark.parametrize(
    ("quantity", "normalized"),
    [("normalized absorption", True), ("optical depth (OD)", False), ("counts", None)],
)
def test_headings_of_exported_curves_say_whether_they_are_normalized(
    tmp_path: Path, quantity: str, normalized: bool | None
) -> None:
    rows = "\n".join(f"{energy},{energy / 8000}" for energy in range(8300, 8310))
    (tmp_path / "curves.csv").write_text(f"energy (eV),region 1 · {quantity}\n{rows}\n", encoding="utf-8")
    (spectrum,) = read_spectra(tmp_path / "curves.csv")
    assert spectrum.metadata.get("normalized") is normalized


def test_a_descending_scan_keeps_all_its_points(tmp_path: Path) -> None:
    energy = np.arange(7050.0, 7200.0, 2.0)
    mu = np.round(0.2 + 1 / (1 + np.exp(-(energy - 7112))), 6)
    for name, order in (("up", 1), ("down", -1)):
        np.savetxt(tmp_path / f"{name}.dat", np.column_stack([energy, mu])[::order], header="energy mu")
        (spectrum,) = read_spectra(tmp_path / f"{name}.dat")
        np.testing.assert_array_equal(spectrum.energy, energy)
        np.testing.assert_array_equal(spectrum.mu, mu)
