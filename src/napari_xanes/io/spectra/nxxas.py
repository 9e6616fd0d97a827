"""NXxas and NXxas_new: spectra in NeXus files (https://manual.nexusformat.org/classes/applications/NXxas.html).

The first definition has energies in ``data/energy`` and what a detector counts in ``data/absorbed_beam``; the newer one
has ``energy`` and ``intensity`` in the entry or in its default plot. A file may hold many entries, one spectrum each.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.allocation_limits import LONGEST_LIST
from napari_xanes.io.energies import to_ev
from napari_xanes.io.energy_limits import looks_like_energies
from napari_xanes.io.files import starts_with
from napari_xanes.io.frames import ordered
from napari_xanes.io.registry import spectra_reader
from napari_xanes.io.spectra.absorption import transmission
from napari_xanes.io.spectra.result import renamed, unique_names
from napari_xanes.spectrum import Spectrum

_DEFINITIONS = ("NXxas", "NXxas_new", "NXxas_mode", "NXxas_trans")
_MOST_ENTRIES = 1000
_ENERGY = ("energy", "plot/energy", "data/energy", "monochromator/energy", "instrument/monochromator/energy")
_INTENSITY = ("intensity", "plot/intensity", "data/intensity", "data/mu", "plot/mu")
_I0 = ("instrument/i0/data", "monitor/data", "instrument/incoming_beam/data", "data/i0", "i0/data")
_TRANSMITTED = ("instrument/itrans/data", "instrument/transmitted_beam/data", "data/itrans")
_EMITTED = ("instrument/ifluor/data", "instrument/fluorescence/data", "data/ifluor")
_ABSORBED = ("data/absorbed_beam", "instrument/absorbed_beam/data")


def why_not_readable(path: Path) -> str | None:
    """Return why the file holds no NXxas entry, or None if it does."""
    if starts_with(path, 8) != b"\x89HDF\r\n\x1a\n":
        return "it is no HDF5 file"
    import h5py

    with h5py.File(path, "r") as file:
        return None if _entries(file) else "no entry of it is NXxas"


@spectra_reader("nxxas", title="NXxas", patterns=("*.h5", "*.nxs", "*.hdf5"), why_not_readable=why_not_readable)
def read_spectra(path: Path) -> list[Spectrum]:
    """Read the spectrum of each NXxas entry; entries without energies or signal are left out with a warning.

    Raises
    ------
    ValueError
        If no entry has a spectrum.
    """
    import h5py

    spectra: list[Spectrum] = []
    refused: list[str] = []
    with h5py.File(path, "r") as file:
        for entry in _entries(file):
            try:
                spectra.append(_spectrum(entry, path))
            except ValueError as error:
                refused.append(f"{entry.name.strip('/')}: {error}")
    if not spectra:
        raise ValueError("; ".join(refused[:3]))
    if refused:
        warnings.warn(f"{path.name}: left out {'; '.join(refused)}", UserWarning, stacklevel=3)
    return [renamed(s, name) for s, name in zip(spectra, unique_names([s.name for s in spectra]), strict=True)]


def _entries(file: Any) -> list[Any]:
    """Return the entries of the file, and their subentries, that NXxas defines."""
    import h5py

    found = []
    for name in list(file)[:_MOST_ENTRIES]:
        group = _inside(file, name)
        if not isinstance(group, h5py.Group):
            continue
        for item in (group, *(_inside(group, key) for key in list(group)[:_MOST_ENTRIES])):
            if isinstance(item, h5py.Group) and _text(item, "definition") in _DEFINITIONS:
                found.append(item)
    return found


def _inside(group: Any, path: str) -> Any:
    """Return a member that lies in the same file, or None: links to other files are not followed."""
    import h5py

    for name in path.split("/"):
        if not isinstance(group, h5py.Group) or name not in group:
            return None
        if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            return None
        group = group[name]
    return group


def _text(group: Any, path: str) -> str:
    """Return a text of the file, empty if there is none."""
    import h5py

    item = _inside(group, path)
    if not isinstance(item, h5py.Dataset) or item.size != 1 or item.dtype.kind not in "OSU":
        return ""
    value = item[()] if item.shape == () else item[(0,) * item.ndim]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _numbers(
    entry: Any, paths: tuple[str, ...], n_points: int | None = None
) -> tuple[NDArray[np.float64], str, str] | None:
    """Return the first list of numbers among paths, with its path and unit."""
    import h5py

    for path in paths:
        item = _inside(entry, path)
        if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "iuf" or item.external or item.is_virtual:
            continue
        if item.ndim not in (1, 2) or not 1 < item.size <= LONGEST_LIST:
            continue
        values = np.asarray(item[()], dtype=np.float64)
        if values.ndim == 2 and n_points is not None:
            # Elements of a detector are summed, whichever axis they are on.
            axis = 1 if values.shape[0] == n_points else 0
            values = values.sum(axis=axis)
        if values.ndim == 1 and n_points in (None, values.size):
            unit = item.attrs.get("units", "")
            return values, path, unit.decode() if isinstance(unit, bytes) else str(unit)
    return None


def _spectrum(entry: Any, path: Path) -> Spectrum:
    """The spectrum of an entry: its intensity, else what its detectors give by the mode of the entry."""
    axis = _numbers(entry, _ENERGY)
    if axis is None:
        raise ValueError(f"no energies; {ways_out.WRITE_COLUMNS}")
    energy, unit = to_ev(axis[0], axis[2])
    if not looks_like_energies(energy):
        raise ValueError(
            f"{axis[1]} ({energy.min():g} to {energy.max():g}) can be no photon energies; {ways_out.WRITE_COLUMNS}"
        )
    mu, formula, normalized, mode = _mu(entry, energy.size)
    good = np.isfinite(mu)
    if good.sum() < 2:
        raise ValueError(f"{formula} has {good.sum()} values; {ways_out.WRITE_COLUMNS}")
    metadata: dict[str, Any] = {"path": str(path), "energy_unit": unit, "column": formula, "mode": mode}
    metadata["reasons"] = [f"energy from {axis[1]}", f"mu(E) = {formula}"]
    if normalized is not None:
        metadata["normalized"] = normalized
    for key, places in (("element", ("element/symbol", "element")), ("edge", ("edge/name", "absorption_edge", "edge"))):
        if text := next((t for place in places if (t := _text(entry, place))), ""):
            metadata[key] = text
    if not good.all():
        metadata["warnings"] = [f"{int((~good).sum())} points without a value are left out"]
        warnings.warn(f"{path.name}: {metadata['warnings'][0]}", UserWarning, stacklevel=3)
    mu, energy, notes = ordered(mu[good], energy[good])
    name = _text(entry, "sample/name") or entry.name.strip("/").rpartition("/")[2]
    return Spectrum(name, energy, mu, metadata=metadata | ({"notes": notes} if notes else {}))


def _mu(entry: Any, n_points: int) -> tuple[NDArray[np.float64], str, bool | None, str]:
    """mu(E) of an entry, how it is made, whether it is normalized, and its mode."""
    import h5py

    if (intensity := _numbers(entry, _INTENSITY, n_points)) is not None:
        title = _inside(entry, intensity[1])
        label = str(title.attrs.get("long_name", "")).lower() if isinstance(title, h5py.Dataset) else ""
        return intensity[0], intensity[1], "normalized" in label or None, "as is"
    mode = _text(entry, "mode").lower()
    i0 = _numbers(entry, _I0, n_points)
    transmitted, emitted = _numbers(entry, _TRANSMITTED, n_points), _numbers(entry, _EMITTED, n_points)
    absorbed = _numbers(entry, _ABSORBED, n_points)
    if absorbed is not None and i0 is None and not mode:
        return absorbed[0], absorbed[1], None, "as is"
    if i0 is None:
        raise ValueError(f"no intensity, and no I0; {ways_out.WRITE_COLUMNS}")
    # In the first definition the absorbed beam is what the detector behind or beside the sample counts.
    if absorbed is not None:
        transmitted, emitted = (None, absorbed) if mode.startswith("fluo") else (absorbed, None)
    if transmitted is not None and not (emitted is not None and mode.startswith("fluo")):
        return transmission(i0[0], transmitted[0]), f"ln({i0[1]}/{transmitted[1]})", False, "transmission"
    if emitted is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            return emitted[0] / i0[0], f"{emitted[1]}/{i0[1]}", False, "fluorescence"
    raise ValueError(
        f"no intensity, and no detector of the transmitted beam or of fluorescence; {ways_out.WRITE_COLUMNS}"
    )
