"""Library files that are damaged, or promise too much: a documented error, and no memory for promises."""

from __future__ import annotations

import json
import random
import tracemalloc

import numpy as np
import pytest
from tests.io.damage import damaged
from tests.io.fuzzing import assert_documented

from napari_xanes.theory import load_library
from napari_xanes.theory.library.conventions import AXIS_STEP
from napari_xanes.theory.library.model import Library

RAMP = np.linspace(0.1, 1, 21, dtype=np.float32)


def library():
    spectra = np.stack([RAMP, RAMP[::-1], RAMP**2])
    table = {"charge": np.arange(3.0), "offset": np.zeros(3)}
    return Library("mine", 700 + AXIS_STEP * np.arange(21), spectra, table, {"source": "ramps"})


@pytest.mark.parametrize("compress", [False, True])
def test_damaged_bytes(compress, tmp_path):
    path = tmp_path / "a.npz"
    library().save(path, compress=compress)
    refused = 0
    for label, content in damaged(path.read_bytes(), flips=200):
        path.write_bytes(content)
        try:
            load_library(path)
        except (OSError, ValueError) as error:
            assert_documented(error, "a.npz")
            refused += 1
        except Exception as error:
            raise AssertionError(label) from error
    assert refused > 50


@pytest.mark.parametrize("compress", [False, True])
def test_changed_members(compress, tmp_path):
    path = tmp_path / "a.npz"
    library().save(path, compress=compress)
    with np.load(path) as archive:
        whole = {name: archive[name] for name in archive.files}
    others = [np.array("text"), np.zeros((0, 2)), np.array(-1), np.array(np.nan), np.array(1e300), np.ones((3, 2, 2))]
    others += [np.array("[" * 100_000), np.array(True), np.array(10**9), np.array(json.dumps([1]))]
    dice = random.Random(5)
    refused = 0
    for name in whole:
        for other in [None, *others, dice.choice(others)]:
            content = whole | {name: other}
            np.savez(path, **{key: value for key, value in content.items() if value is not None})
            try:
                load_library(path)
            except (OSError, ValueError) as error:
                assert_documented(error, "a.npz")
                refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    "promise",
    [
        {"weights": np.ones((1, 400_000), np.int16), "patterns": np.ones((1, 90_000), np.int16), "unit": 1.0},
        {"spectra": np.ones((2, 300), np.float32), "every": 10**9},
        {"spectra": np.ones((2, 200_000), np.float32)},
        {"spectra": np.zeros((300, 90_000), np.float32)},
        {"steps": np.zeros((2, 200_000), np.int16), "unit": 1.0},
    ],
    ids=["patterns", "thinned", "long", "packed", "steps"],
)
def test_nothing_is_allocated_for_promises(promise, tmp_path):
    about = {"format": "napari-xanes library 1", "name": "a", "start": 700.0, "provenance": "{}"}
    np.savez_compressed(tmp_path / "a.npz", column_charge=np.zeros(2), column_offset=np.zeros(2), **about, **promise)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"a\.npz"):
            load_library(tmp_path / "a.npz")
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_an_array_or_another_archive_is_no_library(tmp_path):
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, RAMP)
    with pytest.raises(ValueError, match=r"a\.npz: not a library"):
        load_library(tmp_path / "a.npz")
    with pytest.raises(OSError, match=r"b\.npz"):
        load_library(tmp_path / "b.npz")
