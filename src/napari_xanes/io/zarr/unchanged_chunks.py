"""The chunks of a Zarr array that are read later: their files must still be what they were when it was opened."""

from __future__ import annotations

import os
from pathlib import Path

from napari_xanes.io.unchanged import FileState, facts

_MOST_FILES = 100_000
"""Of arrays of more files none is remembered: looking at all would take too long. Their metadata are checked still."""


class ChunkStates:
    """The states of all files of one array in a store.

    Parameters
    ----------
    root : Path
        The folder of the store.
    array_path : str
        Path of the array in the store; empty for the root.
    """

    def __init__(self, root: Path, array_path: str) -> None:
        self.root, self.prefix = root, f"{array_path}/".lstrip("/")
        self.facts: dict[str, tuple[int, int, int, int | None]] | None = {}
        for here, _, names in os.walk(root / array_path):
            if len(self.facts) + len(names) > _MOST_FILES:
                self.facts = None
                return
            for path in (Path(here, name) for name in names):
                self.facts[path.relative_to(root).as_posix()] = facts(path.stat())

    def __getstate__(self) -> dict[str, object]:
        # Another computer numbers a shared disk differently.
        known = self.facts and {key: (*found[:3], None) for key, found in self.facts.items()}
        return {**self.__dict__, "facts": known}

    def check(self, key: str) -> None:
        """Check that a file of the array is as it was; files of other arrays pass.

        Raises
        ------
        OSError
            If it changed, has grown, is gone or has appeared.
        """
        if self.facts is None or not key.startswith(self.prefix):
            return
        if key in self.facts:
            FileState(self.root / key, *self.facts[key]).check()
        elif (self.root / key).is_file():
            raise OSError(f"{self.root / key}: the array has grown since it was opened; open it again")
