"""Which source a path or address names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_xanes.live.documents import SUFFIXES, DocumentFile
from napari_xanes.live.ending import Ending
from napari_xanes.live.frame_folder import SETTLE, FrameFolder
from napari_xanes.live.growing_file import GrowingFile
from napari_xanes.live.pv_access import SCHEME
from napari_xanes.live.source import Source


def open_source(
    source: str | Path,
    *,
    reading: Mapping[str, Any] | None = None,
    ending: Ending | None = None,
    settle: float = SETTLE,
) -> Source:
    """Return the scan at a path.

    Parameters
    ----------
    source : path or address
        A folder that frames appear in, one file each; or one file that grows (HDF5, recorded Bluesky
        documents); or the address of a
        node on a Tiled server.
    reading : mapping, optional
        Keywords of `napari_xanes.read`.
    ending : Ending, optional
        What tells that the last frame has come, where the source itself does not.
    settle : float
        Seconds that size and time of a file must stay before it is read.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If the source is a stream that keeps nothing.
    """
    known = {name: value for name, value in (reading or {}).items() if value is not None}
    if str(source).startswith(("http://", "https://")):
        from napari_xanes.live.tiled_run import TiledRun

        return TiledRun(str(source), known, ending)
    if str(source).startswith(SCHEME):
        raise ValueError(f"{source} keeps no images: write them with `napari-xanes record`, and follow that folder")
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder; make it before the scan begins")
    if path.is_dir() and path.suffix.lower() != ".zarr":
        return FrameFolder(path, known, ending, settle)
    if path.suffix.lower() in SUFFIXES:
        return DocumentFile(path, known, ending)
    return GrowingFile(path, known, ending, settle)
