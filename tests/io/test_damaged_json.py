"""JSON in our own files with one value of a wrong type: the reader gives a result or a documented error."""

from __future__ import annotations

import copy
import json
import warnings

import h5py
import numpy as np
import pytest
from tests.io.fuzzing import assert_documented

from napari_xanes import MapSet, ParameterMap, Source, SpectralStack, Spectrum, Step, io

FRAMES = np.arange(60, dtype=np.float32).reshape(4, 3, 5) / 64 + 0.5
ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)
WRONG = (None, 3, "a", [], {"a": 1}, [None], True, -1)
HISTORY = (Step("crop", {"energy": [1, 2]}, {"offset": 1}, "0.1"),)
SOURCE = Source("/data/scan.h5", "sha256:0", {"select": "a"}, ("sorted",))
SPECTRUM = Spectrum("NiO", ENERGY, np.arange(4.0), 2, np.ones(4), {"pair": (1, 2), "list": np.ones(2)})
STACK = SpectralStack(FRAMES, ENERGY, "optical_depth", 0.1, HISTORY, SOURCE, {"reference": SPECTRUM, "pair": (1, 2)})
MAPS = MapSet({"phase": ParameterMap(np.ones((3, 5), np.int32), "1", labels={1: "a"})}, HISTORY, SOURCE)


def places(value, place=()):
    """Return the path to every value in nested lists and mappings, as a sequence of keys."""
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*place, key))


def replaced(value, place, new):
    """Return a copy of nested lists and mappings with one value replaced."""
    if not place:
        return new
    changed = copy.deepcopy(value)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return changed


def check(read, path, value, write):
    """Read a file once for each combination of a place in the JSON and a wrong value."""
    refused = 0
    for place in places(value):
        for new in WRONG:
            write(json.dumps(replaced(value, place, new)))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                try:
                    read(path)
                except Exception as error:
                    assert_documented(error, path.name)
                    refused += 1
    assert refused > 5


@pytest.mark.parametrize("name", ["metadata", "history", "source", "pixel_size"])
@pytest.mark.parametrize(("value", "read"), [(STACK, io.read), (MAPS, io.read_maps)], ids=["stack", "maps"])
def test_hdf5(value, read, name, tmp_path):
    path = tmp_path / "own.h5"
    io.write(value, path)
    with h5py.File(path) as file:
        plain = json.loads(file["entry/napari_xanes"][name][()])

    def write(text):
        with h5py.File(path, "a") as file:
            del file["entry/napari_xanes"][name]
            file["entry/napari_xanes"][name] = text

    check(read, path, plain, write)


@pytest.mark.parametrize(
    ("suffix", "mark"), [(".csv", "# napari-xanes spectra 1: "), (".xdi", "# Napari_xanes.spectra: ")]
)
def test_spectra(suffix, mark, tmp_path):
    path = tmp_path / f"own{suffix}"
    io.write([SPECTRUM], path)
    lines = path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(mark))

    def write(text):
        path.write_text("\n".join([*lines[:at], mark + text, *lines[at + 1 :]]))

    check(io.read_spectra, path, json.loads(lines[at].removeprefix(mark)), write)


@pytest.mark.parametrize("name", ["zarr.json", "image/0/zarr.json"])
def test_zarr(name, tmp_path):
    path = tmp_path / "own.zarr"
    io.write(STACK, path)
    check(io.read, path, json.loads((path / name).read_text()), (path / name).write_text)
