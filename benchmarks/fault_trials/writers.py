"""What is written in a trial, by every writer, and whether what is found afterwards is the old or the new content."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import napari_xanes as nx
from napari_xanes import pictures

SMALL = (4, 24, 24)
LARGE = (50, 1024, 1024)
"""Shape of 200 MB."""


def data_of(version: int, shape: tuple[int, ...]) -> Any:
    """Return values (E, Y, X) of which every one differs between versions."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 4093 + 5000 * version


def energies_of(version: int, shape: tuple[int, ...]) -> Any:
    """Return energies (E,) in eV that differ between versions."""
    return 8300.0 + 100 * version + np.arange(shape[0]) / 3


def stack_of(version: int, shape: tuple[int, ...]) -> nx.SpectralStack:
    """Return the stack of a version."""
    metadata = {"version": version, "image": np.full((8, 8), version)}
    return nx.SpectralStack(data_of(version, shape), energies_of(version, shape), "counts", metadata=metadata)


def maps_of(version: int, shape: tuple[int, ...]) -> nx.MapSet:
    """Return the maps of a version."""
    values = data_of(version, shape)
    return nx.MapSet({f"map {i}": nx.ParameterMap(image, "eV", image / 9) for i, image in enumerate(values)})


def spectra_of(version: int, shape: tuple[int, ...]) -> list[nx.Spectrum]:
    """Return spectra of a version, one on 3 energies and one on as many as a frame has rows."""
    axis = 8300.0 + version + np.arange(shape[1]) / 7
    values = np.sin(axis) + version
    return [nx.Spectrum("a", axis, values, 2.5, values**2), nx.Spectrum("b", axis, values / 3, metadata={"v": version})]


def _stack_in(path: Path, shape: tuple[int, ...]) -> int:
    stack = nx.read(path)
    version = int(stack.metadata["version"])
    expected = stack_of(version, shape)
    if not np.array_equal(stack.energy, expected.energy) or not np.array_equal(stack.data, expected.data):
        raise AssertionError(f"{path.name}: its values are not those of version {version}")
    if path.suffix == ".tif" and not _text_fits(path):
        raise AssertionError(f"the text beside {path.name} has other energies")
    return version


def _text_fits(path: Path) -> bool:
    """Whether the text is missing or holds the energies of the image; True if the image has changed meanwhile."""
    before = path.stat()
    try:
        fits = np.array_equal(np.loadtxt(path.with_suffix(".txt")), nx.read(path).energy)
    except FileNotFoundError:
        return True
    after = path.stat()
    return fits or (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns)


def _maps_in(path: Path, shape: tuple[int, ...]) -> int:
    maps = nx.read_maps(path)
    version = int(maps["map 0"].data[0, 0]) // 5000
    for name, expected in maps_of(version, shape).items():
        if not np.array_equal(maps[name].data, expected.data) or not np.array_equal(maps[name].sigma, expected.sigma):
            raise AssertionError(f"{path.name}: {name} is not that of version {version}")
    return version


def _spectra_in(path: Path, shape: tuple[int, ...]) -> int:
    spectra = nx.read_spectra(path)
    version = int(spectra[1].metadata["v"])
    for found, expected in zip(spectra, spectra_of(version, shape), strict=True):
        same_sigma = expected.sigma is None or np.array_equal(found.sigma, expected.sigma)
        if not np.array_equal(found.mu, expected.mu) or not np.array_equal(found.energy, expected.energy) & same_sigma:
            raise AssertionError(f"{path.name}: {found.name} is not that of version {version}")
    return version


def library_of(version: int, shape: tuple[int, ...]) -> Any:
    """Return a library of a version."""
    axis = 640 + 0.05 * np.arange(shape[1] * 2 + 1)
    spectra = version + np.abs(np.sin(axis * np.arange(1, 5)[:, None]))
    return nx.theory.Library("lines", axis, spectra, {"charge": [2, 3, 2, 3], "offset": [0, 0, version, version]})


def _library_in(path: Path, shape: tuple[int, ...]) -> int:
    library = nx.theory.load_library(path)
    version = int(library.table["offset"][-1])
    if not np.array_equal(library.spectra, library_of(version, shape).spectra):
        raise AssertionError(f"{path.name}: its spectra are not those of version {version}")
    return version


def _recipe_of(version: int) -> nx.Recipe:
    return nx.Recipe([nx.Step("crop", {"energy": [7000.0 + version, 9000.0]}) for _ in range(40)])


def _recipe_in(path: Path, shape: tuple[int, ...]) -> int:
    recipe = nx.Recipe.load(path)
    version = int(recipe[0].parameters["energy"][0]) - 7000
    if list(recipe) != list(_recipe_of(version)):
        raise AssertionError(f"{path.name}: its steps are not those of version {version}")
    return version


def _write_picture(path: Path, version: int, shape: tuple[int, ...]) -> None:
    pictures.save_spectra(spectra_of(version, SMALL), path, ylabel="mu")


@cache
def _picture(version: int) -> bytes:
    with TemporaryDirectory() as folder:
        _write_picture(Path(folder, "a.png"), version, SMALL)
        return Path(folder, "a.png").read_bytes()


def _picture_in(path: Path, shape: tuple[int, ...]) -> int:
    content = path.read_bytes()
    for version in (1, 2, 3):
        if content == _picture(version):
            return version
    raise AssertionError(f"{path.name}: it is the picture of no version")


@dataclass(frozen=True)
class Writer:
    """A writer, and how its files are recognised.

    Parameters
    ----------
    name : str
        The file that it writes.
    write : callable
        Write a version (an int) in a shape to a path.
    version_in : callable
        Read a file; return the version, raise if it is damaged or has parts of several.
    grows : bool
        Whether the file grows with the shape.
    is_read : bool
        Whether napari-xanes reads such files.
    """

    name: str
    write: Callable[[Path, int, tuple[int, ...]], None]
    version_in: Callable[[Path, tuple[int, ...]], int]
    grows: bool = False
    is_read: bool = True


def _saved(make: Callable[[int, tuple[int, ...]], Any]) -> Callable[[Path, int, tuple[int, ...]], None]:
    return lambda path, version, shape: nx.write(make(version, shape), path)


WRITERS = [
    Writer("stack.h5", _saved(stack_of), _stack_in, True),
    Writer("maps.h5", _saved(maps_of), _maps_in, True),
    Writer("stack.tif", _saved(stack_of), _stack_in, True),
    Writer("maps.tif", _saved(maps_of), _maps_in, True),
    Writer("stack.zarr", _saved(stack_of), _stack_in, True),
    Writer("spectra.csv", _saved(spectra_of), _spectra_in),
    Writer("spectra.xdi", _saved(spectra_of), _spectra_in),
    Writer("library.npz", lambda path, version, shape: library_of(version, shape).save(path), _library_in),
    Writer("recipe.yaml", lambda path, version, shape: _recipe_of(version).save(path), _recipe_in),
    Writer("picture.png", _write_picture, _picture_in, is_read=False),
]


def write(writer: Writer, folder: Path, version: int, shape: tuple[int, ...] = SMALL) -> None:
    """Write a version of a file into a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TIFF leaves images of the metadata out
        writer.write(folder / writer.name, version, shape)


def version_in(writer: Writer, folder: Path, shape: tuple[int, ...] = SMALL) -> int:
    """Return the version that a file holds.

    Raises
    ------
    Exception
        If it is not a whole one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return writer.version_in(folder / writer.name, shape)


def leftovers(folder: Path) -> list[str]:
    """Return hidden names in a folder: whatever a writer left behind."""
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))
