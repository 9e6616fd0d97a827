"""NSLS-II 18-ID FXI tomography at many energies, one file each: a stack of one projection.

``fly_scan`` files hold /img_tomo (angle, Y, X) and one /X_eng in keV, ``tomo_zfly`` files /Exchange/data and
"/Experiment/X_eng (keV)". They are counts: flats and darks in them are yet to be applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io.allocation_limits import room
from napari_xanes.io.frames import of_one_shape, one_per_file
from napari_xanes.io.hdf5.file import is_hdf5, opened
from napari_xanes.io.hdf5.frames import any_in, facts_of, hdf5_files, links_in
from napari_xanes.io.hdf5.fxi_scan import layout_of, mean, projection, scan_of
from napari_xanes.io.projections import those_with, view
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import choice_note, chosen


def why_not_readable(path: Path) -> str | None:
    """Why the file or folder holds no projections of FXI; None if it does."""
    if path.is_dir():
        if any_in(path, lambda file: layout_of(file) is not None):
            return None
        return "; ".join(["no tomography of FXI in the folder", *links_in(path)])
    if not is_hdf5(path):
        return "not an HDF5 file"
    with opened(path) as file:
        return None if layout_of(file) else "no /img_tomo or /Exchange/data with one energy in it"


@reader("fxi_tomography", title="FXI tomography", patterns=("*.h5",), why_not_readable=why_not_readable, folders=True)
def read(path: Path, select: str | int | None = None, files: Sequence[Path] | None = None) -> RawStack:
    """One projection per energy, the first unless selected, with ``flat`` and ``dark`` (E, Y, X) in the metadata.

    Parameters
    ----------
    path : Path
        One file, or the folder of a scan.
    select : str or int, optional
        Which projection, from 0; ``metadata["angle"]`` is its angle in degrees.
    files : sequence of Path, optional
        Of the folder only these.

    Raises
    ------
    OSError
        If the only file is damaged.
    ValueError
        If frames differ in size, or the projection is in none of the files.
    """
    told = links_in(path) if files is None and path.is_dir() else []
    scans = facts_of(files or (list(hdf5_files(path)) if path.is_dir() else [path]), scan_of, told)
    available = [f"projection {i}" for i in range(max(scan.shape[0] for scan in scans))]
    at = chosen(select, available)
    scans = those_with(scans, lambda scan: scan.shape[0] > at, available[at], told)
    shape = of_one_shape([scan.shape[1:] for scan in scans], [scan.path for scan in scans])
    energy = np.array([scan.energy for scan in scans])
    metadata: dict[str, Any] = {
        "energy_unit": scans[0].energy_unit,
        "detector": available[at],
        "available": available,
    }
    angles = np.array([scan.angles[at] for scan in scans if scan.angles.size == scan.shape[0]])
    metadata |= view(angles, available[at], told)
    held = sum(scan.path.stat().st_size for scan in scans)
    for key in ("flat", "dark"):
        names = [scan.frames.get(key) for scan in scans]
        if all(names):
            means = [partial(mean, scan.path, str(name)) for scan, name in zip(scans, names, strict=True)]
            with room(held):
                metadata[key] = one_per_file(means, shape, np.dtype(np.float32))
        elif any(names):
            told.append(f"{names.count(None)} of {len(scans)} files have no {key}; the others' are left out")
    if "flat" in metadata:
        metadata["n_flat"] = min(scan.n_flat for scan in scans)
    if len(scans) > 1:
        metadata["files"] = [scan.path.name for scan in scans]
    dtype = np.result_type(*(scan.dtype for scan in scans))
    with room(held):
        data = one_per_file([partial(projection, scan.path, scan.images, at) for scan in scans], shape, dtype)
    size = scans[0].pixel_size
    return RawStack(
        data,
        energy,
        "counts",
        None if size is None else (size, size),
        metadata,
        told,
        choice_note(at, available),
        interruptible=True,
    )
