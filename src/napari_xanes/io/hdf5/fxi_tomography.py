"""NSLS-II 18-ID FXI tomography at many energies, one file each: a stack of one projection.

``fly_scan`` files hold /img_tomo (angle, Y, X) and one /X_eng in keV, ``tomo_zfly`` files /Exchange/data and
"/Experiment/X_eng (keV)". The values are counts: flats and darks in the files are not applied yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_xanes.io.hdf5.file import is_hdf5, open_hdf5
from napari_xanes.io.hdf5.fxi_scan import layout_of, part_of, scan_of
from napari_xanes.io.hdf5.series import hdf5_files, parse_hdf5, why_no_series
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import scans_with_stack, selected_index, with_choice
from napari_xanes.io.series import assemble


def why_not_readable(path: Path) -> str | None:
    """Return why the file or folder holds no projections of FXI; None if it does."""
    if path.is_dir():
        return why_no_series(path, lambda file: layout_of(file) is not None, "no tomography of FXI in the folder")
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        return None if layout_of(file) else "no /img_tomo or /Exchange/data with one energy in it"


@reader("fxi_tomography", title="FXI tomography", patterns=("*.h5",), why_not_readable=why_not_readable, folders=True)
def read(path: Path, select: str | int | None = None, files: Sequence[Path] | None = None) -> RawStack:
    """Read one projection per energy, the first unless selected, with its ``flat`` and ``dark`` (E, Y, X).

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
    warnings: list[str] = []
    scans = parse_hdf5(hdf5_files(path, files, warnings), scan_of, warnings)
    available = [f"projection {i}" for i in range(max(scan.shape[0] for scan in scans))]
    number = selected_index(select, available)
    scans = scans_with_stack(scans, lambda scan: scan.shape[0] > number, available[number], warnings)
    parts = [part_of(scan, number) for scan in scans]
    return with_choice(assemble(parts, warnings=warnings), number, available)
