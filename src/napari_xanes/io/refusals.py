"""Why no format reads a file: the reason of the most likely one, for messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path

from napari_xanes.io.formats import Format

_OTHER_CONTENT = ("not a ", "not an ", "a file; ", "a folder, ")
"""Reasons that begin so say that the file is of another kind, not what is wrong with it."""

_ENERGIES = re.compile(r"no /\S*energ", re.IGNORECASE)

_WHERE = "in a terminal, napari-xanes -v info FILE shows their reasons"
"""What says it also to those who opened the file in the window."""

_MOST_NAMES = 200

Refusal = tuple[Format, str]


def likely_reason(path: Path, refusals: Sequence[Refusal]) -> str:
    """Return the reason of the most likely format, and how many others refused the file too.

    The most likely formats are those of the kind that the content has (HDF5, say), then those whose files have such
    names.

    Parameters
    ----------
    path : Path
        A file or folder that no format can read.
    refusals : sequence of (Format, str)
        Every format with its reason, in the order of asking.
    """
    names = _names(path)
    by_name = [pair for pair in refusals if any(_matches(pair[0], name) for name in names)]
    if len({_container(format_) for format_, _ in refusals}) == 1:
        # All are of one kind, as spectra are texts: the most general format is asked last.
        likely = by_name if len(by_name) == 1 else list(refusals[::-1])
    else:
        others = {_container(format_) for format_, reason in refusals if reason.startswith(_OTHER_CONTENT)}
        by_content = [] if path.is_dir() else [pair for pair in refusals if _container(pair[0]) not in others]
        # A format whose files have many names is more general than one of a single instrument.
        by_content.sort(key=lambda pair: -len(pair[0].patterns))
        likely = [pair for pair in by_content if pair in by_name] or by_content or by_name
    if not likely:
        what = "it holds no files of a format that is known" if path.is_dir() else "its content is of no known format"
        return f"{what}; {len(refusals)} formats were asked; {_WHERE}"
    # Of several formats with such names, one that says what is wrong with the content is nearer.
    near = [pair for pair in likely if not pair[1].startswith(_OTHER_CONTENT)] or likely
    # One that lacks nothing but the array of energies has found images.
    nearest = [pair for pair in near if _ENERGIES.search(pair[1])] or near
    format_, reason = nearest[0]
    more = len(likely) - 1
    is_container = _container(format_).endswith((".hdf5", ".zarr")) and not path.is_dir()
    way = "; save its images and energies as .npz" if is_container else ""
    rest = f"; {more} similar formats can't read it either{way}; {_WHERE}" if more else way
    return f"{format_.title}: {reason}{rest}"


def _container(format_: Format) -> str:
    """Return what files of a format are: the package of its module."""
    return format_.module.rpartition(".")[0]


def _names(path: Path) -> list[str]:
    """Return the name of a file or folder, and the names of the first files in it."""
    if not path.is_dir():
        return [path.name.lower()]
    return [path.name.lower(), *(item.name.lower() for item in islice(path.iterdir(), _MOST_NAMES))]


def _matches(format_: Format, name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in format_.patterns)
