"""The source stores the reading options (repeats, selection, given energies), and reading again uses them."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import dask.array as da
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.io.edf.edf_files import id21
from tests.io.zeiss.xrm_files import aps, ssrl
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.cli import app
from napari_xanes.io import frames
from napari_xanes.recipe import as_python

ENERGY = [7120.0, 7100.0, 7110.0, 7100.0, 7120.0, 7100.0]
FRAMES = np.arange(6, dtype=np.float32)[:, None, None] + np.zeros((6, 2, 3), np.float32)


@pytest.fixture
def repeated(tmp_path: Path) -> Path:
    np.savez(tmp_path / "scan.npz", data=FRAMES, energy=ENERGY)
    return tmp_path / "scan.npz"


@pytest.mark.parametrize(("repeat", "expected"), [(None, [3, 2, 2]), (1, [1, 2, 0]), (2, [3, 2, 4]), (3, [5, 2, 4])])
def test_repeats_are_averaged_or_kept_apart(repeated: Path, repeat: int | None, expected: list[float]) -> None:
    stack = io.read(repeated, repeat=repeat)
    np.testing.assert_array_equal(stack.energy, [7100, 7110, 7120])
    np.testing.assert_array_equal(stack.data[:, 0, 0], expected)
    assert stack.metadata["repeats"] == 3
    note = "6 frames became 3" if repeat is None else f"repeat {repeat} of 2 energies taken"
    assert any(note in line for line in stack.metadata["notes"])
    assert stack.source is not None
    assert stack.source.notes == tuple(stack.metadata["notes"])


@pytest.mark.parametrize(("repeat", "text"), [(4, "at most 3 times"), (0, "count from 1"), (-1, "count from 1")])
def test_missing_repeats_are_refused(repeated: Path, repeat: int, text: str) -> None:
    with pytest.raises(ValueError, match=rf"scan\.npz.*{text}"):
        io.read(repeated, repeat=repeat)


def test_stack_without_repeats(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=FRAMES, energy=np.arange(6) + 7000.0)
    assert "repeats" not in io.read(tmp_path / "a.npz", repeat=1).metadata
    with pytest.raises(ValueError, match="each energy was measured at most once"):
        io.read(tmp_path / "a.npz", repeat=2)


def test_metadata_follow_the_repeat(tmp_path: Path, repeated: Path) -> None:
    counts = nx.SpectralStack(FRAMES, np.arange(6) + 7000.0, metadata={"exposure": np.arange(6.0)})
    nx.write(counts, tmp_path / "own.h5")
    stack = io.read(tmp_path / "own.h5", energies=ENERGY, repeat=2)
    np.testing.assert_array_equal(stack.metadata["exposure"], [3, 2, 4])


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2)])
def test_one_image_for_all_frames_stays_as_it_is(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Return a dark (Y, X) with as many rows as there are frames, or (Z, Y, X) with as many slices."""
    dark = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    counts = nx.SpectralStack(np.ones((4, *shape)), np.arange(4) + 7000.0, metadata={"dark": dark})
    nx.write(counts, tmp_path / "own.h5")
    stack = io.read(tmp_path / "own.h5", energies=[7003, 7002, 7001, 7001])
    np.testing.assert_array_equal(stack.metadata["dark"], dark)


def test_repeats_that_were_averaged_before_the_file_was_written(tmp_path: Path, repeated: Path) -> None:
    nx.write(io.read(repeated), tmp_path / "own.h5")
    assert io.read(tmp_path / "own.h5").metadata["repeats"] == 3
    with pytest.raises(ValueError, match="each energy occurs at most once in this file; leave repeat out"):
        io.read(tmp_path / "own.h5", repeat=2)


def test_a_lazy_stack_of_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    id21(tmp_path)
    monkeypatch.chdir(tmp_path)
    stack = io.read(".", memory_limit=10)
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(np.asarray(stack.data), io.read(tmp_path).data)


def test_repeats_of_a_series_of_files(tmp_path: Path) -> None:
    stack = io.read(ssrl(tmp_path), repeat=4)
    np.testing.assert_array_equal(stack.data[:, 0, 0], [121, 221])
    assert (stack.data.dtype, stack.metadata["repeats"]) == (np.uint16, 6)
    assert "repeat 4 of 2 energies taken, their other frames left out" in stack.metadata["notes"]
    with pytest.raises(ValueError, match="at most 6 times"):
        io.read(tmp_path, repeat=7)


def again(source: nx.Source) -> nx.SpectralStack:
    paths, keywords = source.to_read()
    return io.read(paths, **keywords)


def test_the_source_says_how_to_read_it_again(tmp_path: Path, repeated: Path) -> None:
    text = tmp_path / "other.txt"
    text.write_text("\n".join(str(e + 5) for e in ENERGY))
    first = io.read(repeated, repeat=2, energies=str(text), quantity="fluorescence")
    assert first.source is not None
    options = {"energies": str(text.resolve()), "quantity": "fluorescence", "repeat": 2}
    assert dict(first.source.reading) == options
    for path in ("stack.h5", "stack.tif"):
        nx.write(first, tmp_path / path)
        assert io.read(tmp_path / path).source == first.source
    second = again(first.source)
    np.testing.assert_array_equal(second.data, first.data)
    np.testing.assert_array_equal(second.energy, first.energy)
    assert (second.quantity, second.source) == ("fluorescence", first.source)


def test_files_of_a_series_are_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    files = sorted(aps(folder).glob("*_8250_*")) + sorted(folder.glob("*_8353_*"))
    first = io.read(files)
    assert first.source is not None
    assert first.source.reading["files"] == [file.name for file in files]
    assert again(first.source).source == first.source
    scope: dict = {}
    exec(as_python(nx.run([nx.Step("optical_depth")], first).history, first.source), scope)
    np.testing.assert_array_equal(scope["stack"].data, first.data)


def test_a_recipe_reads_its_flats_as_they_were_read(tmp_path: Path, repeated: Path) -> None:
    flats = io.read(repeated, repeat=3)
    stack = nx.SpectralStack(flats.data * 2 + 1, flats.energy)
    depth = nx.ops.optical_depth(stack, i0=flats)
    nx.Recipe(depth.history).save(tmp_path / "recipe.yaml")
    np.testing.assert_array_equal(nx.run(nx.Recipe.load(tmp_path / "recipe.yaml"), stack).data, depth.data)


def test_reading_options_on_the_command_line(repeated: Path) -> None:
    result = CliRunner().invoke(app, ["info", str(repeated), "--json", "--repeat", "2"], catch_exceptions=False)
    facts = json.loads(result.output)
    assert facts["repeats"] == 3
    assert "repeat 2 of 2 energies taken, their other frames left out" in facts["notes"]


@settings(max_examples=200)
@given(st.lists(st.sampled_from([0, 0, 0, 1, np.nan]), min_size=1, max_size=40), st.sampled_from([1, 48, 10_000]))
def test_the_end_of_an_interrupted_scan(values: list[float], look: int) -> None:
    data = np.zeros((len(values), 2, 3), np.float32)
    data[:, 1, 2] = values
    expected = max((i + 1 for i, value in enumerate(values) if value == 1), default=0)
    with mock.patch.object(frames, "_LOOK_BYTES", look):
        assert frames.filled_length(data) == expected
        assert frames.filled_length(da.from_array(data, chunks=(3, 2, 3))) == expected


@pytest.mark.parametrize("wrong", [-1.0, 0.0])
def test_energies_that_are_none_are_refused_with_the_file(tmp_path: Path, wrong: float) -> None:
    nx.write(nx.SpectralStack(np.ones((3, 4, 5)), [8330, 8340, 8350]), tmp_path / "scan.h5")
    with h5py.File(tmp_path / "scan.h5", "r+") as file:
        file["entry/data/energy"][2] = wrong
    with pytest.raises(ValueError, match=rf"scan.h5: {wrong:g} at position 0 is no photon energy"):
        nx.read(tmp_path / "scan.h5")
