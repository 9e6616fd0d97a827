"""The folders that a tool may read, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_xanes.history import Step
from napari_xanes.io.files import one_line
from napari_xanes.recipe import Recipe, parameters_of
from napari_xanes.step_files import change_paths

MAX_LISTED = 500
"""Files that a list names at most."""


class Folders:
    """Folders that were named by the user; a path is read only if it lies in one of them when all links are resolved.

    Parameters
    ----------
    paths : iterable of path
        Existing folders.

    Raises
    ------
    NotADirectoryError
        If one is no folder.
    ValueError
        If there is none.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self.paths = tuple(Path(path).resolve() for path in paths)
        if not self.paths:
            raise ValueError("name the folders that may be read: napari-xanes mcp FOLDER")
        for path in self.paths:
            if not path.is_dir():
                raise NotADirectoryError(f"{path} is no folder; name the folder that its files are in")

    def resolved(self, path: str | Path, start: Path | None = None) -> Path:
        """Return the real place of a file or folder that may be read.

        Parameters
        ----------
        path : path
            Absolute, or relative to `start`, by default to the first of the folders that has it.
        start : Path, optional
            Folder that a relative path starts from.

        Raises
        ------
        FileNotFoundError
            If it is in no folder.
        PermissionError
            If it lies outside. Whether it exists there is not told.
        """
        if not str(path) or "\0" in str(path):
            raise ValueError(f"a path is text, not {one_line(str(path))[:60]!r}")
        starts = (start,) if start is not None else self.paths
        places = [Path(os.path.realpath(folder / path)) for folder in starts]
        allowed = [place for place in places if self._inside(place)]
        if not allowed:
            names = ", ".join(map(str, self.paths))
            raise PermissionError(f"{one_line(str(path))[:300]!r} lies outside the folders that may be read: {names}")
        found = next((place for place in allowed if place.exists()), None)
        if found is None:
            raise FileNotFoundError(
                f"{one_line(str(path))[:300]!r}: there is no such file; the tool files lists those that may be read"
            )
        return found

    def recipe(self, text: str, start: Path) -> Recipe:
        """Return a recipe whose files all may be read.

        Parameters
        ----------
        text : str
            The recipe as YAML.
        start : Path
            Folder that its relative paths start from.

        Raises
        ------
        FileNotFoundError, PermissionError
            As `resolved`, for a file that a step names.
        ValueError
            If the text is no recipe.
        """
        return Recipe(self._checked(step, start) for step in Recipe.from_yaml(text))

    def _checked(self, step: Step, start: Path) -> Step:
        def change(name: str, path: Any) -> str:
            return str(self.resolved(path, start))

        parameters = parameters_of(step.name)
        state = None if step.state is None else change_paths(parameters, step.state, change)
        # Content hashes are left out: to compare them, files would be read that no parameter names.
        return replace(step, parameters=change_paths(parameters, step.parameters, change), state=state, files={})

    def listed(self) -> list[str]:
        """Return the files in the folders, at most `MAX_LISTED`; hidden ones and links to other places are left out."""
        names = []
        for path in self._files():
            names.append(str(path))
            if len(names) == MAX_LISTED:
                names.append(f"… only the first {MAX_LISTED}")
                break
        return names

    def _files(self) -> Iterator[Path]:
        for folder in self.paths:
            for place, folders, files in os.walk(folder):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                paths = (Path(place) / name for name in sorted(files) if not name.startswith("."))
                yield from (path for path in paths if self._inside(Path(os.path.realpath(path))))

    def _inside(self, real: Path) -> bool:
        return any(real.is_relative_to(folder) for folder in self.paths)
