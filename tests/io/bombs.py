"""Small files that claim to hold, or uncompress to, more data than any memory can hold; by name of the reader."""

from __future__ import annotations

import gzip
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import tifffile
import zarr
from tests.io import samples
from tests.io.hdf5 import layouts as hdf5_layouts

from napari_xanes import SpectralStack, io

ENERGY = samples.ENERGY
GREY = {"photometric": "minisblack"}
LAYOUTS = {
    "nexus": hdf5_layouts._nxstxm,
    "als_stxm": hdf5_layouts._als,
    "hermes": hdf5_layouts._hermes,
    "mistral": hdf5_layouts._mistral,
    "pyxas_series": hdf5_layouts._pyxas_series,
    "pyxas": hdf5_layouts._pyxas,
    "fxi": hdf5_layouts._fxi,
    "fxi_tomography": hdf5_layouts._fly,
    "exchange": hdf5_layouts._aps,
    "exchange_mantis": hdf5_layouts._mantis,
    "ptychography": hdf5_layouts._cxi,
    "xrf_maps": hdf5_layouts._xrf_maps,
}
"""Layouts of HDF5 files: each function writes a file and returns the names of the images and energies."""


def zeros(megabytes: int) -> bytes:
    """Return compressed zeros, `megabytes` MB of them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = ((megabytes << 20) % 65521) << 16 | 1
    return b"\x78\xda" + block * megabytes + packer.flush() + struct.pack(">I", checksum)


def hdf5(name: str, folder: Path) -> Iterator[str]:
    """Write files of a layout: images and energies that were never written, and compressed zeros."""
    kind = "c8" if name == "ptychography" else "f4"
    flat = name == "ptychography"
    wide = (1_000_000, 1_000_000)
    flaws: dict[str, Callable[[Path, str, str], None]] = {
        "pixels": lambda p, images, _: _dataset(p, images, wide if flat else (10_000, 10_000, 10_000), kind),
        "frame": lambda p, images, _: _dataset(p, images, (5000, 5000) if flat else (4, 5000, 5000), kind),
        "energies": lambda p, _, keys: _dataset(p, keys, (7_000_000,), "f8"),
        "packed": lambda p, images, _: _packed(
            p,
            images,
            (10_240, 10_240) if flat else (150, 8192, 8192),
            (1, 1024, 1024) if flat else (1, 8192, 8192),
            kind if flat else "u1",
        ),
        "packed energies": lambda p, _, keys: _packed(p, keys, (64 << 20,), (1 << 20,)),
        "chunk": lambda p, images, _: _packed(p, images, (1, 3, 5), (60, 1024, 1024), kind, n_chunks=1),
    }
    for what, change in flaws.items():
        path = folder / what / "a1.h5"
        path.parent.mkdir()
        images, keys = LAYOUTS[name](path)
        change(path, images, keys)
        yield what if LAYOUTS[name] in hdf5_layouts.SERIES else f"{what}/a1.h5"


def _dataset(path: Path, name: str, shape: tuple[int, ...], dtype: str, **layout: object) -> h5py.Dataset:
    """Replace a dataset by one whose values were never written."""
    with h5py.File(path, "a") as file:
        about = dict(file[name].attrs)
        del file[name]
        dataset = file.create_dataset(name, shape, dtype, **({"chunks": tuple(min(n, 100) for n in shape)} | layout))
        dataset.attrs.update(about)


def _packed(
    path: Path, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str = "u1", n_chunks: int = 150
) -> None:
    """Write a dataset of zeros, compressed to a thousandth of its size."""
    chunks = chunks[-len(shape) :]
    _dataset(path, name, shape, dtype, chunks=chunks, maxshape=(None,) * len(shape), compression="gzip")
    n_bytes = int(np.prod(chunks)) * np.dtype(dtype).itemsize
    with h5py.File(path, "a") as file:
        for i in range(min(n_chunks, -(-shape[0] // chunks[0]))):
            at = (i * chunks[0], *(0 for _ in shape[1:]))
            file[name].id.write_direct_chunk(at, zeros(n_bytes >> 20))


def nexus(folder: Path) -> Iterator[str]:
    """Write the bombs of a layout, and own files with large metadata: one array a hundred times, and a text."""
    yield from hdf5("nexus", folder)
    stack = SpectralStack(samples.FRAMES, ENERGY, metadata={"flat": samples.FRAMES, "i0": np.ones(4)})
    for what in ("array", "text"):
        path = folder / f"own {what}.h5"
        io.write(stack, path)
        own = "entry/napari_xanes"
        if what == "text":
            _dataset(path, f"{own}/history", (), "S1000000000", chunks=None)
        else:
            _dataset(path, f"{own}/arrays/flat", (4, 2000, 2000), "f4")
            with h5py.File(path, "a") as file:
                said = json.loads(file[f"{own}/metadata"].asstr()[()])
                del file[f"{own}/metadata"]
                file[f"{own}/metadata"] = json.dumps({str(i): said["flat"] for i in range(100)})
        yield path.name


def tiff(folder: Path) -> Iterator[str]:
    """Write TIFF strips that uncompress to more than their size, and images that contain only zeros."""
    (folder / "a.txt").write_text("".join(f"{e}\n" for e in ENERGY))
    frames = np.zeros((4, 64, 64), "u2")
    for what, packed in (("strip", zeros(1000)), ("tile", zeros(1000))):
        path = folder / f"{what}.tif"
        (folder / f"{what}.txt").write_text("".join(f"{e}\n" for e in ENERGY))
        tile = (64, 64) if what == "tile" else None
        tifffile.imwrite(
            path, iter([packed] * 4), shape=frames.shape, dtype="u2", compression="zlib", tile=tile, **GREY
        )
        yield path.name
    tifffile.imwrite(
        folder / "a.tif",
        iter([zeros(2048)] * 4),
        shape=(4, 32768, 32768),
        dtype="u2",
        compression="zlib",
        rowsperstrip=32768,
        **GREY,
    )
    yield "a.tif"
    (folder / "many").mkdir()
    for i in range(30):
        tifffile.imwrite(
            folder / f"many/a_{7100 + i}eV.tif",
            iter([zeros(32)]),
            shape=(4096, 4096),
            dtype="u2",
            compression="zlib",
            rowsperstrip=4096,
            **GREY,
        )
    yield "many"


def arrays(folder: Path) -> Iterator[str]:
    """Write archives: one of zeros, and one with an array that claims to be larger than its data."""
    header = np.lib.format.magic(1, 0)
    for what, shape, packed in (("zeros", (4, 8000, 8000), 4 * 8000 * 8000), ("says", (10**4,) * 3, 60)):
        said = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).encode()
        with zipfile.ZipFile(folder / f"{what}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("data.npy", "w") as file:
                file.write(header + struct.pack("<H", len(said) + 1) + said + b"\n" + bytes(packed))
            with archive.open("energy.npy", "w") as file:
                np.save(file, np.array(ENERGY))
        yield f"{what}.npz"


def zarr_folder(folder: Path) -> Iterator[str]:
    """Write chunks of several codecs that uncompress to more than their size, and arrays of fill values."""
    from numcodecs import Blosc, GZip, Zlib, Zstd

    content = bytes(256 << 20)
    codecs = {"blosc": Blosc(), "zlib": Zlib(9), "gzip": GZip(9), "zstd": Zstd()}
    packed = {"zlib": zeros(1000), "gzip": _gzipped(1000)}
    for name, codec in codecs.items():
        path = folder / f"{name}.zarr"
        array = zarr.create_array(str(path), data=samples.FRAMES, zarr_format=2, compressors=codec)
        array.attrs["energy"] = list(ENERGY)
        (path / samples.chunk(path, "")).write_bytes(packed.get(name) or codec.encode(content))
        yield path.name
    for name, shape, chunks in (
        ("pixels", (10_000, 10_000, 10_000), (1, 1000, 1000)),
        ("frame", (4, 20_000, 20_000), (1, 20_000, 20_000)),
        ("chunks", (4, 30_000, 100), (1, 1, 100)),
    ):
        path = folder / f"{name}.zarr"
        array = zarr.create_array(str(path), shape=shape, chunks=chunks, dtype="f4", zarr_format=2)
        array.attrs["energy"] = list(ENERGY) if shape[0] == 4 else np.linspace(7000, 7500, shape[0]).tolist()
        yield path.name


def _gzipped(megabytes: int) -> bytes:
    return gzip.compress(bytes(1 << 20), 9) * megabytes


def texts(folder: Path) -> Iterator[str]:
    """Write energies for an image: one line that is too long, and too many lines."""
    for what, text in (("line", "7" * (3 << 20)), ("lines", "7\n" * (3 << 19)), ("columns", "7 " * (2 << 20))):
        (folder / what).mkdir()
        tifffile.imwrite(folder / what / "a.tif", samples.FRAMES, **GREY)
        (folder / what / "a.txt").write_text(text)
        yield f"{what}/a.tif"


def sdf(folder: Path) -> Iterator[str]:
    """Write a header with millions of lists, blocks and energies, and an image of one long line."""
    samples.STACKS["sdf"](folder)
    text = (folder / "a.hdr").read_text()
    for what, old, new in (
        ("energies", "Points = (4, 7100.0,", f"Points = (200003, {'7,' * 200_000}"),
        ("regions", "Regions = (1,", f"Regions = (200001, {'{},' * 200_000}"),
    ):
        (folder / f"{what}.hdr").write_text(text.replace(old, new))
        yield f"{what}.hdr"
    for image in folder.glob("a_a*.xim"):
        image.write_text("1 " * (4 << 20))
    yield "a.hdr"


def athena(folder: Path) -> Iterator[str]:
    """Write a project of zeros, and a project with a list that is too long."""
    head = b"# Athena project file\n@x = ("
    for what, content in (("zeros", _gzipped(1000)), ("list", gzip.compress(b"10," * (8 << 20)))):
        (folder / f"{what}.prj").write_bytes(gzip.compress(head) + content)
        yield f"{what}.prj"


def columns(folder: Path) -> Iterator[str]:
    """Write short lines, long lines and comments: each file has the largest size that is allowed."""
    n = 7_000_000
    for what, text in (
        ("short", "7 1\n" * (n // 4)),
        ("long", "7 " * (n // 2)),
        ("comments", "#a\n" * (n // 3) + "7100 1\n"),
        ("words", "# " + "a " * (n // 2) + "\n7100 1\n7110 2\n"),
    ):
        (folder / f"{what}.dat").write_text(text)
        yield f"{what}.dat"


STACKS: dict[str, Callable[[Path], Iterator[str]]] = {
    **{name: (lambda folder, name=name: hdf5(name, folder)) for name in LAYOUTS},  # type: ignore[misc]
    "nexus": nexus,
    "tiff": tiff,
    "arrays": arrays,
    "zarr_folder": zarr_folder,
    "sdf": sdf,
    "texts": texts,
}
SPECTRA: dict[str, Callable[[Path], Iterator[str]]] = {"athena": athena, "columns": columns}
