"""Tables of numbers in text: header, rows, footer, and several scans in one file.

A row is a line of numbers. The longest run of rows of one width is the table; runs of the same width under a header of
their own are further scans. A line among the rows that is neither a row nor a comment is an error that names the line:
a point is never dropped without a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.spectra.column_names import MARKS, Header, header_of, is_header
from napari_xanes.io.spectra.ending import cut_warnings
from napari_xanes.io.spectra.rows import NEW_SCAN, Run, Text, sorted_lines
from napari_xanes.io.spectra.separators import number_of

MOST_COLUMNS = 200
"""Wider tables without names are images; with names, detectors of a hundred elements write as many."""

_MOST_NAMED = 2000

_DEFINITION_LINES = 400
"""How many lines of a header are searched for names; a longer one is a log."""


@dataclass(frozen=True)
class Table:
    """Numbers in columns, and what the text says about them.

    Parameters
    ----------
    values : array, shape (rows, columns)
        The numbers; NaN where one is missing.
    names : list of str, optional
        Name of each column, if a line says so.
    comments : list of str
        Lines that are no data, without their comment sign.
    title : str
        What the text calls this scan, if it holds several.
    warnings : tuple of str
        What was left out, for people.
    lines : array of int, shape (rows,)
        The number of each row's line.
    """

    values: NDArray[np.float64]
    names: list[str] | None
    comments: list[str]
    title: str = ""
    warnings: tuple[str, ...] = ()
    lines: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


def parse_table(text: str) -> Table:
    """Return the longest table of a text; see `parse_tables`.

    Raises
    ------
    ValueError
        If there are no two columns of numbers, or a line among them is no row of numbers.
    """
    return max(parse_tables(text), key=lambda table: len(table.values))


def parse_tables(text: str) -> list[Table]:
    """Return the tables of a text: one, or one for each scan.

    Numbers are separated by blanks, tabs, commas or semicolons; ``# % * !`` begin comments, and so does ``;`` before
    text.

    Raises
    ------
    ValueError
        If there are no two columns of numbers, or a line among them is no row of numbers.

    Examples
    --------
    >>> table = parse_tables("energy mu\\n7100 0.1\\n7110 0.9\\n")[0]
    >>> table.names, table.values.shape
    (['energy', 'mu'], (2, 2))
    """
    content = sorted_lines(text)
    wide = [run for run in content.runs if run.width >= 2]
    if not wide:
        raise ValueError(f"it has no two columns of numbers; {ways_out.WRITE_COLUMNS}")
    main = max(wide, key=lambda run: len(run.fields))
    if main.width > MOST_COLUMNS and (main.width > _MOST_NAMED or not is_header(main.above, main.width)):
        raise ValueError(
            f"{main.width} columns are an image rather than spectra; open it as a stack, or write fewer columns"
        )
    scans = _scans(content, main)
    comments = content.header_lines()
    tables = [_table(content, run, comments, several=len(scans) > 1) for run in scans]
    if not tables[-1].warnings and tables[-1].lines[-1] == content.last_line:
        tables[-1] = replace(tables[-1], warnings=tables[-1].warnings or cut_warnings(text))
    return tables


def _scans(content: Text, main: Run) -> list[Run]:
    """Return the runs that are scans, joined where only comments are between them; refuse lines that are no rows."""
    scans: list[Run] = []
    for run in content.runs:
        if not _is_new_scan(run) and run.width != main.width:
            continue
        if not (run is main or scans or _has_header(run) or _is_data_from_the_start(content, run)):
            continue
        if scans and not _has_header(run):
            _refuse_lines_between(content, scans[-1], run)
            scans[-1].fields += run.fields
            scans[-1].lines += run.lines
        else:
            scans.append(Run(run.width, run.above, list(run.fields), list(run.lines)))
    for scan in scans:
        _refuse_lines_beside(content, scan)
    return [scan for scan in scans if scan.width >= 2]


def _is_new_scan(run: Run) -> bool:
    return any(NEW_SCAN.match(line) for line in run.above)


def _has_header(run: Run) -> bool:
    """Whether a header of its own is above a run of rows."""
    return _is_new_scan(run) or (len(run.fields) > 1 and is_header(run.above, run.width))


def _is_data_from_the_start(content: Text, run: Run) -> bool:
    """Whether nothing but comments is above a run, so that it is no part of a header."""
    return all(is_comment for _, _, is_comment in content.between(0, run.lines[0]))


def _refuse_lines_between(content: Text, first: Run, second: Run) -> None:
    """Refuse what lies between two runs of rows and is neither a comment nor a row."""
    for run in content.runs:
        if run.width != first.width and first.lines[-1] < run.lines[0] < second.lines[0]:
            raise ValueError(
                f"line {run.lines[0]} has {run.width} columns, the lines before it {first.width}; "
                "write the same columns in all of them"
            )
    for number, line, is_comment in content.between(first.lines[-1], second.lines[0]):
        if not is_comment:
            raise ValueError(_no_row(number, line, first.width))


def _refuse_lines_beside(content: Text, scan: Run) -> None:
    """Refuse lines right before and after the rows that were meant to be rows."""
    for run in content.runs:
        follows = run.lines[0] > scan.lines[-1] and not content.between(scan.lines[-1], run.lines[0])
        is_cut_short = run.lines[0] == content.last_line and run.width < scan.width
        if follows and run.width != scan.width and not is_cut_short:
            raise ValueError(
                f"line {run.lines[0]} has {run.width} columns, the lines before it {scan.width}; "
                "write the same columns in all of them"
            )
    for number, line, is_comment in content.texts:
        if not is_comment and number in (scan.lines[0] - 1, scan.lines[-1] + 1) and _meant_as_row(line, scan.width):
            raise ValueError(_no_row(number, line, scan.width))


def _meant_as_row(line: str, width: int) -> bool:
    words = re.split(r"[\s,;]+", line.strip())
    return words[0] != "" and number_of(words[0]) is not None and abs(len(words) - width) <= 1


def _no_row(number: int, line: str, width: int) -> str:
    if _meant_as_row(line, width):
        bad = [word for word in re.split(r"[\s,;]+", line.strip()) if number_of(word) is None]
        if bad:
            return f"line {number}: {bad[0][:40]!r} is no number; {ways_out.CORRECT_LINE}"
    return f"line {number} is not a row of numbers: {line.strip()[:60]!r}"


def _table(content: Text, run: Run, comments: list[str], *, several: bool) -> Table:
    """Return a run of rows as numbers with the names of its columns."""
    values = _numbers(run)
    header: Header = header_of(run.above[-_DEFINITION_LINES:], run.width)
    names = header.names
    if not several and content.runs[0] is not run and names is None:
        # Names may stand above a short table of the header.
        names = header_of([line for _, line, _ in content.texts][-_DEFINITION_LINES:], run.width).names
    empty = np.asarray(np.isnan(values).all(axis=0))
    end = run.width - int(np.argmin(empty[::-1])) if not empty.all() else 0
    if end < run.width:
        values, names = values[:, :end], names[:end] if names else None
    if end < 2:
        raise ValueError(f"it has no two columns of numbers; {ways_out.WRITE_COLUMNS}")
    own = [line.lstrip(MARKS) for line in run.above] if several else comments
    return Table(values, names, own, header.title, _cut_short(content, run), np.array(run.lines))


def _cut_short(content: Text, run: Run) -> tuple[str, ...]:
    """Return a warning about a last line of fewer numbers, which an interrupted scan leaves."""
    last = content.runs[-1]
    if last.width < run.width and last.lines[0] == content.last_line == run.lines[-1] + 1:
        return (f"the last line ({content.last_line}) is cut short and left out",)
    return ()


def _numbers(run: Run) -> NDArray[np.float64]:
    """Return the fields of a run as numbers, shape (rows, columns)."""
    size = len(run.fields) * run.width
    try:
        values = np.fromiter(map(float, chain.from_iterable(run.fields)), np.float64, size)
    except ValueError:
        words = chain.from_iterable(run.fields)
        values = np.array([_number(word, run, i) for i, word in enumerate(words)])
    return values.reshape(-1, run.width)


def _number(word: str, run: Run, at: int) -> float:
    number = number_of(word)
    if number is None:
        raise ValueError(f"line {run.lines[at // run.width]}: {word[:40]!r} is no number; {ways_out.CORRECT_LINE}")
    return number
