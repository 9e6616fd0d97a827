"""Maps of X-ray fluorescence, one file per energy, by MAPS, XRF-Maps (APS) or PyXRF (NSLS-II): one element's stack."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.edge.elements import tabulated_e0
from napari_xanes.io.energies import given_energies
from napari_xanes.io.files import first_names
from napari_xanes.io.hdf5.file import array, is_hdf5, open_hdf5
from napari_xanes.io.hdf5.series import hdf5_files, parse_hdf5, why_no_series
from napari_xanes.io.hdf5.xrf_layouts import (
    ElementMap,
    Scaler,
    elastic_energy,
    element_maps,
    i0_scaler,
    incident_energy,
)
from napari_xanes.io.part import Part
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import scans_with_stack, selected_index
from napari_xanes.io.series import assemble
from napari_xanes.wording import one_or_more

_AS_IT_IS = ", not divided by I0"
_ELEMENT = re.compile(r"([A-Z][a-z]?)(?:_([KLM])\d?)?")


@dataclass(frozen=True)
class _Scan:
    """What one file holds, before its maps are read."""

    path: Path
    maps: tuple[ElementMap, ...]
    shape: tuple[int, ...]
    energy: float | None
    energy_unit: str
    elastic: float | None
    i0: Scaler | None


def why_not_readable(path: Path) -> str | None:
    """Return why the file or folder holds no maps of X-ray fluorescence; None if it does."""
    if path.is_dir():
        return why_no_series(path, _has_maps, "no maps of MAPS or PyXRF in the folder")
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        return None if _has_maps(file) else "no maps of elements by MAPS or PyXRF in it"


def _has_maps(file: h5py.File) -> bool:
    return bool(element_maps(file))


@reader(
    "xrf_maps",
    title="XRF maps of MAPS and PyXRF",
    patterns=("*.h5", "*.hdf5"),
    why_not_readable=why_not_readable,
    folders=True,
)
def read(
    path: Path, energies: Any = None, select: str | int | None = None, files: Sequence[Path] | None = None
) -> RawStack:
    """Read the maps of one element, one energy per file, as fluorescence (E, Y, X), float32.

    Parameters
    ----------
    path : Path
        One file, or the folder of a series.
    energies : array_like of eV, or path of a text file, optional
        One for each file; then a file need not tell its energy.
    select : str or int, optional
        Which element (``"Fe"``, ``"Fe_K"``), or one of ``metadata["available"]``. By default the only element with an
        edge within the energies.
    files : sequence of Path, optional
        Of the folder only these.

    Raises
    ------
    OSError
        If the only file is damaged.
    ValueError
        If no element is chosen and the energies do not tell it, maps differ in size, or no file has an energy.
    """
    warnings: list[str] = []
    scans = parse_hdf5(hdf5_files(path, files, warnings), _parse, warnings)
    scans, notes = _with_elastic_energies(scans)
    available = list(dict.fromkeys(item.title for scan in scans for item in scan.maps))
    scalers = sorted({scan.i0.name for scan in scans if scan.i0})
    # Scalers of other detectors count on another scale.
    has_i0 = all(scan.i0 for scan in scans) and len(scalers) == 1
    is_divided = has_i0
    if is_divided:
        sums = dict.fromkeys(item.title for scan in scans for item in scan.maps if not item.element)
        available += [title + _AS_IT_IS for title in sums]
    known = [scan.energy for scan in scans if scan.energy] if energies is None else given_energies(energies)[0].tolist()
    title = available[_chosen(select, available, known)]
    plain = title.removesuffix(_AS_IT_IS)
    scans = scans_with_stack(scans, lambda scan: any(m.title == plain for m in scan.maps), repr(plain), warnings)
    is_divided = is_divided and plain == title
    parts = [_part(scan, next(m for m in scan.maps if m.title == plain), is_divided) for scan in scans]
    notes.append(f"{title!r} was read, one of {len(available)} stacks; select= takes another of metadata['available']")
    if is_divided:
        beam = f"the scaler {scalers[0]!r} of the incident beam"
        notes.append(f"each pixel is divided by {beam}; NaN where it is not positive")
    elif has_i0:
        notes.append(f"the scaler {scalers[0]!r} of the incident beam is not used")
    elif all(scan.i0 for scan in scans):
        warnings.append(f"the files have different scalers of the incident beam ({', '.join(scalers)}): none is used")
    else:
        without = [scan.path.name for scan in scans if scan.i0 is None]
        warnings.append(
            f"{len(without)} of {len(scans)} files {one_or_more(len(without), 'has', 'have')} no scaler that is "
            f"known as I0, so no map is divided by it: {first_names(without)}"
        )
    metadata = {"available": available, "detector": title, "quantity_source": f"counts of {plain}"}
    if len(elements := _elements_of_detector(scans, plain)) > 1 and plain == title:
        metadata["elements"] = elements
        notes.append(
            f"it is the sum of {len(elements)} elements of the detector, which the files hold, too "
            "(metadata['elements']): nx.element_noise tells the noise by the differences between them"
        )
    place = "among its metadata or in its name"
    return assemble(
        parts,
        quantity="fluorescence",
        energies=energies,
        energy_place=place,
        metadata=metadata,
        warnings=warnings,
        notes=notes,
    )


def _parse(file: h5py.File, path: Path) -> _Scan | None:
    maps = element_maps(file)
    if not maps:
        return None
    values = array(file, maps[0].dataset)
    shape = () if values is None else values.shape[1:]
    energy, unit = incident_energy(file, path)
    return _Scan(path, tuple(maps), shape, energy, unit, elastic_energy(file), i0_scaler(file, shape))


def _with_elastic_energies(scans: Sequence[_Scan]) -> tuple[list[_Scan], list[str]]:
    """Use the energies of elastic scattering that fits assumed, if no file tells another and each has its own."""
    elastic = [scan.elastic for scan in scans if scan.elastic]
    if any(scan.energy for scan in scans) or len(elastic) < len(scans) or len(set(elastic)) < len(elastic):
        return list(scans), []
    note = "photon energies are those that the fits assumed for elastic scattering (COHERENT_SCT_ENERGY)"
    unit = "keV (COHERENT_SCT_ENERGY)"
    return [replace(scan, energy=scan.elastic, energy_unit=unit) for scan in scans], [note]


def _elements_of_detector(scans: Sequence[_Scan], title: str) -> list[str]:
    """Return the titles of the same map by each element of the detector, of those that all files hold."""
    of_scans = [{item.title for item in scan.maps if item.title == f"{title}, {item.element}"} for scan in scans]
    first = [item.title for item in scans[0].maps]
    return [name for name in first if all(name in titles for titles in of_scans)]


def _chosen(select: str | int | None, available: Sequence[str], energies: Sequence[float]) -> int:
    """Return the index of the map to read: of a name without its method the best method.

    Raises
    ------
    ValueError
        If there is no such map, or none is asked for and the energies do not tell the element.
    """
    names = [title.split(", ")[0] for title in available]
    if select is None:
        found = _elements_at(list(dict.fromkeys(names)), energies)
        if len(found) != 1:
            elements = ", ".join(dict.fromkeys(name for name in names if _symbol(name)))
            why = f"edges of {', '.join(found)}" if found else "no edge of an element that was mapped"
            raise ValueError(
                f"its energies hold {why}: choose an element with select=, such as select={(found or names)[0]!r}; "
                f"there are {elements or ', '.join(dict.fromkeys(names))}"
            )
        return names.index(found[0])
    text = str(select).strip()
    lines = dict.fromkeys(name for name in names if text.lower() in (name.lower(), (_symbol(name) or "").lower()))
    exact = [name for name in lines if name.lower() == text.lower()] or list(lines)
    return names.index(exact[0]) if len(exact) == 1 else selected_index(select, available)


def _symbol(name: str) -> str | None:
    """Return the element that a map is named after, None for scattering, background and totals."""
    match = _ELEMENT.fullmatch(name)
    return match[1] if match and tabulated_e0(match[1]) else None


def _elements_at(names: Sequence[str], energies: Sequence[float]) -> list[str]:
    """Return the maps of elements with an edge within the range of the energies, of their own line if they name one."""
    if len(energies) < 2:
        return []
    found = []
    for name in names:
        match = _ELEMENT.fullmatch(name)
        symbol = _symbol(name)
        if match is None or symbol is None:
            continue
        e0 = tabulated_e0(symbol, {"L": "L3", "M": "M5"}.get(match[2] or "", "K"))
        if e0 is not None and min(energies) <= e0 <= max(energies):
            found.append(name)
    return found


def _part(scan: _Scan, item: ElementMap, is_divided: bool) -> Part:
    load = partial(_image, scan.path, item, scan.i0 if is_divided else None)
    return Part(scan.path, scan.energy, scan.shape, np.dtype(np.float32), load, scan.energy_unit)


def _image(path: Path, item: ElementMap, i0: Scaler | None) -> Float32Array:
    with open_hdf5(path) as file:
        values = array(file, item.dataset)
        scalers = array(file, i0.dataset) if i0 else None
        if values is None or (i0 and scalers is None):
            raise OSError(f"{path}: /{item.dataset} or its scaler is no longer in it; read the file again")
        image = np.asarray(values[item.index], np.float64)
        if i0 and scalers is not None:
            beam = np.asarray(scalers[i0.index] if i0.axis == 0 else scalers[..., i0.index], np.float64)
            with np.errstate(divide="ignore", invalid="ignore"):
                image = np.where(beam > 0, image / beam, np.nan)
    result: Float32Array = image.astype(np.float32)
    return result
