"""Folders of TIFF files, OME-TIFF, energies in file names, and logs of PyXRF."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.fuzzing import stack_or_documented_error

from napari_xanes import io
from napari_xanes.io.energy_names import energy_in

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)


@pytest.mark.parametrize(
    ("name", "energy"),
    [
        ("NiO_8333.5eV", 8333.5),
        ("NiO_8.333keV_001", 8333.0),
        ("NiO_8_333keV", 8333.0),
        ("fov07_xanessoc01_8250_0eV", 8250.0),
        ("rep01_name_08324.0_eV_001of010", 8324.0),
        ("scan_01_85eV", 85.0),
        ("scan_12_285eV", 285.0),
        ("7112p5 eV", 7112.5),
        ("E=7112eV", 7112.0),
        ("cells_0001", None),
        ("8333", None),
        ("5eV", None),
        ("level_12event", None),
        ("250keV", None),
    ],
)
def test_energies_in_names(name, energy):
    parsed = energy_in(name)
    assert (parsed[0] if parsed else None) == energy


@given(st.floats(20, 99999), st.sampled_from(["_", "", "a-"]), st.sampled_from(["", "_", " "]))
def test_any_energy_in_a_name(energy, before, between):
    energy = round(energy, 3)
    assert energy_in(f"{before}{energy:.3f}{between}eV")[0] == energy
    assert energy_in(f"{before}{energy / 1e3:.6f}{between}keV")[0] == pytest.approx(energy, abs=1e-9)


@given(st.text(max_size=40))
def test_any_file_name_gives_a_valid_energy_or_none(name):
    energy = energy_in(name)
    assert energy is None or 20 <= energy[0] <= 1e5


@pytest.mark.parametrize("pattern", ["a_{}eV.tif", "s2_{}_eV_001.tiff", "img_{n:04d}_{}eV.tif"])
def test_energies_in_the_names_of_files(tmp_path, frames, write_tiff, pattern):
    for n, (energy, frame) in enumerate(zip(ENERGY, frames, strict=True)):
        write_tiff(tmp_path / pattern.format(energy, n=9 - n), frame[None])
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert stack.metadata["energy_unit"] == "eV"
    lazy = io.read(tmp_path, memory_limit=10)
    assert lazy.is_lazy
    np.testing.assert_array_equal(lazy.data.compute(), frames)


def test_kev_volumes_and_repeats(tmp_path, frames):
    for n, energy in enumerate((8.333, 8.343)):
        for repeat in range(2):
            values = np.full((3, 4, 5), 10 * n + repeat + 1, np.uint16)
            tifffile.imwrite(tmp_path / f"v_{energy}keV_{repeat + 1}.tif", values, photometric="minisblack")
    stack = io.read(tmp_path)
    assert stack.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(stack.energy, [8333, 8343])
    np.testing.assert_array_equal(stack.data[:, 0, 0, 0], [1.5, 11.5])
    assert stack.quantity == "counts"


def test_flats_and_darks_among_the_files(tmp_path, frames, write_tiff):
    counts = (frames * 1000).astype(np.uint16)
    for energy, frame in zip(ENERGY[::-1], counts[::-1], strict=True):
        write_tiff(tmp_path / f"a_{energy}eV.tif", frame[None])
        write_tiff(tmp_path / f"ref_{energy}eV.tif", frame[None] * 2)
    for n in range(2):
        write_tiff(tmp_path / f"dark_{n}.tif", counts[n][None])
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.data, counts)
    np.testing.assert_array_equal(stack.metadata["flat"], counts * 2)
    np.testing.assert_allclose(stack.metadata["dark"], counts[:2].mean(axis=0))
    (tmp_path / "ref_7130.0eV.tif").unlink()
    with pytest.warns(UserWarning, match="3 files called flat do not fit"):
        assert "flat" not in io.read(tmp_path).metadata


def test_energies_in_a_text_in_the_folder(tmp_path, frames, write_tiff):
    for n, frame in enumerate(frames):
        write_tiff(tmp_path / f"slice{n + 8}.tif", frame[None])
    (reader,) = (reader for reader in io.READERS if reader.name == "tiff")
    assert "no energies in names such as slice8.tif" in reader.why_not_readable(tmp_path)
    np.testing.assert_array_equal(io.read(tmp_path, energies=ENERGY).data, frames)
    (tmp_path / "list.txt").write_text("# keV\n" + "".join(f"{e / 1e3}\n" for e in ENERGY))
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_allclose(stack.energy, ENERGY)


def test_other_folders_are_not_a_series(tmp_path, frames, write_tiff):
    for name in ("fov1_7100eV.tif", "fov1_7110eV.tif", "fov2_7100eV.tif", "fov2_7110eV.tif"):
        write_tiff(tmp_path / name, frames[:1])
    with pytest.raises(ValueError, match="several series"):
        io.read(tmp_path)
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    write_tiff(tmp_path / "a_7100eV.tif", frames[:1])
    write_tiff(tmp_path / "a_7110eV.tif", frames[:1, :2])
    with pytest.raises(ValueError, match=r"a_7110eV\.tif: its frame is \(2, 5\), that of a_7100eV\.tif \(3, 5\)"):
        io.read(tmp_path)
    write_tiff(tmp_path / "a_7110eV.tif", frames[:1])
    write_tiff(tmp_path / "overview.tif", frames[:1])
    with pytest.raises(ValueError, match=r"no energy in the name overview\.tif"):
        io.read(tmp_path)
    (tmp_path / "overview.tif").unlink()
    write_tiff(tmp_path / "a_7110eV.tif", frames[:1], height=500_000_000)
    with pytest.raises((OSError, ValueError), match="promises|cut short"):
        io.read(tmp_path)


def test_a_folder_with_one_stack(tmp_path, frames, write_tiff):
    write_tiff(tmp_path / "maps_XRF_Fe_K.tiff", frames)
    lines = "".join(
        f"   Frame {n + 1}:  scan ID = {n}   incident energy = {(e + 1) / 1e3:.4f} keV "
        f"(corrected to {e / 1e3:.4f} keV) file name = 'a.h5'\n"
        for n, e in enumerate((7100, 7110, 7120, 7130))
    )
    (tmp_path / "maps_log_tiff.txt").write_text(f"Log of 2021\n\nIncluded maps:\n{lines}")
    for path in (tmp_path, tmp_path / "maps_XRF_Fe_K.tiff"):
        stack = io.read(path)
        np.testing.assert_array_equal(stack.data, frames)
        np.testing.assert_allclose(stack.energy, [7100, 7110, 7120, 7130])
        assert stack.quantity == "fluorescence"
        assert stack.metadata["notes"] == ["energies as corrected by -1 eV in maps_log_tiff.txt"]


def test_ome_tiff(tmp_path, frames):
    path = tmp_path / "a.ome.tif"
    about = {
        "axes": "CYX",
        "PhysicalSizeX": 40,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.05,
        "PhysicalSizeYUnit": "µm",
        "Channel": {"Name": [f"{e} eV" for e in ENERGY]},
    }
    tifffile.imwrite(path, frames, ome=True, photometric="minisblack", metadata=about)
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert stack.pixel_size == (0.05, 0.04)
    (tmp_path / "a.ome.txt").write_text("7200\n7201\n7202\n7203\n")
    assert io.read(path).energy[0] == 7200


@pytest.mark.parametrize("axes", ["ZCYX", "CZYX", "TZYX"])
def test_ome_tiff_of_volumes(tmp_path, frames, axes):
    volume = np.stack([frames, frames + 10])
    volume = volume if axes[0] == "Z" else volume.swapaxes(0, 1)
    tifffile.imwrite(tmp_path / "a.ome.tif", volume, ome=True, photometric="minisblack", metadata={"axes": axes})
    stack = io.read(tmp_path / "a.ome.tif", energies=ENERGY)
    np.testing.assert_array_equal(stack.data, np.stack([frames, frames + 10], 1))


def test_one_file_of_an_ome_set_is_declined(tmp_path, frames):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, frames, ome=True, photometric="minisblack", metadata={"axes": "CYX"})
    path.write_bytes(path.read_bytes().replace(b'SizeC="4"', b'SizeC="9"'))
    (tmp_path / "a.ome.txt").write_text("".join(f"{e}\n" for e in ENERGY))
    with pytest.raises(ValueError, match="announces 9 images, 4 are in this file"):
        io.read(path)


@pytest.mark.parametrize("axes", ["CYX", "ZYX", "TYX"])
def test_imagej_hyperstacks_and_labels(tmp_path, frames, axes):
    labels = [f"sample_{e}eV.tif" for e in ENERGY]
    tifffile.imwrite(
        tmp_path / "a.tif", frames, imagej=True, photometric="minisblack", metadata={"axes": axes, "Labels": labels}
    )
    stack = io.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)


@settings(max_examples=300, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dice=st.randoms(use_true_random=False))
def test_damaged(tmp_path, frames, write_tiff, dice):
    folder, ome = tmp_path / "series", tmp_path / "a.ome.tif"
    if not folder.exists():
        folder.mkdir()
        about = {"axes": "CYX", "Channel": {"Name": [f"{e} eV" for e in ENERGY]}}
        tifffile.imwrite(ome, frames, ome=True, photometric="minisblack", metadata=about)
        (tmp_path / "whole").write_bytes(ome.read_bytes())
    for energy, frame in zip(ENERGY, frames, strict=True):
        write_tiff(folder / f"a_{energy}eV.tif", frame[None])
    ome.write_bytes((tmp_path / "whole").read_bytes())
    path, file = dice.choice([(folder, folder / "a_7100.0eV.tif"), (folder, folder / "a_7130.0eV.tif"), (ome, ome)])
    content = bytearray(file.read_bytes())
    if dice.random() < 0.3:
        content = content[: dice.randrange(len(content))]
    for _ in range(dice.choice((1, 3, 10)) if content else 0):
        content[dice.randrange(len(content))] = dice.randrange(256)
    file.write_bytes(content)
    stack_or_documented_error(path)


def test_the_folder_of_a_real_stack(real, truth):
    expected = truth["hxn_fe_k/test_stack.tiff"]
    stack = io.read(real("hxn_fe_k"))
    assert list(stack.shape) == expected["shape"]
    np.testing.assert_allclose(stack.energy[[0, -1]], [expected["E_first"], expected["E_last"]])
    np.testing.assert_allclose(stack.data[0].sum(dtype=float), expected["sum_first_frame"])
