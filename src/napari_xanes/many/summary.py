"""A table, a contact sheet and a page of all outcomes of a run over many files."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from napari_xanes.io.files import encodable
from napari_xanes.many.outcome import Outcome, Summary
from napari_xanes.many.parquet import PARQUET, write_parquet
from napari_xanes.many.sheet import SHEET, write_sheet
from napari_xanes.many.table import group_of, table_columns, table_text
from napari_xanes.many.trend import Point, number_in, trend_svg
from napari_xanes.pictures import unit_text
from napari_xanes.saving.replacing import write_whole

TABLE, PAGE = "runs.csv", "index.html"
_STYLE = (
    "body{font-family:sans-serif;margin:1.5em;color:#222;background:#fff}table{border-collapse:collapse}"
    "th,td{border:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top}.failed{background:#fbe4d5}"
    "figure{display:inline-block;margin:.5em;vertical-align:top;max-width:42em}figure img{max-width:22em}"
)


def write_summary(outcomes: Sequence[Outcome], out: Path, by: str = "", *, parquet: bool = False) -> list[Path]:
    """Write ``runs.csv``, ``contact-sheet.png`` and ``index.html`` into a folder, and return them.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What became of each file.
    out : Path
        The folder of the results; made if it does not exist.
    by : str
        As in `run_many`.
    parquet : bool
        Whether to write the table as ``runs.parquet``, too.

    Raises
    ------
    ImportError
        If Parquet is wanted and pyarrow is not installed.
    OSError
        If they can't be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = [out / TABLE]
    write_whole(out / TABLE, table_text(outcomes, by).encode())
    if parquet:
        write_parquet(table_columns(outcomes, by), out / PARQUET)
        written.append(out / PARQUET)
    if write_sheet(outcomes, out / SHEET):
        written.append(out / SHEET)
    write_whole(out / PAGE, encodable(page_text(outcomes, out, by)).encode())
    return [*written, out / PAGE]


def page_text(outcomes: Sequence[Outcome], out: Path, by: str = "") -> str:
    """Return the page as HTML: how many were done, failures first, a table, and the pictures; it loads nothing else."""
    counts = {state: sum(one.state == state for one in outcomes) for state in ("done", "kept", "failed")}
    told = ", ".join(f"{number} {state}" for state, number in counts.items() if number) or "no files"
    columns = ["file", *([by] if by else []), "state", "median ± median σ (share of pixels)", "notes"]
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    rows = "".join(_row(one, by) for one in sorted(outcomes, key=lambda one: one.state != "failed"))
    figures = "".join(_figure(one, out) for one in outcomes if one.state != "failed")
    sheet = f'<p><a href="{SHEET}">All main maps with common limits</a></p>' if (out / SHEET).is_file() else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>napari-xanes: {told}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{told}</h1>{_trend(outcomes, by)}{sheet}<table>"
        f"<tr>{heads}</tr>{rows}</table>{figures}</body></html>\n"
    )


def _trend(outcomes: Sequence[Outcome], by: str) -> str:
    """Return the main map over the numbers that `by` finds in the names; no text where there are no two of them."""
    there = [one for one in outcomes if one.main in one.maps]
    if not by or not there:
        return ""
    main, points = there[0].main, []
    for one in there:
        if one.main == main:
            name, of_map = Path(one.path).name, one.maps[main]
            x = number_in(group_of(by, name))
            points.append(Point(x, of_map.value, of_map.sigma, of_map.low, of_map.high, name))
    drawing = trend_svg(points, by, f"{main.replace('_', ' ')}{unit_text(there[0].maps[main].unit)}")
    told = "Medians of the pixels that can be trusted; thick: their median error; thin: the middle 68 % of them."
    return f"<figure>{drawing}<figcaption>{told}</figcaption></figure>" if drawing else ""


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
            link = quote(os.fsencode((Path(one.folder).relative_to(out) / name).as_posix()))
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
