"""The HDF5 layouts of beamlines and programs: what each is recognised by, what is taken, and how it is refused."""

from __future__ import annotations

import warnings

import h5py
import numpy as np
import pytest

from napari_xanes import io, ops
from napari_xanes.io import allocation_limits
from napari_xanes.io.hdf5 import file as hdf5
from napari_xanes.io.hdf5 import ptychography

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)
KEV = tuple(e / 1000 for e in ENERGY)
JOULE = 1.602176634e-19


def reader_of(path):
    return next(reader.name for reader in io.READERS if reader.why_not_readable(path) is None)


def read_and_told(path, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        stack = io.read(path, **keywords)
    return stack, stack.metadata["warnings"]


def write(path, **datasets):
    """Datasets by name; ``name__attribute`` sets an attribute, ``__`` stands before it once."""
    with h5py.File(path, "w") as file:
        for name, value in datasets.items():
            if "__" not in name:
                file[name] = value
        for name, value in datasets.items():
            if "__" in name:
                where, attribute = name.split("__")
                file[where].attrs[attribute] = value
    return path


# APS 32-ID


def write_aps(path, images, energy, **more):
    white, dark = np.full_like(images, 100), np.full((2, *images.shape[1:]), 3, images.dtype)
    items = {"exchange/data": images, "exchange/energy": energy, "exchange/data_white": white}
    items |= {"exchange/data_dark": dark, "process/acquisition/start_date": "2016-08-01", "implements": "exchange"}
    return write(path, **{name: value for name, value in (items | more).items() if value is not None})


def test_aps_32id(tmp_path, frames):
    path = write_aps(tmp_path / "a.h5", frames[::-1], KEV[::-1])
    assert reader_of(path) == "exchange"
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.metadata["start_date"]) == ("counts", "2016-08-01")
    assert stack.metadata["flat"].shape == frames.shape
    np.testing.assert_array_equal(stack.metadata["dark"], np.full(frames.shape[1:], 3))
    depth = ops.optical_depth(stack)
    expected = np.where(frames > 3, -np.log(np.where(frames > 3, frames - 3, 1) / 97), np.nan)
    np.testing.assert_allclose(depth.data, expected, rtol=1e-5)


def test_aps_flats_that_are_not_one_per_energy_are_averaged(tmp_path, frames):
    white = np.stack([np.full(frames.shape[1:], v, np.uint16) for v in (0, 90, 110)])
    with pytest.warns(UserWarning, match="2 flats for 4 images"):
        stack = io.read(write_aps(tmp_path / "a.h5", frames, KEV, **{"exchange/data_white": white}))
    np.testing.assert_array_equal(stack.metadata["flat"], np.full(frames.shape[1:], 100))
    assert stack.metadata["n_flat"] == 2
    for white, told in ((np.zeros((2, *frames.shape[1:])), "nothing but zeros"), (np.ones((2, 9, 9)), "left out")):
        with pytest.warns(UserWarning, match=told):
            assert (
                "flat"
                not in io.read(write_aps(tmp_path / "a.h5", frames, KEV, **{"exchange/data_white": white})).metadata
            )


@pytest.mark.parametrize(("n_images", "n_keys"), [(3, 4), (4, 3)])
def test_aps_interrupted(tmp_path, frames, n_images, n_keys):
    with pytest.warns(UserWarning, match="the last 1 (frames|energies) are dropped"):
        stack = io.read(write_aps(tmp_path / "a.h5", frames[:n_images], KEV[:n_keys]))
    np.testing.assert_array_equal(stack.data, frames[:3])
    assert len(stack.metadata["flat"]) == 3


@pytest.mark.parametrize("empty", [0, np.nan])
def test_aps_empty_tail(tmp_path, frames, empty):
    frames[2:] = empty
    with pytest.warns(UserWarning, match="last 2 of 4 frames are empty"):
        stack = io.read(write_aps(tmp_path / "a.h5", frames, KEV))
    assert stack.shape[0] == len(stack.metadata["flat"]) == 2


def test_a_tomogram_in_data_exchange_is_no_stack(tmp_path, frames):
    path = write_aps(tmp_path / "a.h5", frames, KEV, **{"exchange/energy": None, "exchange/theta": np.arange(4.0)})
    with pytest.raises(ValueError, match="no /exchange/energy in it"):
        io.read(path)
    with pytest.raises(ValueError, match="a tomogram and no stack"):
        io.read(write_aps(tmp_path / "a.h5", frames, [7.1]))
    assert io.read(path, energies=ENERGY).shape == frames.shape


# MANTiS


def write_mantis(path, images, energy, *, unit="eV", **more):
    _, height, width = images.shape
    items = {"implements": "information:exchange:spectromicroscopy", "version": "1.0"}
    items |= {"exchange/data": images.T, "exchange/energy": np.array(energy), "exchange/energy__units": unit}
    items |= {"exchange/data__axes": "x:y", "exchange/x": 0.1 * np.arange(width), "exchange/y": 0.2 * np.arange(height)}
    items |= {"exchange/white_data": np.zeros(1), "spectromicroscopy/positions": np.zeros(3)}
    return write(path, **{name: value for name, value in (items | more).items() if value is not None})


@pytest.mark.parametrize(("energy", "unit"), [(ENERGY, "eV"), (KEV, "keV"), (KEV, "")])
def test_mantis(tmp_path, frames, energy, unit):
    path = write_mantis(tmp_path / "a.hdf5", frames[::-1], energy[::-1], unit=unit)
    assert reader_of(path) == "exchange_mantis"
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("counts", (0.2, 0.1))
    assert not {"flat", "dark", "i0"} & set(stack.metadata)


def test_mantis_i0(tmp_path, frames):
    white, keys = "spectromicroscopy/normalization/white_spectrum", np.array([7000.0, 7200.0])
    more = {white: [100.0, 300.0], f"{white}_energy": keys, f"{white}_energy__units": "eV"}
    stack = io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **more))
    np.testing.assert_allclose(stack.metadata["i0"], np.array(ENERGY) - 6900)
    stack = io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **{white: [1.0, 2, 3, 4]}))
    np.testing.assert_array_equal(stack.metadata["i0"], [1, 2, 3, 4])
    path = write_mantis(tmp_path / "a.hdf5", frames, (*ENERGY, 7140, 7150), **{white: np.arange(1.0, 7)})
    with pytest.warns(UserWarning, match="the last 2 energies are dropped"):
        np.testing.assert_array_equal(io.read(path).metadata["i0"], [1, 2, 3, 4])
    for wrong in ({f"{white}_energy": np.array([7105.0, 7200.0])}, {white: [0.0, 1.0]}, {white: [1.0, 2.0, 3.0]}):
        with pytest.warns(UserWarning, match="left out"):
            assert "i0" not in io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **more | wrong)).metadata


def test_mantis_optical_depth_saved_as_pre_normalized(tmp_path, frames):
    white = "spectromicroscopy/normalization/white_spectrum"
    depth = frames.T.astype("f4") / 99
    more = {"exchange/data": depth, white: np.ones(4), f"{white}_energy": np.array(ENERGY)}
    more |= {"spectromicroscopy/optical_density": depth.astype("f8").reshape((-1, 4), order="F")}
    for limit in (None, 100):
        stack = io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **more), memory_limit=limit)
        assert stack.quantity == "optical_depth"
        assert "pre-normalized" in stack.metadata["quantity_source"]
        assert "i0" not in stack.metadata
    wrong = [
        {white: np.full(4, 2.0)},
        {"spectromicroscopy/optical_density": None},
        {"spectromicroscopy/optical_density": -np.log(depth).reshape((-1, 4), order="F")},
        {"spectromicroscopy/optical_density": np.ones((3, 4))},
    ]
    for other in wrong:
        stack = io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **more | other))
        assert (stack.quantity, "i0" in stack.metadata) == ("counts", True)


def test_mantis_pixel_numbers_are_no_positions(tmp_path, frames):
    pixels = {"exchange/x": np.arange(5.0), "exchange/y": np.arange(3.0)}
    assert io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **pixels)).pixel_size is None
    said = {f"{name}__units": "um" for name in pixels}
    assert io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **pixels | said)).pixel_size == (1.0, 1.0)
    moved = {name: values + 5 for name, values in pixels.items()}
    assert io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **moved)).pixel_size == (1.0, 1.0)


def test_mantis_flat_and_dark(tmp_path, frames):
    more = {"exchange/white_data": frames.T + 9, "exchange/dark_data": frames[0].T}
    stack = io.read(write_mantis(tmp_path / "a.hdf5", frames[::-1], ENERGY, **more))
    np.testing.assert_array_equal(stack.metadata["flat"], frames + 9)
    np.testing.assert_array_equal(stack.metadata["dark"], frames[0])
    empty = {name: values * 0 for name, values in more.items()}
    assert not {"flat", "dark"} & set(io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **empty)).metadata)
    with pytest.warns(UserWarning, match="white_data has shape"):
        io.read(write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **{"exchange/white_data": np.ones((2, 2))}))


@pytest.mark.parametrize("shape", [(4, 4, 4), (4, 3, 4), (4, 7, 5), (1, 3, 1), (1, 3, 5), (3, 1, 1)])
def test_exchange_is_told_apart_whatever_the_shape(tmp_path, shape):
    images = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    energy = 7100.0 + np.arange(shape[0])
    np.testing.assert_array_equal(io.read(write_mantis(tmp_path / "a.hdf5", images, energy)).data, images)
    np.testing.assert_array_equal(io.read(write_aps(tmp_path / "b.h5", images, energy / 1000)).data, images)


@pytest.mark.parametrize("memory_limit", [None, 10])
def test_mantis_tilt_series(tmp_path, frames, memory_limit):
    both = np.stack([frames.T, frames.T + 1000], axis=-1)
    more = {"exchange/data": both, "exchange/theta": np.array([-20.0, 35.5]), "exchange/white_data": both}
    path = write_mantis(tmp_path / "a.hdf5", frames, ENERGY, **more)
    first, second = (io.read(path, select=select, memory_limit=memory_limit) for select in (None, "35.5 degrees"))
    np.testing.assert_array_equal(np.asarray(first.data), frames)
    np.testing.assert_array_equal(np.asarray(second.data), frames + 1000)
    np.testing.assert_array_equal(np.asarray(second.metadata["flat"]), frames + 1000)
    assert second.metadata["available"] == ["-20 degrees", "35.5 degrees"]
    assert "'-20 degrees' was read, one of 2 stacks" in first.metadata["notes"][0]


# PyXAS


@pytest.mark.parametrize(
    ("image", "key"), [("img_xanes", "XEng"), ("img", "X_eng"), ("img", "XEng"), ("img_xanes", "X_eng")]
)
def test_pyxas(tmp_path, frames, image, key):
    path = write(tmp_path / "a.h5", **{image: frames[::-1], key: KEV[::-1]})
    assert reader_of(path) == "pyxas"
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert stack.metadata["energy_unit"].startswith("keV")


def test_pyxas_guesses_the_quantity_and_says_so(tmp_path, frames):
    rising = frames / frames.max()
    for images, quantity in ((rising, "optical_depth"), (1 - rising, "transmission"), (frames * 1e4, "counts")):
        stack = io.read(write(tmp_path / "a.h5", img=images, XEng=KEV))
        assert stack.quantity == quantity
        assert "guessed" in stack.metadata["quantity_source"]
    assert io.read(write(tmp_path / "a.h5", img=(frames * 99).astype("u2"), XEng=KEV)).quantity == "counts"
    assert io.read(tmp_path / "a.h5", quantity="fluorescence").quantity == "fluorescence"


def test_pyxas_guesses_from_frames_that_were_taken(tmp_path, frames):
    """The end of an interrupted scan is darker than any sample."""
    falling = 1 - frames / frames.max() / 2
    falling[3] = 0
    with pytest.warns(UserWarning, match="the last 1 of 4 frames are empty"):
        assert io.read(write(tmp_path / "a.h5", img=falling, XEng=KEV)).quantity == "transmission"
    path = write(tmp_path / "b.h5", img=falling[:3], XEng=7.1)
    assert io.read(path, energies=ENERGY[:3]).quantity == "transmission"
    assert io.read(path, energies=ENERGY[2::-1]).quantity == "optical_depth"


def test_none_of_several_files(tmp_path, frames):
    paths = [write_cxi(tmp_path / f"a_{i}.cxi", frames[i], 1.1e-16) for i in range(2)]
    for path in paths:
        path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ValueError, match=r"none of 2 files can be used: a_0\.cxi .* damaged .*, a_1\.cxi .* damaged"):
        ptychography.read(tmp_path)


def test_pyxas_leaves_what_fxi_exported_to_fxi(tmp_path, frames):
    path = write(tmp_path / "a.h5", img_xanes=frames, X_eng=KEV, note="NMC")
    assert reader_of(path) == "fxi"
    assert io.read(path).quantity == "transmission"


@pytest.mark.parametrize("marks", [{}, {"note": "NMC", "scan_id": 3}])
@pytest.mark.parametrize(("n_images", "n_keys"), [(3, 4), (4, 3)])
def test_spare_energies_or_images(tmp_path, frames, n_images, n_keys, marks):
    path = write(tmp_path / "a.h5", img_xanes=frames[:n_images], X_eng=KEV[:n_keys], **marks)
    with pytest.warns(UserWarning, match="the last 1 (frames|energies) are dropped"):
        stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames[:3])
    np.testing.assert_array_equal(stack.energy, ENERGY[:3])


def test_pyxas_reconstruction_at_one_energy_is_no_stack(tmp_path, frames):
    with pytest.raises(ValueError, match="4 images at one energy"):
        io.read(write(tmp_path / "a.h5", img=frames, XEng=7.1))
    with pytest.raises(ValueError, match=r"/XEng is empty"):
        io.read(write(tmp_path / "a.h5", img=frames, XEng=np.zeros(0)))
    with pytest.raises(ValueError, match=r"must be \(E, Y, X\)"):
        io.read(write(tmp_path / "a.h5", img=frames[0], XEng=KEV))


# FXI tomography


def write_fly(path, projections, kev, *, zfly=False, angles=None, flat=200, **more):
    angles = np.linspace(-80, 80, len(projections)) if angles is None else angles
    flats = np.stack([np.full(projections.shape[1:], flat + d, np.uint16) for d in (-10, 10)])
    darks = np.full((3, *projections.shape[1:]), 7, np.uint16)
    if zfly:
        items = {"Exchange/data": projections, "Exchange/flat": flats, "Exchange/dark": darks, "Exchange/angle": angles}
        items |= {"Experiment/X_eng (keV)": kev, "Experiment/Pixel Size": "20.6nm", "Experiment/note": "NMC"}
    else:
        items = {"img_tomo": projections, "img_bkg": flats, "img_dark": darks, "angle": angles, "X_eng": kev}
        items |= {"img_bkg_avg": flats.mean(0, keepdims=True), "scan_id": 3, "Pixel Size": "20.6nm"}
    return write(path, **{name: value for name, value in (items | more).items() if value is not None})


def write_series(folder, volumes, kev, **keywords):
    paths = [folder / f"fly_scan_id_{9 + i}.h5" for i in range(len(kev))]
    for path, volume, key in zip(paths, volumes, kev, strict=True):
        write_fly(path, volume, key, **keywords)
    return paths


@pytest.fixture
def volumes():
    """Projections (E, angle, Y, X), each value different."""
    return np.arange(10, 10 + 4 * 6 * 3 * 5, dtype=np.uint16).reshape(4, 6, 3, 5)


@pytest.mark.parametrize("zfly", [False, True])
def test_fxi_tomography_is_a_stack_of_one_projection(tmp_path, volumes, zfly):
    paths = write_series(tmp_path, volumes, KEV[::-1], zfly=zfly)
    assert reader_of(tmp_path) == reader_of(paths[0]) == "fxi_tomography"
    for where in (tmp_path, paths, [str(p) for p in reversed(paths)]):
        stack = io.read(where)
        np.testing.assert_array_equal(stack.data, volumes[::-1, 0])
        np.testing.assert_array_equal(stack.energy, ENERGY)
        assert (stack.quantity, stack.pixel_size, stack.data.dtype) == ("counts", (0.0206, 0.0206), np.uint16)
        np.testing.assert_array_equal(stack.metadata["flat"], np.full(stack.shape, 200))
        np.testing.assert_array_equal(stack.metadata["dark"], np.full(stack.shape, 7))
        assert (stack.metadata["n_flat"], stack.metadata["angle"]) == (2, -80)
        assert stack.metadata["detector"] == "projection 0"
        assert any("one of 6 stacks" in note for note in stack.metadata["notes"])
    depth = ops.optical_depth(stack)
    counts = volumes[::-1, 0].astype(float) - 7
    np.testing.assert_allclose(depth.data, -np.log(counts / 193), rtol=1e-5)


@pytest.mark.parametrize("select", [4, "4", "projection 4"])
def test_fxi_tomography_at_another_angle(tmp_path, volumes, select):
    write_series(tmp_path, volumes, KEV)
    stack = io.read(tmp_path, select=select, memory_limit=10)
    assert stack.is_lazy
    np.testing.assert_array_equal(np.asarray(stack.data), volumes[:, 4])
    np.testing.assert_array_equal(np.asarray(stack.metadata["flat"]), np.full(stack.shape, 200))
    assert stack.metadata["angle"] == 48
    with pytest.raises(ValueError, match="select='6' is none of the stacks"):
        io.read(tmp_path, select="6")


def test_fxi_tomography_of_one_file(tmp_path, volumes):
    stack = io.read(write_fly(tmp_path / "a.h5", volumes[0], 7.1))
    np.testing.assert_array_equal(stack.data, volumes[:1, 0])


def test_fxi_tomography_interrupted(tmp_path, volumes):
    paths = write_series(tmp_path, volumes, KEV)
    paths[3].write_bytes(paths[3].read_bytes()[:-200])
    write_fly(paths[2], volumes[2] * 0, KEV[2])
    (tmp_path / "notes.h5").write_bytes(b"not HDF5")
    write(tmp_path / "other.h5", something=1)
    stack, told = read_and_told(tmp_path)
    assert told[0].startswith("1 of 5 files can't be used and are left out: fly_scan_id_12.h5 (can't be opened as HDF5")
    assert "last 1 of 3 frames are empty" in told[1]
    np.testing.assert_array_equal(stack.data, volumes[:2, 0])
    assert len(stack.metadata["flat"]) == 2
    write_fly(paths[2], volumes[2][:2], KEV[2])
    stack, told = read_and_told(tmp_path, select=4)
    assert told[1] == "1 of 3 files have no projection 4 and are left out: fly_scan_id_11.h5"
    np.testing.assert_array_equal(stack.data, volumes[:2, 4])


def test_fxi_tomography_tells_what_does_not_belong_together(tmp_path, volumes):
    paths = write_series(tmp_path, volumes, KEV)
    write_fly(paths[1], volumes[1], KEV[1], angles=np.linspace(-40, 80, 6))
    with pytest.warns(UserWarning, match="taken at -80 to -40 degrees"):
        io.read(tmp_path)
    write_fly(paths[1], volumes[1], KEV[0], img_bkg=None, img_bkg_avg=None)
    stack, told = read_and_told(tmp_path)
    assert "1 of 4 frames have no flat" in told[0]
    assert "1 files repeat the energy" in told[1]
    assert "flat" not in stack.metadata
    write_fly(paths[1], volumes[1][:, :, :4], KEV[1])
    with pytest.raises(ValueError, match=r"fly_scan_id_10\.h5: its frame is \(3, 4\)"):
        io.read(tmp_path)


def test_files_that_are_no_series_stay_one_at_a_time(tmp_path, frames, volumes):
    paths = [write(tmp_path / f"{i}.h5", img=frames, XEng=KEV) for i in range(2)]
    with pytest.raises(ValueError, match="2 of 2 files are stacks"):
        io.read(paths)
    with pytest.raises(ValueError, match="2 of 2 files are stacks"):
        io.read([paths[0], write_fly(tmp_path / "c.h5", volumes[0], 7.1)])


# ALBA MISTRAL


def write_mistral(path, images, energy, **more):
    group = {"spectroscopy_normalized": images, "energy": energy, "x_pixel_size": [0.01], "y_pixel_size": [0.02]}
    group |= {"Currents": np.arange(len(images)) + 100.0, "ExpTimes": np.arange(len(images)) + 1.0}
    group |= {"rotation_angle": np.zeros(len(images))}
    items = {f"SpecNormalized/{name}": value for name, value in (group | more).items()}
    return write(path, **{name: value for name, value in items.items() if value is not None})


@pytest.mark.parametrize("energy", [ENERGY, KEV])
def test_mistral(tmp_path, frames, energy):
    path = write_mistral(tmp_path / "a.hdf5", frames[::-1], energy[::-1])
    assert reader_of(path) == "mistral"
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("transmission", (0.02, 0.01))
    np.testing.assert_array_equal(stack.metadata["exposure"], [4, 3, 2, 1])
    np.testing.assert_array_equal(stack.metadata["ring_current"], [103, 102, 101, 100])


def test_mistral_prefers_the_aligned_images(tmp_path, frames):
    path = write_mistral(tmp_path / "a.hdf5", frames * 0 + 1, ENERGY, spectroscopy_normalized_aligned=frames)
    np.testing.assert_array_equal(io.read(path).data, frames)
    np.testing.assert_array_equal(io.read(path, select="spectroscopy_normalized").data, frames * 0 + 1)
    assert io.read(path, memory_limit=10).is_lazy


def test_mistral_interrupted_and_refused(tmp_path, frames):
    frames[3] = np.nan
    with pytest.warns(UserWarning, match="last 1 of 4 frames are empty"):
        stack = io.read(write_mistral(tmp_path / "a.hdf5", frames, ENERGY, x_pixel_size=None))
    assert stack.pixel_size is None
    assert len(stack.metadata["exposure"]) == 3
    with pytest.raises(ValueError, match="has no energies; pass energies="):
        io.read(write_mistral(tmp_path / "a.hdf5", frames[:3], None))
    assert io.read(tmp_path / "a.hdf5", energies=ENERGY[:3]).shape == (3, 3, 5)
    with pytest.raises(ValueError, match=r"must be numbers \(E, Y, X\), its shape is \(3, 5\)"):
        io.read(write_mistral(tmp_path / "a.hdf5", frames[0], ENERGY))


# HERMES and SoftiMAX


def write_hermes(path, images, energy, *, beamline="Hermes", counter="Counter0", kind="sample image stack"):
    with h5py.File(path, "w") as file:
        file["entry1/collection/beamline"] = [beamline.encode()]
        file["entry1/control/data"] = np.ones(images.shape)
        for name, values in ((counter, images), ("Counter1", images + 1)):
            group = file.create_group(f"entry1/{name}")
            group["data"], group["energy"] = values, energy
            group["sample_x"], group["sample_y"] = 0.5 * np.arange(images.shape[2]), 0.25 * np.arange(images.shape[1])
            group["stxm_scan_type"] = [kind.encode()]
    return path


@pytest.mark.parametrize(
    ("beamline", "counter"), [("Hermes", "Counter0"), ("SLS Sophie at Softimax MAXIV", "counter0")]
)
def test_hermes_and_softimax(tmp_path, frames, beamline, counter):
    path = write_hermes(tmp_path / "a.hdf5", frames[::-1], ENERGY[::-1], beamline=beamline, counter=counter)
    assert reader_of(path) == "hermes"
    stack = io.read(path, select=f"entry1/{counter}")
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.quantity, stack.pixel_size) == ("counts", (0.25, 0.5))
    assert sorted(stack.metadata["available"]) == sorted([f"entry1/{counter}", "entry1/Counter1"])
    np.testing.assert_array_equal(io.read(path, select="counter1").data, frames + 1)


def test_hermes_interrupted_and_refused(tmp_path, frames):
    frames[3] = 0
    with pytest.warns(UserWarning, match="last 1 of 4 frames are empty"):
        assert io.read(write_hermes(tmp_path / "a.hdf5", frames, ENERGY)).shape[0] == 3
    with pytest.raises(ValueError, match="it holds a focus scan"):
        io.read(write_hermes(tmp_path / "a.hdf5", frames, ENERGY, kind="sample focus"))
    with pytest.raises(ValueError, match="no entry of HERMES or SoftiMAX"):
        io.read(write_hermes(tmp_path / "a.hdf5", frames, ENERGY, beamline="Elsewhere"))


# Ptychography


def write_cxi(path, image, ev, **more):
    items = {
        "entry_1/image_1/data": image,
        "entry_1/instrument_1/source_1/energy": ev and ev * JOULE,
        "cxi_version": 140,
    }
    return write(path, **{name: value for name, value in (items | more).items() if value is not None})


def test_ptychography(tmp_path, frames):
    phase = np.exp(1j * np.linspace(0, 3, frames.size)).reshape(frames.shape)
    paths = [tmp_path / f"scan_{9 + i}.cxi" for i in range(4)]
    for path, image, ev in zip(paths, *(np.sqrt(frames[::-1]) * phase, ENERGY[::-1]), strict=True):
        write_cxi(path, image.astype(np.complex64), ev)
    assert reader_of(tmp_path) == reader_of(paths[0]) == "ptychography"
    for where in (tmp_path, paths):
        stack = io.read(where)
        np.testing.assert_allclose(stack.data, frames, rtol=1e-6)
        np.testing.assert_allclose(stack.energy, ENERGY, rtol=1e-8)
        assert (stack.quantity, stack.data.dtype, stack.metadata["energy_unit"]) == ("transmission", np.float32, "J")
        assert "squared modulus" in stack.metadata["notes"][0]
    lazy = io.read(tmp_path, memory_limit=10)
    assert lazy.is_lazy
    np.testing.assert_array_equal(np.asarray(lazy.data), stack.data)
    paths[0].write_bytes(paths[0].read_bytes()[:300])
    write_cxi(paths[3], np.zeros((3, 5), np.complex64), ENERGY[0])
    stack, told = read_and_told(tmp_path)
    assert stack.shape[0] == 2
    assert "1 of 4 files can't be used" in told[0]
    assert "last 1 of 3 frames are empty" in told[1]


def test_ptychography_refused(tmp_path, frames):
    path = write_cxi(tmp_path / "a.cxi", frames[0], 700.0)
    with pytest.raises(ValueError, match="no complex image"):
        io.read(path)
    with pytest.raises(ValueError, match=r"no photon energy at /entry_1.*pass energies="):
        io.read(write_cxi(path, frames[0] + 0j, None))
    assert io.read(path, energies=[700.0]).shape == (1, 3, 5)
    with pytest.raises(ValueError, match=r"must be one image \(Y, X\)"):
        io.read(write_cxi(path, frames + 0j, 700.0))
    write_cxi(path, frames[0] + 0j, 700.0)
    write_cxi(tmp_path / "b.cxi", frames[0, :2] + 0j, 701.0)
    with pytest.raises(ValueError, match=r"b\.cxi: its frame is \(2, 5\), that of a\.cxi \(3, 5\)"):
        io.read(tmp_path)


# All of them


@pytest.mark.parametrize(
    "reader", ["exchange", "exchange_mantis", "pyxas", "mistral", "ptychography", "fxi_tomography"]
)
def test_nothing_outside_the_file_is_read(tmp_path, frames, reader):
    names = {"exchange": "exchange/data", "exchange_mantis": "exchange/data", "pyxas": "img"}
    names |= {"mistral": "SpecNormalized/spectroscopy_normalized", "fxi_tomography": "img_tomo"}
    name = names.get(reader, "entry_1/image_1/data")
    values = frames[0] + 0j if reader == "ptychography" else frames
    keys = (
        {"exchange/energy": KEV, "XEng": KEV, "SpecNormalized/energy": KEV, "X_eng": 7.1}
        if reader != "pyxas"
        else {"XEng": KEV}
    )
    (tmp_path / "raw").write_bytes(values.tobytes())
    path = tmp_path / "a.h5"
    for how in ("external", "virtual", "link"):
        with h5py.File(path, "w") as file, h5py.File(tmp_path / "other.h5", "w") as other:
            other["data"] = values
            for key, value in keys.items():
                file[key] = value
            if reader == "exchange_mantis":
                file["implements"], file["spectromicroscopy/x"] = "exchange", 0
            if how == "external":
                file.create_dataset(name, values.shape, values.dtype, external=[("raw", 0, values.nbytes)])
            elif how == "link":
                file[name] = h5py.ExternalLink("other.h5", "/data")
            else:
                layout = h5py.VirtualLayout(values.shape, values.dtype)
                layout[...] = h5py.VirtualSource("other.h5", "data", values.shape)
                file.create_virtual_dataset(name, layout)
        with pytest.raises(ValueError, match=r"lie in other files|lies in another file"):
            io.read(path)


# NXstxm with lists as long as the stack


def test_times_and_positions_of_every_pixel_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(allocation_limits, "LONGEST_LIST", 50)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"], entry["definition"] = "NXentry", "NXstxm"
        group = entry.create_group("counter0")
        group.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": ["energy", "sample_y", "sample_x"]})
        group["data"], group["energy"] = np.ones((3, 4, 5)), [7100.0, 7110, 7120]
        group["count_time"] = np.full((3, 4, 5), 0.1)
        group["sample_x"] = group["sample_y"] = np.zeros(60)
        group["stxm_scan_type"] = "sample image stack"
    stack = io.read(tmp_path / "a.hdf5")
    assert (stack.shape, stack.pixel_size, "exposure" in stack.metadata) == ((3, 4, 5), None, False)


def test_an_axis_of_one_is_no_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(allocation_limits, "ONE_PIECE", 4096)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = np.zeros((1, 40, 32, 32), np.float32)
        data[..., 0] = np.arange(40)[:, None]
        file.create_dataset("data", data=data, chunks=(1, 1, 32, 32), compression="gzip")
        assert hdf5.array(file, "data") is not None
        file.create_dataset("whole", data=data, chunks=(1, 40, 32, 32), compression="gzip")
        with pytest.raises(ValueError, match="in one piece"):
            hdf5.array(file, "whole")
