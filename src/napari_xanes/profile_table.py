"""Profiles along lines as a table in a text file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_xanes.line_profiles import LineProfile
from napari_xanes.saving.replacing import write_whole


def profiles_text(profiles: Sequence[LineProfile], title: str = "") -> str:
    """Return profiles as a text table with a heading.

    Parameters
    ----------
    profiles : sequence of LineProfile
        The profiles, of the same units; at least one.
    title : str
        What the table is of; each of its lines stands above the heading, after "# ".

    Examples
    --------
    >>> from napari_xanes.line_profiles import line_profile
    >>> profile = line_profile(np.ones((1, 2)), [(0, 0), (0, 1)], pixel_size=0.04, unit="OD", name="707 eV")
    >>> print(profiles_text([profile], "particle").strip())
    # particle
    profile,distance (µm),y (px),x (px),value (OD),standard error (OD)
    707 eV,0,0,0,1,
    707 eV,0.04,0,1,1,
    """
    unit = "" if profiles[0].unit in ("", "1") else f" ({profiles[0].unit})"
    text = io.StringIO("".join(f"# {line}\n" for line in title.splitlines()))
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text, lineterminator="\n")
    heading = (f"distance ({profiles[0].distance_unit})", "y (px)", "x (px)", f"value{unit}", f"standard error{unit}")
    writer.writerow(["profile", *heading])
    for profile in profiles:
        sigma = np.full(profile.value.shape, np.nan) if profile.sigma is None else profile.sigma
        for row in np.column_stack([profile.distance, profile.places, profile.value, sigma]):
            # Sums in binary end in digits that nobody measured.
            writer.writerow([profile.name, *(f"{one:.9g}" if np.isfinite(one) else "" for one in row)])
    return text.getvalue()


def write_profiles(profiles: Sequence[LineProfile], path: str | Path, title: str = "") -> None:
    """Write profiles as a CSV file.

    Parameters
    ----------
    profiles : sequence of LineProfile
        The profiles, of the same units.
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
    write_whole(Path(path), profiles_text(profiles, title).encode("utf-8-sig"))
