"""Names of columns from the header of a text.

A header names columns in one line (separated by tabs, commas, two blanks or one), one name a line, or in numbered
definitions (``Column.2: i0``, ``2) I0``, ``Col 2 I0 DOUBLE``, ``D1 = {I0}``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from napari_xanes.io.spectra.separators import number_of

_SEARCHED = 12
"""How many lines above the rows are searched for names."""

MARKS = "#%*!;'/ \t"
"""Signs that begin comments in one layout or another."""

_FIO = re.compile(r"Col\s+(\d{1,3})\s+(\S+)\s+(?:FLOAT|DOUBLE|INTEGER\w*|LONG|SHORT|\w+)\s*$", re.IGNORECASE)
_NUMBERED = re.compile(r"col(?:umn)?\s*[._ ]?\s*(\d{1,3})\s*[:=)]\s*(\S.*)", re.IGNORECASE)
_LISTED = re.compile(r"(?:^|\s)(\d{1,3})\)\s+(.+?)(?=\s+\d{1,3}\)\s|\s*$)")
_DETECTOR = re.compile(r"([A-Z]\d{1,3})\s*=\s*\{\s*([^}]*?)\s*\}")
_COUNTED = re.compile(r"(?:^|\s)(\d{1,3})_(?=[A-Za-z])")
_UNIT = re.compile(r"[(\[][^()\[\]]{1,20}[)\]]")
_UNIT_NAME = re.compile(
    r"[(\[]?(k?ev|counts?|cts|cps|a\.?\s?u\.?|arb\.?|s|sec|v|m?deg|rad|pts?|#|1|-|n?a)[)\]]?", re.IGNORECASE
)
_QUOTED = re.compile(r'"([^"]*)"')
_SPEC_MARK = re.compile(r"^#[LC]\s+")
_TITLE = re.compile(r"#S\s+(.*)")
_PHRASE_BEGINS = {
    "mono", "photon", "x-ray", "beam", "incident", "requested", "achieved", "real", "dead", "live", "scaler", "ring",
    "absorption", "optical", "normalized", "normalised", "standard", "integration", "count", "counting", "bragg",
    "sample", "drain", "time",
}  # fmt: skip
"""First words of names of two words, for headers that separate names by one blank."""

_LABELS = {"l", "n", "c", "#", "columns:", "columns", "column", "labels:", "names:", "headings:", "@#"}


@dataclass(frozen=True)
class Header:
    """What the lines above a table say.

    Parameters
    ----------
    names : list of str, optional
        Name of each column.
    title : str
        Number and command of a scan, if the lines give them.
    """

    names: list[str] | None
    title: str = ""


def header_of(lines: list[str], n_columns: int) -> Header:
    """Return the names of `n_columns` columns from the lines above them, and the title of the scan.

    Parameters
    ----------
    lines : list of str
        With their comment signs, the last one right above the first row.
    n_columns : int
        Number of columns.

    Examples
    --------
    >>> header_of(["# Fe foil", "#  energy (eV)  i0  itrans"], 3).names
    ['energy (eV)', 'i0', 'itrans']
    >>> header_of(["Data:", "Real time clock", "Achieved Energy"], 2).names
    ['Real time clock', 'Achieved Energy']
    """
    titles = [" ".join(match[1].split()) for line in lines if (match := _TITLE.match(line))]
    names = _defined(lines, n_columns) or _one_a_line(lines, n_columns) or _in_one_line(lines, n_columns)
    if names:
        names = _replaced(names, lines)
    return Header(names, titles[-1] if titles else "")


def is_header(lines: list[str], n_columns: int) -> bool:
    """Whether lines name the columns below them."""
    return header_of(lines, n_columns).names is not None


def _defined(lines: list[str], n_columns: int) -> list[str] | None:
    """Names from definitions that are numbered."""
    found: dict[int, str] = {}
    for line in lines:
        clean = line.lstrip(MARKS)
        if match := _FIO.fullmatch(clean) or _NUMBERED.fullmatch(clean):
            found[int(match[1])] = match[2].strip()
            continue
        for match in _LISTED.finditer(clean):
            found[int(match[1])] = match[2].strip()
    if found and set(range(1, n_columns + 1)) <= set(found):
        return [found[i] for i in range(1, n_columns + 1)]
    return None


def _one_a_line(lines: list[str], n_columns: int) -> list[str] | None:
    """Names that stand one a line, below a line that ends with a colon."""
    if len(lines) <= n_columns or not lines[-n_columns - 1].rstrip().endswith(":"):
        return None
    names = [" ".join(line.lstrip(MARKS).split()) for line in lines[-n_columns:]]
    are_names = _are_names(names) and not any(name.endswith(":") for name in names)
    return names if are_names and all(number_of(name) is None for name in names) else None


def _in_one_line(lines: list[str], n_columns: int) -> list[str] | None:
    """Names from the nearest line that has as many words as there are columns."""
    below: list[str] | None = None
    plain: list[str] | None = None
    for distance, line in enumerate(reversed(lines[-_SEARCHED:])):
        names = _split(line, n_columns)
        if names is None:
            continue
        if all(_UNIT_NAME.fullmatch(name) for name in names):
            below = below or names
            continue
        if _names_energy(names):
            return _with_units(names, below)
        if plain is None and distance <= (1 if below is None else 2):
            plain = names
    return plain and _with_units(plain, below)


def names_energy(line: str, n_columns: int) -> bool:
    """Whether a line names columns, and one of them can be an energy or an angle."""
    names = _split(line, n_columns)
    return names is not None and _names_energy(names)


def _names_energy(names: list[str]) -> bool:
    """Whether one of the names can be that of an energy or an angle."""
    return any(
        re.search(r"energ|nrj|nrg|omega|angle|theta|bragg|\be\b|\bk?ev\b|^[xk]$", n, re.IGNORECASE) for n in names
    )


def _with_units(names: list[str], units: list[str] | None) -> list[str]:
    """Names with the units of a line below them."""
    if units is None or not any(re.fullmatch(r"[(\[]?k?ev[)\]]?", unit, re.IGNORECASE) for unit in units):
        return names
    return [
        name if "(" in name or "[" in name else f"{name} ({unit.strip('()[]')})"
        for name, unit in zip(names, units, strict=True)
    ]


def _split(line: str, n_columns: int) -> list[str] | None:
    """Return the names in a line, if it has `n_columns` of them."""
    clean = _SPEC_MARK.sub("", line).lstrip(MARKS).rstrip()
    for words in _splits(clean):
        words = [word.strip().strip('"').strip() for word in words]
        if words and not words[0] and len(words) == n_columns:
            words[0] = "index"  # as pandas writes it
        if "," in clean and len(words) == n_columns and _names_energy(words):
            # An empty column between others keeps them apart in spreadsheets.
            words = [word or f"empty {i}" for i, word in enumerate(words, 1)]
        for shortened in (words, words[1:] if words and words[0].lower() in _LABELS else [], _without_end(words)):
            if len(shortened) == n_columns and _are_names(shortened):
                return shortened
    return None


def _splits(line: str) -> Iterator[list[str]]:
    """Yield ways to split a line, the least ambiguous first."""
    if '"' in line:
        yield _QUOTED.findall(line)
    if "\t" in line:
        yield re.split(r"\t+", line)
        yield line.split("\t")
    if len(starts := [match.end(1) + 1 for match in _COUNTED.finditer(line)]) > 1:
        yield [
            line[a:b].rsplit(maxsplit=1)[0] if b else line[a:] for a, b in zip(starts, [*starts[1:], 0], strict=True)
        ]
    if ";" in line or "|" in line:
        yield re.split(r"[;|]", line)
    if "," in line:
        yield line.rstrip(", ").split(",")
    yield re.split(r"\s{2,}|\t", line)
    # Names of positioners end with a star, and fill their place in some headers.
    yield re.split(r"\s{2,}|\t|(?<= \*)\s", line)
    words = _UNIT.sub(lambda unit: unit[0].replace(" ", "\xa0"), line).split()
    yield [word.replace("\xa0", " ") for word in words]
    units = _merged(words)
    yield [word.replace("\xa0", " ") for word in units]
    yield [word.replace("\xa0", " ") for word in _merged_phrases(units)]


def _merged(words: list[str]) -> list[str]:
    """Join units with the names before them."""
    merged: list[str] = []
    for word in words:
        if merged and (_UNIT.fullmatch(word) or word == "*"):
            merged[-1] += f" {word}"
        else:
            merged.append(word)
    return merged


def _merged_phrases(words: list[str]) -> list[str]:
    """Join names of two words."""
    merged: list[str] = []
    for word in words:
        if merged and merged[-1].lower() in _PHRASE_BEGINS:
            merged[-1] += f" {word}"
        else:
            merged.append(word)
    return merged


def _without_end(words: list[str]) -> list[str]:
    return words[:-1] if words and words[-1].lower() in _LABELS else []


def _are_names(words: list[str]) -> bool:
    """Whether words can be names of columns: none is empty or a dash, and at least one is no number."""
    if not all(words) or any(set(word) <= set("-=_+*#") or word.startswith("$(") for word in words):
        return False
    return any(number_of(word) is None for word in words)


def _replaced(names: list[str], lines: list[str]) -> list[str]:
    """Names of EPICS detectors (``D1``) as the header explains them (``D1 = {I0} --> 13BMD:scaler``)."""
    meanings = {match[1]: match[2] for line in lines for match in _DETECTOR.finditer(line)}
    return [meanings.get(name) or name for name in names]
