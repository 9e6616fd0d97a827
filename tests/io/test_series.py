"""Series of files: a new format needs only a parser for one file. The common rules apply to all formats."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.io import contracts

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.io.part import Part, group_repeats, mean_parts, with_nearest_flats
from napari_xanes.io.series import assemble, parse_files, series_files

MARK = "toy image"


# A format that is defined outside the package. Each file is text: a mark, energy and exposure, then rows of pixels.


def why_not_toy(path: Path) -> str | None:
    files = sorted(path.glob("*.toy")) if path.is_dir() else [path]
    return None if any(file.read_bytes().startswith(MARK.encode()) for file in files) else f"no file begins with {MARK}"


def toy_pixels(path: Path) -> np.ndarray:
    return np.loadtxt(path, skiprows=2, ndmin=2)


def parse_toy(path: Path) -> Part:
    mark, facts, *rows = path.read_text().splitlines()
    if mark != MARK:
        raise ValueError(f"does not begin with {MARK}")
    energy, exposure = map(float, facts.split())
    shape = len(rows), len(rows[0].split())
    return Part(path, energy, shape, np.dtype(float), Toy(path), exposure=exposure)


class Toy:
    """Read the pixels of a file when they are needed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> np.ndarray:
        return toy_pixels(self.path)


@pytest.fixture
def toy():
    @io.reader("toy_series", title="Toy", patterns=("*.toy",), why_not_readable=why_not_toy, folders=True)
    def read(path, files=None):
        warnings = []
        paths = series_files(path, files, (".toy",), warnings)
        return assemble(parse_files(paths, parse_toy, warnings), warnings=warnings)

    yield next(reader for reader in io.READERS if reader.name == "toy_series")
    io.READERS.unregister("toy_series")


ENERGY = (710.0, 700.0, 720.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scan"
    folder.mkdir()
    for i, energy in enumerate(ENERGY):
        (folder / f"{i}.toy").write_text(f"{MARK}\n{energy} 0.5\n{i} 1 2\n3 4 5\n")
    return folder


def frame(i: int) -> np.ndarray:
    return np.array([[i, 1, 2], [3, 4, 5]])


def test_a_toy_series_keeps_the_contract(toy, tmp_path):
    contracts.check_reader(toy, tmp_path)
    assert toy.is_series


@pytest.mark.parametrize("lazy", [False, True])
def test_a_toy_series_is_one_stack(toy, folder, lazy):
    stack = nx.read(folder, memory_limit=10) if lazy else nx.read(folder)
    assert stack.is_lazy == lazy
    assert stack.energy.tolist() == [700, 710, 720.5]
    np.testing.assert_array_equal(np.asarray(stack.data), [frame(1), frame(0), frame(2)])
    metadata = {key: stack.metadata[key] for key in ("format", "exposure", "files", "energy_unit")}
    assert metadata == {
        "format": "Toy",
        "exposure": 0.5,
        "files": ["1.toy", "0.toy", "2.toy"],
        "energy_unit": "eV",
    }


def test_several_files_and_a_single_file_of_a_toy_series(toy, folder):
    files = [folder / "2.toy", folder / "1.toy"]
    assert io.are_one_stack(files)
    np.testing.assert_array_equal(nx.read(files).data, [frame(1), frame(2)])
    np.testing.assert_array_equal(nx.read(folder / "2.toy").data, [frame(2)])


def test_an_unusable_toy_file_is_skipped(toy, folder):
    (folder / "1.toy").write_text("notes")
    with pytest.warns(UserWarning, match=r"1 of 3 files can't be used and is left out: 1\.toy \(not enough values"):
        assert nx.read(folder).energy.tolist() == [710, 720.5]
    for path in folder.iterdir():
        path.write_text(f"{MARK}\n")
    with pytest.raises(ValueError, match="scan: none of 3 files can be used: 0.toy"):
        nx.read(folder)


def test_repeated_energies_of_a_toy_series_are_averaged_with_a_warning(toy, folder):
    (folder / "3.toy").write_text(f"{MARK}\n710 0.5\n2 1 2\n3 4 5\n")
    with pytest.warns(UserWarning, match="1 file repeats the energy of another and is averaged"):
        np.testing.assert_array_equal(nx.read(folder).data[1], frame(1))


def test_an_unregistered_toy_series_is_not_used(toy, folder):
    io.READERS.unregister("toy_series")
    with pytest.raises(ValueError, match="no stack that napari-xanes can read"):
        nx.read(folder)
    io.READERS.register(toy)


# The common rules


@pytest.fixture
def part(tmp_path: Path):
    """Return a function that makes a frame (2, 3) of one value, as from a separate file."""

    def make(value: float, energy: float | None = 700.0, **facts: Any) -> Part:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.toy"
        path.write_text(f"{MARK}\n0 0\n" + f"{value} {value} {value}\n" * 2)
        return Part(path, energy, (2, 3), np.dtype("u2"), Toy(path), **facts)

    return make


@pytest.mark.parametrize(("second", "exposure"), [(0.5 + 1e-8, 0.5), (0.6, [0.5, 0.6])])
def test_exposures_that_differ_by_rounding_count_as_equal(part, second, exposure):
    stack = assemble([part(1, 700, exposure=0.5), part(2, 710, exposure=second)])
    np.testing.assert_array_equal(stack.metadata["exposure"], exposure)


def test_no_exposure_is_given_if_one_is_unknown(part):
    assert "exposure" not in assemble([part(1, exposure=0.5), part(2, exposure=0.0)]).metadata


def test_flats_are_scaled_where_exposures_change(part):
    parts = [part(1, 700, exposure=0.5), part(2, 710, exposure=2.0)]
    references = [part(10, 700, exposure=0.5), part(20, 712, exposure=0.5)]
    notes: list[str] = []
    stack = assemble(with_nearest_flats(parts, references, notes))
    assert stack.metadata["flat"][:, 0, 0].tolist() == [10, 80]
    assert "flat_exposure" not in stack.metadata
    assert notes == ["1 energy has no reference; the nearest ones, up to 2 eV away, are taken"]
    assert stack.notes == ["references scaled to the exposure times of the frames"]


def test_flats_with_equal_exposures_are_not_scaled(part):
    parts = [part(1, 700, exposure=0.5, flat=part(10, exposure=0.25, n_frames=4))]
    stack = assemble(parts)
    assert (stack.metadata["flat_exposure"], stack.metadata["n_flat"]) == (0.25, 4)
    assert stack.metadata["flat"][:, 0, 0].tolist() == [10]


def test_flats_of_a_format_without_exposures(part):
    stack = assemble([part(1, flat=part(10), dark=part(3))])
    assert (stack.warnings, stack.metadata["flat"][0, 0, 0], stack.metadata["dark"][0, 0, 0]) == ([], 10, 3)


@pytest.mark.parametrize("name", ["flat", "dark"])
def test_corrections_of_some_frames_are_not_used(part, name):
    stack = assemble([part(1, 700, **{name: part(9)}), part(2, 710)])
    assert name not in stack.metadata
    (warning,) = stack.warnings
    assert f"1 of 2 frames has no {name}" in warning


def test_repeats_are_averaged_with_their_corrections(part):
    parts = [
        part(value, energy, exposure=value, flat=part(10 * value, n_frames=5), dark=part(value / 2))
        for value, energy in ((2, 710), (1, 700), (4, 710))
    ]
    groups, notes = group_repeats(parts)
    first, second = mean_parts(groups)
    assert (first.load()[0, 0], second.load()[0, 0]) == (1, 3)
    assert (first.dtype, second.dtype) == (np.float32, np.float32)
    assert (second.exposure, second.n_frames) == (3, 2)
    assert second.flat is not None
    assert second.dark is not None
    assert (second.flat.load()[0, 0], second.flat.n_frames, second.dark.load()[0, 0]) == (30, 10, 1.5)
    assert notes == ["repeats of 1 energy averaged: 3 frames became 2"]
    assert assemble([first, second]).metadata["repeats"] == 2


def test_one_of_several_repeats(part):
    groups, _ = group_repeats([part(1), part(2), part(3, 710)], repeat=2)
    assert [only.load()[0, 0] for only in mean_parts(groups)] == [2, 3]
    assert mean_parts(groups)[0].dtype == np.uint16


def test_frames_of_different_types_get_a_common_type(part):
    parts = [part(1), Part(**{**vars(part(2, 710)), "dtype": np.dtype("f4")})]
    assert assemble(parts).data.dtype == np.float32


@pytest.mark.parametrize(("sizes", "expected"), [((0.03, 0.031), 0.03), ((0.03, 0.06), None), ((None, 0.03), 0.03)])
def test_pixel_sizes(part, sizes, expected):
    parts = [part(1, 700 + i, pixel_size=size and (size, size)) for i, size in enumerate(sizes)]
    stack = assemble(parts)
    assert stack.pixel_size == (expected and (expected, expected))
    assert bool(stack.warnings) == (expected is None)


def test_views_that_differ(part):
    stack = assemble([part(1, 700, angle=-30.0), part(2, 710, angle=-29.8)])
    assert (stack.metadata["angle"], stack.warnings) == (-30, [])
    stack = assemble([part(1, 700, angle=-30.0), part(2, 710, angle=30.0)])
    assert stack.warnings == ["frames were taken at -30 to 30 degrees: they do not show one view"]


def test_frames_without_an_energy(part):
    parts = [part(1, None), part(2, 710)]
    stack = assemble(parts)
    assert stack.data[:, 0, 0].tolist() == [2]
    assert "1 of 2 files has no photon energy in the file and is left out: 0.toy" in stack.warnings[0]
    assert assemble(parts, energies=[700, 710]).data[:, 0, 0].tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"0\.toy: no photon energy in its name; pass energies=.*each of 1 files"):
        assemble(parts[:1], energy_place="in its name")


def test_frames_of_another_shape_are_refused(part, tmp_path):
    other = Part(**{**vars(part(2, 710)), "shape": (2, 4)})
    with pytest.raises(ValueError, match=r"0\.toy: its frame is \(2, 4\), that of 1\.toy \(2, 3\)"):
        assemble([part(1), other])


def test_parts_can_be_pickled(part):
    parts = mean_parts(group_repeats([part(1), part(2), part(3, 710)])[0])
    copies = pickle.loads(pickle.dumps(parts))
    np.testing.assert_array_equal([copy.load() for copy in copies], [only.load() for only in parts])


def test_programming_errors_are_not_hidden(tmp_path):
    def parse(path: Path) -> Part:
        return undefined  # noqa: F821

    with pytest.raises(NameError):
        parse_files([tmp_path / "a", tmp_path / "b"], parse, [])


def test_a_single_file_raises_its_error(tmp_path):
    with pytest.raises(OSError, match="missing"):
        parse_files([tmp_path / "missing"], parse_toy, [])
    warnings: list[str] = []
    assert parse_files([tmp_path / "missing"], parse_toy, warnings, kind="references", required=False) == []
    assert "1 of 1 references can't be used" in warnings[0]
