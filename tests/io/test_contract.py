"""Rules for every reader and writer, also for new ones, and tests with hundreds of damaged files."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import warnings

import h5py
import numpy as np
import pytest
from tests.io import contracts
from tests.io.fuzzing import assert_documented

from napari_xanes import MapSet, ParameterMap, SpectralStack, Spectrum, io

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)


def test_importing_io_is_cheap():
    heavy = "h5py", "tifffile", "dask", "scipy", "napari", "pydantic", "yaml"
    code = f"import sys, napari_xanes.io, json; print(json.dumps([m for m in {heavy!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("reader", io.READERS, ids=lambda r: r.name)
def test_reader(reader, tmp_path):
    contracts.check_reader(reader, tmp_path)


@pytest.mark.parametrize("reader", io.SPECTRA_READERS, ids=lambda r: r.name)
def test_spectra_reader(reader, tmp_path):
    # The last of the contents is a valid spectrum: columns of text.
    contracts.check_reader(reader, tmp_path, contracts.FOREIGN[:3])


@pytest.mark.parametrize("reader", io.MAP_READERS, ids=lambda r: r.name)
def test_maps_reader(reader, tmp_path):
    contracts.check_reader(reader, tmp_path)


def test_every_writer_has_a_reader(tmp_path, depth_stack):
    values = {
        "stack": depth_stack,
        "maps": MapSet({"e0": ParameterMap(np.ones((2, 3), np.float32), "eV")}),
        "spectra": [Spectrum("a", [7100, 7110], [0, 1])],
    }
    readers = {"stack": io.read, "maps": io.read_maps, "spectra": io.read_spectra}
    for writer in io.WRITERS:
        for suffix in writer.suffixes:
            path = tmp_path / f"{writer.name}{suffix.upper()}"
            io.write(values[writer.kind], path, layout=writer.layout)
            assert type(readers[writer.kind](path)) is type(values[writer.kind])


def _examples(tmp_path, write_nxstxm, write_sdf, write_tiff, frames):
    stack = SpectralStack(frames, ENERGY, "optical_depth", 0.1, metadata={"i0": np.ones(4)})
    maps = MapSet({"e0": ParameterMap(frames[0], "eV", frames[1])})
    pair = [Spectrum("a", ENERGY, np.arange(4.0), 2), Spectrum("b", ENERGY, np.arange(4.0), sigma=np.ones(4))]
    write_nxstxm(tmp_path / "nexus.nxs", frames, ENERGY)
    write_sdf(tmp_path, frames, ENERGY, stem="sdf")
    write_tiff(tmp_path / "pages.tif", frames)
    (tmp_path / "pages.txt").write_text("".join(f"{e}\n" for e in ENERGY))
    np.savez(tmp_path / "arrays.npz", data=frames, energy=np.array(ENERGY))
    io.write(stack, tmp_path / "own.h5")
    io.write(stack, tmp_path / "own.tif")
    for name in ("maps.h5", "maps.tif"):
        io.write(maps, tmp_path / name)
    for name in ("spectra.csv", "spectra.xdi"):
        io.write(pair, tmp_path / name)
    project = (
        "# Athena project file\n@args = ('label','a','titles',['x']);\n@x = ('7100','7110');\n@y = (1,2);\n[record]\n"
    )
    (tmp_path / "project.prj").write_text(project)
    (tmp_path / "columns.dat").write_text("# energy mu\n7100 0.1\n7110 0.2\n")
    (tmp_path / "athena.xdi").write_text("# XDI/1.0\n# Column.1: energy eV\n# Column.2: mu\n#---\n7100 0.1\n7110 0.2\n")


EXAMPLES = {
    **dict.fromkeys(["nexus.nxs", "sdf.hdr", "sdf_a001.xim", "pages.tif", "pages.txt", "arrays.npz"], io.read),
    **dict.fromkeys(["own.h5", "own.tif"], io.read),
    **dict.fromkeys(["maps.h5", "maps.tif"], io.read_maps),
    **dict.fromkeys(["spectra.csv", "spectra.xdi", "project.prj", "columns.dat", "athena.xdi"], io.read_spectra),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_damaged_files_give_a_result_or_a_documented_error(name, tmp_path, write_nxstxm, write_sdf, write_tiff, frames):
    _examples(tmp_path, write_nxstxm, write_sdf, write_tiff, frames)
    path = tmp_path / name
    opened = {"sdf_a001.xim": tmp_path / "sdf.hdr", "pages.txt": tmp_path / "pages.tif"}.get(name, path)
    whole = path.read_bytes()
    intact = _copy_of(tmp_path, opened)
    dice = random.Random(name)
    for _ in range(100):
        # A changed byte can crash the HDF5 library itself, so HDF5 files are damaged through the library.
        (_rearrange if path.suffix in (".nxs", ".h5") else _scribble)(path, whole, dice)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                result = EXAMPLES[name](opened)
            except (OSError, ValueError) as error:
                assert_documented(error, opened.name)
                continue
        assert_within(result, EXAMPLES[name](intact))


def _copy_of(folder, opened):
    """Copy the undamaged files of a folder; return the path of the file to open."""
    copy = folder.with_name(f"{folder.name}_intact")
    shutil.copytree(folder, copy)
    return copy / opened.name


def assert_within(result, whole):
    """Check that a damaged file gives no additional frames, maps or numbers, and that all values can be loaded."""
    if isinstance(result, SpectralStack):
        assert result.shape[0] <= whole.shape[0]
        assert np.asarray(result.data).shape == result.shape
    elif isinstance(result, MapSet):
        assert 0 < len(result) <= len(whole)
    else:
        # A changed byte can split a column of text into two, but a text cannot hold more numbers than it has room for.
        numbers = sum(spectrum.mu.size for spectrum in whole)
        assert 0 < sum(spectrum.mu.size for spectrum in result) <= 2 * numbers


def _scribble(path, whole, dice):
    """Change some bytes, mostly near the start, where headers are, and truncate some files."""
    content = bytearray(whole)
    for _ in range(dice.choice((1, 3, 20))):
        content[min(int(dice.expovariate(4) * len(content)), len(content) - 1)] = dice.randrange(256)
    if dice.random() < 0.3:
        del content[dice.randrange(len(content)) :]
    path.write_bytes(content)


def _rearrange(path, whole, dice):
    """Remove objects and attributes, or replace them."""
    path.write_bytes(whole)
    wrong = [3, b"text", "[1, {", "null", np.zeros((0, 2)), np.full(3, np.nan), np.arange(24.0), np.array([b"a", b"b"])]
    wrong += [h5py.SoftLink("/nowhere"), h5py.ExternalLink("other.h5", "/"), h5py.Empty("f4"), np.zeros((2, 3, 5, 4))]
    with h5py.File(path, "a") as file:
        names = []
        file.visit(names.append)
        for _ in range(dice.choice((1, 1, 2, 4))):
            name = dice.choice(names)
            if name not in file or file.get(name, getlink=True).__class__ is not h5py.HardLink:
                continue
            attributes = file[name].attrs
            if len(attributes) and dice.random() < 0.5:
                key = dice.choice(list(attributes))
                del attributes[key]
                if dice.random() < 0.7:
                    attributes[key] = dice.choice([value for value in wrong if not hasattr(value, "path")])
                continue
            del file[name]
            if dice.random() < 0.7:
                file[name] = dice.choice(wrong)
    if dice.random() < 0.1:
        path.write_bytes(path.read_bytes()[: dice.randrange(path.stat().st_size)])
