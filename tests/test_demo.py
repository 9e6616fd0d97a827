from __future__ import annotations

from pathlib import Path

import pytest

from napari_xanes import demo
from napari_xanes.io import read, read_maps


def test_the_demo_writes_all_files_and_prints_correct_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(demo.shutil, "which", lambda name: None)  # like a machine without Xvfb
    said: list[str] = []
    figures = demo.run_demo(tmp_path, window=None, say=said.append)
    for key, errors in figures.items():
        folder = tmp_path / key
        for name in ("maps.h5", "maps.tif", "maps.png", "spectra.csv", "spectra.xdi", "spectra.png", "recipe.yaml"):
            assert (folder / name).stat().st_size > 100, name
        assert read(folder / "counts.h5").quantity == "counts"
        assert "valence" in read_maps(folder / "maps.h5")
        assert abs(errors["valence bias"]) < 0.05, key
        assert errors["valence within 2 sigma"] > 0.85, key
    assert figures["mn_oxides_l"]["charge right"] > 0.98
    assert "ten_dq" in read_maps(tmp_path / "mn_oxides_l" / "match" / "maps.h5")
    assert any("apt install" in line for line in said)


def test_a_window_that_cannot_stay_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(demo.sys, "platform", "linux")
    monkeypatch.setattr(demo, "SAMPLES", {})
    with pytest.raises(OSError, match="no screen"):
        demo._picture_of_window(tmp_path, True, lambda text: None)
