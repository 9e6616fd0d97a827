"""Write stacks, maps and spectra: the suffix of the file name decides the format."""

from __future__ import annotations

from pathlib import Path

from napari_xanes.io.formats import Writer, kind_of
from napari_xanes.io.registry import WRITERS
from napari_xanes.parameter_map import MapSet
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack


def write(
    value: SpectralStack | MapSet | Spectrum | list[Spectrum], path: str | Path, *, layout: str | None = None
) -> None:
    """Write a stack, maps or spectra; the suffix decides the format.

    Parameters
    ----------
    value : SpectralStack, MapSet, Spectrum, or list of Spectrum
        What to write.
    path : path
        Stacks and maps: ``.h5``, ``.hdf5``, ``.nxs`` (everything is kept) or ``.tif``, ``.tiff`` (float32, for
        ImageJ). Stacks: ``.zarr`` (everything is kept). Spectra: ``.csv``, ``.xdi`` or ``.prj`` (Athena). The file
        appears whole or not at all.
    layout : {"fxi"}, optional
        ``"fxi"`` writes a stack's transmission to ``.h5`` as the beamline FXI does, for PyXAS.

    Raises
    ------
    OSError
        If the file can't be written; one that was there is as it was.
    TypeError
        If the value is none of these.
    ValueError
        If the suffix or layout is unknown or does not go with the value.
    """
    path = Path(path)
    chosen = writer_of(kind_of(value), path, layout)
    chosen.write([value] if isinstance(value, Spectrum) else value, path)


def writer_of(kind: str, path: Path, layout: str | None = None) -> Writer:
    """Return the writer of a kind of value ("stack", "maps" or "spectra") for a file.

    Raises
    ------
    ValueError
        If the suffix or layout is unknown or does not go with the kind.
    """
    layouts = [writer.layout for writer in WRITERS if writer.layout is not None]
    if layout is not None and layout not in layouts:
        raise ValueError(
            f"{path}: layout {layout!r} is none of {', '.join(layouts)}; choose one of them, "
            "without one the suffix decides"
        )
    writers = [writer for writer in WRITERS if writer.kind == kind and writer.layout == layout]
    for writer in writers:
        if path.suffix.lower() in writer.suffixes:
            return writer
    suffixes = ", ".join(suffix for writer in writers for suffix in writer.suffixes)
    raise ValueError(f"{path}: {kind} can't be written with the suffix {path.suffix!r}; take one of {suffixes}")
