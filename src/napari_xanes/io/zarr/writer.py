"""Stacks as OME-Zarr 0.5 (Zarr 3): chunks that serve both images and spectra, everything else we know beside them."""

from __future__ import annotations

import json
import re
import warnings
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.computing import computed
from napari_xanes.io.files import read_text
from napari_xanes.io.metadata_json import pack_mapping, refuse_long_numbers
from napari_xanes.io.registry import writer
from napari_xanes.io.zarr.reader import COMPLETE, IMAGE, OWN, STACK
from napari_xanes.progress import Progress
from napari_xanes.saving.folders import replacing_folder
from napari_xanes.stack import SpectralStack

_CHUNK = (10, 128, 128)
_SLAB_BYTES = 128 << 20
"""So much of a lazy array is computed and written at once."""
_MANY_FILES = 1000
"""An array of more chunks is written in shards, files of many chunks: thousands of small files are slow to copy."""
_CHUNKS_ALONG_SHARD = 8
"""How many chunks lie side by side in a shard, along y and x."""


@writer("zarr_stack", title="OME-Zarr", suffixes=(".zarr",))
def write_stack(stack: SpectralStack, path: Path) -> None:
    """Write a stack, its history and its metadata; reading it back gives the same stack.

    Parameters
    ----------
    stack : SpectralStack, (E, Y, X) or (E, Z, Y, X)
        Data keep their type; lazy data are computed slab by slab.
    path : Path
        The folder to write. One that is there is replaced only if napari-xanes wrote it.

    Raises
    ------
    OSError
        If it can't be written.
    ValueError
        If the package zarr is not installed.
    """
    from napari_xanes.io.zarr import store as zarr_store
    from napari_xanes.version import __version__

    with replacing_folder(path) as draft:
        if path.exists() and not _is_own_store(path):
            raise FileExistsError(f"{path} is there and was not written by napari-xanes; name another or move it away")
        root = zarr_store.created(draft)
        axes = ["energy", *"zyx"[-stack.data.ndim + 1 :]]
        write_array(root, IMAGE, stack.data, axes)
        write_array(root, "energy", stack.energy, axes[:1]).attrs["units"] = "eV"
        arrays = root.create_group(OWN)

        def keep(name: str, data: Any) -> str:
            refuse_long_numbers(name, data)
            key = f"{len(arrays)}_" + re.sub(r"[^A-Za-z0-9_\-]", "_", name)[:40]
            # xarray wants names, and arrays of one group that share a name to be equally long.
            write_array(arrays, key, data, [f"{key}_{axis}" for axis in range(data.ndim)])
            return key

        metadata, lost_keys = pack_mapping(stack.metadata, keep)
        if lost_keys:
            warnings.warn(
                f"Zarr can't hold the metadata {', '.join(lost_keys)}; they are left out", UserWarning, stacklevel=4
            )
        # As texts, because JSON of attributes knows no infinity.
        root.attrs[OWN] = {
            "format": STACK,
            COMPLETE: True,
            "version": __version__,
            "quantity": stack.quantity,
            "metadata": json.dumps(metadata),
            "history": json.dumps([step.to_plain(exact=True) for step in stack.history]),
            "source": json.dumps(stack.source.to_plain() if stack.source else None),
            "pixel_size": json.dumps(stack.pixel_size),
        }
        root.attrs["ome"] = {"version": "0.5", "multiscales": [_multiscale(stack)]}


def write_array(group: Any, name: str, data: Any, axes: list[str], progress: Progress | None = None) -> Any:
    """Write data as an array of their own type, with checksums; lazy data are computed slab by slab.

    Each chunk is written, empty ones too, so that a missing one is found when the array is read. Each shard is written
    once, as a whole: two writers of one shard would lose chunks.

    Parameters
    ----------
    group : zarr.Group
        Where to write it.
    name : str
        Its name in the group.
    data : numpy or dask array
        Stacks have three axes, (E, Y, X), or four.
    axes : list of str
        Names of the axes.
    progress : callable, optional
        Called with the fraction done and a message; it may raise `Cancelled`.
    """
    from zarr.codecs import Crc32cCodec, ZstdCodec

    shape = tuple(data.shape)
    chunks, shards, rows = _layout(shape, data.dtype.itemsize)
    array = group.create_array(
        name,
        shape=shape,
        chunks=chunks,
        shards=shards,
        dtype=data.dtype,
        fill_value=0,
        compressors=[ZstdCodec(level=0), Crc32cCodec()],
        dimension_names=axes,
        attributes={"_ARRAY_DIMENSIONS": axes},
        config={"write_empty_chunks": True},
    )
    if not shape:
        array[...] = np.asarray(data)
        return array
    for start in range(0, shape[0] if array.size else 0, rows):
        array[start : start + rows] = computed(data[start : start + rows])
        if progress is not None:
            progress(min(1.0, (start + rows) / shape[0]), "writing frames")
    return array


def _layout(shape: tuple[int, ...], item: int) -> tuple[tuple[int, ...], tuple[int, ...] | None, int]:
    """Return the shape of chunks, that of shards if there are any, and how many frames are written at once.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    item : int
        Bytes of a value.

    Examples
    --------
    >>> _layout((62, 512, 512), 4)
    ((10, 128, 128), None, 120)
    >>> _layout((100, 4096, 4096), 4)
    ((2, 128, 128), (2, 1024, 1024), 2)
    """
    chunk_shape = _CHUNK if len(shape) == 3 else (_CHUNK[0], 8, *_CHUNK[1:]) if len(shape) == 4 else shape
    rows = max(1, _SLAB_BYTES // max(1, item * prod(shape[1:])))
    chunks = tuple(max(1, min(pair)) for pair in zip(shape, chunk_shape, strict=True))
    if len(shape) < 3:
        return chunks, None, rows if not chunks else max(chunks[0], rows // chunks[0] * chunks[0])
    chunks = (min(chunks[0], rows), *chunks[1:])
    rows = rows // chunks[0] * chunks[0]
    along = [-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True)]
    if prod(along) <= _MANY_FILES:
        return chunks, None, rows
    side = [chunk * min(_CHUNKS_ALONG_SHARD, n) for chunk, n in zip(chunks[-2:], along[-2:], strict=True)]
    return chunks, (*chunks[:-2], *side), rows


def _multiscale(stack: SpectralStack) -> dict[str, Any]:
    """Return the OME metadata. An energy axis has a unit only if its steps are even: OME has no other axes."""
    energy = stack.energy
    step = (energy[-1] - energy[0]) / max(1, energy.size - 1) or 1.0
    even = bool(np.allclose(energy, energy[0] + step * np.arange(energy.size), rtol=0, atol=1e-6))
    axes: list[dict[str, str]] = [{"name": "energy", "type": "energy"}]
    if even:
        axes[0]["unit"] = "electronvolt"
    for name in "zyx"[-stack.data.ndim + 1 :]:
        axes.append({"name": name, "type": "space"} | ({"unit": "micrometer"} if stack.pixel_size else {}))
    sizes = list(stack.pixel_size or (1.0,) * (stack.data.ndim - 1))
    origin = [float(energy[0]) if even else 0.0, *[0.0] * len(sizes)]
    steps = [
        {"type": "scale", "scale": [float(step) if even else 1.0, *sizes]},
        {"type": "translation", "translation": origin},
    ]
    return {
        "name": stack.name,
        "axes": axes,
        "datasets": [{"path": IMAGE, "coordinateTransformations": steps}],
    }


def _is_own_store(target: Path) -> bool:
    try:
        if (target / "zarr.json").is_file():
            return OWN in json.loads(read_text(target / "zarr.json"))["attributes"]
        return OWN in json.loads(read_text(target / ".zattrs"))
    except (OSError, ValueError, LookupError, TypeError):
        return False
