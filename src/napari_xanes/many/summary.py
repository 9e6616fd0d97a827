"""A table and a page of all outcomes of a run over many files."""

from __future__ import annotations

import csv
import html
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from napari_xanes.many.outcome import Outcome, Summary
from napari_xanes.saving.replacing import write_whole

TABLE, PAGE = "runs.csv", "index.html"
_HEADINGS = (
    "file",
    "state",
    "seconds",
    "map",
    "median",
    "median sigma",
    "unit",
    "share of pixels",
    "warnings",
    "error",
)
_STYLE = (
    "body{font-family:sans-serif;margin:1.5em;color:#222;background:#fff}table{border-collapse:collapse}"
    "th,td{border:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top}.failed{background:#fbe4d5}"
    "figure{display:inline-block;margin:.5em;vertical-align:top;max-width:22em}figure img{max-width:100%}"
)


def group_of(pattern: str, name: str) -> str:
    """Return what the first group of a pattern finds in a name; no text if there is no pattern or nothing is found.

    Raises
    ------
    ValueError
        If the pattern is no regular expression with a group.

    Examples
    --------
    >>> group_of(r"T=(\\d+)C", "cell T=250C.h5")
    '250'
    """
    if not pattern:
        return ""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    if compiled.groups < 1:
        raise ValueError(f"{pattern!r} has no group; put brackets around what to read, such as 'T=(\\d+)C'")
    found = compiled.search(name)
    return (found.group(1) or "") if found else ""


def write_summary(outcomes: Sequence[Outcome], out: Path, by: str = "") -> list[Path]:
    """Write ``runs.csv`` and ``index.html`` into a folder, and return them.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What became of each file.
    out : Path
        The folder of the results; made if it does not exist.
    by : str
        As in `run_many`.

    Raises
    ------
    OSError
        If they can't be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / TABLE, table_text(outcomes, by).encode())
    write_whole(out / PAGE, page_text(outcomes, out, by).encode())
    return [out / TABLE, out / PAGE]


def table_text(outcomes: Sequence[Outcome], by: str = "") -> str:
    """Return the table as CSV: a row for each map of each file, and one for a file without maps."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_HEADINGS, *([by] if by else [])])
    for outcome in outcomes:
        ends = [" | ".join(outcome.warnings), outcome.error, *([group_of(by, Path(outcome.path).name)] if by else [])]
        for name, one in outcome.maps.items() or [("", Summary(math.nan, math.nan, "", math.nan))]:
            numbers = [_number(one.value), _number(one.sigma), one.unit, _number(one.share)]
            writer.writerow([outcome.path, outcome.state, f"{outcome.seconds:.3g}", name, *numbers, *ends])
    return text.getvalue()


def page_text(outcomes: Sequence[Outcome], out: Path, by: str = "") -> str:
    """Return the page as HTML: how many were done, failures first, a table, and the pictures; it loads nothing else."""
    counts = {state: sum(one.state == state for one in outcomes) for state in ("done", "kept", "failed")}
    told = ", ".join(f"{number} {state}" for state, number in counts.items() if number) or "no files"
    columns = ["file", *([by] if by else []), "state", "median ± median σ (share of pixels)", "notes"]
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    rows = "".join(_row(one, by) for one in sorted(outcomes, key=lambda one: one.state != "failed"))
    figures = "".join(_figure(one, out) for one in outcomes if one.state != "failed")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>napari-xanes: {told}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{told}</h1><table><tr>{heads}</tr>{rows}</table>{figures}</body></html>\n"
    )


def _row(one: Outcome, by: str) -> str:
    values = "<br>".join(html.escape(f"{name}: {_words(summary)}") for name, summary in one.maps.items())
    notes = "<br>".join(html.escape(text) for text in (*([one.error] if one.error else []), *one.warnings))
    name = Path(one.path).name
    group = f"<td>{html.escape(group_of(by, name))}</td>" if by else ""
    ends = f"<td>{one.state}</td><td>{values}</td><td>{notes}</td>"
    return f'<tr class="{one.state}"><td>{html.escape(name)}</td>{group}{ends}</tr>'


def _figure(one: Outcome, out: Path) -> str:
    for name in ("maps.png", "stack.png"):
        picture = Path(one.folder) / name
        if picture.is_file():
            link = quote((Path(one.folder).relative_to(out) / name).as_posix())
            caption = html.escape(Path(one.path).name)
            return (
                f'<figure><img src="{link}" alt="{caption}" loading="lazy"><figcaption>{caption}</figcaption></figure>'
            )
    return ""


def _words(one: Summary) -> str:
    share = f"({100 * one.share:.0f} %)"
    if math.isnan(one.value):
        return share
    error = "" if math.isnan(one.sigma) else f" ± {one.sigma:.2g}"
    unit = "" if one.unit in ("", "1") else f" {one.unit}"
    return f"{one.value:.4g}{error}{unit} {share}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
