"""Zarr stores on this computer, opened carefully; imported only once a folder has turned out to be one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from napari_xanes.io import ways_out
from napari_xanes.io.array_notes import note_file
from napari_xanes.io.files import inside
from napari_xanes.io.special_files import refuse_special_file
from napari_xanes.io.unchanged import FileState
from napari_xanes.io.unpacked_size import unpacked_size
from napari_xanes.io.zarr.listing import arrays_in
from napari_xanes.io.zarr.nodes import zarr_errors
from napari_xanes.io.zarr.unchanged_chunks import ChunkStates

try:
    import zarr
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype
    from zarr.storage import LocalStore
except ImportError as error:
    raise ValueError(
        f"Zarr is read and written by the package zarr; install it: pip install 'zarr>=3.1' ({error})"
    ) from (error)

METADATA = (".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json")
"""Names of the files that are no chunks."""

_ROOTS = ("zarr.json", ".zgroup", ".zarray")


@dataclass(frozen=True)
class ChunkRules:
    """What is expected of the chunks of an array.

    Parameters
    ----------
    codec : str
        How they are compressed; empty if nothing is to be checked.
    max_bytes : int
        The most that one may unpack to.
    absent : frozenset of str
        Chunks that were not there when the array was opened, by their path in the store. Any other must be there.
    metadata : FileState
        The file that describes the array.
    """

    codec: str
    max_bytes: int
    absent: frozenset[str]
    metadata: FileState


class SafeFolder(LocalStore):
    """A folder that no link leads out of; its chunks do not go missing, nor unpack to more than they should."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, read_only=True)
        self.rules: dict[str, ChunkRules] = {}
        """For the path of an array, with a slash after it."""
        self.fill_with_nan: set[str] = set()
        """Arrays whose missing values are read as NaN, by the path of their metadata in the store."""
        self.states: dict[str, ChunkStates] = {}
        """Of arrays that are read later, by their path."""

    def _check_state(self, key: str) -> None:
        for states in self.states.values():
            states.check(key)

    def _checked_path(self, key: str) -> None:
        self._check_state(key)
        path = self.root / key
        if not inside(self.root, path):
            raise OSError(
                f"{key} leads out of the folder to {path.resolve()}, which is not followed; {ways_out.NOT_FOLLOWED}"
            )
        refuse_special_file(path)

    def _checked_content(self, key: str, packed: Buffer | None, *, is_whole: bool) -> Buffer | None:
        self._check_state(key)
        if key.endswith(METADATA):
            return packed if packed is None or key not in self.fill_with_nan else _with_nan(packed)
        rules = next((rules for array, rules in self.rules.items() if key.startswith(array)), None)
        if rules is None:
            return packed
        rules.metadata.check()
        if packed is None and key not in rules.absent:
            raise OSError(f"{self.root / key} is missing; copy the whole folder again")
        if packed is None or not is_whole or not rules.codec:
            return packed
        if unpacked_size(rules.codec, packed.to_bytes(), rules.max_bytes) > rules.max_bytes:
            raise ValueError(
                f"{self.root / key} unpacks to more than the {rules.max_bytes >> 10} kB that a chunk can have: "
                "damaged; copy it again"
            )
        return packed

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return what a file holds, None if it may be absent and is; as of zarr's stores."""
        self._checked_path(key)
        packed = super().get_sync(key, prototype=prototype, byte_range=byte_range)
        return self._checked_content(key, packed, is_whole=byte_range is None)

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return what a file holds; see `get_sync`."""
        self._checked_path(key)
        packed = await super().get(key, prototype, byte_range)
        return self._checked_content(key, packed, is_whole=byte_range is None)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return parts of several files; see `get_sync`."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]


def _with_nan(packed: Buffer) -> Buffer:
    """Return the metadata of an array with NaN as the value of what is missing."""
    return type(packed).from_bytes(json.dumps(json.loads(packed.to_bytes()) | {"fill_value": "NaN"}).encode())


def open_store(path: Path) -> Any:
    """Open the root of a store of Zarr 2 or 3 for reading.

    Raises
    ------
    OSError, ValueError
        If it is damaged.
    """
    store = SafeFolder(path.resolve())
    note_file(store.root, arrays_in)
    if links := [name for name in _ROOTS if not inside(path, path / name)]:
        raise OSError(f"{path}: {links[0]} leads out of the folder, which is not followed; {ways_out.NOT_FOLLOWED}")
    version: Literal[2, 3] = 3 if (path / "zarr.json").is_file() else 2
    with zarr_errors():
        return _root(store, path, version)


def _root(store: SafeFolder, path: Path, version: Literal[2, 3]) -> Any:
    if version == 3 or (path / ".zgroup").is_file():
        try:
            return zarr.open_group(store, mode="r", zarr_format=version, use_consolidated=False)
        except zarr.errors.ContainsArrayError:
            pass
    return zarr.open_array(store, mode="r", zarr_format=version)


def filled_with_nan(array: Any) -> Any:
    """Return an array of floating-point numbers again, with NaN where it has no chunks."""
    store, version = array.store, array.metadata.zarr_format
    store.fill_with_nan.add(f"{array.path}/{'.zarray' if version == 2 else 'zarr.json'}".lstrip("/"))
    with zarr_errors():
        return zarr.open_array(store, path=array.path, mode="r", zarr_format=version)


def created(path: Path) -> Any:
    """Create a store of Zarr 3 for writing; return its root group."""
    return zarr.open_group(str(path), mode="w-", zarr_format=3)


def folder_size(folder: Path) -> int:
    """Return the size in bytes of all files in a folder and below."""
    return sum(_sizes(folder))


def holds(folder: Path, min_bytes: int) -> bool:
    """Return whether the files in a folder and below have at least so many bytes."""
    return min_bytes <= 0 or any(size >= min_bytes for size in accumulate(_sizes(folder)))


def _sizes(folder: Path) -> Iterator[int]:
    for here, _, names in os.walk(folder):
        for name in names:
            yield os.lstat(os.path.join(here, name)).st_size
