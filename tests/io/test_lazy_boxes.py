"""A pixel of a lazy stack is read without whole frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import blocks, io
from napari_xanes.io.hdf5 import file as hdf5

ENERGY = np.linspace(7100.0, 7150, 6)
FRAMES = np.arange(6 * 40 * 30, dtype=np.float32).reshape(6, 40, 30)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of the number of values of each read from an HDF5 file."""
    sizes: list[int] = []
    plain = hdf5.LazyDataset.__getitem__

    def counted(self: Any, index: Any) -> Any:
        piece = plain(self, index)
        sizes.append(piece.size)
        return piece

    monkeypatch.setattr(hdf5.LazyDataset, "__getitem__", counted)
    return sizes


def own(path: Path) -> None:
    nx.write(nx.SpectralStack(FRAMES, ENERGY), path)


def fxi(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["img_xanes"], file["X_eng"], file["scan_id"] = FRAMES, ENERGY / 1000, 7


def mantis(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["implements"] = "information:exchange:spectromicroscopy"
        file["exchange/data"], file["exchange/energy"] = FRAMES.T, ENERGY
        file["exchange/data"].attrs["axes"] = "x:y"


def nxstxm(path: Path, order: tuple[int, int, int] = (0, 1, 2)) -> None:
    names = np.array(["energy", "sample_y", "sample_x"])
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"], entry["definition"] = "NXentry", "NXstxm"
        group = entry.create_group("counter0")
        group.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": [str(names[n]) for n in order]})
        group["data"], group["energy"] = FRAMES.transpose(order), ENERGY
        group["sample_y"], group["sample_x"] = np.arange(40.0), np.arange(30.0)
        group["stxm_scan_type"] = "sample image stack"


@pytest.mark.parametrize("write", [own, fxi, mantis, nxstxm, lambda path: nxstxm(path, (1, 2, 0))])
def test_reading_a_pixel_reads_no_whole_frames(tmp_path: Path, asked: list[int], write: Any) -> None:
    write(tmp_path / "scan.hdf5")
    stack = io.read(tmp_path / "scan.hdf5", memory_limit=10)
    assert stack.is_lazy
    asked.clear()
    np.testing.assert_array_equal(np.asarray(stack.data[:, 7, 9]), FRAMES[:, 7, 9])
    np.testing.assert_array_equal(np.asarray(stack.data[2:4, 7:9, 9:12]), FRAMES[2:4, 7:9, 9:12])
    assert sum(asked) == 6 + 2 * 2 * 3
    np.testing.assert_array_equal(np.asarray(stack.data), FRAMES)


def test_a_slab_of_optical_depth_reads_its_own_rows(
    tmp_path: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "SLAB_BYTES", 6 * 30 * 4 * 8)  # eight rows
    own(tmp_path / "scan.h5")
    stack = io.read(tmp_path / "scan.h5", memory_limit=10)
    depth = nx.ops.optical_depth(stack, i0=nx.Spectrum("I0", ENERGY, np.full(6, 1e5)))
    asked.clear()
    np.testing.assert_allclose(np.asarray(depth.data[:, 8:16]), -np.log(FRAMES[:, 8:16] / 1e5), rtol=1e-4)
    assert sum(asked) == 6 * 8 * 30
    asked.clear()
    blocks.over_pixels(lambda block, pixels: None, depth.data)
    assert sum(asked) == FRAMES.size
