"""Recipes, which are lists of steps, and `run`, which carries them out and records them in the history."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from napari_xanes.history import READ_KEYWORDS, Source, Step, literal
from napari_xanes.maps import ESTIMATORS
from napari_xanes.ops import OPERATIONS
from napari_xanes.parameter_map import MapSet
from napari_xanes.progress import Progress, part
from napari_xanes.recipe_text import plain_from_yaml
from napari_xanes.registry import Method
from napari_xanes.saving.replacing import write_whole
from napari_xanes.stack import SpectralStack

logger = logging.getLogger(__name__)

_FORMAT = "napari-xanes recipe 1"


def method_of(name: str) -> Method[Any]:
    """Return the operation or estimator of this name.

    Raises
    ------
    ValueError
        If there is none.
    """
    for registry in (OPERATIONS, ESTIMATORS):
        if name in registry:
            return registry[name]
    raise ValueError(
        f"there is no step {name!r}; operations: {', '.join(OPERATIONS)}; estimators: {', '.join(ESTIMATORS)}"
    )


def run(
    steps: Recipe | Iterable[Step], stack: SpectralStack, *, progress: Progress | None = None
) -> SpectralStack | MapSet:
    """Carry out steps on a stack, one after the other; every step gives a new value.

    Parameters
    ----------
    steps : Recipe or iterable of Step
        Operations, and at most one estimator, which comes last.
    stack : SpectralStack
        Stack to start from; it is not changed.
    progress : callable, optional
        Called with the fraction done and a message; it may raise `Cancelled`.

    Returns
    -------
    SpectralStack or MapSet
        Result of the last step, with all steps in its history.

    Raises
    ------
    ValueError
        If a step is unknown, follows an estimator, or has invalid parameters; this is checked before anything runs.

    Examples
    --------
    >>> import numpy as np
    >>> stack = SpectralStack(np.ones((3, 2, 2), np.float32), [8330, 8340, 8350], "optical_depth")
    >>> run([Step("crop", {"energy": (8335, 8360)})], stack).shape
    (2, 2, 2)
    """
    steps = list(steps)
    methods = [method_of(step.name) for step in steps]
    for method, step in zip(methods, steps, strict=True):
        method.validated(step.parameters)
    for method, following in pairwise(methods):
        if method.name in ESTIMATORS:
            raise ValueError(f"{following.name} can't follow {method.name}: an estimator is the last step of a recipe")
    value: Any = stack
    for i, (method, step) in enumerate(zip(methods, steps, strict=True)):
        logger.info("step %d of %d: %s", i + 1, len(steps), method.name)
        made = method.apply(value, step, progress=part(progress, i / len(steps), (i + 1) / len(steps)))
        if isinstance(made, MapSet):
            made = _with_warnings_of_steps(made, stack, value)
        value = made
    return value  # type: ignore[no-any-return]


def _with_warnings_of_steps(maps: MapSet, stack: SpectralStack, prepared: SpectralStack) -> MapSet:
    """Return the maps with the warnings of the earlier steps added."""
    read, own = (tuple(value.metadata.get("warnings", ())) for value in (stack, maps))
    told = [text for text in prepared.metadata.get("warnings", ()) if text not in read and text not in own]
    return replace(maps, metadata={**maps.metadata, "warnings": [*told, *own]}) if told else maps


@dataclass(frozen=True)
class Recipe(Sequence[Step]):
    """Steps that can be saved, shared and run on other stacks.

    Parameters
    ----------
    steps : iterable of Step
        Operations, and at most one estimator at the end.

    Examples
    --------
    >>> Recipe.from_yaml(Recipe([Step("crop", {"energy": [8300, 8400]})]).to_yaml())[0].parameters["energy"]
    [8300, 8400]
    """

    steps: tuple[Step, ...]

    def __init__(self, steps: Iterable[Step]) -> None:
        object.__setattr__(self, "steps", tuple(steps))

    def __getitem__(self, index: Any) -> Any:
        return self.steps[index]

    def __len__(self) -> int:
        return len(self.steps)

    def to_yaml(self, *, exact: bool = False) -> str:
        """Return the recipe as YAML text.

        Parameters
        ----------
        exact : bool
            Also write what each step estimated from its stack, so that a repeated run gives the same numbers. Without
            it, each step estimates anew from the next stack.
        """
        import yaml

        plain = {"format": _FORMAT, "steps": [_with_long_last(step.to_plain(exact=exact)) for step in self]}
        return yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=110)

    @classmethod
    def from_yaml(cls, text: str, *, folder: Path | None = None) -> Recipe:
        """Return the recipe in a YAML text.

        Parameters
        ----------
        text : str
            Text that `to_yaml` wrote, or a list of steps.
        folder : Path, optional
            Folder that relative paths of references and I0 files start from.

        Raises
        ------
        ValueError
            If the text is not a recipe, or a step in it is unknown.
        """
        plain: Any = plain_from_yaml(text)
        if isinstance(plain, dict):
            if plain.get("format", _FORMAT) != _FORMAT:
                raise ValueError(f"unknown recipe format {plain['format']!r}; this version reads {_FORMAT!r}")
            plain = plain.get("steps")
        if not isinstance(plain, list) or not plain:
            raise ValueError("a recipe is a list of steps, under 'steps:'")
        steps = [Step.from_plain(item) for item in plain]
        if folder is not None:
            steps = [Step(s.name, _with_folder(s.parameters, folder), s.state, s.version) for s in steps]
        for step in steps:
            method_of(step.name)
        return cls(steps)

    def save(self, path: str | Path, *, exact: bool = False) -> None:
        """Write the recipe to a YAML file, which appears whole or not at all.

        Raises
        ------
        OSError
            If the file can't be written.
        """
        write_whole(Path(path), self.to_yaml(exact=exact).encode())

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe from a YAML file; paths in it are relative to its folder.

        Raises
        ------
        OSError
            If the file can't be read.
        ValueError
            If the file is not a recipe; the message names the file.
        """
        path = Path(path)
        try:
            return cls.from_yaml(path.read_text(encoding="utf-8"), folder=path.resolve().parent)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _with_long_last(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a step with its spectra and masks last, so that the parameters that people change come first."""
    name, *state_and_version = plain
    parameters = dict(sorted(plain[name].items(), key=lambda item: len(str(item[1])) > 200))
    return {name: parameters, **{key: plain[key] for key in state_and_version}}


def _with_folder(parameters: Any, folder: Path) -> Any:
    """Return the parameters with each relative path of a file in the recipe's folder made absolute."""

    def absolute(value: Any) -> Any:
        if isinstance(value, str) and not Path(value).is_absolute() and (folder / value).is_file():
            return str(folder / value)
        if isinstance(value, list):
            return [absolute(item) for item in value]
        if isinstance(value, dict) and "path" in value and "mu" not in value:
            return {**value, "path": absolute(value["path"])}
        return value

    return {name: absolute(value) for name, value in parameters.items()}


def as_python(steps: Iterable[Step], source: Source) -> str:
    """Return a short script that repeats the steps on a file.

    Parameters
    ----------
    steps : iterable of Step
        Steps to repeat.
    source : Source
        File or files of the stack, and how they were read. Names and values in it may come from a file of someone
        else: the script holds them as literals only, and only keywords that `napari_xanes.read` has.

    Raises
    ------
    ValueError
        If the source names files outside its own folder.

    Examples
    --------
    >>> print(as_python([Step("crop", {"energy": (8300, 8400)})], Source("it's.h5")))
    import napari_xanes as nx
    <BLANKLINE>
    stack = nx.read("it's.h5")
    result = nx.run(
        [
            nx.Step('crop', {'energy': [8300, 8400]}),
        ],
        stack,
    )
    <BLANKLINE>
    """
    known = {name: value for name, value in source.reading.items() if name in (*READ_KEYWORDS, "files")}
    left_out = len(source.reading) - len(known)
    paths, keywords = replace(source, reading=known).to_read()
    read = ", ".join([literal(paths), *(f"{name}={literal(value)}" for name, value in keywords.items())])
    lines = ["import napari_xanes as nx", ""]
    if left_out:
        lines.append(f"# Keywords of its reading that nx.read does not have are left out: {left_out}")
    lines += [f"stack = nx.read({read})", "result = nx.run(", "    ["]
    lines += [f"        nx.Step({literal(s.name)}, {literal(s.parameters)})," for s in steps]
    return "\n".join([*lines, "    ],", "    stack,", ")", ""])
