"""Maps of X-ray fluorescence in HDF5: which there are, at which photon energy, and which scaler is I0.

MAPS and XRF-Maps (APS) write ``/MAPS/XRF_Analyzed/<method>/Counts_Per_Sec`` with ``Channel_Names``, before version 10
``/MAPS/XRF_fits`` and ``/MAPS/XRF_roi`` with ``/MAPS/channel_names``. PyXRF (NSLS-II) writes ``/xrfmap/detsum/xrf_fit``
with ``xrf_fit_name``, and the same of ``xrf_roi``; ``/xrfmap/det1``, ``det2`` ... hold as much of each element of the
detector, where the user asked for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from napari_xanes.io.energy_limits import HIGHEST, KEV_BELOW
from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.hdf5.file import array, child, texts

FIT, NNLS, ROI = "fit of each pixel", "NNLS fit of each pixel", "sum over a region of the spectrum"
"""How the counts of an element were found."""

_MAPS = (
    ("MAPS/XRF_Analyzed/Fitted/Counts_Per_Sec", "MAPS/XRF_Analyzed/Fitted/Channel_Names", FIT),
    ("MAPS/XRF_Analyzed/NNLS/Counts_Per_Sec", "MAPS/XRF_Analyzed/NNLS/Channel_Names", NNLS),
    ("MAPS/XRF_Analyzed/ROI/Counts_Per_Sec", "MAPS/XRF_Analyzed/ROI/Channel_Names", ROI),
    ("MAPS/XRF_fits", "MAPS/channel_names", FIT),
    ("MAPS/XRF_roi", "MAPS/channel_names", ROI),
    ("xrfmap/detsum/xrf_fit", "xrfmap/detsum/xrf_fit_name", FIT),
    ("xrfmap/detsum/xrf_roi", "xrfmap/detsum/xrf_roi_name", ROI),
)
_SCALERS = (
    ("MAPS/Scalers/Values", "MAPS/Scalers/Names", 0),
    ("MAPS/scalers", "MAPS/scaler_names", 0),
    ("xrfmap/scalers/val", "xrfmap/scalers/name", -1),
)
"""Datasets of scalers, their names, and the axis of the scalers."""

_I0_NAMES = ("i0", "sclr_i0", "us_ic", "sclr1_ch4")
"""Scalers that count the incident beam, as beamlines call them: NSLS-II SRX and TES, APS, NSLS-II HXN."""

_MOST_NAMES = 2000
_DETECTOR = re.compile(r"det\d{1,3}")
_ENERGY_DEVICES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r"braggerdbkao$", r"braggeao(\.val)?$", r"\b(mono\w*|incident|photon)\b.*energy")
)
"""Devices that tell the photon energy, the most certain first. An undulator's energy is another one."""


@dataclass(frozen=True)
class ElementMap:
    """One map in a file: a chemical element or a scattering peak, how its counts were found, and where it is.

    `element` names the element of the detector that counted it; it is empty for the sum of all of them.
    """

    name: str
    method: str
    dataset: str
    index: int
    element: str = ""

    @property
    def title(self) -> str:
        """Name for people and for `select`; of a map by one element of the detector with the name of that."""
        return ", ".join(filter(None, (self.name, self.method, self.element)))


@dataclass(frozen=True)
class Scaler:
    """The scaler of the incident beam: one number for each pixel."""

    name: str
    dataset: str
    index: int
    axis: int


def element_maps(file: h5py.File) -> list[ElementMap]:
    """Return the maps of a file, the best method first; none if there are none."""
    found: list[ElementMap] = []
    for dataset, names, method, element in [*((*place, "") for place in _MAPS), *_of_detector_elements(file)]:
        values = array(file, dataset)
        if values is None or values.ndim != 3 or 0 in values.shape:
            continue
        labels = enumerate(_names(file, names)[: values.shape[0]])
        found += [ElementMap(label, method, dataset, index, element) for index, label in labels if label]
    by_title: dict[str, ElementMap] = {}
    for item in found:
        by_title.setdefault(item.title, item)
    return list(by_title.values())


def _of_detector_elements(file: h5py.File) -> list[tuple[str, str, str, str]]:
    """Return where PyXRF keeps the maps by single elements of the detector: dataset, names, method and element."""
    group = child(file, "xrfmap")
    names = (
        sorted(filter(_DETECTOR.fullmatch, group), key=lambda name: int(name[3:]))
        if isinstance(group, h5py.Group)
        else []
    )
    places = [("xrf_fit", FIT), ("xrf_roi", ROI)]
    return [
        (f"xrfmap/{name}/{key}", f"xrfmap/{name}/{key}_name", method, name) for key, method in places for name in names
    ]


def i0_scaler(file: h5py.File, shape: tuple[int, ...]) -> Scaler | None:
    """Return the scaler that counts the incident beam for images of a shape (Y, X); None if no name is known."""
    for dataset, names, axis in _SCALERS:
        values = array(file, dataset)
        labels = [label.lower() for label in _names(file, names)]
        if values is None or values.ndim != 3:
            continue
        images = values.shape[1:] if axis == 0 else values.shape[:2]
        for name in _I0_NAMES:
            if name in labels and images == shape and labels.index(name) < values.shape[axis]:
                return Scaler(name, dataset, labels.index(name), axis)
    return None


def incident_energy(file: h5py.File, path: Path) -> tuple[float | None, str]:
    """Return the photon energy of a file in eV and its source: its metadata, else its name; None without one."""
    metadata = child(file, "xrfmap/scan_metadata")
    if isinstance(metadata, h5py.Group) and "instrument_mono_incident_energy" in metadata.attrs:
        value = np.ravel(metadata.attrs["instrument_mono_incident_energy"])
        if value.size == 1 and value.dtype.kind in "fiu" and (energy := _in_ev(float(value[0]))):
            return energy, "keV" if value[0] < KEV_BELOW else "eV"
    devices = _process_variables(file)
    for pattern in _ENERGY_DEVICES:
        for name, text in devices:
            if pattern.search(name) and (energy := _in_ev(_number(text))):
                return energy, f"guessed from {name}"
    if named := energy_in(path.stem):
        return named[0], f"{named[1]} (name of the file)"
    return None, ""


def elastic_energy(file: h5py.File) -> float | None:
    """Return the energy of elastic scattering that a fit of XRF-Maps assumed, in eV; None if there is none."""
    names, values = (
        _names(file, "MAPS/Fit_Parameters_Override/Names"),
        array(file, "MAPS/Fit_Parameters_Override/Values"),
    )
    upper = [name.upper() for name in names]
    if values is None or values.ndim != 1 or "COHERENT_SCT_ENERGY" not in upper:
        return None
    index = upper.index("COHERENT_SCT_ENERGY")
    return _in_ev(float(values[index])) if index < values.size else None


def _process_variables(file: h5py.File) -> list[tuple[str, str]]:
    """Return names (with their descriptions) and values of what the beamline wrote of its devices."""
    names, values = (_names(file, f"MAPS/Scan/Extra_PVs/{name}") for name in ("Names", "Values"))
    about = _names(file, "MAPS/Scan/Extra_PVs/Description")
    if not names:
        rows = array(file, "MAPS/extra_pvs", "SO")
        if rows is not None and rows.ndim == 2 and 2 <= rows.shape[0] <= 10 and rows.shape[1] < _MOST_NAMES:
            names, values = texts(rows[0]), texts(rows[1])
            about = texts(rows[3]) if rows.shape[0] > 3 else []
    about = about if len(about) == len(names) else [""] * len(names)
    # The name of a device is more certain than what is said about it.
    pairs = list(zip(names, values, strict=False))
    return [*pairs, *((f"{text} ({name})", value) for text, (name, value) in zip(about, pairs, strict=False))]


def _names(file: h5py.File, name: str) -> list[str]:
    item = array(file, name, "SO")
    return [] if item is None or item.ndim != 1 or item.size > _MOST_NAMES else texts(item[()])


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0


def _in_ev(value: float) -> float | None:
    """Return a photon energy in eV, of a number in keV (1 to 100) or eV (from 1000 on); None if it can be none."""
    if 1 <= value < KEV_BELOW:
        return round(value * 1e3, 6)
    return round(value, 6) if 1000 <= value <= HIGHEST else None
