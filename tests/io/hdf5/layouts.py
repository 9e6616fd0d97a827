"""Small files of each HDF5 layout; each function returns the names of the images and of the energies in its file."""

from __future__ import annotations

import h5py
import numpy as np

ENERGY = (7130.0, 7100.0, 7112.25, 7110.5)
KEV = tuple(e / 1000 for e in ENERGY)
FRAMES = np.arange(4 * 3 * 5, dtype=np.float32).reshape(4, 3, 5) / 64 + 0.5
JOULE = 1.602176634e-19


def _fill(path, items):
    with h5py.File(path, "w") as file:
        for name, value in items.items():
            file[name] = value


def _nxstxm(path):
    group = {
        "data": FRAMES,
        "energy": ENERGY,
        "sample_x": np.arange(5.0),
        "sample_y": np.arange(3.0),
        "count_time": 0.1,
    }
    items = {f"{entry}/{name}/{key}": value for entry in ("e1", "e2") for name in "ab" for key, value in group.items()}
    _fill(path, items | {"e1/definition": [b"NXstxm"], "e2/definition": "NXstxm"})
    with h5py.File(path, "a") as file:
        for name in ("e1/a", "e1/b", "e2/a", "e2/b"):
            file[name].attrs["NX_class"] = b"NXdata"
            for number, field in enumerate(("energy", "sample_y", "sample_x"), 1):
                file[name][field].attrs["axis"] = number
        file["e1/b"].attrs["axes"] = [b"energy", b"sample_y", b"sample_x"]
    return "e1/a/data", "e1/a/energy"


def _als(path):
    """Version 3, with what was read out along the lines, twice for each pixel."""
    samples = np.repeat(FRAMES / 2, 2, axis=2).reshape(4, -1)
    places = np.broadcast_to(np.repeat(np.arange(5.0), 2), (4, 3, 10)).reshape(4, -1)
    group = {"data": FRAMES, "energy": ENERGY, "sample_x": np.arange(5.0), "sample_y": np.arange(3.0)}
    group |= {"count_time": np.ones(4), "stxm_scan_type": [b"Image"]}
    items = {f"{name}/{key}": value for name in ("default", "tey") for key, value in group.items()}
    items |= {f"instrument/{name}/data": samples for name in ("default", "tey")}
    items |= {"instrument/sample_x/data": places, "instrument/monochromator/energy": ENERGY, "version": 3.0}
    items |= {"definition": [b"NXstxm"], "start_time": "2026"}
    _fill(path, {f"entry0/{name}": value for name, value in items.items()})
    return "entry0/default/data", "entry0/default/energy"


def _hermes(path):
    group = {"data": FRAMES, "energy": ENERGY, "sample_x": np.arange(5.0), "sample_y": np.arange(3.0)}
    items = {f"entry1/{name}/{key}": value for name in ("Counter0", "Counter1") for key, value in group.items()}
    _fill(path, items | {"entry1/collection/beamline": "Hermes", "entry1/control/data": FRAMES})
    return "entry1/Counter0/data", "entry1/Counter0/energy"


def _aps(path):
    items = {"exchange/data": FRAMES, "exchange/energy": KEV, "exchange/data_white": FRAMES, "implements": "exchange"}
    _fill(path, items | {"exchange/data_dark": FRAMES[:2], "process/acquisition/start_date": "2016"})
    return "exchange/data", "exchange/energy"


def _mantis(path):
    items = {"exchange/data": FRAMES.T, "exchange/energy": ENERGY, "exchange/white_data": FRAMES.T}
    items |= {"exchange/x": np.arange(5.0), "exchange/y": np.arange(3.0), "exchange/dark_data": FRAMES[0].T}
    items |= {"spectromicroscopy/normalization/white_spectrum": [1.0, 2, 3, 4], "implements": "information:exchange"}
    _fill(path, items | {"spectromicroscopy/normalization/white_spectrum_energy": ENERGY})
    with h5py.File(path, "a") as file:
        file["exchange/data"].attrs["axes"] = "x:y"
        file["exchange/energy"].attrs["units"] = "eV"
    return "exchange/data", "exchange/energy"


def _pyxas(path):
    _fill(path, {"img": FRAMES, "XEng": KEV, "scan_id": 3})
    return "img", "XEng"


def _pyxas_series(path):
    """A series: the file at the path is the second of four."""
    for i, (frame, kev) in enumerate(zip(FRAMES, KEV, strict=True)):
        items = {"img": np.stack([frame, frame + 1]), "X_eng": kev, "scan_id": i}
        _fill(path if i == 1 else path.with_name(f"{i}.h5"), items)
    return "img", "X_eng"


def _fxi(path):
    items = {"img_xanes": FRAMES, "X_eng": KEV, "note": "NMC", "Pixel Size": "39.0nm", "Magnification": 300.0}
    _fill(path, items | {"img_bkg": FRAMES, "img_dark": FRAMES[:1], "uid": "b2", "scan_id": 3})
    return "img_xanes", "X_eng"


def _mistral(path):
    items = {"spectroscopy_normalized_aligned": FRAMES, "spectroscopy_normalized": FRAMES, "energy": ENERGY}
    items |= {"x_pixel_size": [0.1], "y_pixel_size": [0.1], "ExpTimes": np.ones(4), "Currents": np.ones(4)}
    _fill(path, {f"SpecNormalized/{name}": value for name, value in (items | {"rotation_angle": np.ones(4)}).items()})
    return "SpecNormalized/spectroscopy_normalized_aligned", "SpecNormalized/energy"


def _fly(path):
    """A series: the file at the path is the second of four."""
    for i, (frame, kev) in enumerate(zip(FRAMES, KEV, strict=True)):
        items = {"img_tomo": np.stack([frame, frame + 1]), "X_eng": kev, "angle": np.arange(2.0), "note": "NMC"}
        items |= {"img_bkg": FRAMES, "img_dark": FRAMES[:1], "Pixel Size": "20nm"}
        _fill(path if i == 1 else path.with_name(f"{i}.h5"), items)
    return "img_tomo", "X_eng"


def _zfly(path):
    for i, (frame, kev) in enumerate(zip(FRAMES, KEV, strict=True)):
        items = {"data": np.stack([frame, frame + 1]), "angle": np.arange(2.0), "flat": FRAMES, "dark": FRAMES[:1]}
        items = {f"Exchange/{name}": value for name, value in items.items()}
        items |= {"Experiment/X_eng (keV)": kev, "Experiment/Pixel Size": "20nm"}
        _fill(path if i == 1 else path.with_name(f"{i}.h5"), items)
    return "Exchange/data", "Experiment/X_eng (keV)"


def _cxi(path):
    for i, (frame, ev) in enumerate(zip(FRAMES, ENERGY, strict=True)):
        items = {
            "image_1/data": np.sqrt(frame) * np.exp(1j),
            "instrument_1/source_1/energy": ev * JOULE,
            "start_time": "2",
        }
        _fill(
            path if i == 1 else path.with_name(f"{i}.h5"), {f"entry_1/{name}": value for name, value in items.items()}
        )
    return "entry_1/image_1/data", "entry_1/instrument_1/source_1/energy"


def _xrf_maps(path):
    """A series of XRF-Maps: two elements and elastic scattering, fitted and summed, with I0."""
    for i, (frame, kev) in enumerate(zip(FRAMES, KEV, strict=True)):
        items = {"XRF_Analyzed/ROI/Counts_Per_Sec": np.stack([frame + 9, frame]), "Scalers/Names": [b"us_ic"]}
        items |= {"XRF_Analyzed/Fitted/Counts_Per_Sec": np.stack([frame, frame + 1, frame])}
        items |= {"XRF_Analyzed/Fitted/Channel_Names": [b"Fe", b"Zn", b"COHERENT_SCT_AMPLITUDE"]}
        items |= {"XRF_Analyzed/ROI/Channel_Names": [b"Fe", b"Zn"], "Scalers/Values": np.ones((1, 3, 5))}
        items |= {"Scan/Extra_PVs/Names": [b"2ida2:BraggERdbkAO"], "Scan/Extra_PVs/Values": [str(kev).encode()]}
        file = path if i == 1 else path.with_name(f"{i}.h5")
        _fill(file, {f"MAPS/{name}": value for name, value in items.items()})
    return "MAPS/XRF_Analyzed/Fitted/Counts_Per_Sec", "MAPS/Scan/Extra_PVs/Values"


def _pyxrf(path):
    for i, (frame, kev) in enumerate(zip(FRAMES, KEV, strict=True)):
        items = {"detsum/xrf_fit": np.stack([frame, frame]), "detsum/xrf_fit_name": [b"Fe_K", b"Zn_K"]}
        items |= {"scalers/val": np.ones((3, 5, 1)), "scalers/name": [b"i0"], "scan_metadata/note": b"HXN"}
        file = path if i == 1 else path.with_name(f"{i}.h5")
        _fill(file, {f"xrfmap/{name}": value for name, value in items.items()})
        with h5py.File(file, "a") as opened:
            opened["xrfmap/scan_metadata"].attrs["instrument_mono_incident_energy"] = kev
    return "xrfmap/detsum/xrf_fit", "xrfmap/scan_metadata"


LAYOUTS = (
    _nxstxm,
    _als,
    _hermes,
    _aps,
    _mantis,
    _pyxas,
    _pyxas_series,
    _fxi,
    _mistral,
    _fly,
    _zfly,
    _cxi,
    _xrf_maps,
    _pyxrf,
)
SERIES = (_pyxas_series, _fly, _zfly, _cxi, _xrf_maps, _pyxrf)
LARGE = (_als, _xrf_maps, _pyxrf)
"""Layouts of many datasets, which take longer to write."""
