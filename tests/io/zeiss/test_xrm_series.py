"""Series of Zeiss files: energies and references by name and header, repeats, exposures, aborted files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.fuzzing import TABLES, assert_documented, drawn
from tests.io.zeiss.ole2 import write_zeiss as write
from tests.io.zeiss.xrm_files import aps, image, numbered, ssrl, ssrl_tomography

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.io.zeiss import xrm_series


def test_aps_names(tmp_path):
    stack = io.read(aps(tmp_path))
    np.testing.assert_allclose(stack.energy, [8249.94, 8339.94, 8352.94], atol=1e-3)
    assert stack.metadata["energy_in_names"] == [8250, 8340, 8353]
    np.testing.assert_array_equal(stack.data, np.concatenate([image(100), image(200), image(300)]))
    np.testing.assert_array_equal(stack.metadata["flat"], np.concatenate([image(200), image(400), image(600)]))
    assert (stack.data.dtype, stack.quantity, stack.pixel_size) == (np.uint16, "counts", (0.03, 0.03))
    assert (stack.metadata["exposure"], stack.metadata["flat_exposure"], stack.metadata["n_flat"]) == (35, 35, 1)


@pytest.mark.parametrize("name", ["fov07_xanessoc01_8340_0eV.xrm", "ref_xanessoc01_8353_0eV.xrm"])
def test_any_file_opens_its_series(tmp_path, name):
    assert io.read(aps(tmp_path) / name).shape == (3, 4, 5)


def test_files_of_a_folder(tmp_path):
    files = sorted(aps(tmp_path).glob("*_8250_*")) + sorted(tmp_path.glob("*_8353_*"))
    stack = io.read(files)
    np.testing.assert_allclose(stack.energy, [8249.94, 8352.94], atol=1e-3)
    np.testing.assert_array_equal(stack.metadata["flat"][1], image(600)[0])


def test_energies_of_names_replace_missing_or_different_headers(tmp_path):
    stack = io.read(aps(tmp_path, header=False))
    np.testing.assert_array_equal(stack.energy, [8250, 8340, 8353])
    assert stack.metadata["energy_unit"] == "eV (file names)"
    write(aps(tmp_path) / "fov07_xanessoc01_8340_0eV.xrm", image(100), [7112.0])
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.energy, [8250, 8340, 8353])
    assert "a header says 7112 eV where the name says 8340" in stack.metadata["notes"][0]
    np.testing.assert_array_equal(io.read(tmp_path, energies=[8251, 8341, 8354]).energy, [8251, 8341, 8354])


def test_repeats_are_sorted_by_their_number(tmp_path):
    for i in range(1, 12):
        write(tmp_path / f"a_8330.0_eV_{i}of11.xrm", image(i), [0.0])
        write(tmp_path / f"a_8340.0_eV_{i}of11.xrm", image(100 + i), [0.0])
    stack = io.read(tmp_path, repeat=2)
    np.testing.assert_array_equal(stack.data, np.concatenate([image(2), image(102)]))


def test_decreasing_given_energies_do_not_match_sorted_images(tmp_path):
    aps(tmp_path)
    with pytest.raises(ValueError, match=r"sorted by their own energies \(8250 to 8353 eV\).*give them in that order"):
        io.read(tmp_path, energies=[8354, 8341, 8251])


def test_energies_in_headers_alone(tmp_path):
    numbered(tmp_path, [8350.2, 8340.1, 8330.0])
    numbered(tmp_path, [8330.05, 8340.1, 8350.2], stem="scan_ref")
    stack = io.read(tmp_path)
    np.testing.assert_allclose(stack.energy, [8330.0, 8340.1, 8350.2], atol=1e-3)
    np.testing.assert_array_equal(stack.data, np.concatenate([image(300), image(200), image(100)]))
    np.testing.assert_array_equal(stack.metadata["flat"], np.concatenate([image(100), image(200), image(300)]))
    assert "energy_in_names" not in stack.metadata
    assert "energies of the headers, the names have none" in stack.metadata["notes"]
    assert io.read(tmp_path / "scan_0001.xrm").shape == (1, 4, 5)


def test_a_tomography_at_one_energy_is_not_a_series(tmp_path):
    numbered(tmp_path, [8350.2, 8350.1, 8350.15])
    with pytest.raises(ValueError, match="or of several energies, in it"):
        io.read(tmp_path)
    numbered(tmp_path, [8350.2, 8360.1, 8370.15], angles=[0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="or of several energies, in it"):
        io.read(tmp_path)


def test_ssrl_names_repeats_and_exposures(tmp_path):
    stack = io.read(ssrl(tmp_path))
    np.testing.assert_array_equal(stack.energy, [8324, 8330.5])
    np.testing.assert_allclose(stack.data, np.concatenate([image(117), image(217)]))
    assert (stack.data.dtype, stack.metadata["n_flat"]) == (np.float32, 4)
    np.testing.assert_allclose(stack.metadata["flat"][0], image(301)[0] + 0.5)
    assert (stack.metadata["exposure"], stack.metadata["flat_exposure"]) == (0.5, 0.3)
    assert "repeats of 2 energies averaged: 12 frames became 2" in stack.metadata["notes"]
    depth = nx.ops.optical_depth(stack).data[0]
    np.testing.assert_allclose(depth, -np.log(image(117)[0] / (image(301)[0] + 0.5) * 0.3 / 0.5), rtol=1e-4)


def test_lazy(tmp_path):
    ssrl(tmp_path)
    whole, lazy = io.read(tmp_path), io.read(tmp_path, memory_limit=10)
    assert not isinstance(lazy.data, np.ndarray)
    assert not isinstance(lazy.metadata["flat"], np.ndarray)
    np.testing.assert_array_equal(np.asarray(lazy.data), whole.data)
    np.testing.assert_array_equal(np.asarray(lazy.metadata["flat"]), whole.metadata["flat"])


def test_exposures_that_change_with_energy(tmp_path):
    aps(tmp_path)
    write(tmp_path / "fov07_xanessoc01_8340_0eV.xrm", image(400), [8339.94], [70.0])
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.metadata["exposure"], [35, 70, 35])
    assert "flat_exposure" not in stack.metadata
    depth = nx.ops.optical_depth(stack).data
    np.testing.assert_allclose(depth[1], -np.log(image(400)[0] / (2 * image(400)[0].astype(float))), rtol=1e-5)


def test_nearest_reference_replaces_a_missing_one(tmp_path):
    aps(tmp_path)
    (tmp_path / "ref_xanessoc01_8340_0eV.xrm").unlink()
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.metadata["flat"][1], image(600)[0])
    assert "1 energy has no reference; the nearest ones, up to 13 eV away" in stack.metadata["notes"][1]
    for path in tmp_path.glob("ref_*"):
        path.unlink()
    assert "flat" not in io.read(tmp_path).metadata


def test_aborted_and_damaged_files_are_dropped_and_reported(tmp_path):
    aps(tmp_path, (8250, 8300, 8340, 8353))
    write(tmp_path / "fov07_xanessoc01_8340_0eV.xrm", image(1)[:0], [])
    (tmp_path / "fov07_xanessoc01_8250_0eV.xrm").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.warns(UserWarning, match="2 of 4 images can't be used and are left out: fov07.*aborted"):
        stack = io.read(tmp_path)
    np.testing.assert_allclose(stack.energy, [8299.94, 8352.94], atol=1e-3)
    for path in tmp_path.glob("fov07*"):
        write(path, image(1)[:0], [])
    with pytest.raises(
        ValueError, match="none of 4 images can be used: fov07_xanessoc01_8250_0eV.xrm .the exposure was aborted"
    ):
        io.read(tmp_path)


def test_several_scans_in_a_folder(tmp_path):
    aps(aps(tmp_path), stem="fov08")
    stack = io.read(tmp_path, select="fov08_xanessoc01")
    assert stack.metadata["available"] == ["fov07_xanessoc01", "fov08_xanessoc01"]
    assert (stack.metadata["detector"], "flat" in stack.metadata) == ("fov08_xanessoc01", True)
    assert "one of 2 stacks" in io.read(tmp_path).metadata["notes"][-1]
    assert io.read(tmp_path / "fov08_xanessoc01_8340_0eV.xrm").metadata["detector"] == "fov08_xanessoc01"


def test_each_angle_of_a_tomography_is_a_separate_stack(tmp_path):
    stack = io.read(ssrl_tomography(tmp_path))
    assert stack.metadata["available"] == [
        "NCA_fov08, -010.00deg",
        "NCA_fov08, +000.00deg",
        "NCA_fov08, +010.50deg",
        "NCA_fov08, +100.00deg",
    ]
    for n, (select, angle) in enumerate([(None, -10), ("+000.00deg", 0), ("NCA_fov08, +010.50deg", 10.5), (3, 100)]):
        stack = io.read(tmp_path, select=select)
        np.testing.assert_array_equal(stack.energy, [8324, 8330.25])
        np.testing.assert_array_equal(stack.data, np.concatenate([image(1000 * n), image(1000 * n + 100)]))
        flats = np.concatenate([image(5001), image(5101)]) + 0.5
        np.testing.assert_array_equal(stack.metadata["flat"], flats)
        assert (stack.metadata["angle"], stack.metadata["n_flat"]) == (angle, 2)
        assert (stack.metadata["exposure"], stack.metadata["flat_exposure"]) == (0.5, 0.3)
        assert len(stack.metadata["files"]) == 2 + 4


def test_any_file_of_a_tomography_opens_its_angle(tmp_path):
    ssrl_tomography(tmp_path)
    stack = io.read(tmp_path / "rep01_NCA_fov08_+010.50deg_08330.25_eV_001of001.xrm")
    assert (stack.metadata["detector"], stack.shape) == ("NCA_fov08, +010.50deg", (2, 4, 5))
    stack = io.read(tmp_path / "rep01_000002_ref_NCA_fov08_08330.25_eV_001of002.xrm")
    assert stack.metadata["detector"] == "NCA_fov08, -010.00deg"


def test_references_of_one_angle_are_used_for_angles_without_references(tmp_path):
    ssrl_tomography(tmp_path, ("+000.00", "+090.00"), (8324.0,))
    for path in sorted(tmp_path.glob("*_ref_*")):
        path.rename(tmp_path / path.name.replace("fov08", "fov08_+000.00deg"))
    for n in (0, 1):
        flat = io.read(tmp_path, select=n).metadata["flat"]
        np.testing.assert_array_equal(flat, image(5001) + 0.5)
    write(tmp_path / "ref_NCA_fov08_+090.00deg_08324.00_eV.xrm", image(7000), [0.0], [0.3])
    np.testing.assert_array_equal(io.read(tmp_path, select=0).metadata["flat"], image(5001) + 0.5)
    np.testing.assert_array_equal(io.read(tmp_path, select=1).metadata["flat"], image(7000))


def test_two_samples_of_a_tomography_keep_their_references(tmp_path):
    ssrl_tomography(tmp_path, ("+000.00",))
    for path in sorted(tmp_path.iterdir()):
        if "deg" in path.name:
            write(tmp_path / path.name.replace("NCA", "NMC"), image(10), [0.0], [0.5])
    assert "flat" in io.read(tmp_path, select="NCA_fov08, +000.00deg").metadata
    assert "flat" not in io.read(tmp_path, select="NMC_fov08, +000.00deg").metadata


def test_images_of_different_sizes_are_refused(tmp_path):
    aps(tmp_path)
    write(tmp_path / "fov07_xanessoc01_8340_0eV.xrm", image(1)[:, :3], [8340.0])
    with pytest.raises(
        ValueError, match=r"8340_0eV\.xrm: its frame is \(3, 5\), that of fov07_xanessoc01_8250_0eV.xrm \(4, 5\)"
    ):
        io.read(tmp_path)


def test_other_files_are_not_a_series(tmp_path):
    lone = write(tmp_path / "a_8333_0eV.xrm", image(1), [0.0])
    assert "no .xrm of other energies beside it" in xrm_series.why_not_readable(lone)
    assert io.read(lone).metadata["format"] == "Zeiss XRM"
    assert "with its energy in the name" in xrm_series.why_not_readable(write(tmp_path / "b.xrm", image(1), [8333.0]))
    (tmp_path / "text_8340_0eV.xrm").write_text("8340 eV")
    assert "not an OLE2" in xrm_series.why_not_readable(tmp_path / "text_8340_0eV.xrm")


@settings(max_examples=250, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_damaged_files_give_a_stack_or_a_documented_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "series_fuzz"
    if not folder.exists():
        folder.mkdir()
        aps(folder, (8250, 8340))
    path = folder / data.draw(st.sampled_from(sorted(p.name for p in folder.iterdir())))
    whole = path.read_bytes()
    place = st.one_of(st.integers(0, 160), st.integers(0, len(whole) - 1))
    content = drawn(data, whole, place, TABLES)
    path.write_bytes(content)
    try:
        if xrm_series.why_not_readable(folder) is None:
            stack = xrm_series.read(folder)
            assert np.asarray(stack.data).shape[0] == stack.energy.size
            assert "flat" not in stack.metadata or np.asarray(stack.metadata["flat"]).shape == stack.data.shape
    except (OSError, ValueError) as error:
        assert_documented(error, folder.name)
    finally:
        path.write_bytes(whole)


def test_real_aps(real, truth):
    stack = io.read(real("aps_8bm_ni_k"))
    true = truth["aps_8bm_ni_k (optical depth of fov07, -ln(I/ref))"]
    assert list(stack.shape) == true["shape"]
    np.testing.assert_allclose(stack.energy, [8249.9365234375, 8353.0322265625])
    for i, energy in enumerate((8250, 8353)):
        assert stack.data[i].sum() == truth[f"aps_8bm_ni_k/fov07_xanessoc01_{energy}_0eV.xrm"]["sum_first_frame"]
    depth = nx.ops.optical_depth(stack).data
    for name, value in (("min", depth.min()), ("max", depth.max()), ("corner_0_0_0", depth[0, 0, 0])):
        assert value == pytest.approx(true[name], rel=1e-6)
    sums = depth.sum(axis=(1, 2), dtype=np.float64)
    np.testing.assert_allclose(sums, [true["sum_first_frame"], true["sum_last_frame"]], rtol=1e-6)


def test_real_ssrl(real, truth):
    with pytest.warns(UserWarning, match="1 of 3 references can't be used.*aborted"):
        stack = io.read(real("ssrl_62c_ni_k"))
    name = "ssrl_62c_ni_k/rep01_{}20161456_ssrl-test-data_08324.0_eV_{}.xrm"
    assert stack.data.sum() == truth[name.format("", "001of003")]["sum_first_frame"]
    flats = [truth[name.format(f"0000{51 + i}_ref_", f"00{1 + i}of010")]["sum_first_frame"] for i in (0, 1)]
    assert stack.metadata["flat"].sum(dtype=np.float64) == np.mean(flats)
    assert (stack.energy.tolist(), stack.metadata["exposure"], stack.metadata["flat_exposure"]) == ([8324.0], 0.5, 0.3)


def test_real_aborted_exposure(real, tmp_path):
    name = "rep02_000072_ref_20161456_ssrl-test-data_08348.0_eV_002of010.xrm"
    (tmp_path / name).write_bytes(real(f"ssrl_62c_ni_k/{name}").read_bytes())
    with pytest.raises(ValueError, match="the exposure was aborted, no image was taken"):
        io.read(tmp_path / name)
