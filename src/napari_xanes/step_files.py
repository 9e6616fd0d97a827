"""The files that steps read: which parameters name them, where their paths start, and whether they have changed.

Only parameters that declare it (`Param.files`) name files. In a recipe that was read from a file, their paths start
from its folder and from nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from napari_xanes.history import Source, Step
from napari_xanes.io.files import fingerprint, inside, one_line
from napari_xanes.io.unchanged import FileState, unchanged
from napari_xanes.parameters import Parameter
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

Parameters = Mapping[str, Parameter]

Change = Callable[[Any], str]
"""Returns another path for a path of a recipe."""


def _with_paths(value: Any, words: tuple[str, ...], change: Change) -> Any:
    """Return the value of a parameter that may name files, with each path changed; `words` are no paths."""
    if isinstance(value, str | PurePath):
        return value if isinstance(value, str) and value in words else change(value)
    if isinstance(value, list | tuple) and any(isinstance(item, str | PurePath | Mapping) for item in value):
        return [item if isinstance(item, list) else _with_paths(item, words, change) for item in value]
    if not isinstance(value, Mapping) or "path" not in value or "mu" in value:
        return value
    changed = {**value, "path": change(value["path"])}
    reading = value.get("reading")
    if isinstance(reading, Mapping) and isinstance(reading.get("energies"), str):
        changed["reading"] = {**reading, "energies": change(reading["energies"])}
    return changed


def change_paths(
    parameters: Parameters, values: Mapping[str, Any], change: Callable[[str, Any], str]
) -> dict[str, Any]:
    """Return the values of a step's parameters with other paths.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        The declared parameters.
    values : mapping
        Values of some of them.
    change : callable
        ``change(name, path)`` returns the new path of a file that parameter `name` names.
    """
    changed = dict(values)
    for name, value in values.items():
        if name in parameters and parameters[name].spec.files:
            changed[name] = _with_paths(value, parameters[name].spec.words, partial(change, name))
    return changed


def _paths(parameters: Parameters, step: Step) -> list[str]:
    """Return the paths that the parameters and the state of a step name."""
    paths: list[str] = []

    def note(name: str, path: Any) -> str:
        paths.append(_checked(path))
        return paths[-1]

    for values in (step.parameters, step.state or {}):
        change_paths(parameters, values, note)
    return paths


def _checked(path: Any) -> str:
    if not isinstance(path, str | PurePath) or not str(path) or "\0" in str(path):
        raise ValueError(f"a path of a file is text, not {str(path)[:60]!r}")
    return str(path)


def _places(path: str, folder: Path) -> Iterator[Path]:
    """Yield where a path of a recipe in `folder` may lie: as written, in the home folder, with Windows' separators."""
    yield folder / path
    if path.startswith("~"):
        expanded = Path(os.path.expanduser(path))
        if expanded.is_absolute():
            yield expanded
    if "\\" in path and not PureWindowsPath(path).drive:
        yield folder / path.replace("\\", "/")


def located(parameters: Parameters, step: Step, folder: Path) -> Step:
    """Return a step of a recipe in a folder with absolute paths of its files.

    Raises
    ------
    FileNotFoundError
        If a file is missing; no other place is searched.
    ValueError
        If a path is not text.
    """

    def locate(name: str, path: Any) -> str:
        text = _checked(path)
        found = next((place for place in _places(text, folder) if place.exists()), None)
        if found is None:
            raise FileNotFoundError(_missing(step.name, name, text, folder))
        return str(found)

    def locate_if_there(path: str) -> str:
        return str(next((place for place in _places(path, folder) if place.exists()), folder / path))

    return replace(
        step,
        parameters=change_paths(parameters, step.parameters, locate),
        state=None if step.state is None else change_paths(parameters, step.state, locate),
        files={locate_if_there(path): content for path, content in step.files.items()},
    )


def _missing(step: str, parameter: str, path: str, folder: Path) -> str:
    """Return the message about a missing file."""
    place, name = folder / path, PureWindowsPath(path).name
    hint = ""
    if name and name != path and (folder / name).exists():
        hint = f"; there is a {name!r} beside the recipe: if that is the file, write only its name"
    return one_line(f"{step} takes {parameter} from {str(place)[:300]!r}, but there is no such file{hint}")


def files_outside(parameters: Parameters, step: Step, folder: Path) -> list[str]:
    """Return the paths of a located step that lead out of the folder of its recipe."""
    return [path for path in _paths(parameters, step) if not inside(folder, Path(path))]


def portable(parameters: Parameters, step: Step, folder: Path) -> Step:
    """Return a step for a recipe in a folder: files inside the folder by relative paths, others by absolute ones.

    ``files`` of the result says what the files hold now, or held when the step ran.
    """

    def write(path: str) -> str:
        place = Path(os.path.expanduser(path)) if path.startswith("~") and not Path(path).exists() else Path(path)
        if not place.exists():
            return path
        if not inside(folder, place):
            return str(place.absolute())
        return Path(os.path.relpath(os.path.realpath(place), os.path.realpath(folder))).as_posix()

    def change(name: str, path: Any) -> str:
        text = write(_checked(path))
        return f"./{text}" if text in parameters[name].spec.words else text

    contents = {**current_files(parameters, step), **step.files}
    named = {os.path.realpath(path) for path in _paths(parameters, step)}
    return replace(
        step,
        parameters=change_paths(parameters, step.parameters, change),
        state=None if step.state is None else change_paths(parameters, step.state, change),
        files={write(path): content for path, content in contents.items() if path in named or path in step.files},
    )


def current_files(parameters: Parameters, step: Step) -> dict[str, str]:
    """Return the content hashes of the files that a step reads, by their absolute paths.

    Objects that were read from files before (spectra, stacks) say themselves what the files held then.
    """
    contents: dict[str, str] = {}
    for name, value in step.parameters.items():
        if name in parameters and parameters[name].spec.files:
            for item in value if isinstance(value, list | tuple) else [value]:
                path, content = _origin(item)
                if path and content:
                    contents[os.path.realpath(path)] = content
    for path in _paths(parameters, step):
        if os.path.exists(path):
            contents[os.path.realpath(path)] = fingerprint(path)
    return contents


@contextmanager
def files_read_once(parameters: Parameters, step: Step) -> Iterator[None]:
    """Read and hash the files that a step names in a block; they must be the same before and afterwards.

    Raises
    ------
    OSError
        If one changes meanwhile: its hash would be that of other values.
    """
    with ExitStack() as stack:
        for path in map(Path, _paths(parameters, step)):
            if path.is_file():
                stack.enter_context(unchanged(FileState.of(path)))
        yield


def _origin(value: Any) -> tuple[str | None, str | None]:
    """Return the file that an object was read from and its content hash then, as far as they are known."""
    if isinstance(value, Spectrum):
        return value.metadata.get("path"), value.metadata.get("fingerprint")
    if isinstance(value, SpectralStack) and isinstance(value.source, Source):
        return value.source.path, value.source.fingerprint
    return None, None


def changed_files(parameters: Parameters, step: Step, contents: Mapping[str, str]) -> list[str]:
    """Return a sentence for each file that holds other content than when the step was written or carried out.

    A step of a history may hold spectra as numbers: they stay what they were, but the user should know.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        The declared parameters.
    step : Step
        The step to repeat.
    contents : mapping of str to str
        What `current_files` returned.
    """
    recorded = {os.path.realpath(path): content for path, content in step.files.items()}

    def note(value: Any) -> None:
        if isinstance(value, Mapping) and "mu" not in value and isinstance(value.get("fingerprint"), str):
            recorded.setdefault(os.path.realpath(_checked(value.get("path"))), value["fingerprint"])

    for name, value in step.parameters.items():
        if name in parameters and parameters[name].spec.files:
            note(value)
    told = [
        f"{step.name}: {path} holds something else than when this step was recorded; the result may differ"
        for path, content in contents.items()
        if recorded.get(path, content) != content
    ]
    told += [
        f"{step.name}: {path} holds something else than when this step was recorded; the values of then are used"
        for path, content in recorded.items()
        if path not in contents and _differs(path, content)
    ]
    return [one_line(text) for text in told]


def _differs(path: str, content: str) -> bool:
    """Whether a file is there that holds other content. A file that is gone, or can't be read, says nothing."""
    try:
        return os.path.exists(path) and fingerprint(path) != content
    except (OSError, ValueError):
        return False
