"""`info` of folders: large ones are looked at by a few of their files, and the description says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_xanes.cli import app, folder_look
from napari_xanes.io.spectra import columns


def info(*words: object) -> dict:
    result = CliRunner().invoke(app, ["info", *map(str, words), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def write_spectra(folder: Path, count: int) -> None:
    rows = "".join(f"{energy} 1000 {1000 - energy / 10}\n" for energy in range(7000, 7020))
    for i in range(count):
        (folder / f"scan{i}.dat").write_text(f"energy i0 it\n{rows}")


def test_a_folder_of_spectra_is_described_by_a_few_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_spectra(tmp_path, 30)
    (tmp_path / "scan12.dat").write_text("hello\n")
    opened = []
    monkeypatch.setattr(
        columns, "read_text", lambda path, read=columns.read_text: opened.append(path.name) or read(path)
    )
    monkeypatch.setattr(folder_look, "MANY_FILES", 20)
    facts = info(tmp_path)
    assert (facts["kind"], facts["files"], facts["suffixes"]) == ("folder", 30, {".dat": 30})
    assert facts["notes"] == ["8 of 30 files were looked at; --whole reads all of them"]
    names = [described["file"] for described in facts["looked_at"]]
    assert names == [f"scan{i}.dat" for i in (0, 4, 8, 12, 17, 21, 25, 29)]
    assert set(opened) == set(names)
    assert facts["looked_at"][0] | {"file": ""} == {
        "file": "", "spectra": 1, "points": 20, "energy_first_eV": 7000, "energy_last_eV": 7019, "column": "ln(i0/it)",
    }  # fmt: skip
    assert "no two columns" in facts["looked_at"][3]["refused"]


def test_a_large_stack_is_read_whole_only_if_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for energy in range(7000, 7012):
        tifffile.imwrite(tmp_path / f"scan_{energy}eV.tif", np.ones((2, 3), np.float32))
    assert info(tmp_path)["shape"] == [12, 2, 3]
    monkeypatch.setattr(folder_look, "MANY_FILES", 10)
    facts = info(tmp_path)
    assert facts["format"] == "TIFF with energies"
    assert (facts["first_file"], facts["last_file"]) == ("scan_7000eV.tif", "scan_7011eV.tif")
    assert facts["notes"] == ["only the names of its files were looked at; --whole reads all of them"]
    assert info(tmp_path, "--whole")["shape"] == [12, 2, 3]


def test_a_small_folder_of_spectra_is_no_error(tmp_path: Path) -> None:
    write_spectra(tmp_path, 3)
    assert len(info(tmp_path)["looked_at"]) == 3


def test_a_folder_of_other_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    result = CliRunner().invoke(app, ["info", str(tmp_path)])
    assert isinstance(result.exception, ValueError)


def test_a_zarr_store_is_no_folder_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_look, "MANY_FILES", 2)
    for name in ("0.0.0", "0.0.1", "1.0.0", ".zarray"):
        (tmp_path / name).write_bytes(b"")
    assert not folder_look.has_many_files(tmp_path)
