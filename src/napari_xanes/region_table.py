"""A map in numbers: median, mean with its error, area and number of pixels of each region, as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes.parameter_map import MapSet
from napari_xanes.region_means import region_mean
from napari_xanes.saving.replacing import write_whole

WHOLE = "all pixels"
"""Name of the row of the whole map."""


class RegionStatistics(NamedTuple):
    """A map in one region: only pixels of the region that the map does not mask count.

    `sigma` is the standard error of the mean, NaN where errors are not known; `deviation` the standard deviation of
    the pixels. Without pixels, the values are NaN.
    """

    region: str
    n_pixels: int
    area: float
    area_unit: str
    median: float
    mean: float
    sigma: float
    deviation: float


def region_statistics(
    maps: MapSet, name: str, regions: Mapping[str, ArrayLike] | None = None
) -> list[RegionStatistics]:
    """Return the statistics of a map: of the whole, and of each region.

    Parameters
    ----------
    maps : MapSet
        Maps of one run. The errors of means know of noise that pixels share, as those of `region_mean`.
    name : str
        A map of values.
    regions : mapping of str to array_like of bool, shape (Y, X) or (Z, Y, X), optional
        The regions by name, each asked for once. In a volume, one of shape (Y, X) holds for all slices.

    Returns
    -------
    list of RegionStatistics
        The whole map first, called "all pixels". Areas are in µm² (µm³ in a volume) where the pixel size is known,
        else in pixels.

    Raises
    ------
    KeyError
        If there is no such map.
    ValueError
        If the map is one of labels, or a region has another shape.

    Examples
    --------
    >>> from napari_xanes.parameter_map import ParameterMap
    >>> valence = ParameterMap(np.array([[2.0, 3.0], [4.0, 7.0]]), "1", np.full((2, 2), 0.5))
    >>> rows = region_statistics(MapSet({"valence": valence}, pixel_size=0.1), "valence", {"rim": [[1, 1], [0, 0]]})
    >>> [(row.region, row.median, row.mean, row.sigma, round(row.area, 6), row.area_unit) for row in rows]
    [('all pixels', 3.5, 4.0, 0.25, 0.04, 'µm²'), ('rim', 2.5, 2.5, 0.3535533905932738, 0.02, 'µm²')]
    """
    chosen = maps[name]
    if chosen.labels is not None:
        raise ValueError(f"{name!r} holds labels, whose mean says nothing: choose a map of values")
    rows = [_row(maps, name, WHOLE, np.ones(chosen.data.shape, dtype=bool))]
    for title, region in (regions or {}).items():
        inside = np.asarray(region, dtype=bool)
        if inside.shape not in (chosen.data.shape, chosen.data.shape[-2:]):
            raise ValueError(
                f"the region {title!r} has shape {inside.shape}, the map {chosen.data.shape}; "
                "give one of the map's shape"
            )
        rows.append(_row(maps, name, title, np.broadcast_to(inside, chosen.data.shape)))
    return rows


def _row(maps: MapSet, name: str, title: str, region: ArrayLike) -> RegionStatistics:
    chosen = maps[name]
    inside = np.asarray(region) & np.asarray(chosen.mask) & np.isfinite(chosen.data)
    values = chosen.data[inside].astype(np.float64)
    size = maps.pixel_size
    unit = "px" if size is None else "µm²" if chosen.data.ndim == 2 else "µm³"
    area = values.size * (1.0 if size is None else float(np.prod(size)))
    if not values.size:
        return RegionStatistics(title, 0, 0.0, unit, *(float("nan"),) * 4)
    sigma = float("nan") if chosen.sigma is None else region_mean(maps, name, inside).sigma
    middle, mean, deviation = float(np.median(values)), float(values.mean()), float(values.std())
    return RegionStatistics(title, int(values.size), area, unit, middle, mean, sigma, deviation)


def statistics_text(rows: Sequence[RegionStatistics], unit: str, separator: str = ",", title: str = "") -> str:
    """Return statistics as a text table with a heading.

    Parameters
    ----------
    rows : sequence of RegionStatistics
        The rows; at least one.
    unit : str
        Unit of the map; ``1`` is dimensionless.
    separator : str
        A comma for files, a tab to paste into a spreadsheet.
    title : str
        What the table is of; each of its lines stands above the heading, after "# ".

    Examples
    --------
    >>> rim = RegionStatistics("rim", 2, 0.02, "µm²", 2.5, 2.5, 0.35, 0.5)
    >>> print(statistics_text([rim], "eV", title="edge energy of particle").strip())
    # edge energy of particle
    region,n pixels,area (µm²),median (eV),mean (eV),standard error of the mean (eV),standard deviation of pixels (eV)
    rim,2,0.02,2.5,2.5,0.35,0.5
    """
    shown = "" if unit in ("", "1") else f" ({unit})"
    columns = ("median", "mean", "standard error of the mean", "standard deviation of pixels")
    text = io.StringIO("".join(f"# {line}\n" for line in title.splitlines()))
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(["region", "n pixels", f"area ({rows[0].area_unit})", *(f"{column}{shown}" for column in columns)])
    for row in rows:
        numbers = (row.area, row.median, row.mean, row.sigma, row.deviation)
        # Sums in binary end in digits that nobody measured.
        writer.writerow([row.region, row.n_pixels, *(f"{one:.9g}" if np.isfinite(one) else "" for one in numbers)])
    return text.getvalue()


def write_statistics(rows: Sequence[RegionStatistics], unit: str, path: str | Path, title: str = "") -> None:
    """Write statistics as a CSV file.

    Parameters
    ----------
    rows : sequence of RegionStatistics
        What `region_statistics` returned.
    unit : str
        Unit of the map.
    path : str or Path
        The file to write.
    title : str
        What the table is of, such as the map and its file: lines of comment above the heading.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    # With its mark, spreadsheets read µ in UTF-8 as such.
    write_whole(Path(path), statistics_text(rows, unit, title=title).encode("utf-8-sig"))
