"""Each stack format: what it is recognised by, what is taken from it, and what bad files lead to."""

from __future__ import annotations

import re

import h5py
import numpy as np
import pytest
import tifffile

from napari_xanes import io

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)
KEV = tuple(e / 1000 for e in ENERGY)


# NXstxm


@pytest.mark.parametrize("definition", [(b"NXstxm",), "NXstxm", np.bytes_("NXstxm"), ["NXstxm"]])
def test_nxstxm(tmp_path, write_nxstxm, frames, definition):
    stack = io.read(write_nxstxm(tmp_path / "a.hdf5", frames, ENERGY, definition=definition))
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("counts", (0.25, 0.5))
    assert stack.metadata["available"] == ["entry1/counter0"]
    assert "i0" not in stack.metadata


# MANTiS writes the last of these.
@pytest.mark.parametrize(
    "axes", [("energy", "sample_x", "sample_y"), ("sample_y", "sample_x", "energy"), ("sample_x", "sample_y", "energy")]
)
def test_nxstxm_axes_in_another_order(tmp_path, write_nxstxm, frames, axes):
    order = [("energy", "sample_y", "sample_x").index(name) for name in axes]
    path = write_nxstxm(tmp_path / "a.hdf5", frames.transpose(order), ENERGY, axes=axes)
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    assert stack.pixel_size == (0.25, 0.5)


def test_nxstxm_old_style_axes_photon_energy_and_kev(tmp_path, write_nxstxm, frames):
    stack = io.read(write_nxstxm(tmp_path / "a.nxs", frames, ENERGY, axes=None))
    np.testing.assert_array_equal(stack.data, frames)
    stack = io.read(write_nxstxm(tmp_path / "b.nxs", frames, KEV, energy_name="photon_energy", unit="keV"))
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert stack.metadata["energy_unit"] == "keV"


def test_nxstxm_with_several_detectors_takes_the_first_stack(tmp_path, write_nxstxm, frames):
    path = write_nxstxm(tmp_path / "a.nxs", frames, ENERGY)
    with h5py.File(path, "a") as file:
        file.copy("entry1/counter0", file["entry1"], "z_detector")
        file["entry1/z_detector/data"][...] = 0
    stack = io.read(path)
    assert stack.metadata["available"] == ["entry1/counter0", "entry1/z_detector"]
    np.testing.assert_array_equal(stack.data, frames)


@pytest.mark.parametrize("empty", [0.0, np.nan])
def test_nxstxm_interrupted(tmp_path, write_nxstxm, frames, empty):
    frames[-1:] = empty
    with pytest.warns(UserWarning, match="last 1 of 4 frames are empty"):
        stack = io.read(write_nxstxm(tmp_path / "a.nxs", frames, ENERGY))
    np.testing.assert_array_equal(stack.data, frames[:3])
    assert len(stack.metadata["warnings"]) == 1


def test_nxstxm_all_empty(tmp_path, write_nxstxm, frames):
    with pytest.raises(ValueError, match="all 4 frames are empty"):
        io.read(write_nxstxm(tmp_path / "a.nxs", frames * 0, ENERGY))


def test_unsorted_and_repeated_energies(tmp_path, write_nxstxm, frames):
    stack = io.read(write_nxstxm(tmp_path / "a.nxs", frames, (7130, 7100, 7110, 7100)))
    np.testing.assert_array_equal(stack.energy, [7100, 7110, 7130])
    np.testing.assert_array_equal(stack.data, [(frames[1] + frames[3]) / 2, frames[2], frames[0]])
    assert "sorted" in stack.metadata["notes"][0]
    assert "averaged" in stack.metadata["notes"][1]


def test_energies_given(tmp_path, write_nxstxm, frames):
    path = write_nxstxm(tmp_path / "a.nxs", frames, ENERGY)
    np.testing.assert_array_equal(io.read(path, energies=[1000, 1001, 1002, 1003]).energy, [1000, 1001, 1002, 1003])
    text = tmp_path / "e.txt"
    text.write_text("* keV\n1.0\n1.1\n1.2\n1.3\n")
    np.testing.assert_array_equal(io.read(path, energies=text).energy, [1000, 1100, 1200, 1300])
    np.testing.assert_array_equal(io.read([path, text]).energy, [1000, 1100, 1200, 1300])
    with pytest.raises(ValueError, match=r"a\.nxs.*3 energies in energies= for 4 frames"):
        io.read(path, energies=[1000, 1001, 1002])
    with pytest.raises(ValueError, match="quantity 'colour' is none of counts"):
        io.read(path, quantity="colour")


# HDF5 in general


def test_links_into_other_files_are_not_followed(tmp_path, write_nxstxm, frames):
    secret = write_nxstxm(tmp_path / "other.h5", frames, ENERGY)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["img_xanes"] = h5py.ExternalLink(secret.name, "/entry1/counter0/data")
        file["X_eng"] = np.array(KEV)
    with pytest.raises(ValueError, match=r"a\.h5.*lies in another file.*not followed"):
        io.read(path)
    with h5py.File(path, "w") as file:
        file["elsewhere"] = h5py.ExternalLink(secret.name, "/entry1")
        file["img_xanes"] = h5py.SoftLink("/elsewhere/counter0/data")
        file["X_eng"] = np.array(KEV)
    with pytest.raises(ValueError, match="not followed"):
        io.read(path)


def test_virtual_and_external_datasets_are_refused(tmp_path, frames):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = frames
    layout = h5py.VirtualLayout(frames.shape, frames.dtype)
    layout[...] = h5py.VirtualSource("other.h5", "data", frames.shape)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("img_xanes", layout)
        file["X_eng"] = np.array(KEV)
    with pytest.raises(ValueError, match="lie in other files"):
        io.read(path)
    (tmp_path / "raw").write_bytes(frames.tobytes())
    with h5py.File(path, "w") as file:
        file.create_dataset("img_xanes", frames.shape, "f4", external=[("raw", 0, frames.nbytes)])
        file["X_eng"] = np.array(KEV)
    with pytest.raises(ValueError, match="lie in other files"):
        io.read(path)


def test_hdf5_that_promises_more_than_it_holds(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("img_xanes", (4, 100_000, 100_000), "f4", chunks=(1, 100, 100))
        file["X_eng"] = np.array(KEV)
    with pytest.raises(ValueError, match=r"promises \d+ MB"):
        io.read(path)


@pytest.mark.parametrize("part", [0.2, 0.6, 0.95])
def test_truncated_hdf5(tmp_path, write_nxstxm, frames, part):
    path = write_nxstxm(tmp_path / "a.nxs", frames, ENERGY)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(OSError, match=r"a\.nxs.*cut short"):
        io.read(path)


def test_other_hdf5_is_declined_with_the_reasons(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["something"] = 1
    with pytest.raises(ValueError, match=r"a\.h5: no stack.*NXstxm.*no /img_xanes"):
        io.read(path)


def test_hdf5_that_follows_a_block_of_other_content(tmp_path, frames):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["img_xanes"], file["X_eng"] = frames, np.array(KEV)
    np.testing.assert_array_equal(io.read(path).data, frames)


# FXI


def write_fxi(path, images, keys):
    with h5py.File(path, "w") as file:
        file["img_xanes"], file["X_eng"] = images, np.asarray(keys)
        file["img_bkg"], file["img_dark"] = np.ones_like(images) * 100, np.zeros_like(images[:1])
        file["scan_id"], file["uid"], file["note"] = 4711, "b2c9", "NMC"
        file["Magnification"], file["Pixel Size"] = 332.1, "39.0nm"
    return path


def test_fxi_is_transmission_and_never_corrected_again(tmp_path, frames):
    frames[1, 0, 0] = 0
    stack = io.read(write_fxi(tmp_path / "xanes_scan_id_1.h5", frames, KEV))
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("transmission", (0.039, 0.039))
    assert not {"flat", "dark", "i0"} & set(stack.metadata)
    assert (stack.metadata["scan_id"], stack.metadata["note"]) == (4711, "NMC")
    assert stack.metadata["energy_unit"] == "keV (guessed: below 100)"


@pytest.mark.parametrize(("n_images", "n_keys"), [(3, 4), (4, 3)])
def test_fxi_interrupted(tmp_path, frames, n_images, n_keys):
    path = write_fxi(tmp_path / "a.h5", frames[:n_images], KEV[:n_keys])
    with pytest.warns(UserWarning, match="the last 1 (frames|energies) are dropped"):
        stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames[:3])
    np.testing.assert_array_equal(stack.energy, ENERGY[:3])
    assert "dropped" in stack.metadata["warnings"][0]


def test_fxi_empty_tail(tmp_path, frames):
    frames[2:] = 0
    with pytest.warns(UserWarning, match="last 2 of 4 frames are empty"):
        assert io.read(write_fxi(tmp_path / "a.h5", frames, KEV)).shape[0] == 2


def test_large_stacks_stay_in_the_file(tmp_path, frames):
    stack = io.read(write_fxi(tmp_path / "a.h5", frames, KEV[::-1]), memory_limit=100)
    assert stack.is_lazy
    np.testing.assert_array_equal(np.asarray(stack.data), frames[::-1])
    io.write(stack, tmp_path / "b.h5")
    assert io.read(tmp_path / "b.h5", memory_limit=100).is_lazy
    assert not io.read(tmp_path / "b.h5").is_lazy
    io.write(stack, tmp_path / "b.tif")
    lazy = io.read(tmp_path / "b.tif", memory_limit=100)
    assert lazy.is_lazy
    np.testing.assert_array_equal(np.asarray(lazy.data), frames[::-1])


# SDF


def test_sdf(tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0), end="}\n")
    for where in (path, tmp_path):
        stack = io.read(where)
        np.testing.assert_allclose(stack.data, frames, rtol=1e-5)
        np.testing.assert_array_equal(stack.energy, [700, 705, 710, 720])
        assert (stack.quantity, stack.pixel_size) == ("counts", (0.1, 0.2))
        assert stack.metadata["exposure"] == pytest.approx(0.002)
        assert stack.metadata["detector"] == "counter1, region 0"


def test_sdf_whole_numbers(tmp_path, write_sdf):
    counts = np.arange(12).reshape(1, 3, 4) * 1000
    np.testing.assert_array_equal(io.read(write_sdf(tmp_path, counts, (700.0,))).data, counts)


@pytest.mark.parametrize(("dwell", "exposure"), [("2.5", 0.0025), ("0", None), ("nan", None)])
def test_sdf_exposure(tmp_path, write_sdf, frames, dwell, exposure):
    path = write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0))
    path.write_text(path.read_text().replace("Dwell = 2.0", f"Dwell = {dwell}"))
    assert io.read(path).metadata.get("exposure") == exposure


def test_sdf_missing_images(tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0), skip=(1, 3))
    with pytest.warns(UserWarning, match="missing or incomplete") as told:
        stack = io.read(path)
    assert [re.sub(r"^scan\.hdr: ", "", str(w.message)) for w in told] == stack.metadata["warnings"]
    assert "705 eV" in stack.metadata["warnings"][0]
    assert "last 1 of 4" in stack.metadata["warnings"][1]
    np.testing.assert_array_equal(stack.energy, [700, 710])
    np.testing.assert_allclose(stack.data, frames[[0, 2]], rtol=1e-5)


def test_sdf_incomplete_last_image(tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0))
    last = tmp_path / "scan_a003.xim"
    last.write_text("\n".join(last.read_text().splitlines()[:2]))
    with pytest.warns(UserWarning, match="missing or incomplete"):
        assert io.read(path).shape[0] == 3


def test_sdf_without_any_image(tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0), skip=(0, 1, 2, 3))
    with pytest.raises(OSError, match=r"scan\.hdr.*none of the 4 images is there.*scan_a000\.xim"):
        io.read(path)


def test_sdf_i0_beside_it(tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0))
    (tmp_path / "i0.xsp").write_text("690 1.0\n730 5.0\n")
    stack = io.read(path)
    np.testing.assert_allclose(stack.metadata["i0"], [2, 2.5, 3, 4])
    (tmp_path / "i0.xsp").write_text("701 1.0\n730 5.0\n")
    with pytest.warns(UserWarning, match="covers 701 to 730 eV"):
        assert "i0" not in io.read(path).metadata


def test_sdf_i0_follows_unsorted_frames(tmp_path, write_sdf, frames):
    (tmp_path / "i0.xsp").write_text("690 1.0\n730 5.0\n")
    stack = io.read(write_sdf(tmp_path, frames, (720.0, 700.0, 710.0, 700.0)))
    np.testing.assert_allclose(stack.metadata["i0"], [2, 3, 4])


def test_sdf_that_is_no_stack(tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0), flags="Image")
    with pytest.raises(ValueError, match="no image stack but a 'NEXAFS Image Scan'"):
        io.read(path)


def test_sdf_header_that_promises_too_much(tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0))
    path.write_text(path.read_text().replace("Points = (4,", "Points = (400000000,"))
    with pytest.raises(ValueError, match=r"scan\.hdr.*announces 400000000 items"):
        io.read(path)
    path.write_text(path.read_text()[:300])
    with pytest.raises(ValueError, match="cut short"):
        io.read(path)


def test_folders_without_exactly_one_header_are_declined(tmp_path, write_sdf, frames):
    with pytest.raises(ValueError, match=r"holds 0 \.hdr files"):
        io.read(tmp_path)
    for stem in "ab":
        write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0), stem=stem)
    with pytest.raises(ValueError, match=r"holds 2 \.hdr files"):
        io.read(tmp_path)


def test_other_hdr_files_are_declined(tmp_path):
    (tmp_path / "envi.hdr").write_text("ENVI\nsamples = 3\n")
    with pytest.raises(ValueError, match="no ScanDefinition"):
        io.read(tmp_path / "envi.hdr")


# TIFF


def test_tiff_with_energies_of_the_same_stem(tmp_path, write_tiff, frames):
    path = write_tiff(tmp_path / "a.tif", frames)
    (tmp_path / "a.txt").write_text("* MANTiS\n# eV\n" + "".join(f"{e}\n" for e in ENERGY))
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.metadata["energy_unit"]) == ("optical_depth", "eV")


@pytest.mark.parametrize("axes", ["ZYX", "CYX", "TYX"])
def test_imagej_slices_channels_and_frames_are_all_energies(tmp_path, frames, axes):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, frames, imagej=True, metadata={"axes": axes, "unit": "um"}, resolution=(10, 20), photometric="minisblack"
    )
    (tmp_path / "a_energies.txt").write_text("".join(f"{e}\n" for e in KEV))
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert stack.pixel_size == (0.05, 0.1)


def test_tiff_with_one_fitting_text_among_others(tmp_path, write_tiff, frames):
    path = write_tiff(tmp_path / "a.tif", frames.astype(np.uint16))
    (tmp_path / "notes.txt").write_text("measured on Friday\n")
    (tmp_path / "short.txt").write_text("7100\n7110\n")
    (tmp_path / "pixels.txt").write_text("0\n255\n3\n17\n")
    (tmp_path / "E.txt").write_text("".join(f"{e} 0.1\n" for e in ENERGY))
    stack = io.read(path)
    assert (stack.quantity, stack.metadata["quantity_source"]) == ("counts", "guessed: whole numbers")
    np.testing.assert_array_equal(stack.energy, ENERGY)
    (tmp_path / "E2.txt").write_text("".join(f"{e}\n" for e in ENERGY))
    with pytest.raises(ValueError, match="no energies found"):
        io.read(path)
    assert io.read(path, energies=ENERGY).shape == (4, 3, 5)


def test_tiff_quantity_from_names_and_sizes(tmp_path, write_tiff, frames):
    assert io.read(write_tiff(tmp_path / "b.tif", frames * 1e4), energies=ENERGY).quantity == "counts"
    xrf = io.read(write_tiff(tmp_path / "maps_XRF_Fe.tif", frames), energies=ENERGY)
    assert (xrf.quantity, "XRF" in xrf.metadata["quantity_source"]) == ("fluorescence", True)


def test_ordinary_tiff_is_declined(tmp_path, write_tiff, frames):
    path = write_tiff(tmp_path / "cells.tif", frames)
    (tiff,) = (reader for reader in io.READERS if reader.name == "tiff")
    assert "no energies found" in tiff.why_not_readable(path)
    with pytest.raises(ValueError, match=r"one per line in cells\.txt, or pass energies="):
        io.read(path)
    colour = write_tiff(tmp_path / "rgb.tif", np.zeros((4, 3, 5), np.uint8), samples=3)
    assert tiff.why_not_readable(colour) is not None
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((4, 6, 5, 3), np.uint8), photometric="rgb")
    assert tiff.why_not_readable(tmp_path / "c.tif", energies=ENERGY) == "a colour image"
    assert "shape (3, 5)" in tiff.why_not_readable(write_tiff(tmp_path / "one.tif", frames[:1]))


def test_tiff_with_a_wrong_number_of_energies(tmp_path, write_tiff, frames):
    path = write_tiff(tmp_path / "a.tif", frames)
    (tmp_path / "a.txt").write_text("7100\n7110\n7120\n")
    with pytest.raises(ValueError, match=r"a\.tif: 4 images but 3 energies in a\.txt"):
        io.read(path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.8])
def test_truncated_tiff(tmp_path, frames, part):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.repeat(frames, 20, 1), imagej=True, photometric="minisblack")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises((OSError, ValueError), match=r"a\.tif"):
        io.read(path, energies=ENERGY)


def test_tiff_that_promises_too_much(tmp_path, write_tiff, frames):
    path = write_tiff(tmp_path / "a.tif", frames, height=500_000_000)
    with pytest.raises((OSError, ValueError), match=r"a\.tif.*(promises|cut short)"):
        io.read(path, energies=ENERGY)


# Arrays


def test_npz(tmp_path, frames):
    np.savez(tmp_path / "a.npz", data=frames, energy=KEV, quantity="transmission", pixel_size=0.1)
    stack = io.read(tmp_path / "a.npz")
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("transmission", (0.1, 0.1))


def test_npz_never_loads_objects(tmp_path, frames):
    np.savez(tmp_path / "a.npz", data=np.array([{"a": 1}], dtype=object), energy=KEV)
    with pytest.raises(ValueError, match=r"a\.npz.*allow_pickle=False"):
        io.read(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", other=frames)
    with pytest.raises(ValueError, match="no array 'data'"):
        io.read(tmp_path / "b.npz")


def test_truncated_npz(tmp_path, frames):
    np.savez(tmp_path / "a.npz", data=frames, energy=KEV)
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match=r"a\.npz"):
        io.read(tmp_path / "a.npz")


# Whatever the format


def test_no_file_no_stack_and_too_many(tmp_path, write_nxstxm, frames):
    with pytest.raises(FileNotFoundError, match=r"nothing\.h5"):
        io.read(tmp_path / "nothing.h5")
    (tmp_path / "a.doc").write_text("hello")
    with pytest.raises(ValueError, match=r"a\.doc: no stack.*NXstxm.*FXI.*SDF.*TIFF.*NumPy"):
        io.read(tmp_path / "a.doc")
    (tmp_path / "empty.h5").write_bytes(b"")
    with pytest.raises(ValueError, match=r"empty\.h5"):
        io.read(tmp_path / "empty.h5")
    paths = [write_nxstxm(tmp_path / f"{i}.nxs", frames, ENERGY) for i in range(2)]
    with pytest.raises(ValueError, match="2 of 2 files are stacks"):
        io.read(paths)


def test_nan_and_inf_are_kept(tmp_path, frames):
    frames[0, 0, :3] = np.nan, np.inf, -np.inf
    np.testing.assert_array_equal(io.read(write_fxi(tmp_path / "a.h5", frames, KEV)).data, frames)


def test_ordered_copies_only_what_it_must():
    data = np.arange(6.0).reshape(3, 2)
    same, _, notes = io.ordered(data, [1, 2, 3])
    assert same is data
    assert notes == []
    with pytest.raises(ValueError, match="energy 2 eV occurs more than once"):
        io.ordered(data, [1, 2, 2], duplicates="error")
    with pytest.raises(ValueError, match="2 energies for 3 frames"):
        io.ordered(data, [1, 2])
    with pytest.raises(ValueError, match="energy 1 is not a number"):
        io.ordered(data, [1, np.nan, 2])


def test_fingerprint_of_large_files_and_folders(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 5000)
    whole = io.fingerprint(path)
    assert whole.startswith("sha256:")
    folder = io.fingerprint(tmp_path)
    assert folder.startswith("sha256-listing:")
    from napari_xanes.io import files

    monkeypatch.setattr(files, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(files, "END_BYTES", 100)
    ends = io.fingerprint(path)
    assert ends.startswith("sha256-ends:")
    path.write_bytes(b"x" * 4999 + b"y")
    assert io.fingerprint(path) != ends
    (tmp_path / "b").write_text("")
    assert io.fingerprint(tmp_path) != folder
