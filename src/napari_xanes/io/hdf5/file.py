"""HDF5 files that were written by others: opened carefully, read into memory or left in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_xanes.io import allocation_limits, frames
from napari_xanes.io.array_notes import NUMBERS, FoundArray, is_noting, note_file, note_read
from napari_xanes.io.files import starts_with
from napari_xanes.io.hdf5.listing import arrays_in, key_of
from napari_xanes.io.live_files import note_live_file
from napari_xanes.io.special_files import refuse_special_file
from napari_xanes.io.unchanged import FileState, unchanged


def is_hdf5(path: Path) -> bool:
    """Whether the file is HDF5; its signature may follow a block of other content, as in files of PolLux."""
    return bool(starts_with(path, 1)) and h5py.is_hdf5(path)


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading.

    Raises
    ------
    OSError
        If it is damaged or cut short, or another program writes it and lets nobody read.
    """
    with _opened(path) as file:
        note_file(path, _arrays_of)
        yield file


def _arrays_of(path: Path) -> list[FoundArray]:
    with _opened(path) as file:
        return arrays_in(file)


class _NotedDataset(h5py.Dataset):  # type: ignore[misc]  # h5py has no types
    """A dataset that notes when values of it are read."""

    def __getitem__(self, index: Any, new_dtype: Any = None) -> Any:
        note_dataset(self)
        return super().__getitem__(index, new_dtype)


def note_dataset(dataset: h5py.Dataset) -> None:
    """Note that the values of a dataset are used: a reader that leaves them in the file says so itself."""
    if is_noting() and dataset.dtype.kind in NUMBERS:
        array = FoundArray(str(dataset.name), tuple(dataset.shape), dataset.dtype.name, key_of(dataset.id))
        note_read(Path(dataset.file.filename), array)


def _opened(path: Path) -> h5py.File:
    """Open a file, also one that another program is writing, if that program lets others read (SWMR)."""
    refuse_special_file(path)
    try:
        return h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        reason = str(error)
    if "open for write" in reason:
        with suppress(OSError):
            file = h5py.File(path, "r", swmr=True, locking="best-effort")
            note_live_file(path)
            return file
        raise OSError(
            f"{path}: is not closed: the program that writes it is at work, or was killed. Read it when it is closed. "
            f"If it was killed, copy the file and run h5clear -s on the copy ({reason})"
        )
    if "lock file" in reason:
        raise OSError(f"{path}: another program is writing it; read it when that program has closed it ({reason})")
    raise OSError(f"{path}: can't be opened as HDF5, it is damaged or cut short; copy it again ({reason})")


def child(group: h5py.Group, name: str) -> Any:
    """Return the group or dataset with a name, or None.

    Raises
    ------
    ValueError
        If the way there leaves the file: links into other files are not followed.
    """
    return _resolved(group, name, 16)


def _resolved(group: h5py.Group, name: str, hops: int) -> Any:
    item: Any = group.file["/"] if name.startswith("/") else group
    for part in filter(None, name.split("/")):
        if not isinstance(item, h5py.Group):
            return None
        link = item.get(part, getlink=True)
        if link is None:
            return None
        if isinstance(link, h5py.ExternalLink):
            raise ValueError(f"{name} lies in another file ({link.filename}), which is not followed; open that file")
        if isinstance(link, h5py.SoftLink):
            item = _resolved(item, link.path, hops - 1) if hops else None
        else:
            item = item.get(part)
        if item is None:
            return None
    return item


def array(group: h5py.Group, name: str, kinds: str = "fiu") -> h5py.Dataset | None:
    """Return the dataset of numbers with a name, or None; real numbers unless other NumPy `kinds` are given.

    Raises
    ------
    ValueError
        If its values lie in other files, are compressed in a way that can't be undone here, or are more than the file
        can hold.
    """
    dataset = child(group, name)
    if not isinstance(dataset, h5py.Dataset):
        return None
    _check_is_in_file(dataset)
    if dataset.shape is None or dataset.dtype.kind not in kinds:
        return None
    _check_filters(dataset)
    item = dataset.dtype.itemsize
    # A chunk is unpacked whole, and a dataset is read by its first axis, not counting those of length 1.
    axes = [length for length in dataset.shape if length > 1]
    piece = item * max(prod(dataset.chunks or (1,)), prod(axes[1:] if len(axes) > 2 else axes))
    allocation_limits.check(dataset.name, item * dataset.size, file_size(dataset), piece=piece)
    return _NotedDataset(dataset.id, readonly=True)


def in_words(group: h5py.Group, name: str) -> str:
    """Say what there is under a name where real numbers were expected, for messages.

    Raises
    ------
    ValueError
        As of `array`.
    """
    item = child(group, name)
    if not isinstance(item, h5py.Dataset):
        return "nothing" if item is None else "a group"
    _check_is_in_file(item)
    if item.dtype.kind == "c":
        return f"complex numbers of shape {item.shape}, of which magnitude or phase may be meant: save the one you want"
    return f"{item.dtype} of shape {item.shape}"


def row(group: h5py.Group, name: str) -> h5py.Dataset | None:
    """Return the dataset with a name if it holds a number or a list of numbers: energies, positions, times.

    None if there is none, or it has one number per pixel, as some files have positions and times.

    Raises
    ------
    ValueError
        As of `array`.
    """
    dataset = array(group, name)
    return None if dataset is None or dataset.size > allocation_limits.LONGEST_LIST else dataset


def file_size(item: h5py.HLObject) -> int:
    """Return the size in bytes of the file of a group or dataset."""
    return Path(item.file.filename).stat().st_size


def _check_is_in_file(dataset: h5py.Dataset) -> None:
    """Refuse values that lie in other files, before anything asks for them: even their shape may open these files."""
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"the values of {dataset.name} lie in other files, which are not followed; open those")


def _check_filters(dataset: h5py.Dataset) -> None:
    """Refuse values compressed by a filter that is not installed; libhdf5 would only say that it can't read."""
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    missing = [code for code in filters if not h5py.h5z.filter_avail(code)]
    if missing:
        with suppress(ImportError):
            import_module("hdf5plugin")  # it adds its filters to libhdf5
        if not h5py.h5z.filter_avail(missing[0]):
            raise ValueError(
                f"{dataset.name} is compressed by the HDF5 filter {missing[0]}, which is not there; "
                "most of them come with: pip install 'napari-xanes[hdf5plugin]'"
            )


_LONGEST_TEXT = 1 << 20


class LazyDataset:
    """A dataset that is opened for each piece that is read, so that no file stays open and dask may copy it around.

    Its file must stay as it is. One that another program adds frames to (SWMR) may grow, as long as the first and the
    last frame that were there are the same.

    Parameters
    ----------
    dataset : h5py.Dataset
        What to read.
    order : sequence of int
        Which of its axes come first, second, ...

    Attributes
    ----------
    piece : tuple of int
        Shape of what is decoded as a whole.
    read_at_once : tuple of int, optional
        Frames and rows that are best read together: those of a piece; None where the frames are not the slowest axis.
    """

    def __init__(self, dataset: h5py.Dataset, order: Sequence[int]) -> None:
        self.path, self.name, self.order = Path(dataset.file.filename).resolve(), dataset.name, tuple(order)
        self.shape, self.ndim = tuple(dataset.shape[n] for n in order), dataset.ndim
        self.dtype = dataset.dtype.newbyteorder("=")
        self.state = FileState.of(self.path)
        # What is not compressed is read from the middle of a chunk, too.
        chunk = dataset.chunks if dataset.id.get_create_plist().get_nfilters() else None
        self.piece = (1,) * self.ndim if chunk is None else tuple(chunk[n] for n in order)
        self.read_at_once = self.piece[:2] if chunk is not None or self.order[0] == 0 else None
        self.ends = self._ends_in(dataset) if dataset.file.swmr_mode and self.order[0] == 0 else b""

    def _ends_in(self, dataset: Any) -> bytes:
        """Return a hash of the first and the last frame; no bytes if a frame holds nothing or is not there."""
        if not isinstance(dataset, h5py.Dataset) or dataset.ndim != self.ndim or dataset.shape[0] < self.shape[0]:
            return b""
        ends = [np.asarray(dataset[i]) for i in (0, self.shape[0] - 1)]
        return sha256(b"".join(end.tobytes() for end in ends)).digest() if all(end.any() for end in ends) else b""

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        # A single number drops its axis, which has to wait until the axes are in order.
        is_single = [isinstance(i, int | np.integer) for i in index]
        slices = [slice(i, i + 1) if drop_axis else i for i, drop_axis in zip(index, is_single, strict=True)]
        with unchanged(self.state, may_grow=bool(self.ends)), open_hdf5(self.path) as file:
            if self.ends and self._ends_in(file.get(self.name)) != self.ends:
                raise OSError(f"{self.path}: {self.name} changed since it was opened; open it again")
            piece = file[self.name][tuple(slices[self.order.index(n)] for n in range(self.ndim))]
        piece = piece.astype(self.dtype, copy=False).transpose(self.order)
        return piece[tuple(0 if drop_axis else slice(None) for drop_axis in is_single)]


def load(dataset: h5py.Dataset, order: Sequence[int] | None = None) -> Any:
    """Return the values as a NumPy array, or above the memory limit as a dask array over the file.

    Parameters
    ----------
    dataset : h5py.Dataset
        What to read.
    order : sequence of int, optional
        Which of its axes come first, second, ...; as they lie by default. Transposing a dask array afterwards would
        read whole frames for every pixel.
    """
    note_dataset(dataset)
    order = range(dataset.ndim) if order is None else order
    n_bytes = dataset.size * dataset.dtype.itemsize
    with allocation_limits.memory_limited_to(file_size(dataset)):
        fits_into_memory = n_bytes <= frames.MEMORY_LIMIT.get() or dataset.ndim < 3
    if fits_into_memory:
        values = np.asarray(dataset[()])
        return values.astype(values.dtype.newbyteorder("="), copy=False).transpose(order)
    import dask.array as da

    source = LazyDataset(dataset, order)
    thickness = max(1, (32 << 20) // max(1, n_bytes // source.shape[0]))
    return da.from_array(source, chunks=(thickness, *source.shape[1:]), name=False)  # type: ignore[no-untyped-call]


def text(value: Any) -> str:
    """Return a string of a file (bytes or text, bare or in an array of one) as text; empty for anything else."""
    if isinstance(value, h5py.Dataset):
        _check_is_in_file(value)
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
