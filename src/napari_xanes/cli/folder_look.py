"""A look into a folder of many files: a few of them are opened, and the description says so."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

MANY_FILES = 1000
"""In larger folders only a few files are looked at, unless the whole folder is asked for."""

_LOOKED_AT = 8
_STORES = {"zarr.json", ".zgroup", ".zarray"}
"""Files that make a folder one image, in as many files as it has chunks."""


def has_many_files(folder: Path) -> bool:
    """Whether a folder holds more files than `info` opens unasked; a Zarr store is one image."""
    with os.scandir(folder) as entries:
        count = 0
        for entry in entries:
            if entry.name in _STORES:
                return False
            count += 1
    return count > MANY_FILES


def look_at(folder: Path) -> dict[str, Any] | None:
    """Describe a folder by its format, or by a few of its files, evenly spaced by name; None if nothing can be read."""
    from napari_xanes.io.files import files_in, link_warnings
    from napari_xanes.io.recognition import reader_of

    files, links = files_in(folder, ("",))
    if not files:
        return None
    suffixes = Counter(file.suffix.lower() or "no suffix" for file in files)
    facts: dict[str, Any] = {"kind": "folder", "files": len(files), "suffixes": dict(suffixes.most_common(10))}
    if (reader := reader_of(folder, None)[0]) is not None:
        facts |= {"format": reader.title, "first_file": files[0].name, "last_file": files[-1].name}
        notes = ["only the names of its files were looked at"]
    else:
        last = len(files) - 1
        indices = sorted({round(i * last / (_LOOKED_AT - 1)) for i in range(_LOOKED_AT)})
        facts["looked_at"] = [{"file": files[i].name, **_describe(files[i])} for i in indices]
        if all("refused" in described for described in facts["looked_at"]):
            return None
        notes = [f"{len(indices)} of {len(files)} files were looked at"]
    return {**facts, "notes": [*notes, *link_warnings(links)]}


def _describe(path: Path) -> dict[str, Any]:
    """Say of which format a file is; of spectra also the energies, and what was taken."""
    import napari_xanes as nx
    from napari_xanes.io.recognition import reader_of

    try:
        # A file of a series would be read as the whole series: its format is enough.
        if (reader := reader_of(path, None)[0]) is not None:
            return {"format": reader.title}
        spectra = nx.read_spectra(path)
    except (OSError, ValueError) as error:
        return {"refused": str(error).removeprefix(f"{path}: ")}
    first = spectra[0]
    taken = {"column": first.metadata["column"]} if "column" in first.metadata else {}
    return {
        "spectra": len(spectra),
        "points": len(first.energy),
        "energy_first_eV": float(first.energy[0]),
        "energy_last_eV": float(first.energy[-1]),
        **taken,
    }
