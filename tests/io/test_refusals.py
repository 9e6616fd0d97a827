"""Messages for files that no format reads: the likely reason first, never a list of all formats."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes.cli import app


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("layout.h5", "NeXus NXstxm: no NXentry in it has the definition NXstxm; 10 similar formats"),
        (
            "layout.nxs",
            "NeXus NXstxm: no NXentry in it has the definition NXstxm; save its images and energies as .npz",
        ),
        ("layout.dat", "NeXus NXstxm: no NXentry"),  # the content is nearer than the name
        ("noise.bin", "its content is of no known format; "),
        ("text.xyz", "its content is of no known format; "),
        ("scan.hdr", "STXM_Control SDF: no ScanDefinition"),
        ("empty.tif", "it is empty; wait until it is written, or copy it again"),
        ("wrong.tif", "TIFF with energies: not a TIFF file"),
        ("folder", "it holds no files of a format that is known; "),
    ],
)
def test_the_likely_reason_comes_first(
    name: str, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    if name.startswith("layout"):
        with h5py.File(path, "w") as file:
            file["something"] = np.ones((3, 4))
    elif name == "folder":
        path.mkdir()
    else:
        contents = {"noise.bin": np.random.default_rng(0).bytes(3000), "empty.tif": b""}
        path.write_bytes(contents.get(name, b"hello\n"))
    with caplog.at_level(logging.INFO, "napari_xanes"), pytest.raises(ValueError, match=reason) as caught:
        nx.read(path)
    assert f"{path}: no stack that napari-xanes can read. {reason}" in str(caught.value)
    assert len(str(caught.value).replace(str(path), "")) < 250
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert {reader.title for reader in nx.io.READERS} <= {
        line.removeprefix(f"{path}: ").split(" can't read it: ")[0] for line in told
    }


def test_the_command_that_a_message_names_shows_all_reasons(tmp_path: Path) -> None:
    path = tmp_path / "layout.h5"
    with h5py.File(path, "w") as file:
        file["something"] = np.ones((3, 4))
    with pytest.raises(ValueError, match=r"either; save its images and energies as \.npz; in a terminal") as caught:
        nx.read(path)
    (command,) = re.findall("in a terminal, (.+) shows their reasons", str(caught.value))
    program, *arguments = command.replace("FILE", str(path)).split()
    assert program == "napari-xanes"
    found = CliRunner().invoke(app, arguments)
    for reader in nx.io.READERS:
        assert f"{path}: {reader.title} can't read it: " in found.stderr


def test_spectra_of_any_name_give_the_reasons_of_columns(tmp_path: Path) -> None:
    (tmp_path / "text.001").write_text("hello\n")
    with pytest.raises(ValueError, match="two columns of numbers"):
        nx.read_spectra(tmp_path / "text.001")
