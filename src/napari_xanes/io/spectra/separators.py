"""How the numbers of a text are separated: blanks, tabs, commas or semicolons, with decimal points or decimal commas.

One text has one rule. Where a comma can mean both (``7100,5 0.12``), the text is refused: a guess would move the
decimals of every energy without a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import zip_longest

Split = Callable[[str], list[str]]

_SIGNS = r"+\-.,;| \t\f\v\"'eEdDnNaAiIfF*"
NUMERIC_LINES = re.compile(
    rf"(?:[ \t\f\v]*+(?=[\d+\-.,;\"'*]|nan|inf)[{_SIGNS}]*+\d[\d{_SIGNS}]*+(?:\n|\Z))++", re.ASCII
)
"""Lines that may be rows of numbers; a cheap test of all at once, since texts have thousands of lines."""

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eEdD][+-]?\d+)?|[+-]?\d+(?:[eEdD][+-]?\d+)?")
_COMMA_INSIDE = re.compile(r"\d,\d")
_EMPTY_FIELD = re.compile(r",\s*,|^\s*,")
_LEADING_ZERO = re.compile(r"(?:^|,)\s*0\d")
_QUOTED_COMMA = re.compile(r'"([^",\n]*,[^"\n]*\d[^"\n]*)"')
_NO_THOUSANDS = re.compile(r"\.(?!\d{3}(?!\d))")
_HUNDREDS = re.compile(r"[+-]?[1-9]\d{0,2}")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[.,]\d{3})+")
_THOUSANDS_POINT = re.compile(r"\s*[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?\s*")
_FIELD = re.compile(r'(?:^|,)\s*(?:"([^"]*)"|([^",]*))\s*(?=,|$)')
_MISSING = re.compile(r"-{1,3}|\*+|n/?a|nan|null|none|inf", re.IGNORECASE)


def separator_of(lines: Iterable[str]) -> Split:
    """Return the function that splits each row of a text into its fields.

    Parameters
    ----------
    lines : iterable of str
        All lines that look like rows of numbers.

    Raises
    ------
    ValueError
        If a comma can be a decimal comma or a separator.

    Examples
    --------
    >>> separator_of(["7100,5 0,12", "7101,0 0,13"])("7100,5 0,12")
    ['7100.5', '0.12']
    >>> separator_of(["7100.5, 0.12"])("7100.5, 0.12")
    ['7100.5', '0.12']
    """
    rows = list(lines)
    text = "\n".join(rows)
    if ";" in text:
        _refuse_thousands([row.split(";") for row in rows])
        return _semicolons
    if "|" in text:
        return _bars
    if "," not in text:
        if not _NO_THOUSANDS.search(text):
            _refuse_thousands([row.split() for row in rows])
        return str.split
    if _QUOTED_COMMA.search(text):
        return _quoted_of(rows)
    if _has_decimal_commas(rows):
        _refuse_thousands([row.split() for row in rows])
        return _decimal_commas
    return _commas


def _refuse_thousands(rows: list[list[str]]) -> None:
    """Refuse columns such as ``998``, ``1,001``: a decimal comma is never followed by three digits in each number.

    Raises
    ------
    ValueError
        If the commas or points of a column can separate thousands.
    """
    for column in zip_longest(*rows, fillvalue=""):
        words = [word.strip("\"' \t") for word in column]
        marked = [word for word in words if "," in word or "." in word]
        whole = [word for word in words if _HUNDREDS.fullmatch(word)]
        if whole and marked and all(_THOUSANDS.fullmatch(word) for word in marked):
            raise ValueError(
                f"{marked[0]!r} beside {whole[0]!r} can mean thousands or decimals; save numbers without separators of "
                "thousands"
            )


def _quoted_of(rows: list[str]) -> Split:
    """Return the function that splits rows with commas within quotes, which separate thousands or decimals."""
    quoted = [match for row in rows for match in _QUOTED_COMMA.findall(row)]
    if all(_THOUSANDS_POINT.fullmatch(word) for word in quoted) and any("." in row for row in rows):
        return _quoted_thousands
    if any("." in word for word in quoted) or all(_THOUSANDS.fullmatch(word) for word in quoted):
        raise ValueError(
            f"the comma of {quoted[0]!r} can mean thousands or decimals; save numbers without separators of thousands"
        )
    return _quoted_decimals


def _quoted_thousands(row: str) -> list[str]:
    return [(a or b).replace(",", "").strip() for a, b in _FIELD.findall(row.strip())]


def _quoted_decimals(row: str) -> list[str]:
    return [(a or b).replace(",", ".").strip() for a, b in _FIELD.findall(row.strip())]


def _has_decimal_commas(rows: list[str]) -> bool:
    """Whether blanks or tabs separate numbers with decimal commas."""
    points = any("." in row for row in rows)
    inside = _COMMA_INSIDE.search("\n".join(rows))
    words = [row.split() for row in rows] if inside else []
    commas_inside = [word for row in words for word in row if "," in word.rstrip(",") and "." not in word]
    if not commas_inside or not all(len(row) > 1 for row in words):
        if not points and any(_LEADING_ZERO.search(row) for row in rows):
            row = next(row for row in rows if _LEADING_ZERO.search(row))
            raise ValueError(
                f"the commas of {row.strip()[:60]!r} may be decimal commas or separate columns; save it with tabs or "
                "semicolons between the columns"
            )
        return False
    if points:
        raise ValueError(
            f"it has decimal points, but {commas_inside[0]!r} has a comma between digits; write all numbers in one way"
        )
    return all(_DECIMAL_COMMA.fullmatch(word) for row in words for word in row)


def _semicolons(row: str) -> list[str]:
    # A semicolon between columns leaves the comma for decimals, as spreadsheets in much of Europe write them.
    return [field.strip().replace(",", ".") for field in row.strip().rstrip("; \t").split(";")]


def _bars(row: str) -> list[str]:
    return [field.strip() for field in row.strip().strip("| \t").split("|")]


def _decimal_commas(row: str) -> list[str]:
    return row.replace(",", ".").split()


def _commas(row: str) -> list[str]:
    row = row.strip().rstrip(", \t")
    # An empty field between two commas is a missing value, not a blank between two numbers.
    return [field.strip() for field in row.split(",")] if _EMPTY_FIELD.search(row) else row.replace(",", " ").split()


def tabs(row: str) -> list[str]:
    """Split a row at each tab; an empty field is a missing value."""
    return [field.strip() for field in row.rstrip("\r\n").split("\t")]


def number_of(field: str) -> float | None:
    """Return a field as a number: NaN for a missing value, None for what is no number.

    Examples
    --------
    >>> number_of("1.5D+03"), number_of("--"), number_of("1.2.3")
    (1500.0, nan, None)
    """
    field = field.strip("\"' ")
    if not field or _MISSING.fullmatch(field):
        return float("nan")
    if "_" in field:
        return None
    try:
        return float(field.replace("D", "E").replace("d", "e"))
    except ValueError:
        return None
