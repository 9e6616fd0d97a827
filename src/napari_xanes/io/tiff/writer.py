"""Stacks and maps as float32 TIFF for ImageJ and Fiji, with what napari-xanes knows in ImageJ's Info text."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_xanes.computing import frames_of
from napari_xanes.io.files import encodable
from napari_xanes.io.metadata_json import keep_inline, pack_mapping
from napari_xanes.io.registry import writer
from napari_xanes.io.tiff.energies_text import energies_text, holds, is_free
from napari_xanes.io.tiff.file import KEY, MAPS, STACK
from napari_xanes.parameter_map import MapSet
from napari_xanes.saving.checked_file import CheckedFile
from napari_xanes.saving.replacing import replacing, replacing_together
from napari_xanes.stack import SpectralStack

_SUFFIXES = (".tif", ".tiff")
_LARGEST = 0xFFFF_0000
"""ImageJ's TIFF counts bytes with 32 bits; some are left for the header."""


@writer("tiff_stack", title="ImageJ TIFF", suffixes=_SUFFIXES)
def write_stack(stack: SpectralStack, path: Path) -> None:
    """Write a stack as an ImageJ stack, and its energies in eV, one a line, in a ``.txt`` of the same stem.

    The energies are in the image too, and read from there. A ``.txt`` that napari-xanes did not write with the image
    is left as it is, with a warning if it holds anything else than the energies.

    Parameters
    ----------
    stack : SpectralStack, (E, Y, X) or (E, Z, Y, X)
        Written as float32; flats, darks and other images in its metadata are left out, with a warning.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        If a file can't be written.
    ValueError
        If it is larger than 4 GB.
    """
    notes = {"energy": stack.energy.tolist(), "shape": list(stack.shape), "quantity": stack.quantity}
    text = path.with_suffix(".txt")
    with replacing_together() as files:
        planes = (frame.astype(np.float32).reshape(-1, *stack.shape[-2:]) for frame in frames_of(stack.data))
        count = stack.shape[0] if stack.data.ndim == 3 else stack.shape[:2]
        draft = files.open(path)
        _write(draft, STACK, stack, notes, (plane for frame in planes for plane in frame), count, stack.shape[-2:])
        files.lock(path.parent)
        if is_free(text, path):
            files.open(text).write(energies_text(stack.energy))
        elif not holds(text, stack.energy):
            warnings.warn(
                f"{text} is left as it is, because napari-xanes did not write it; the energies are in {path.name}, "
                "but other programs may take those of the text",
                UserWarning,
                stacklevel=3,
            )


@writer("tiff_maps", title="ImageJ TIFF", suffixes=_SUFFIXES)
def write_maps(maps: MapSet, path: Path) -> None:
    """Write maps as an ImageJ stack: of each map its value, its standard error if known, and its mask (1 or 0).

    Parameters
    ----------
    maps : MapSet
        Written as float32; reading them back gives their own types.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        If the file can't be written.
    ValueError
        If there is no map.
    """
    if not maps:
        raise ValueError(f"{path}: there is no map to write")
    map_notes, planes, labels = [], [], []
    for name, item in maps.items():
        layers = {name: item.data, f"{name} sigma": item.sigma, f"{name} mask": item.mask}
        map_notes.append(
            {
                "name": name,
                "unit": item.unit,
                "dtype": item.data.dtype.str,
                "sigma": item.sigma is not None,
                "labels": None if item.labels is None else list(map(list, item.labels.items())),
                "companion": item.companion,
            }
        )
        for label, layer in layers.items():
            if layer is not None:
                stacked = layer.astype(np.float32).reshape(-1, *layer.shape[-2:])
                planes += list(stacked)
                labels += [f"{label} ({item.unit})" if item.unit != "1" and "mask" not in label else label] * len(
                    stacked
                )
    shape = next(iter(maps.values())).data.shape
    notes = {"maps": map_notes, "shape": list(shape)}
    with replacing(path) as draft:
        _write(draft, MAPS, maps, notes, planes, len(planes), shape[-2:], labels)


def _write(
    draft: CheckedFile,
    kind: str,
    value: SpectralStack | MapSet,
    notes: dict[str, Any],
    planes: Iterable[Any],
    count: int | tuple[int, ...],
    shape: tuple[int, ...],
    labels: list[str] | None = None,
) -> None:
    from napari_xanes.version import __version__

    counts = (count,) if isinstance(count, int) else tuple(count)
    if int(np.prod((*counts, *shape), dtype=np.int64)) * 4 > _LARGEST:
        raise ValueError("a TIFF for ImageJ holds at most 4 GB; write .h5 instead")
    metadata, lost_keys = pack_mapping(value.metadata, keep_inline)
    if lost_keys:
        warnings.warn(f"TIFF can't hold {', '.join(lost_keys)}; write .h5 to keep them", UserWarning, stacklevel=5)
    info = {KEY: kind, "version": __version__} | notes
    info |= {
        "pixel_size": value.pixel_size,
        "history": [step.to_plain(exact=True) for step in value.history],
        "source": value.source.to_plain() if value.source else None,
        "metadata": metadata,
    }
    size = value.pixel_size[-2:] if value.pixel_size else None
    imagej_metadata: dict[str, Any] = {"axes": "TZYX"[-len(counts) - 2 :], "Info": json.dumps(info)}
    if labels:
        imagej_metadata["Labels"] = list(map(encodable, labels))
    if size:
        imagej_metadata["unit"] = "um"
    if value.pixel_size and len(value.pixel_size) == 3:
        imagej_metadata["spacing"] = value.pixel_size[0]
    tifffile.imwrite(
        draft,  # type: ignore[arg-type]
        iter(planes),
        shape=(*counts, *shape),
        dtype=np.float32,
        imagej=True,
        photometric="minisblack",
        metadata=imagej_metadata,
        resolution=(1 / size[1], 1 / size[0]) if size else None,
    )
