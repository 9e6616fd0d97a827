"""Write Athena projects: gzipped Perl lists, as Athena (Demeter 0.9) writes them and Larch reads them.

The layout follows the files that Demeter writes, and what `larch.io.athena_project` of Larch 2026 expects of them.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io.files import one_line
from napari_xanes.io.registry import writer
from napari_xanes.saving.replacing import write_whole
from napari_xanes.spectrum import Spectrum

_PARAMETERS = {"e0": "bkg_e0", "pre1": "bkg_pre1", "pre2": "bkg_pre2", "norm1": "bkg_nor1", "norm2": "bkg_nor2"}
_SHORT = 400.0
"""eV behind the edge; Athena shows no EXAFS of spectra that end before."""


@writer("athena", title="Athena project", suffixes=(".prj",))
def write_spectra(spectra: list[Spectrum], path: Path) -> None:
    """Write spectra as the records of a project, which Athena and Larch open.

    Parameters
    ----------
    spectra : list of Spectrum
        Each keeps its energies. Standard errors, valence, element and edge are written; ``metadata["athena"]`` may hold
        E0 (``e0``) and the ranges of the lines (``pre1``, ``pre2``, ``norm1``, ``norm2``) in eV, as the reader gives
        them. Normalized spectra are marked, so that Athena does not normalize them again.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    from napari_xanes.version import __version__

    lines = ["# Athena project file -- Demeter version 0.9.26", f"# Written by napari-xanes {__version__}", ""]
    for number, spectrum in enumerate(spectra, 1):
        lines += _record(spectrum, number)
    lines += ["@journal = ('');", "", "1;", "", "", "# Local Variables:", "# truncate-lines: t", "# End:", ""]
    packed = io.BytesIO()
    # Without a time and a name in it, the same spectra give the same file.
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        file.write("\n".join(lines).encode())
    write_whole(path, packed.getvalue())


def _record(spectrum: Spectrum, number: int) -> list[str]:
    """Return the lines of one record."""
    key = _key(spectrum, number)
    record = [f"$old_group = {_quoted(key)};", f"@args = ({_listed(_arguments(spectrum, key))});"]
    columns = {"x": spectrum.energy, "y": spectrum.mu}
    if spectrum.sigma is not None:
        columns["stddev"] = spectrum.sigma
    record += [f"@{name} = ({','.join(_quoted(repr(float(v))) for v in values)});" for name, values in columns.items()]
    return [*record, "[record]   # ", ""]


def _arguments(spectrum: Spectrum, key: str) -> Iterable[tuple[str, str]]:
    """Yield name and value of each parameter of a record; Athena takes its own defaults for all others."""
    known = spectrum.metadata.get("athena") or {}
    known = known if isinstance(known, Mapping) else {}
    e0 = known.get("e0", spectrum.metadata.get("e0"))
    behind = spectrum.energy[-1] - (spectrum.energy[0] if e0 is None else float(e0))
    normalized = int(bool(spectrum.metadata.get("normalized")))
    yield "label", one_line(spectrum.name)
    yield "datagroup", key
    yield "tag", key
    yield "datatype", "xmu" if behind > _SHORT else "xanes"
    yield "is_xmu", "1"
    yield "is_nor", str(normalized)
    yield "is_chi", "0"
    yield "is_kev", "0"
    yield "npts", str(spectrum.energy.size)
    yield "xmin", f"{spectrum.energy[0]:.1f}"
    yield "xmax", f"{spectrum.energy[-1]:.1f}"
    yield "bkg_eshift", "0"  # the energies are shifted already
    for name, argument in _PARAMETERS.items():
        value = e0 if name == "e0" else known.get(name)
        if isinstance(value, int | float | np.number) and np.isfinite(value):
            yield argument, f"{value:.4f}"
    if spectrum.metadata.get("element"):
        yield "bkg_z", one_line(str(spectrum.metadata["element"]))
    if spectrum.metadata.get("edge"):
        yield "fft_edge", one_line(str(spectrum.metadata["edge"])).lower()
    if spectrum.valence is not None:
        yield "valence", repr(float(spectrum.valence))


def _key(spectrum: Spectrum, number: int) -> str:
    """Return five small letters, as Athena names its groups: the same for the same record."""
    digest = sha256(f"{number} {spectrum.name}".encode()).digest()
    return "".join(chr(ord("a") + byte % 26) for byte in digest[:5])


def _listed(arguments: Iterable[tuple[str, str]]) -> str:
    return ",".join(f"{_quoted(name)},{_quoted(value)}" for name, value in arguments)


def _quoted(text: Any) -> str:
    """Return a Perl string in single quotes, in which only these two signs are special."""
    return "'" + re.sub(r"(['\\])", r"\\\1", str(text)) + "'"
