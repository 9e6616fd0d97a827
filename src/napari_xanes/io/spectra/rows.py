"""The lines of a text: rows of numbers in runs of one width, and the lines of text above, between and below them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from napari_xanes.io.energies import MOST_COMMENTS
from napari_xanes.io.files import lines_of
from napari_xanes.io.spectra.column_names import MARKS, names_energy
from napari_xanes.io.spectra.separators import NUMERIC_LINE, Split, separator_of, tabs

NEW_SCAN = re.compile(r"#S\s")
"""The line that begins a scan in SPEC files."""

_MOST_ROWS = 200_000
"""Rows of all scans of a text; each needs about a hundred times the memory of its numbers until it is read."""

_LONGEST_LINE = 1 << 16
_FEW_ROWS = 3
_COMMENT_MARKS = "#%*!"


@dataclass
class Run:
    """Rows of one width that follow each other, and the lines of text above them."""

    width: int
    above: list[str]
    fields: list[list[str]]
    lines: list[int]


@dataclass
class Text:
    """The lines of a text, sorted into runs of rows and other lines."""

    runs: list[Run]
    texts: list[tuple[int, str, bool]]
    last_line: int

    def between(self, first: int, last: int) -> list[tuple[int, str, bool]]:
        """Return the lines of text from one line to another one: number, text, whether it is a comment."""
        return [item for item in self.texts if first < item[0] < last]

    def header_lines(self) -> list[str]:
        """Return all lines that are no data; among them the few numbers of a header, such as offsets."""
        few = [run for run in self.runs if len(run.fields) <= _FEW_ROWS < max(len(other.fields) for other in self.runs)]
        numbers = [(n, " ".join(fields)) for run in few for n, fields in zip(run.lines, run.fields, strict=True)]
        return [line for _, line in sorted([(n, line) for n, line, _ in self.texts] + numbers)]


def sorted_lines(text: str) -> Text:
    """Sort the lines of a text into rows of numbers and others."""
    lines: list[tuple[int, str, str]] = []
    block: list[str] = []
    longest: list[str] = []
    count = 0
    others = 0
    for count, line in enumerate(lines_of(text), 1):
        stripped = line.strip()
        if not stripped:
            continue
        if others > MOST_COMMENTS:
            raise ValueError(f"more than {MOST_COMMENTS} lines of it are no numbers")
        if len(lines) - others > _MOST_ROWS:
            raise ValueError(f"more than {_MOST_ROWS} rows of numbers are no spectra")
        if NUMERIC_LINE.fullmatch(stripped) and len(line) <= _LONGEST_LINE:
            lines.append((count, line, "row"))
            block.append(line)
            continue
        others += 1
        if stripped[0] in _COMMENT_MARKS or stripped.startswith("//"):
            lines.append((count, line, "comment"))
        elif len(line) > _LONGEST_LINE:
            raise ValueError(f"line {count} has {len(line)} signs: an image rather than spectra")
        else:
            lines.append((count, line, "text"))
            longest, block = (block if len(block) > len(longest) else longest), []
    # Numbers of a header may be written in other ways than those of the table.
    split = separator_of(block if len(block) > len(longest) else longest)
    last_line = lines[-1][0] if lines else 0
    content = Text([], [], last_line)
    _fill(content, lines, split)
    if split is str.split and _ragged(content) and (tabbed := _tabbed(lines, last_line)):
        return tabbed
    return content


def _ragged(content: Text) -> bool:
    widths = {run.width for run in content.runs}
    return len(widths) > 1


def _tabbed(lines: list[tuple[int, str, str]], count: int) -> Text | None:
    """Return the lines split at tabs, if all rows then have one width: some fields are empty."""
    rows = [line for _, line, kind in lines if kind == "row"]
    if len({line.count("\t") for line in rows}) != 1 or "\t" not in rows[0]:
        return None
    content = Text([], [], count)
    _fill(content, lines, tabs)
    return content


def _fill(content: Text, lines: list[tuple[int, str, str]], split: Split) -> None:
    """Add lines to a content: rows to runs, others to its texts."""
    above: list[str] = []
    run: Run | None = None
    for number, line, kind in lines:
        if kind == "row":
            fields = split(line)
            if run is None or run.width != len(fields):
                run = Run(len(fields), above, [], [])
                content.runs.append(run)
                above = []
            run.fields.append(fields)
            run.lines.append(number)
            continue
        stripped = line.strip()
        content.texts.append((number, stripped.lstrip(MARKS), kind == "comment"))
        above.append(stripped)
        # A header that comes again begins a new scan.
        if kind == "text" or NEW_SCAN.match(stripped) or (run and " " in stripped and stripped in run.above):
            run = None
        elif run and not run.above and names_energy(stripped, run.width):
            run = None  # numbers stand above the header
