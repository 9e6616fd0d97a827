"""The benchmark beside other programs measures errors of what is found, however it is ordered and scaled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.explore.peers import TASKS, error_of, measured, truth


def test_the_truth_has_no_error_in_any_order_and_scale(rng: np.random.Generator) -> None:
    spectra, amounts = truth("unmix", 24)
    order, scale = [2, 0, 3, 1], np.array([0.5, 2.0, 1.0, 4.0])[:, None]
    assert max(error_of("unmix", (spectra[order] * scale, amounts[order] / scale), 24)) < 1e-3
    assert error_of("components", rng.standard_normal((4, 4)) @ spectra, 24)[0] < 1e-3
    labels = truth("cluster", 24)[1].argmax(axis=0)
    assert error_of("cluster", np.array([7, 1, 5, 0, 9])[labels], 24) == [0.0]


def test_what_is_wrong_is_measured() -> None:
    spectra, amounts = truth("unmix", 24)
    wrong = spectra.copy()
    wrong[0, :50] *= 0.9
    angle, off = error_of("unmix", (wrong, amounts), 24)
    cosine = wrong[0] @ spectra[0] / np.linalg.norm(wrong[0]) / np.linalg.norm(spectra[0])
    assert angle == pytest.approx(np.degrees(np.arccos(cosine)) / 4, abs=1e-3)
    assert off > 0
    labels = truth("cluster", 24)[1].argmax(axis=0)
    assert error_of("cluster", np.where(labels == 1, 0, labels), 24)[0] == pytest.approx(
        min((labels == 0).mean(), (labels == 1).mean())
    )


def test_absent_engines_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_XANES_PEERS", str(tmp_path))
    np.save(tmp_path / "stack.npy", np.ones((4, 24, 24), np.float32))
    assert set(TASKS) == {"components", "cluster", "unmix"}
    assert measured("pymcr", "unmix", tmp_path / "stack.npy") == "absent"
