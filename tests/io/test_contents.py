"""What is in a file and what became of it: the list, and the warning about corrections that were left out."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_xanes import SpectralStack, io
from napari_xanes.io.array_notes import MOST_ARRAYS, noting_arrays
from napari_xanes.io.array_roles import role_of
from napari_xanes.io.contents import use_in_words
from napari_xanes.io.hdf5.listing import arrays_in

ENERGY = np.array([7100.0, 7110, 7120])
FRAMES = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5) + 100


def read(path: Path, **keywords: Any) -> tuple[SpectralStack, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stack = io.read(path, **keywords)
    return stack, [str(warning.message) for warning in caught]


def uses(stack: SpectralStack) -> dict[str, str]:
    return {row[0]: row[3] for row in map(use_in_words, stack.metadata["contents"])}


@pytest.fixture
def exchange(tmp_path: Path) -> Path:
    """Return an energy scan with arrays that the reader knows, and others."""
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["exchange/data"], file["exchange/energy"] = FRAMES, ENERGY
        file["exchange/data_dark"] = np.ones((2, 4, 5), np.uint16)
        file["exchange/theta"] = np.zeros(3)
        file["measurement/whitefield/data"] = np.ones((6, 4, 5))
        file["measurement/flats"] = np.ones((7, 4, 5))
        file["measurement/i0"] = np.ones(3)
        file["measurement/motor"] = 1.5
        file["title"] = "text"
    return path


def test_every_array_is_listed_with_what_became_of_it(exchange: Path) -> None:
    stack, told = read(exchange)
    assert uses(stack) == {
        "exchange/data": "frames",
        "exchange/data_dark": "darks",
        "exchange/energy": "energies",
        "exchange/theta": "not used",
        "measurement/flats": "not used",
        "measurement/i0": "not used",
        "measurement/whitefield/data": "not used",
    }
    first = stack.metadata["contents"][0]
    assert dict(first) == {
        "name": "exchange/data", "shape": (3, 4, 5), "dtype": "uint16", "used_as": "frames"
    }  # fmt: skip
    flats = "'measurement/flats' (7 x 4 x 5), 'measurement/whitefield/data' (6 x 4 x 5), which were not used"
    assert any(flats in line for line in told)
    assert any("'measurement/i0' (3), which was not used" in line for line in told)
    assert not any("data_dark" in line for line in told)


def test_lazy_stacks_have_the_same_list_and_it_can_be_sent_and_saved(exchange: Path, tmp_path: Path) -> None:
    stack, _ = read(exchange)
    lazy, _ = read(exchange, memory_limit=0)
    assert lazy.is_lazy
    assert lazy.metadata["contents"] == stack.metadata["contents"]
    assert pickle.loads(pickle.dumps(lazy)).metadata["contents"] == stack.metadata["contents"]
    io.write(stack, tmp_path / "own.h5")
    own, told = read(tmp_path / "own.h5")
    assert own.metadata["contents"] == stack.metadata["contents"]
    assert told == []


def test_given_energies_replace_those_of_the_file(exchange: Path) -> None:
    stack, _ = read(exchange, energies=[7000, 7010, 7020])
    assert uses(stack)["exchange/energy"] == "not used: energies= was given"


def test_flats_that_were_applied_before_are_no_reason_for_a_warning(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "fxi.h5", "w") as file:
        file["img_xanes"], file["X_eng"] = FRAMES.astype(np.float32) / 200, ENERGY / 1000
        file["img_bkg"], file["uid"] = np.ones((2, 4, 5)), "a"
    stack, told = read(tmp_path / "fxi.h5")
    assert uses(stack)["img_bkg"] == "not used: the values are transmission already"
    assert told == []


def test_what_the_reader_says_itself_is_the_reason(exchange: Path) -> None:
    with h5py.File(exchange, "a") as file:
        file["exchange/data_white"] = np.ones((2, 9, 9))
    stack, told = read(exchange)
    assert uses(stack)["exchange/data_white"].startswith("not used: shape (2, 9, 9)")
    assert sum("data_white" in line for line in told) == 1


def test_links_are_not_followed_and_one_array_is_listed_once(exchange: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["flat"] = np.ones((3, 4, 5))
    with h5py.File(exchange, "a") as file:
        file["a_copy"] = file["exchange/data"]
        file["soft"] = h5py.SoftLink("/exchange/data")
        file["outside"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "flat")
        file["loop/again"] = file["exchange"]
        layout = h5py.VirtualLayout((3, 4, 5), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "flat", (3, 4, 5))
        file.create_virtual_dataset("virtual", layout)
    stack, _ = read(exchange)
    names = uses(stack)
    assert names["exchange/data"] == "frames"
    assert not {"a_copy", "soft", "outside", "loop/again/data"} & set(names)
    assert names["virtual"] == "not used: its values lie in other files, which are not followed"


def test_a_list_has_an_end_and_what_may_matter_comes_first(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "many.h5", "w") as file:
        for group in ("a", "b", "c"):
            for number in range(200):
                file[f"{group}/n{number:03}"] = [1.0, 2.0]
        file["c/zero/one/two/img_bkg"] = np.ones((2, 4, 5))
        file["c/zz_white"] = np.ones((2, 4, 5))
        deep = file
        for _ in range(20):
            deep = deep.create_group("deep")
        deep["flat"] = np.ones((2, 4, 5))
    with h5py.File(tmp_path / "many.h5") as file:
        found = arrays_in(file)
    assert len(found) <= MOST_ARRAYS + 1
    assert found[-1].reason == "not listed: too many"
    with h5py.File(tmp_path / "many.h5", "a") as file:
        for group in ("a", "b"):
            del file[group]
    with h5py.File(tmp_path / "many.h5") as file:
        names = [array.name for array in arrays_in(file)]
    assert "c/zz_white" in names
    assert not any("deep" in name for name in names)


def test_an_array_that_was_read_is_listed_wherever_it_lies(exchange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = read(exchange)
    monkeypatch.setattr("napari_xanes.io.hdf5.file.arrays_in", lambda file: [])
    stack, _ = read(exchange)
    used = {name: became for name, became in uses(whole).items() if not became.startswith("not used")}
    assert uses(stack) == used


def test_names_that_tell_are_found_behind_hundreds_of_motors(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "many.h5", "w") as file:
        for number in range(100):
            for field in ("offset", "position", "value", "user", "limit"):
                file[f"collection/motor_{number:03}/{field}"] = [1.0, 2.0]
        file["instrument/detector/data_dark"] = np.ones((2, 4, 5))
    with h5py.File(tmp_path / "many.h5") as file:
        assert "instrument/detector/data_dark" in [array.name for array in arrays_in(file)]


def test_a_damaged_rest_of_a_file_does_not_matter(exchange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(file: h5py.File) -> None:
        raise RuntimeError("damaged")

    monkeypatch.setattr("napari_xanes.io.hdf5.file.arrays_in", broken)
    stack, told = read(exchange)
    assert "contents" not in stack.metadata
    assert told == []


def test_archives_stores_and_tiffs_have_lists_too(tmp_path: Path) -> None:
    arrays = {"data": FRAMES, "energy": ENERGY, "flat": np.ones((4, 5)), "names": np.array(["a"])}
    np.savez(tmp_path / "scan.npz", **arrays)
    stack, told = read(tmp_path / "scan.npz")
    assert uses(stack) == {"data": "frames", "energy": "energies", "flat": "not used"}
    assert "'flat' (4 x 5)" in told[0]
    root = zarr.open_group(tmp_path / "scan.zarr", mode="w")
    for name in ("data", "energy"):
        root.create_array(name, data=arrays[name])
    root.create_group("calibration").create_array("dark", data=np.ones((4, 5)))
    stack, told = read(tmp_path / "scan.zarr")
    assert uses(stack) == {"data": "frames", "energy": "energies", "calibration/dark": "not used"}
    assert "'calibration/dark' (4 x 5)" in told[0]
    with tifffile.TiffWriter(tmp_path / "scan.tif") as file:
        file.write(FRAMES, photometric="minisblack")
        file.write(np.ones((7, 8), np.uint8))
    (tmp_path / "scan.txt").write_text("7100\n7110\n7120\n")
    stack, _ = read(tmp_path / "scan.tif")
    assert [tuple(use.values()) for use in stack.metadata["contents"]] == [
        ("series 0", (3, 4, 5), "uint16", "frames"),
        ("series 1", (7, 8), "uint8"),
    ]


@pytest.mark.parametrize("memory_limit", [None, 0])
def test_of_a_series_the_first_file_is_listed(tmp_path: Path, memory_limit: int | None) -> None:
    for number, energy in enumerate(ENERGY):
        with h5py.File(tmp_path / f"scan_{number}.h5", "w") as file:
            file["img_tomo"], file["X_eng"] = FRAMES, energy / 1000
            file["img_bkg"], file["img_bkg_avg"] = np.ones((2, 4, 5)), np.ones((1, 4, 5))
            file["angle"] = np.arange(3.0)
    stack, told = read(tmp_path, memory_limit=memory_limit)
    assert uses(stack) == {
        "img_tomo": "frames",
        "img_bkg": "flats",
        "img_bkg_avg": "not used: flats are taken from img_bkg",
        "X_eng": "energies",
        "angle": "angles",
    }
    assert {use.file for use in stack.metadata["contents"]} == {"scan_0.h5"}
    assert told == []


def test_other_stacks_of_a_file_say_how_to_read_them(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "scan.hdf5", "w") as file:
        entry = file.create_group("entry1")
        entry["definition"] = "NXstxm"
        for name in ("counter0", "counter1"):
            group = entry.create_group(name)
            group.attrs.update(NX_class="NXdata", signal="data", axes=["energy", "sample_y", "sample_x"])
            group["data"], group["energy"] = FRAMES, ENERGY
    stack, _ = read(tmp_path / "scan.hdf5", select="entry1/counter1")
    assert uses(stack)["entry1/counter1/data"] == "frames"
    assert uses(stack)["entry1/counter0/data"] == (
        "not used: another stack of the file: select='entry1/counter0' reads it"
    )


def test_nothing_is_noted_outside_of_a_reading() -> None:
    with noting_arrays() as outer:
        with noting_arrays() as inner:
            pass
        assert (outer.reads, inner.reads, outer.listers) == ({}, {}, {})


@pytest.mark.parametrize(
    ("name", "axes", "role"),
    [
        ("exchange/data_white", 3, "flats"),
        ("data_flat", 3, "flats"),
        ("FF", 3, "flats"),
        ("WhiteField", 3, "flats"),
        ("bright_field/data", 3, "flats"),
        ("shutter_open", 1, "unknown"),
        ("Exchange/flat", 3, "flats"),
        ("img_bkg_avg", 3, "flats"),
        ("flat/data", 3, "flats"),
        ("img_dark", 3, "darks"),
        ("dark_data", 2, "darks"),
        ("normalization/white_spectrum", 1, "I0"),
        ("instrument/I0", 1, "I0"),
        ("energy", 1, "energies"),
        ("Experiment/X_eng (keV)", 1, "energies"),
        ("XEng", 1, "energies"),
        ("count_time", 1, "exposure"),
        ("Currents", 1, "ring current"),
        ("rotation_angle", 1, "angles"),
        ("x_pixel_size", 0, "pixel size"),
        ("sample_x", 1, "positions"),
        ("MAPS/Scalers/Values", 3, "scalers"),
        ("flattened", 3, "unknown"),
        ("entry1/counter0/data", 3, "unknown"),
        ("dark_matter/counts_of_iron", 3, "unknown"),
    ],
)
def test_the_name_says_what_an_array_is_for(name: str, axes: int, role: str) -> None:
    assert role_of(name, axes) == role


def test_texts_are_no_arrays_of_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=np.ones((2, 3, 4)), energy=[7100, 7110], quantity="optical_depth")
    assert [use.name for use in io.read(tmp_path / "a.npz").metadata["contents"]] == ["data", "energy"]
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["MAPS/XRF_roi"], file["MAPS/channel_names"] = np.ones((1, 3, 4)), [b"Fe"]
    with pytest.warns(UserWarning, match="no scaler"):
        uses = io.read(tmp_path / "b.h5", energies=[7110], select="Fe").metadata["contents"]
    assert [use.name for use in uses] == ["MAPS/XRF_roi"]
