"""Written files have the layouts that other programs expect."""

from __future__ import annotations

import json
from datetime import datetime

import h5py
import numpy as np
import pytest
import tifffile

from napari_xanes import MapSet, ParameterMap, SpectralStack, Spectrum, io

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)


@pytest.fixture
def volumes(frames):
    """A stack (E, Z, Y, X)."""
    return np.stack([frames, frames + 10], axis=1)


@pytest.mark.parametrize(
    ("exposure", "written"),
    [
        (None, [1, 1, 1, 1]),
        (0.2, [0.2, 0.2, 0.2, 0.2]),
        (np.nan, [1, 1, 1, 1]),
        (0.0, [1, 1, 1, 1]),
        (np.array([0.1, np.nan, np.inf, -1.0]), [0.1, 1, 1, 1]),
        (np.array([0.1, 0.2]), [1, 1, 1, 1]),
    ],
)
def test_mantis_divides_by_the_count_time(tmp_path, frames, exposure, written):
    metadata = {} if exposure is None else {"exposure": exposure}
    io.write(SpectralStack(frames, ENERGY, metadata=metadata), tmp_path / "a.nxs")
    with h5py.File(tmp_path / "a.nxs") as file:
        np.testing.assert_array_equal(file["entry/data/count_time"], written)
    restored = io.read(tmp_path / "a.nxs").metadata
    assert ("exposure" in restored) == (exposure is not None)
    if exposure is not None:
        np.testing.assert_array_equal(restored["exposure"], exposure)


def test_our_own_arrays_have_an_nx_class(tmp_path, frames):
    io.write(SpectralStack(frames, ENERGY, metadata={"flat": frames}), tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        classes = {}
        file["entry"].visititems(lambda name, item: classes.update({name: item.attrs.get("NX_class")}))
        assert classes["napari_xanes/arrays"] == b"NXcollection"
        assert all(kind for name, kind in classes.items() if isinstance(file["entry"][name], h5py.Group))


def test_plot_programs_find_the_errors_of_maps(tmp_path, frames):
    maps = MapSet({"e0": ParameterMap(frames[0], "eV", frames[1]), "jump": ParameterMap(frames[2])})
    io.write(maps, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["entry/map_000_e0/value_errors"] == file["entry/map_000_e0/sigma"]
        assert "value_errors" not in file["entry/map_001_jump"]
    restored = io.read_maps(tmp_path / "a.h5")
    np.testing.assert_array_equal(restored["e0"].sigma, frames[1])
    assert restored["jump"].sigma is None


def test_slice_spacing_is_written_for_imagej(tmp_path, volumes):
    io.write(SpectralStack(volumes, ENERGY, "optical_depth", (0.3, 0.1, 0.2)), tmp_path / "a.tif")
    maps = MapSet({"e0": ParameterMap(volumes[0], "eV")}, pixel_size=(0.3, 0.1, 0.2))
    io.write(maps, tmp_path / "maps.tif")
    for name in ("a.tif", "maps.tif"):
        with tifffile.TiffFile(tmp_path / name) as tiff:
            assert (tiff.imagej_metadata["spacing"], tiff.imagej_metadata["unit"]) == (0.3, "um")
    io.write(SpectralStack(volumes[:, 0], ENERGY, "optical_depth", (0.1, 0.2)), tmp_path / "flat.tif")
    with tifffile.TiffFile(tmp_path / "flat.tif") as tiff:
        assert "spacing" not in tiff.imagej_metadata


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({"unit": "um", "spacing": 0.3}, (0.3, 0.1, 0.2)),
        ({"unit": "nm", "spacing": 300.0}, (0.3, 0.0001, 0.0002)),
        ({"unit": "um", "spacing": 300.0, "zunit": "nm"}, (0.3, 0.1, 0.2)),
        ({"unit": "um"}, None),
        ({"unit": "um", "spacing": 0}, None),
        ({"unit": "um", "spacing": "far"}, None),
        ({"spacing": 0.3}, None),
    ],
)
def test_slice_spacing_is_read_from_imagej(tmp_path, volumes, more, size):
    about = {"imagej": True, "resolution": (5, 10), "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", volumes, metadata={"axes": "TZYX"} | more, **about)
    assert io.read(tmp_path / "a.tif", energies=ENERGY).pixel_size == size
    (tmp_path / "folder").mkdir()
    for energy, volume in zip(ENERGY, volumes, strict=True):
        tifffile.imwrite(tmp_path / "folder" / f"a_{energy}eV.tif", volume, metadata={"axes": "ZYX"} | more, **about)
    assert io.read(tmp_path / "folder").pixel_size == size


def test_time_step_of_imagej_is_not_a_slice_spacing(tmp_path, volumes):
    about = {"imagej": True, "resolution": (5, 10), "photometric": "minisblack"}
    more = {"axes": "TZYX", "unit": "um", "spacing": 0.3}
    tifffile.imwrite(tmp_path / "a.tif", volumes.swapaxes(0, 1), metadata=more, **about)
    stack = io.read(tmp_path / "a.tif", energies=ENERGY)
    assert (stack.shape, stack.pixel_size) == (volumes.shape, None)


def test_pyxas_looks_for_xeng(tmp_path, depth_stack):
    io.write(depth_stack, tmp_path / "a.h5", layout="fxi")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["XEng"] == file["X_eng"]
    restored = io.read(tmp_path / "a.h5")
    assert (restored.quantity, restored.metadata["format"]) == ("transmission", "NSLS-II FXI")


def test_csv_has_a_header_that_larch_numpy_and_mantis_skip(tmp_path):
    pair = [Spectrum("Fe metal", ENERGY, np.arange(4.0)), Spectrum('Fe2O3, "hematite"', ENERGY, np.ones(4), 3.0)]
    io.write(pair, tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[1] == "# energy_eV,Fe_metal,Fe2O3_hematite"
    table = np.loadtxt(tmp_path / "a.csv", delimiter=",")
    np.testing.assert_array_equal(table.T, [ENERGY, np.arange(4.0), np.ones(4)])
    assert [spectrum.name for spectrum in io.read_spectra(tmp_path / "a.csv")] == ["Fe metal", 'Fe2O3, "hematite"']
    # Without our line, the file is an ordinary table.
    (tmp_path / "b.csv").write_text("\n".join(lines[1:]))
    assert [spectrum.name for spectrum in io.read_spectra(tmp_path / "b.csv")] == ["Fe_metal", "Fe2O3_hematite"]


def test_csv_with_the_old_header_is_still_read(tmp_path):
    about = [{"name": "Fe metal", "energy": 0, "mu": 1, "sigma": None, "valence": 0.0, "metadata": {}}]
    (tmp_path / "a.csv").write_text(
        f"# napari-xanes spectra 1: {json.dumps(about)}\nenergy_eV,Fe metal\n7100.0,0.1\n7110.0,0.9\n"
    )
    (spectrum,) = io.read_spectra(tmp_path / "a.csv")
    assert (spectrum.name, spectrum.valence, spectrum.mu.tolist()) == ("Fe metal", 0.0, [0.1, 0.9])


ZARR = SpectralStack(
    np.random.default_rng(2).random((5, 4, 5), np.float32),
    8300.0 + np.arange(5),
    "counts",
    0.04,
    metadata={"flat": np.zeros((5, 4, 5), np.float32), "i0": np.ones(5)},
)


@pytest.mark.parametrize("metadata", [ZARR.metadata, {}], ids=["with flats", "alone"])
def test_naparis_own_reader_shows_the_images_of_a_zarr_folder(tmp_path, metadata):
    naparis = pytest.importorskip("napari_builtins.io._read")
    io.write(SpectralStack(ZARR.data, ZARR.energy, metadata=metadata), tmp_path / "a.zarr")
    images = naparis.magic_imread([str(tmp_path / "a.zarr")])
    (image,) = images if isinstance(images, list) else [images]
    np.testing.assert_array_equal(np.asarray(image), ZARR.data)


def test_ome_zarr_shows_the_images_and_no_energies_as_a_level(tmp_path):
    reader, ome_io = pytest.importorskip("ome_zarr.reader"), pytest.importorskip("ome_zarr.io")
    io.write(ZARR, tmp_path / "a.zarr")
    (node,) = reader.Reader(ome_io.parse_url(str(tmp_path / "a.zarr")))()
    (level,) = node.data
    np.testing.assert_array_equal(np.asarray(level), ZARR.data)
    assert [axis["name"] for axis in node.metadata["axes"]] == ["energy", "y", "x"]


def test_ome_zarr_models_finds_our_zarr_valid(tmp_path):
    models = pytest.importorskip("ome_zarr_models")
    zarr = pytest.importorskip("zarr")
    io.write(ZARR, tmp_path / "a.zarr")
    image = models.open_ome_zarr(zarr.open_group(str(tmp_path / "a.zarr"), mode="r"))
    (scale,) = image.ome_attributes.multiscales
    assert [dataset.path for dataset in scale.datasets] == ["image/0"]


def test_xarray_puts_the_energies_of_a_zarr_folder_on_their_axis(tmp_path):
    """Five energies and five columns: only the names tell them apart."""
    xarray = pytest.importorskip("xarray")
    io.write(ZARR, tmp_path / "a.zarr")
    tree = xarray.open_datatree(tmp_path / "a.zarr", engine="zarr", consolidated=False)
    image = tree["image/0"]
    assert image.dims == ("energy", "y", "x")
    np.testing.assert_array_equal(image.coords["energy"], ZARR.energy)
    np.testing.assert_array_equal(image, ZARR.data)


def test_xarray_puts_the_energies_of_an_hdf5_file_on_their_axis(tmp_path):
    """Five energies and five columns: only the names tell them apart."""
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    io.write(ZARR, tmp_path / "a.h5")
    with xarray.open_dataset(tmp_path / "a.h5", engine="h5netcdf", group="entry/data", phony_dims="sort") as data:
        assert data["data"].dims == ("energy", "sample_y", "sample_x")
        assert data["count_time"].dims == ("energy",)
        np.testing.assert_array_equal(data["data"].coords["energy"], ZARR.energy)
        np.testing.assert_allclose(data["data"].coords["sample_x"], 0.04 * np.arange(5))
    io.write(MapSet({"e0": ParameterMap(np.eye(5, dtype=np.float32), "eV")}), tmp_path / "maps.h5")
    with xarray.open_dataset(
        tmp_path / "maps.h5", engine="h5netcdf", group="entry/map_000_e0", phony_dims="sort"
    ) as data:
        assert data["value"].dims == data["mask"].dims == ("sample_y", "sample_x")


def test_axes_of_hdf5_files_have_names(tmp_path):
    io.write(ZARR, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        data = file["entry/data"]
        assert [[scale.name for scale in axis.values()] for axis in data["data"].dims] == [
            ["/entry/data/energy"],
            ["/entry/data/sample_y"],
            ["/entry/data/sample_x"],
        ]
        assert data["count_time"].dims[0][0] == data["energy"]


@pytest.mark.parametrize("known", [{}, {"start_time": "2026-01-01T10:00:00+01:00"}])
def test_entries_have_ended(tmp_path, known):
    """The programs of silx leave out entries without an end."""
    io.write(SpectralStack(ZARR.data, ZARR.energy, metadata=known), tmp_path / "a.h5")
    io.write(MapSet({"e0": ParameterMap(ZARR.data[0])}, metadata=known), tmp_path / "maps.h5")
    for name in ("a.h5", "maps.h5"):
        with h5py.File(tmp_path / name) as file:
            start, end = (file[f"entry/{key}"][0].decode() for key in ("start_time", "end_time"))
        assert datetime.fromisoformat(start) <= datetime.fromisoformat(end)
        assert not known or start == known["start_time"]


def test_silx_lists_our_entries(tmp_path):
    utils = pytest.importorskip("silx.io.h5py_utils")
    io.write(ZARR, tmp_path / "a.h5")
    assert list(utils.top_level_names(str(tmp_path / "a.h5"))) == ["entry"]
