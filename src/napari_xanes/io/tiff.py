"""TIFF stacks: a page per energy, the energies beside it in a text, or in the file if napari-xanes wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_xanes.history import Source, Step
from napari_xanes.io.energies import first_column, given_energies, looks_like_energies, to_ev
from napari_xanes.io.files import read_text
from napari_xanes.io.found import Found
from napari_xanes.io.lengths import length_in_um
from napari_xanes.io.tiff_file import MAPS, STACK, images, is_tiff, load, opened, own_notes
from napari_xanes.io.values import fetch_inline, unpack
from napari_xanes.stack import Quantity

_TEXT_SUFFIXES = (".txt", ".dat", ".csv")
_MOST_TEXTS = 100
_TEXT_BYTES = 4 << 20
_XRF_WORDS = ("xrf", "fluorescence", "fluo")
_MOST_ABSORBING = 100.0
"""No optical depth is larger: the beam behind it would be weakened by e^100."""


@dataclass(frozen=True)
class _Energies:
    """Energies that were found beside an image, in eV."""

    values: NDArray[np.float64]
    unit: str
    path: Path


def declines(path: Path, energies: Any = None) -> str | None:
    """Why the file is no TIFF stack with energies; None if it is."""
    if not is_tiff(path):
        return "not a TIFF file"
    with opened(path) as tiff:
        if own_notes(tiff, STACK):
            return None
        if own_notes(tiff, MAPS):
            return "it holds parameter maps; napari_xanes.read_maps reads them"
        axes, shape = tiff.series[0].axes if tiff.series else "", tiff.series[0].shape if tiff.series else ()
        if "S" in axes:
            return "a colour image"
        if len(shape) not in (3, 4):
            return f"no stack of images but data of shape {shape}"
    if energies is not None or _beside(path, shape[:-2]) is not None:
        return None
    return f"no energies found beside it: put them one per line in {path.stem}.txt, or pass energies="


def read(path: Path, energies: Any = None) -> Found:
    """The pages as frames.

    Raises
    ------
    OSError
        If the file is cut short.
    ValueError
        If there is another number of energies than of pages.
    """
    with opened(path) as tiff:
        notes = own_notes(tiff, STACK)
        data = load(tiff, images(tiff, own=notes is not None), path)
        if notes is not None:
            return _own(data, notes)
        size = _pixel_size(tiff)
    if energies is not None:
        values, unit, where = *given_energies(energies), "the energies given"
        metadata: dict[str, Any] = {"energy_unit": unit}
    else:
        beside = _beside(path, data.shape[:-2])
        if beside is None:
            raise ValueError(f"no energies found beside it: put them one per line in {path.stem}.txt")
        values, where = beside.values, beside.path.name
        metadata = {"energy_unit": beside.unit, "energy_source": str(beside.path.resolve())}
    if data.ndim == 4 and data.shape[0] != values.size == data.shape[1]:
        data = data.swapaxes(0, 1)
    if data.shape[0] != values.size:
        raise ValueError(f"{path}: {data.shape[0]} images but {values.size} energies in {where}")
    quantity, metadata["quantity_source"] = _quantity(path, data)
    return Found(data, values, quantity, size if data.ndim == 3 else None, metadata)


def _own(data: Any, notes: dict[str, Any]) -> Found:
    size = notes["pixel_size"]
    return Found(
        data.reshape(notes["shape"]),
        np.array(notes["energy"], dtype=np.float64),
        notes["quantity"],
        None if size is None else tuple(size),
        unpack(notes["metadata"], fetch_inline),
        own=True,
        history=tuple(Step.from_plain(step) for step in notes["history"]),
        source=Source.from_plain(notes["source"]),
    )


def _beside(path: Path, counts: tuple[int, ...]) -> _Energies | None:
    """The energies in a text beside the image.

    A text of the same stem that looks like energies is taken whatever their number, so that a wrong number is not
    passed over in silence; any other text must have one energy per image.
    """
    texts = [p for p in path.parent.iterdir() if p.suffix.lower() in _TEXT_SUFFIXES and p.name != path.name]
    stem = path.stem.lower()
    same = [p for p in texts if p.stem.lower() == stem and p.suffix.lower() == ".txt"]
    named = sorted(p for p in texts if p.stem.lower().startswith(f"{stem}_energ"))
    for candidate in (*same, *named):
        if found := _energies_in(candidate):
            return found
    others = [p for p in texts if p not in same and p not in named]
    if len(others) > _MOST_TEXTS:
        return None
    fitting = [found for p in others if (found := _energies_in(p)) and found.values.size in counts]
    return fitting[0] if len(fitting) == 1 else None


def _energies_in(path: Path) -> _Energies | None:
    try:
        values, unit = first_column(read_text(path, limit=_TEXT_BYTES))
    except (OSError, ValueError):
        return None
    if values is None or not looks_like_energies(values):
        return None
    energy, source = to_ev(values, unit)
    return _Energies(energy, source, path)


def _quantity(path: Path, data: Any) -> tuple[Quantity, str]:
    """What the values are, and how that was decided."""
    logs = (p.name for p in path.parent.iterdir() if p.name.startswith("maps_log"))
    hint = path.name if any(word in path.name.lower() for word in _XRF_WORDS) else next(logs, None)
    if hint is not None:
        return "fluorescence", f"guessed from the file name {hint}"
    if data.dtype.kind in "iu":
        return "counts", "guessed: whole numbers"
    largest = np.nanmax(np.asarray(data[:: max(1, data.shape[0] // 8)]), initial=0.0)
    if np.isfinite(largest) and largest > _MOST_ABSORBING:
        return "counts", f"guessed: values up to {largest:g} can be no optical depth"
    return "optical_depth", "guessed: decimal numbers; pass quantity= if they are something else"


def _pixel_size(tiff: tifffile.TiffFile) -> tuple[float, float] | None:
    """µm per pixel from ImageJ's unit and the resolution tags; None without a unit of length."""
    unit = str((tiff.imagej_metadata or {}).get("unit", "")) if tiff.is_imagej else ""
    factor = length_in_um(unit.replace("\\u00B5", "µ")) if unit.strip() else None
    if factor is None:
        return None
    sizes = []
    for name in ("YResolution", "XResolution"):
        tag = tiff.pages[0].tags.get(name)  # type: ignore[union-attr]
        per_unit = tag.value if tag is not None else (0, 1)
        if not per_unit[0] or not per_unit[1]:
            return None
        sizes.append(round(per_unit[1] / per_unit[0] * factor, 9))
    return (sizes[0], sizes[1]) if min(sizes) > 0 else None
