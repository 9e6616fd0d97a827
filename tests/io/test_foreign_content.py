"""Files that no format can have: what they are, and what to do."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import h5py
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.io.foreign_content import is_false_hdf5, why_foreign


def zipped(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, "1 2\n")
    return packed.getvalue()


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("scan.h5"))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty; wait until it is written, or copy it again"),
        (bytes(5000), "its first 4096 bytes are zero, so it was not copied completely; copy it again"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
            "fetch the file itself by git lfs pull",
        ),
        (b"/annex/objects/SHA256E-s3--1.h5\n", "fetch the file itself by git annex get"),
        (b"\n<!DOCTYPE html><html>Log in</html>", "a web page; download the file itself"),
        (zipped("scan.h5"), "it is packed by ZIP; unpack it first"),
        (zipped("[Content_Types].xml"), "it is a workbook of Excel; save the sheet as CSV"),
        # Without a time, so that all processes give this case one name.
        (gzip.compress(b"7112 1\n", mtime=0), "it is packed by gzip; unpack it first"),
        (tarred(), "it is packed by tar; unpack it first"),
        (b"\x89PNG\r\n\x1a\n", "save TIFF of 16 or 32 bits"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "load it by scipy.io.loadmat"),
        (b"SIMPLE  =                    T", "open it in ImageJ"),
    ],
)
@pytest.mark.parametrize("suffix", [".h5", ".tif", ".txt", ".xyz"])
@pytest.mark.parametrize("read", [nx.read, nx.read_spectra])
def test_the_way_out_stands_in_the_error(tmp_path, content, reason, suffix, read):
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="that napari-xanes can read") as caught:
        read(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("read", [nx.read, nx.read_spectra])
def test_a_file_of_hyperspy_is_named(tmp_path, read):
    with h5py.File(tmp_path / "scan.hspy", "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.1"})
        file["Experiments/scan/data"] = np.ones((4, 5, 6))
    with pytest.raises(
        ValueError, match="it is of HyperSpy; open it in HyperSpy, and save TIFF with a text of its energies"
    ):
        read(tmp_path / "scan.hspy")


def test_what_readers_know_is_not_foreign(tmp_path):
    np.savez(tmp_path / "a.npz", data=np.ones(3))
    (tmp_path / "b.prj").write_bytes(gzip.compress(b"# Athena project file -- Demeter version 0.9.26\n"))
    (tmp_path / "c.txt").write_bytes(b"7112 1\n")
    assert [why_foreign(path) for path in sorted(tmp_path.iterdir())] == [None] * 3
    assert why_foreign(tmp_path) is None


@pytest.mark.parametrize("suffix", [".h5", ".HDF5", ".nxs", ".cxi"])
@pytest.mark.parametrize(
    ("content", "what"),
    [(b"7112.0 0.1\n7113.0 0.2\n", "but a text"), (b"\x01\x02\x00\x05" * 100, "or its beginning is damaged")],
)
def test_what_is_called_hdf5_and_is_none_is_no_spectra(tmp_path, suffix, content, what):
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(content)
    assert not nx.io.is_spectra_file(path)
    with pytest.raises(ValueError, match=f"it is no HDF5 file, as its name says.*{what}.*copy it again"):
        nx.read(path)


def test_hdf5_behind_a_block_of_the_user_is_hdf5(tmp_path):
    for size in (0, 512, 1024, 2048):
        with h5py.File(tmp_path / "a.h5", "w", userblock_size=size) as file:
            file["a"] = 1
        assert not is_false_hdf5(tmp_path / "a.h5")
