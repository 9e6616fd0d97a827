"""HDF5 files that were written by others: opened carefully, read into memory or left in the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_xanes.io import frames
from napari_xanes.io.files import starts_with

_ALWAYS_BELIEVED = 64 << 20
_MOST_COMPRESSED = 1100
"""No deflated data shrink by more than this (zlib: 1032)."""


def is_hdf5(path: Path) -> bool:
    """Whether the file is HDF5; its signature may follow a block of other content, as in files of PolLux."""
    return bool(starts_with(path, 1)) and h5py.is_hdf5(path)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The file, open for reading.

    Raises
    ------
    OSError
        If it is damaged or cut short.
    """
    try:
        file = h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        raise OSError(f"{path}: can't be opened as HDF5, it is damaged or cut short ({error})") from error
    with file:
        yield file


def child(group: h5py.Group, name: str) -> Any:
    """The group or dataset of a name, None if there is none.

    Raises
    ------
    ValueError
        If the way there leaves the file: links into other files are not followed.
    """
    return _resolved(group, name, 16)


def _resolved(group: h5py.Group, name: str, hops: int) -> Any:
    here: Any = group.file["/"] if name.startswith("/") else group
    for part in filter(None, name.split("/")):
        if not isinstance(here, h5py.Group):
            return None
        link = here.get(part, getlink=True)
        if link is None:
            return None
        if isinstance(link, h5py.ExternalLink):
            raise ValueError(f"{name} lies in another file ({link.filename}), which is not followed; open that file")
        if isinstance(link, h5py.SoftLink):
            here = _resolved(here, link.path, hops - 1) if hops else None
        else:
            here = here.get(part)
        if here is None:
            return None
    return here


def array(group: h5py.Group, name: str, kinds: str = "fiu") -> h5py.Dataset | None:
    """The dataset of numbers of a name, real ones unless other NumPy `kinds` are wanted; None if there is none.

    Raises
    ------
    ValueError
        If its values lie in other files, or it is larger than the file can hold.
    """
    dataset = child(group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None or dataset.dtype.kind not in kinds:
        return None
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"the values of {dataset.name} lie in other files, which are not followed; open those")
    promised = dataset.size * dataset.dtype.itemsize
    held = Path(dataset.file.filename).stat().st_size
    if promised > _ALWAYS_BELIEVED and promised > held * _MOST_COMPRESSED:
        raise ValueError(f"{dataset.name} promises {promised >> 20} MB, but the file has {held >> 10} kB")
    return dataset


_LONGEST_TEXT = 1 << 20


class InFile:
    """A dataset that is opened for each piece that is read, so that no file stays open and dask may copy it around."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self.path, self.name = Path(dataset.file.filename).resolve(), dataset.name
        self.shape, self.dtype, self.ndim = dataset.shape, dataset.dtype, dataset.ndim

    def __getitem__(self, index: Any) -> Any:
        with opened(self.path) as file:
            return file[self.name][index]


def load(dataset: h5py.Dataset) -> Any:
    """The values: a NumPy array, or a dask array over the file if larger than the memory limit."""
    n_bytes = dataset.size * dataset.dtype.itemsize
    if n_bytes <= frames.MEMORY_LIMIT.get() or dataset.ndim < 3:
        values = np.asarray(dataset[()])
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    import dask.array as da

    thickness = max(1, (32 << 20) // max(1, n_bytes // dataset.shape[0]))
    lazy = da.from_array(InFile(dataset), chunks=(thickness, *dataset.shape[1:]), name=False)  # type: ignore[no-untyped-call]
    return lazy.astype(dataset.dtype.newbyteorder("="))


def text(value: Any) -> str:
    """A string as files hold it (bytes or text, bare or as an array of one) as text; empty if it is none."""
    if isinstance(value, h5py.Dataset):
        if (
            value.shape is None
            or value.size != 1
            or value.dtype.kind not in "SO"
            or value.dtype.itemsize > _LONGEST_TEXT
        ):
            return ""
        value = value[()]
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size == 1 else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 ")
    return value.strip("\0 ") if isinstance(value, str) else ""


def texts(value: Any) -> list[str]:
    """Several strings as text, from an array, or from one string with commas or colons between them."""
    if isinstance(value, bytes | str):
        return [part.strip() for part in text(value).strip("[]").replace(":", ",").split(",") if part.strip()]
    return [text(item) for item in np.ravel(np.asarray(value, dtype=object))]
