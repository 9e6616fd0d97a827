"""XDI, the XAS Data Interchange format (https://github.com/XraySpectroscopy/XAS-Data-Interchange), and Athena's .nor.

Several spectra on one energy axis go into one file, a column each; Athena and Larch read it as columns.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.column_choice import NOTHING, Choice
from napari_xanes.io.energies import to_ev
from napari_xanes.io.files import lines_of, one_line, read_text, starts_with
from napari_xanes.io.metadata_json import expect, expect_mappings, fetch_inline, keep_inline, pack_mapping, unpack
from napari_xanes.io.registry import spectra_reader, writer
from napari_xanes.io.spectra.columns import spectra_of
from napari_xanes.io.spectra.ending import refuse_lost_rows, refuse_unended
from napari_xanes.io.spectra.result import errors_of, unique_names
from napari_xanes.io.spectra.roles import meaning_of
from napari_xanes.io.spectra.table import parse_table
from napari_xanes.saving.replacing import write_whole
from napari_xanes.spectrum import Spectrum
from napari_xanes.spectrum_source import FILE_KEYS

_FIELD = re.compile(r"([A-Za-z][\w-]*)\.([\w-]+)\s*:\s*(.*)")
_SPECTRA_FIELD = "Napari_xanes.spectra"


def why_not_readable(path: Path) -> str | None:
    """Return why the file is not XDI, or None if it is."""
    first = starts_with(path, 64).lstrip(b"\xef\xbb\xbf# \t")
    return None if first.startswith(b"XDI/") else "it does not begin with '# XDI/'"


@spectra_reader("xdi", title="XDI", patterns=("*.xdi", "*.nor"), why_not_readable=why_not_readable)
def read_spectra(path: Path, *, choice: Choice = NOTHING) -> list[Spectrum]:
    """Read the spectrum of known columns (mutrans, norm, i0 and itrans ...), or one spectrum per named column.

    Raises
    ------
    ValueError
        If a row is no row of numbers, there is no energy, no mu(E) can be made of the columns, or a file of
        napari-xanes is cut short.
    """
    text = read_text(path)
    fields = _fields(text)
    table = parse_table(text)
    labels = {int(key[7:]): label for key, label in fields.items() if re.fullmatch(r"column\.\d{1,4}", key)}
    names = [" ".join(labels.get(i, f"column {i}").split("||")[0].split()) for i in range(1, table.values.shape[1] + 1)]
    metadata: dict[str, Any] = {"path": str(path)}
    for key, name in (("element.symbol", "element"), ("element.edge", "edge")):
        if fields.get(key):
            metadata[name] = fields[key]
    if _SPECTRA_FIELD.lower() in fields:
        refuse_unended(text)
        energy, metadata["energy_unit"] = to_ev(table.values[:, 0], "eV")
        return _own_spectra(json.loads(fields[_SPECTRA_FIELD.lower()]), energy, table.values, metadata)
    metadata |= {f"sample_{k[7:]}": v for k, v in fields.items() if k.startswith("sample.") and k != "sample.name"}
    kind = fields.get("demeter.output_filetype", "").lower()
    normalized = True if "normalized" in kind else (False if "mu(e)" in kind else None)
    # Known columns are single words; what follows the word is a unit or a remark.
    columns = names if normalized is not None and choice == NOTHING else [_short(name) for name in names]
    title = " ".join(fields.get("sample.name", "").split()) or path.stem
    return spectra_of(replace(table, names=columns), title, metadata, choice=choice, normalized=normalized)


def _short(label: str) -> str:
    """The name in a label such as ``energy eV`` or ``i0 counts``, with the unit of an axis."""
    words = label.split()
    if words[0] == "column" or len(words) == 1:
        return label
    return f"{words[0]} ({words[1]})" if meaning_of(label).role in ("energy", "angle") else words[0]


def _fields(text: str) -> dict[str, str]:
    """Return the header fields ``# Family.key: value``, names in lower case, up to the first row of numbers."""
    fields: dict[str, str] = {}
    for line in lines_of(text):
        line = line.strip()
        if line and not line.startswith("#"):
            break
        match = _FIELD.fullmatch(line.lstrip("# \t"))
        if match:
            fields.setdefault(f"{match[1]}.{match[2]}".lower(), match[3].strip())
        if line.lstrip("# \t").startswith("///"):
            break
    return fields


def _own_spectra(
    descriptions: list[dict[str, Any]],
    energy: NDArray[np.float64],
    values: NDArray[np.float64],
    metadata: dict[str, Any],
) -> list[Spectrum]:
    descriptions = expect_mappings(descriptions, "the list of spectra")
    for fields in descriptions:
        refuse_lost_rows(energy.size, fields.get("rows"))
    found = []
    for fields in descriptions:
        column = expect(fields["column"], int, "the number of a column")
        facts, sigma = errors_of(
            dict(unpack(expect(fields["metadata"], dict, "the metadata"), fetch_inline)),
            values[:, column + 1] if fields["sigma"] else None,
        )
        valence = expect(fields["valence"], int | float | None, "the valence")
        facts["path"] = metadata["path"]
        found.append(Spectrum(str(fields["name"]), energy, values[:, column], valence, sigma, facts))
    return found


@writer("xdi", title="XDI", suffixes=(".xdi",))
def write_spectra(spectra: list[Spectrum], path: Path) -> None:
    """Write spectra that share one energy axis, a column each, with a column of standard errors where known.

    Parameters
    ----------
    spectra : list of Spectrum
        On one energy axis.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        If the file can't be written.
    ValueError
        If the spectra are on different energies.
    """
    energy = spectra[0].energy
    if any(not np.array_equal(s.energy, energy) for s in spectra):
        raise ValueError(f"{path}: XDI has one energy axis, these spectra have several; write .csv, or one file each")
    columns, labels, descriptions = [energy], ["energy eV"], []
    words = unique_names([_word(s) for s in spectra] if len(spectra) > 1 else [_standard(spectra[0])])
    for spectrum, word in zip(spectra, words, strict=True):
        metadata = pack_mapping({k: v for k, v in spectrum.metadata.items() if k not in FILE_KEYS}, keep_inline)[0]
        descriptions.append(
            {
                "name": spectrum.name,
                "column": len(columns),
                "valence": spectrum.valence,
                "sigma": spectrum.sigma is not None,
                "rows": energy.size,
                "metadata": metadata,
            }
        )
        columns.append(spectrum.mu)
        labels.append(word.replace(" ", "_"))
        if spectrum.sigma is not None:
            columns.append(spectrum.sigma)
            labels.append(f"{labels[-1]}_sigma")
    from napari_xanes.version import __version__

    head = [f"XDI/1.0 napari-xanes/{__version__}"]
    head += [f"Column.{i}: {label}" for i, label in enumerate(labels, 1)]
    for field, key in (("Element.symbol", "element"), ("Element.edge", "edge")):
        symbols = {str(s.metadata[key]) for s in spectra if s.metadata.get(key)}
        if len(symbols) == 1:
            head.append(f"{field}: {one_line(symbols.pop())}")
    if len(spectra) == 1:
        head.append(f"Sample.name: {one_line(spectra[0].name)}")
    head += [
        f"{_SPECTRA_FIELD}: {json.dumps(descriptions)}",
        "///",
        "-" * 12,
        "  ".join(label.split()[0] for label in labels),
    ]
    rows = ["  ".join(repr(float(v)) for v in row) for row in zip(*columns, strict=True)]
    lines = [f"# {head[0]}", *(f"# {line}" for line in head[1:-2]), f"#{head[-2]}", f"# {head[-1]}", *rows]
    write_whole(path, "\n".join([*lines, ""]).encode())


def _word(spectrum: Spectrum) -> str:
    return re.sub(r"[^\w.()+-]+", "_", spectrum.name, flags=re.ASCII).strip("_") or "spectrum"


def _standard(spectrum: Spectrum) -> str:
    return "norm" if spectrum.metadata.get("normalized") else "mu"
