"""Series of Zeiss tomographies, one file per energy: energies, views, references, exposures, and damaged files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.fuzzing import TABLES, assert_documented, drawn
from tests.io.zeiss.ole2 import write_zeiss as write

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.io.zeiss import txrm_series

ENERGY = (8330.0, 8340.0, 8350.5)
ANGLES = [-10.0, 0.0, 10.0]


def projections(i: int) -> np.ndarray:
    """Return the projections of energy i. No value occurs twice in the series."""
    return (100 * i + 1 + np.arange(3 * 4 * 5).reshape(3, 4, 5)).astype("<u2")


def reference(i: int) -> np.ndarray:
    return (1000 * (i + 1) + np.arange(20).reshape(4, 5)).astype("<f4")


def series(folder, energies=ENERGY, *, header=True, name="scan_{:.1f}eV", exposure=0.5, flat=0.25, **more):
    """Write files of increasing energy. Each has a reference with an exposure of `flat` s, unless `flat` is None."""
    folder.mkdir(exist_ok=True)
    paths = []
    for i, energy in enumerate(energies):
        corrections = {} if flat is None else {"reference": (reference(i), flat)}
        in_header = [energy + 0.125] * 3 if header else [0.0]
        about = {"Angles": ANGLES} | corrections | more
        paths.append(write(folder / f"{name.format(energy)}.txrm", projections(i), in_header, [exposure] * 3, **about))
    return paths


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(("select", "number"), [(None, 0), (2, 2), ("projection 1", 1)])
def test_folder(tmp_path, lazy, select, number):
    series(tmp_path / "a")
    stack = io.read(tmp_path / "a", select=select, memory_limit=100 if lazy else None)
    assert stack.is_lazy == lazy
    np.testing.assert_array_equal(np.asarray(stack.data), [projections(i)[number] for i in range(3)])
    np.testing.assert_array_equal(np.asarray(stack.metadata["flat"]), [reference(i) for i in range(3)])
    np.testing.assert_array_equal(stack.energy, np.add(ENERGY, 0.125))
    assert (stack.quantity, stack.data.dtype, stack.pixel_size) == ("counts", np.uint16, (0.03, 0.03))
    facts = {key: stack.metadata[key] for key in ("format", "detector", "angle", "exposure", "flat_exposure", "n_flat")}
    assert facts == {
        "format": "Zeiss tomographies",
        "detector": f"projection {number}",
        "angle": ANGLES[number],
        "exposure": 0.5,
        "flat_exposure": 0.25,
        "n_flat": 1,
    }
    assert stack.metadata["available"] == ["projection 0", "projection 1", "projection 2"]
    assert stack.metadata["files"] == ["scan_8330.0eV.txrm", "scan_8340.0eV.txrm", "scan_8350.5eV.txrm"]
    assert (stack.metadata["energy_unit"], stack.metadata["energy_in_names"]) == ("eV", list(ENERGY))
    assert "differ by up to 0.12 eV" in stack.metadata["notes"][0]
    with pytest.raises(ValueError, match="select='projection 3' is none of"):
        io.read(tmp_path / "a", select="projection 3")


def test_optical_depth_with_the_reference_of_each_energy(tmp_path):
    series(tmp_path / "a")
    depth = nx.ops.optical_depth(io.read(tmp_path / "a", select=1)).data
    for i in range(3):
        np.testing.assert_allclose(depth[i], np.log(reference(i) * 0.5 / 0.25 / projections(i)[1]), rtol=1e-5)


def test_several_files_are_one_stack_and_a_single_file_is_not(tmp_path):
    paths = series(tmp_path / "a")
    assert io.are_one_stack(paths[1:])
    stack = io.read([paths[2], paths[1]], select=1)
    np.testing.assert_array_equal(stack.data, [projections(i)[1] for i in (1, 2)])
    np.testing.assert_array_equal(stack.metadata["flat"], [reference(1), reference(2)])
    assert stack.metadata["files"] == [path.name for path in paths[1:]]
    single = io.read(paths[1], select=1)
    np.testing.assert_array_equal(single.data, projections(1)[1:2])
    assert (single.energy.tolist(), single.metadata["angle"], "files" in single.metadata) == ([8340.125], 0, False)
    # With given energies, the images are frames of a stack, not projections.
    paths = series(tmp_path / "b", flat=None)
    np.testing.assert_array_equal(io.read(paths[1], energies=ENERGY).data, projections(1))


def test_single_tomographies_are_left_to_the_single_file_reader(tmp_path):
    (lone,) = series(tmp_path / "a", ENERGY[:1])
    assert "no .txrm of other energies beside it" in txrm_series.why_not_readable(lone)
    assert io.read(lone).metadata["format"] == "Zeiss XRM"
    assert txrm_series.why_not_readable(lone.parent) == "a single .txrm in the folder; open the file"
    with pytest.raises(ValueError, match="a single .txrm in the folder; open the file"):
        io.read(lone.parent)
    series(lone.parent, [8330.25], name="again")
    assert "no .txrm of several energies, one each" in txrm_series.why_not_readable(lone.parent)
    assert "no .txrm of other energies" in txrm_series.why_not_readable(lone)
    stack = write(tmp_path / "stack.txrm", projections(0), list(ENERGY), Angles=[0.0] * 3)
    write(tmp_path / "b.txrm", projections(0), list(ENERGY), Angles=[0.0] * 3)
    assert "no .txrm of several energies, one each" in txrm_series.why_not_readable(tmp_path)
    assert txrm_series.why_not_readable(stack) == "a stack of several energies by itself"
    np.testing.assert_array_equal(io.read(stack).energy, ENERGY)
    assert txrm_series.why_not_readable(write(tmp_path / "b.xrm", projections(0), [8330.0])) == "not a .txrm"


def test_energies_of_names(tmp_path):
    series(tmp_path / "none", header=False)
    stack = io.read(tmp_path / "none")
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert stack.metadata["energy_unit"] == "eV (file names)"
    # If one header disagrees, or its energy changes during the rotation, all energies are taken from the names.
    for i, header in enumerate(([7112.0] * 3, [8341.0, 8340.0, 8339.0])):
        paths = series(tmp_path / f"off{i}")
        write(paths[1], projections(1), header, [0.5] * 3, reference=(reference(1), 0.25), Angles=ANGLES)
        np.testing.assert_array_equal(io.read(tmp_path / f"off{i}").energy, ENERGY)
    # The energy is the same in all headers, but not in the names.
    paths = series(tmp_path / "stuck", (8330, 8332, 8334))
    for path in paths:
        write(path, projections(0), [8332.0] * 3)
    np.testing.assert_array_equal(io.read(tmp_path / "stuck").energy, [8330, 8332, 8334])


def test_energies_of_headers(tmp_path):
    paths = series(tmp_path / "a", ENERGY[::-1], name="sam_{:.0f}")
    stack = io.read(tmp_path / "a")
    np.testing.assert_array_equal(stack.energy, np.add(ENERGY, 0.125))
    np.testing.assert_array_equal(stack.data[0], projections(2)[0])
    assert "energy_in_names" not in stack.metadata
    # The monochromator drifts a little. The headers contain zeros between and after the energies.
    write(paths[1], projections(1), [8340.0, 0.0, 8340.5, 0.0, 0.0], [0.5] * 3)
    with pytest.warns(
        UserWarning, match="1 of 3 frames has no flat, so those of the others are not used: sam_8340.txrm"
    ):
        assert io.read(tmp_path / "a").energy[1] == 8340.25


def test_without_energies(tmp_path):
    series(tmp_path / "a", header=False, name="n{:.0f}")
    with pytest.raises(
        ValueError, match=r"n8330\.txrm: no photon energy in its header or its name .such as.*energies=.*of 3"
    ):
        io.read(tmp_path / "a")
    stack = io.read(tmp_path / "a", energies=[7100, 7110, 7120])
    np.testing.assert_array_equal(stack.energy, [7100, 7110, 7120])
    np.testing.assert_array_equal(stack.data, [projections(i)[0] for i in range(3)])
    series(tmp_path / "mixed", ENERGY[:2], header=False)
    write(tmp_path / "mixed" / "last.txrm", projections(2), [8350.0])
    with pytest.warns(UserWarning, match="1 of 3 frames has no flat"):
        stack = io.read(tmp_path / "mixed")
    assert (stack.energy.tolist(), stack.metadata["energy_unit"]) == ([8330, 8340, 8350], "eV (headers and file names)")


def test_repeated_energies(tmp_path):
    series(tmp_path / "a", (8330, 8340))
    series(tmp_path / "a", (8330, 8340), name="again_{:.1f}eV", exposure=1.5)
    with pytest.warns(UserWarning, match="2 files repeat the energy of another and are averaged"):
        stack = io.read(tmp_path / "a")
    np.testing.assert_array_equal(stack.data, [projections(0)[0], projections(1)[0]])
    assert stack.metadata["repeats"] == 2
    np.testing.assert_array_equal(stack.metadata["exposure"], [1.0, 1.0])


def test_frames_of_several_views_are_reported(tmp_path):
    paths = series(tmp_path / "a")
    write(paths[2], projections(2), [8350.5] * 3, [0.5] * 3, reference=(reference(2), 0.25), Angles=[-9.7, 0.6, 10])
    assert "warnings" not in io.read(tmp_path / "a").metadata
    with pytest.warns(UserWarning, match=r"frames were taken at 0 to 0\.6 degrees: they do not show one view"):
        assert io.read(tmp_path / "a", select=1).metadata["angle"] == 0


def test_exposures_that_change_with_energy(tmp_path):
    paths = series(tmp_path / "a")
    write(paths[1], projections(1), [8340.0] * 3, [2.0, 1.0, 1.0], reference=(reference(1), 0.25), Angles=ANGLES)
    stack = io.read(tmp_path / "a")
    np.testing.assert_array_equal(stack.metadata["exposure"], [0.5, 2, 0.5])
    assert "flat_exposure" not in stack.metadata
    depth = nx.ops.optical_depth(stack).data
    for i, factor in enumerate((2, 8, 2)):
        np.testing.assert_allclose(depth[i], np.log(reference(i) * factor / projections(i)[0]), rtol=1e-5)
    series(tmp_path / "unknown", flat=0.0)
    with pytest.warns(UserWarning, match="exposure times are not known"):
        np.testing.assert_array_equal(io.read(tmp_path / "unknown").metadata["flat"][1], reference(1))


def test_without_references_and_with_corrected_projections(tmp_path):
    series(tmp_path / "a", flat=None)
    assert "flat" not in io.read(tmp_path / "a").metadata
    paths = series(tmp_path / "b", OriginalDataRefCorrected=1)
    stack = io.read(tmp_path / "b")
    assert (stack.quantity, "flat" in stack.metadata) == ("transmission", False)
    write(paths[0], projections(0), [8330.0])
    with pytest.raises(ValueError, match="in 2 of 3 files the microscope has divided by the reference"):
        io.read(tmp_path / "b")


def test_projections_that_are_missing(tmp_path):
    paths = series(tmp_path / "a")
    changes = {"ImageData1/Image3": None, "reference": (reference(0), 0.25)}
    write(paths[0], projections(0), [8330.0] * 3, [0.5] * 3, Angles=ANGLES, **changes)
    np.testing.assert_array_equal(io.read(tmp_path / "a", select=1).data[0], projections(0)[1])
    with pytest.warns(UserWarning, match=r"1 of 3 files has no projection 2 and is left out: scan_8330\.0eV"):
        stack = io.read(tmp_path / "a", select=2)
    np.testing.assert_array_equal(stack.energy, np.add(ENERGY[1:], 0.125))
    np.testing.assert_array_equal(stack.data, [projections(i)[2] for i in (1, 2)])


def test_unusable_files_are_skipped_and_reported(tmp_path):
    paths = series(tmp_path / "a", (8330, 8340, 8350, 8360, 8370, 8380))
    paths[0].write_bytes(paths[0].read_bytes()[:900])
    write(paths[2], projections(2)[:0], [])
    write(paths[3], projections(3), [8360, 8370, 8380], Angles=[0.0] * 3)
    with pytest.warns(UserWarning, match="left out"):
        stack = io.read(tmp_path / "a")
    (warning,) = stack.metadata["warnings"]
    assert warning.startswith("3 of 6 files can't be used and are left out: scan_8330.0eV.txrm (")
    assert "scan_8350.0eV.txrm (the exposure was aborted, no image was taken" in warning
    assert "scan_8360.0eV.txrm (a stack of several energies by itself; open it alone)" in warning
    np.testing.assert_array_equal(stack.data, [projections(i)[0] for i in (1, 4, 5)])
    with pytest.warns(UserWarning, match="1 of 3 files can't be used and is left out: scan_8350.*aborted"):
        assert io.read([paths[1], paths[2], paths[4]]).energy.size == 2
    for path in paths:
        write(path, projections(0)[:0], [])
    with pytest.raises(ValueError, match="none of 6 files can be used"):
        txrm_series.read(tmp_path / "a")


def test_files_named_as_references_are_skipped(tmp_path):
    paths = series(tmp_path / "a", flat=None)
    (ref,) = series(tmp_path / "a", [8400], name="ref_{:.1f}eV", flat=None)
    assert io.read(tmp_path / "a").energy.size == 3
    with pytest.warns(
        UserWarning, match="1 of 4 files can't be used and is left out: ref_8400.*a reference by its name"
    ):
        assert io.read([*paths, ref]).energy.size == 3
    for path in paths[1:]:
        path.unlink()
    assert "a single .txrm" in txrm_series.why_not_readable(tmp_path / "a")


def test_projections_of_other_sizes_are_refused(tmp_path):
    paths = series(tmp_path / "a")
    write(paths[1], projections(1)[:, :3], [8340.0] * 3)
    with pytest.raises(ValueError, match=r"scan_8340\.0eV\.txrm: its frame is \(3, 5\)"):
        io.read(tmp_path / "a")


def test_pixel_sizes_and_types_that_differ(tmp_path):
    paths = series(tmp_path / "a", flat=None)
    write(paths[1], projections(1).astype("<f4") / 4, [8340.0] * 3, PixelSize=[0.031])
    stack = io.read(tmp_path / "a")
    assert (stack.data.dtype, stack.pixel_size) == (np.float32, (0.03, 0.03))
    np.testing.assert_array_equal(stack.data[:2], [projections(0)[0], projections(1)[0] / 4])
    assert "pixels are 0.03 to 0.031 µm in the headers; 0.03 µm is taken" in stack.metadata["notes"]


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    series(tmp_path / "a", ENERGY[:2])
    (secret,) = series(tmp_path / "b", ENERGY[2:])
    (tmp_path / "a" / secret.name).symlink_to(secret)
    with pytest.warns(UserWarning, match=r"links out of the folder are not followed: scan_8350\.5eV\.txrm"):
        assert io.read(tmp_path / "a").energy.size == 2
    (tmp_path / "a" / "scan_8340.0eV.txrm").unlink()
    assert "links out of the folder are not followed" in txrm_series.why_not_readable(tmp_path / "a")


@settings(max_examples=300, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_damaged_files_give_a_stack_or_a_documented_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "txrm_fuzz"
    if not folder.exists():
        series(folder, ENERGY[:2])
    path = folder / data.draw(st.sampled_from(sorted(p.name for p in folder.iterdir())))
    whole = path.read_bytes()
    place = st.one_of(st.integers(0, 160), st.integers(0, len(whole) - 1))
    content = drawn(data, whole, place, TABLES)
    path.write_bytes(content)
    try:
        for opened in (folder, path):
            if txrm_series.why_not_readable(opened) is None:
                stack = txrm_series.read(opened)
                assert np.asarray(stack.data).shape[0] == stack.energy.size
                assert "flat" not in stack.metadata or np.asarray(stack.metadata["flat"]).shape[-2:] == (4, 5)
    except (OSError, ValueError) as error:
        assert_documented(error, folder.name)
    finally:
        path.write_bytes(whole)


def test_real_tomography_at_several_energies(real, truth, tmp_path):
    name = "zeiss/txrm_test_chip_tomo.txrm"
    for energy in (9100, 9200, 9210):
        (tmp_path / f"chip_{energy}_0eV.txrm").write_bytes(real(name).read_bytes())
    stack = io.read(tmp_path, select="projection 6")
    # Every header says 9200 eV.
    assert stack.energy.tolist() == [9100, 9200, 9210]
    assert [frame.sum() for frame in stack.data] == [truth[name]["sum_last_frame"]] * 3
    assert stack.metadata["angle"] == pytest.approx(44.985878, abs=1e-5)
    assert stack.metadata["exposure"] == 5
