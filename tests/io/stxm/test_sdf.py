"""Stacks in STXM_Control SDF."""

from __future__ import annotations

import re

import numpy as np
import pytest

from napari_xanes import io


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
    with pytest.warns(UserWarning, match="missing or incomplete") as caught:
        stack = io.read(path)
    assert [re.sub(r"^scan\.hdr: ", "", str(w.message)) for w in caught] == stack.metadata["warnings"]
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


def test_sdf_i0_is_read_from_a_second_file(tmp_path, write_sdf, frames):
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


def small(folder, image, kind, flags, *, p="Sample X", stack="", name="scan_a.xim"):
    """Write a scan with one image: a header of its two axes, and the values."""
    height, width = image.shape
    x = ", ".join(str(700 + 5 * i if p == "Energy" else 0.2 * i) for i in range(width))
    y = ", ".join(str(0.1 * i) for i in range(height))
    axes = f'PAxis = {{ Name = "{p}"; Unit = "{"eV" if p == "Energy" else "um"}"; Points = ({width}, {x}); }}; '
    axes += f'QAxis = {{ Name = "Sample Y"; Unit = "um"; Points = ({height}, {y}); }};'
    header = f'ScanDefinition = {{ Type = "{kind}"; Flags = "{flags}"; Regions = (1, {{ {axes} }}); {stack} '
    (folder / "scan.hdr").write_text(header + 'Channels = (1, { Name = "counter1"; }); };\n')
    if name:
        np.savetxt(folder / name, image, fmt="%.6f", delimiter="\t")
    return folder / "scan.hdr"


def test_a_single_image_opens_as_a_stack_of_one_energy(tmp_path, frames):
    axis = 'StackAxis = { Name = "Energy"; Unit = "eV"; Points = (1, 710.5); };'
    stack = io.read(small(tmp_path, frames[0], "Image Scan", "Image", stack=axis))
    np.testing.assert_allclose(stack.data, frames[:1])
    assert (stack.energy.tolist(), stack.pixel_size) == ([710.5], (0.1, 0.2))
    assert "single image" in stack.metadata["notes"][0]
    path = small(tmp_path, frames[0], "Image Scan", "Image")
    with pytest.raises(ValueError, match="pass energies="):
        io.read(path)
    np.testing.assert_allclose(io.read(path, energies=[710.5]).data, frames[:1])


def test_a_line_scan_opens_as_a_stack_of_one_row(tmp_path, frames):
    stack = io.read(small(tmp_path, frames[0], "NEXAFS Line Scan", "Image", p="Energy"))
    np.testing.assert_allclose(stack.data[:, 0], frames[0].T)
    assert (stack.energy.tolist(), stack.pixel_size) == ([700, 705, 710, 715, 720], (0.1, 0.1))
    assert "line scan" in stack.metadata["notes"][0]


def test_other_sdf_scans_are_not_stacks(tmp_path, frames):
    for kind, flags, reason in (
        ("Focus Scan", "Image", "no image stack but a 'Focus Scan'"),
        ("NEXAFS Point Scan", "Spectra", "'NEXAFS Point Scan'.*; read its .xsp with read_spectra"),
    ):
        with pytest.raises(ValueError, match=reason):
            io.read(small(tmp_path, frames[0], kind, flags))
    (tmp_path / "scan_a.xim").unlink()
    with pytest.raises(OSError, match=r"scan_a\.xim, the image of the scan, is not there"):
        io.read(small(tmp_path, frames[0], "Image Scan", "Image", name=""))


def test_sdf_header_that_promises_too_much(tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0))
    path.write_text(path.read_text().replace("Points = (4,", "Points = (400000000,"))
    with pytest.raises(ValueError, match=r"scan\.hdr.*announces 400000000 items"):
        io.read(path)
    path.write_text(path.read_text()[:300])
    with pytest.raises(ValueError, match="cut short"):
        io.read(path)


def test_folders_without_exactly_one_header_are_declined(tmp_path, write_sdf, frames):
    with pytest.raises(ValueError, match=r"holds no files of a format that is known"):
        io.read(tmp_path)
    for stem in "ab":
        write_sdf(tmp_path, frames, (700.0, 705.0, 710.0, 720.0), stem=stem)
    with pytest.raises(ValueError, match=r"holds 2 \.hdr files"):
        io.read(tmp_path)


def test_other_hdr_files_are_declined(tmp_path):
    (tmp_path / "envi.hdr").write_text("ENVI\nsamples = 3\n")
    with pytest.raises(ValueError, match="no ScanDefinition"):
        io.read(tmp_path / "envi.hdr")


ENERGIES = (700.0, 705.0, 710.0, 720.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("690 1.0\n730 5.0\n", [2, 2.5, 3, 4]),
        ("# Energy  I0\n690\t1.0\n730\t5.0\n", [2, 2.5, 3, 4]),
        ("2\n2.5\n3\n4\n", [2, 2.5, 3, 4]),
    ],
)
@pytest.mark.parametrize("name", ["i0.txt", "I0.txt"])
def test_i0_of_uvsor_beside_the_header_is_used_and_said(name, text, expected, tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, ENERGIES)
    (tmp_path / name).write_text(text)
    stack = io.read(path)
    np.testing.assert_allclose(stack.metadata["i0"], expected)
    assert stack.metadata["i0_source"].endswith(name)
    assert stack.metadata["notes"] == [f"I0 is taken from {name} beside the header"]


def test_i0_of_each_image_follows_images_that_are_missing(tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, ENERGIES[::-1], skip=(1,))
    (tmp_path / "i0.txt").write_text("1\n2\n3\n4\n")
    with pytest.warns(UserWarning, match="missing"):
        np.testing.assert_array_equal(io.read(path).metadata["i0"], [4, 3, 1])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1\n2\n3\n", "it has 3 numbers for 4 images"),
        ("1\n2\n0\n4\n", "must be positive, its lowest value is 0"),
        ("701 1.0\n730 5.0\n", "it covers 701 to 730 eV"),
    ],
)
def test_i0_that_does_not_fit_is_named(text, reason, tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, ENERGIES)
    (tmp_path / "i0.txt").write_text(text)
    with pytest.warns(UserWarning, match=f"i0.txt beside the header is not used: .*{reason}"):
        assert "i0" not in io.read(path).metadata


def test_drift_of_uvsor_is_kept_and_not_applied(tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, ENERGIES[::-1], skip=(1,))
    (tmp_path / "drift.txt").write_text("image x y\n" + "".join(f"{i} {0.5 * i} {-i}\n" for i in range(4)))
    with pytest.warns(UserWarning, match="missing"):
        stack = io.read(path)
    np.testing.assert_allclose(stack.data, frames[[3, 2, 0]], rtol=1e-5)
    np.testing.assert_array_equal(stack.metadata["measured_drift"], [[3, 1.5, -3], [2, 1, -2], [0, 0, 0]])
    assert any("drift.txt" in line and "not applied" in line for line in stack.metadata["notes"])
    io.write(stack, tmp_path / "own.h5")
    np.testing.assert_array_equal(
        io.read(tmp_path / "own.h5").metadata["measured_drift"], stack.metadata["measured_drift"]
    )
    assert stack.isel(slice(1, 3)).metadata["measured_drift"].shape == (2, 3)


@pytest.mark.parametrize("text", ["1 2\n", "1\n2\n3\n4\n", "1 2\n3 4\n5 6\nx y\n"])
def test_drift_that_does_not_fit_is_named(text, tmp_path, write_sdf, frames):
    path = write_sdf(tmp_path, frames, ENERGIES)
    (tmp_path / "drift.txt").write_text(text)
    with pytest.warns(UserWarning, match=r"drift\.txt beside the header is not used"):
        assert "measured_drift" not in io.read(path).metadata
