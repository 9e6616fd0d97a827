"""The lines of a text: rows of numbers in runs of one width, and the lines of text above, between and below them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from napari_xanes.io import ways_out
from napari_xanes.io.energies import MOST_COMMENTS
from napari_xanes.io.spectra.column_names import MARKS, names_energy
from napari_xanes.io.spectra.separators import NUMERIC_LINES, Split, separator_of, tabs

NEW_SCAN = re.compile(r"#S\s")
"""The line that begins a scan in SPEC files."""

_MOST_ROWS = 200_000
"""Rows of all scans of a text; each needs about a hundred times the memory of its numbers until it is read."""

_LONGEST_LINE = 1 << 16
_RULE = re.compile(r"-{5,}|={5,}|_{5,}|\x1a")
"""Lines that only separate, which some beamlines write among the rows, and the end of a text in DOS."""

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


_Item = tuple[int, list[str], str]
"""The number of the first of some lines, the lines, and what they are: rows, a comment or other text."""


def sorted_lines(text: str) -> Text:
    """Sort the lines of a text into rows of numbers and others."""
    items: list[_Item] = []
    block: list[str] = []
    longest: list[str] = []
    rows = others = 0
    for item in _items(text):
        number, lines, kind = item
        items.append(item)
        if kind == "rows":
            rows += len(lines)
            block += lines
            if rows > _MOST_ROWS:
                raise ValueError(f"more than {_MOST_ROWS} rows of numbers are no spectra; {ways_out.SPLIT}")
        else:
            others += 1
            if kind == "text":
                longest, block = (block if len(block) > len(longest) else longest), []
        if others > MOST_COMMENTS:
            raise ValueError(f"more than {MOST_COMMENTS} lines of it are no numbers; {ways_out.WRITE_COLUMNS}")
        if kind != "comment" and (too_long := max(map(len, lines))) > _LONGEST_LINE:
            number += next(i for i, line in enumerate(lines) if len(line) == too_long)
            raise ValueError(
                f"line {number} has {too_long} signs: an image rather than spectra; "
                "open it as a stack, or write fewer columns"
            )
    # Numbers of a header may be written in other ways than those of the table.
    split = separator_of(block if len(block) > len(longest) else longest)
    last_line = items[-1][0] + len(items[-1][1]) - 1 if items else 0
    content = Text([], [], last_line)
    _fill(content, items, split)
    if split is str.split and _ragged(content) and (tabbed := _tabbed(items, last_line)):
        return tabbed
    return content


def _items(text: str) -> Iterator[_Item]:
    """Yield the lines of a text that are not empty; rows of numbers that follow each other as one item."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    number, at = 1, 0
    while at < len(text):
        if match := NUMERIC_LINES.match(text, at):
            lines = match[0].removesuffix("\n").split("\n")
            yield number, lines, "rows"
            number, at = number + len(lines), match.end()
            continue
        end = text.find("\n", at)
        line = text[at:] if end < 0 else text[at:end]
        if stripped := line.strip():
            yield number, [line], _kind(stripped)
        number, at = number + 1, len(text) if end < 0 else end + 1


def _kind(stripped: str) -> str:
    if NUMERIC_LINES.fullmatch(stripped):
        return "rows"
    is_comment = stripped[0] in _COMMENT_MARKS or stripped.startswith("//") or _RULE.fullmatch(stripped)
    return "comment" if is_comment else "text"


def _ragged(content: Text) -> bool:
    widths = {run.width for run in content.runs}
    return len(widths) > 1


def _tabbed(items: list[_Item], count: int) -> Text | None:
    """Return the lines split at tabs, if all rows then have one width: some fields are empty."""
    rows = [line for _, lines, kind in items if kind == "rows" for line in lines]
    if len({line.count("\t") for line in rows}) != 1 or "\t" not in rows[0]:
        return None
    content = Text([], [], count)
    _fill(content, items, tabs)
    return content


def _fill(content: Text, items: list[_Item], split: Split) -> None:
    """Add lines to a content: rows to runs, others to its texts."""
    above: list[str] = []
    run: Run | None = None
    for first, lines, kind in items:
        if kind == "rows":
            at = first
            for width, group in groupby(map(split, lines), len):
                if run is None or run.width != width:
                    run = Run(width, above, [], [])
                    content.runs.append(run)
                    above = []
                rows = list(group)
                run.fields += rows
                run.lines += range(at, at + len(rows))
                at += len(rows)
            continue
        stripped = lines[0].strip()
        content.texts.append((first, stripped.lstrip(MARKS), kind == "comment"))
        above.append(stripped)
        # A header that comes again begins a new scan.
        if kind == "text" or NEW_SCAN.match(stripped) or (run and " " in stripped and stripped in run.above):
            run = None
        elif run and not run.above and names_energy(stripped, run.width):
            run = None  # numbers stand above the header
