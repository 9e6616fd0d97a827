"""Maps of X-ray fluorescence, one file per energy, laid out as MAPS, XRF-Maps and PyXRF write them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.io.hdf5.hdf5_files import ENERGY, KEV, read_with_warnings, reader_of

from napari_xanes import io
from napari_xanes.detector_elements import element_noise

I0 = np.linspace(1.0, 3.0, 15).reshape(3, 5)
FIT, ROI = "fit of each pixel", "sum over a region of the spectrum"


def write(path, items, **attributes):
    with h5py.File(path, "w") as file:
        for name, value in items.items():
            file[name] = value
        for name, value in attributes.items():
            file["xrfmap/scan_metadata"].attrs[name] = value


def xrf_maps_10(path, frame, kev):
    """XRF-Maps from version 10 on: a group for each method."""
    about = [b"beam current", b"undulator energy", b"mono energy readback"]
    names = [b"S:SRcurrentAI", b"ID09us:Energy.VAL", b"9ida:BraggERdbkAO"]
    items = {"Scan/Extra_PVs/Names": names, "Scan/Extra_PVs/Description": about}
    items |= {"Scan/Extra_PVs/Values": [b"102.1", str(kev + 0.03).encode(), str(kev).encode()]}
    items |= {"XRF_Analyzed/Fitted/Counts_Per_Sec": np.stack([frame * 0, frame * I0, frame])}
    items |= {"XRF_Analyzed/Fitted/Channel_Names": [b"Ca", b"Fe", b"COMPTON_AMPLITUDE"]}
    items |= {"XRF_Analyzed/ROI/Counts_Per_Sec": np.stack([frame * 0, frame * I0 + 9 * I0])}
    items |= {"XRF_Analyzed/ROI/Channel_Names": [b"Ca", b"Fe"]}
    items |= {"Scalers/Names": [b"ELT1", b"US_IC"], "Scalers/Values": np.stack([frame * 0 + 0.1, I0])}
    items |= {"Spectra/Energy": np.linspace(0.0, 20, 2000)}
    write(path, {f"MAPS/{name}": value for name, value in items.items()})


def maps_9(path, frame, kev):
    """MAPS before version 10: arrays of all elements and methods in one group."""
    pvs = np.array([[b"2xfm:m53.VAL", b"2ida2:BraggEAO.VAL"], [b"7.1", str(kev).encode()], [b"", b"keV"]])
    items = {"channel_names": [b"Ca", b"Fe"], "XRF_fits": np.stack([frame * 0, frame * I0]), "extra_pvs": pvs}
    items |= {"XRF_roi": np.stack([frame * 0, frame * I0 + 9 * I0]), "energy": np.linspace(0.0, 20, 2000)}
    items |= {"scaler_names": [b"SRcurrent", b"us_ic"], "scalers": np.stack([frame * 0 + 0.1, I0])}
    write(path, {f"MAPS/{name}": value for name, value in items.items()})


def pyxrf(path, frame, kev):
    items = {"detsum/xrf_fit": np.stack([frame * 0, frame * I0]), "detsum/xrf_fit_name": [b"Ca_K", b"Fe_K"]}
    items |= {"detsum/xrf_roi": np.stack([frame * I0 + 9 * I0]), "detsum/xrf_roi_name": [b"Fe_K"]}
    items |= {"detsum/counts": np.ones((3, 5, 7), "u4"), "scalers/name": [b"sclr1_ch2", b"sclr1_ch4"]}
    items |= {"scalers/val": np.stack([I0 * 0, I0], axis=-1), "scan_metadata/x": 0}
    items = {f"xrfmap/{name}": value for name, value in items.items()}
    write(path, items, instrument_mono_incident_energy=kev, scan_id=4)


LAYOUTS = [xrf_maps_10, maps_9, pyxrf]


def series(folder, write, frames, *, named=True):
    folder.mkdir()
    for number, (frame, kev) in enumerate(zip(frames, KEV, strict=True)):
        write(folder / (f"scan_{number:04d}.h5" if named else f"s_{1000 * kev}eV.h5"), frame, kev)
    return folder


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("select", [None, "Fe", "fe", f"Fe, {FIT}"])
@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
def test_the_element_of_the_edge_divided_by_i0(layout, select, memory_limit, tmp_path, frames):
    folder = series(tmp_path / "a", layout, frames)
    assert reader_of(folder) == reader_of(folder / "scan_0001.h5") == "xrf_maps"
    if layout is pyxrf and select and "," in select:
        select = select.replace("Fe", "Fe_K")
    stack = io.read(folder, select=select, memory_limit=memory_limit)
    np.testing.assert_allclose(np.asarray(stack.data), frames, rtol=1e-6)
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert stack.quantity == "fluorescence"
    assert FIT in stack.metadata["detector"]
    assert any("divided by the scaler" in line for line in stack.metadata["notes"])


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
def test_regions_of_the_spectrum_and_raw_maps_are_chosen(layout, tmp_path, frames):
    folder = series(tmp_path / "a", layout, frames)
    fe = "Fe_K" if layout is pyxrf else "Fe"
    np.testing.assert_allclose(io.read(folder, select=f"{fe}, {ROI}").data, frames + 9, rtol=1e-6)
    stack = io.read(folder, select=f"{fe}, {FIT}, not divided by I0")
    np.testing.assert_allclose(stack.data, frames * I0, rtol=1e-6)
    assert any("is not used" in line for line in stack.metadata["notes"])
    with pytest.raises(ValueError, match="all 4 frames are empty"):
        io.read(folder, select="Ca")
    with pytest.raises(ValueError, match=f"select='Zn' is none of.*'{fe}, {FIT}'"):
        io.read(folder, select="Zn")


def test_an_energy_that_only_its_description_tells(tmp_path, frames):
    def other_device(path, frame, kev):
        xrf_maps_10(path, frame, kev)
        with h5py.File(path, "a") as file:
            del file["MAPS/Scan/Extra_PVs/Names"]
            file["MAPS/Scan/Extra_PVs/Names"] = [b"S:SRcurrentAI", b"ID09us:Energy.VAL", b"9ida:m7.VAL"]

    stack = io.read(series(tmp_path / "a", other_device, frames))
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert "mono energy readback (9ida:m7.VAL)" in stack.metadata["energy_unit"]


def test_an_element_must_be_chosen_where_the_energies_do_not_tell_it(tmp_path, frames):
    folder = series(tmp_path / "a", xrf_maps_10, frames)
    with pytest.raises(ValueError, match=r"no edge of an element that was mapped: choose.*there are Ca, Fe"):
        io.read(folder, energies=[9000, 9010, 9020, 9030])
    stack = io.read(folder, energies=[9000, 9010, 9020, 9030], select="Fe")
    np.testing.assert_allclose(stack.data, frames, rtol=1e-6)
    with pytest.raises(ValueError, match=r"edges of Ca, Fe: choose an element with select="):
        io.read(folder, energies=[4000, 5000, 6000, 7200])


def test_energies_from_names_or_from_elastic_scattering(tmp_path, frames):
    def without_energy(path, frame, kev, elastic=True):
        xrf_maps_10(path, frame, kev)
        with h5py.File(path, "a") as file:
            del file["MAPS/Scan"]
            if elastic:
                file["MAPS/Fit_Parameters_Override/Names"] = [b"ENERGY_SLOPE", b"COHERENT_SCT_ENERGY"]
                file["MAPS/Fit_Parameters_Override/Values"] = [0.01, kev]

    stack = io.read(series(tmp_path / "a", without_energy, frames))
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert any("COHERENT_SCT_ENERGY" in line for line in stack.metadata["notes"])
    stack = io.read(series(tmp_path / "b", without_energy, frames, named=False))
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert "name of the file" in stack.metadata["energy_unit"]
    # One file of parameters for all energies tells none.
    folder = series(tmp_path / "c", lambda path, frame, kev: without_energy(path, frame, 7.12), frames)
    with pytest.raises(ValueError, match="no photon energy among its metadata or in its name; pass energies="):
        io.read(folder, select="Fe")
    np.testing.assert_allclose(io.read(folder, select="Fe", energies=ENERGY).data, frames, rtol=1e-6)


def test_maps_without_a_known_i0_are_not_divided_and_it_is_said(tmp_path, frames):
    def without_i0(path, frame, kev):
        pyxrf(path, frame, kev)
        with h5py.File(path, "a") as file:
            del file["xrfmap/scalers"]

    stack, told = read_with_warnings(series(tmp_path / "a", without_i0, frames))
    np.testing.assert_allclose(stack.data, frames * I0, rtol=1e-6)
    assert "4 of 4 files have no scaler that is known as I0, so no map is divided" in told[0]


def test_one_file_is_a_stack_of_one_energy(tmp_path, frames):
    folder = series(tmp_path / "a", pyxrf, frames)
    stack = io.read(folder / "scan_0002.h5", select="Fe")
    np.testing.assert_allclose(stack.data, frames[2:3], rtol=1e-6)
    with pytest.raises(ValueError, match="choose an element with select="):
        io.read(folder / "scan_0002.h5")


def test_no_map_is_divided_by_scalers_of_different_detectors(tmp_path, frames):
    folder = series(tmp_path / "a", xrf_maps_10, frames)
    with h5py.File(folder / "scan_0002.h5", "a") as file:
        file["MAPS/Scalers/Names"][1] = b"i0"
    stack, told = read_with_warnings(folder)
    np.testing.assert_allclose(stack.data, frames * I0, rtol=1e-6)
    assert "different scalers of the incident beam (i0, us_ic): none is used" in told[0]


@pytest.mark.parametrize(("factor", "unit"), [(1, "keV"), (1000, "eV")])
def test_the_unit_of_pyxrf_follows_from_its_size(factor, unit, tmp_path, frames):
    stack = io.read(series(tmp_path / "a", lambda path, frame, kev: pyxrf(path, frame, factor * kev), frames))
    np.testing.assert_allclose(stack.energy, ENERGY)
    assert stack.metadata["energy_unit"] == unit


def test_elements_of_the_detector_tell_the_noise_of_their_sum(tmp_path):
    """Four elements that count photons in unequal shares: the noise of the sum is known."""
    rng = np.random.default_rng(5)
    shares = (
        np.array([0.4, 0.3, 0.2, 0.1])[:, None, None]
        * (1 + 0.5 * np.cos(np.arange(40) / 9 + np.arange(4)[:, None]))[:, None]
    )
    photons = 200 * np.array([0.1, 0.4, 1.2, 1])[:, None, None, None] * shares * rng.gamma(2, 1, (40, 40))
    counts, i0 = rng.poisson(photons).astype(float), rng.uniform(1000, 4000, (40, 40))
    folder = tmp_path / "a"
    folder.mkdir()
    for number, (images, kev) in enumerate(zip(counts, KEV, strict=True)):
        items = {"detsum/xrf_fit": images.sum(axis=0)[None], "detsum/xrf_fit_name": [b"Fe_K"], "scan_metadata/x": 0}
        for k, image in enumerate(images, start=1):
            items |= {f"det{k}/xrf_fit": image[None], f"det{k}/xrf_fit_name": [b"Fe_K"]}
        items |= {"scalers/name": [b"i0"], "scalers/val": i0[..., None]}
        write(
            folder / f"{number}.h5", {f"xrfmap/{n}": v for n, v in items.items()}, instrument_mono_incident_energy=kev
        )
    stack = io.read(folder)
    order = np.argsort(KEV)
    np.testing.assert_allclose(stack.data, counts.sum(axis=1)[order] / i0, rtol=1e-6)
    assert stack.metadata["elements"] == [f"Fe_K, {FIT}, det{k}" for k in (1, 2, 3, 4)]
    assert any("sum of 4 elements of the detector" in line for line in stack.metadata["notes"])
    elements = [io.read(folder, select=name) for name in stack.metadata["elements"]]
    np.testing.assert_allclose(elements[1].data, counts[order, 1] / i0, rtol=1e-6)
    assert "elements" not in elements[1].metadata
    found = element_noise(elements)
    expected = (photons.sum(axis=1) / i0**2).mean(axis=(1, 2))[order]
    assert (abs(found.variance - expected) < 4 * found.sigma).all()


def test_elements_that_only_some_files_hold_are_not_told(tmp_path, frames):
    folder = series(tmp_path / "a", pyxrf, frames)
    for name in ("scan_0000.h5", "scan_0001.h5"):
        with h5py.File(folder / name, "a") as file:
            for k in (1, 2):
                file[f"xrfmap/det{k}/xrf_fit"] = np.ones((1, 3, 5))
                file[f"xrfmap/det{k}/xrf_fit_name"] = [b"Fe_K"]
    stack = io.read(folder)
    np.testing.assert_allclose(stack.data, frames, rtol=1e-6)
    assert "elements" not in stack.metadata
