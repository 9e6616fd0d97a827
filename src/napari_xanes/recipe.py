"""Recipes, which are lists of steps, and `run`, which carries them out and records them in the history."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from napari_xanes.history import READ_KEYWORDS, Source, Step, literal
from napari_xanes.io.files import one_line, read_text
from napari_xanes.maps import ESTIMATORS
from napari_xanes.ops import OPERATIONS
from napari_xanes.parameter_map import MapSet
from napari_xanes.parameters import Parameter
from napari_xanes.progress import Progress, part
from napari_xanes.recipe_text import END, MAX_TEXT, plain_from_yaml, refuse_cut
from napari_xanes.registry import Method, with_warnings
from napari_xanes.saving.replacing import write_whole
from napari_xanes.stack import SpectralStack
from napari_xanes.step_files import files_outside, located, portable
from napari_xanes.version import __version__

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
        Result of the last step, with all steps in its history. ``metadata["warnings"]`` says where a repeated step
        can't give the same: its files have changed, or another version made the recipe.

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
    recipe = steps if isinstance(steps, Recipe) else Recipe(steps)
    steps = list(recipe)
    methods = [method_of(step.name) for step in steps]
    for method, step in zip(methods, steps, strict=True):
        method.validated(step.parameters)
    for method, following in pairwise(methods):
        if method.name in ESTIMATORS:
            raise ValueError(f"{following.name} can't follow {method.name}: an estimator must be the last step")
    told = _said_at_replay(steps, recipe)
    value: Any = stack
    for i, (method, step) in enumerate(zip(methods, steps, strict=True)):
        logger.info("step %d of %d: %s", i + 1, len(steps), method.name)
        made = method.apply(value, step, progress=part(progress, i / len(steps), (i + 1) / len(steps)))
        if isinstance(made, MapSet):
            made = _with_warnings_of_steps(made, stack, value)
        value = made
    if told:
        value = replace(value, metadata=with_warnings(value.metadata, told))
    return value  # type: ignore[no-any-return]


def _said_at_replay(steps: Sequence[Step], recipe: Recipe) -> list[str]:
    """Return what a user should know of a recipe that is carried out: another version, files from elsewhere."""
    versions = {recipe.version, *(step.version for step in steps)} - {None, __version__}
    if not versions:
        return list(recipe.notes)
    names = one_line(", ".join(sorted(map(str, versions))))[:80]
    return [
        f"the recipe was made by napari-xanes {names}, this is {__version__}: results may differ in detail",
        *recipe.notes,
    ]


def _with_warnings_of_steps(maps: MapSet, stack: SpectralStack, prepared: SpectralStack) -> MapSet:
    """Return the maps with the warnings of the earlier steps added."""
    read = stack.metadata.get("warnings", ())
    told = [text for text in prepared.metadata.get("warnings", ()) if text not in read]
    return replace(maps, metadata=with_warnings(maps.metadata, told))


@dataclass(frozen=True)
class Recipe(Sequence[Step]):
    """Steps that can be saved, shared and run on other stacks.

    Parameters
    ----------
    steps : iterable of Step
        Operations, and at most one estimator at the end.
    version : str, optional
        Version of napari-xanes that wrote the recipe.
    notes : sequence of str
        What a user should know of the recipe: files outside its folder.

    Examples
    --------
    >>> Recipe.from_yaml(Recipe([Step("crop", {"energy": [8300, 8400]})]).to_yaml())[0].parameters["energy"]
    [8300, 8400]
    """

    steps: tuple[Step, ...]
    version: str | None = field(default=None, compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __init__(self, steps: Iterable[Step], version: str | None = None, notes: Iterable[str] = ()) -> None:
        object.__setattr__(self, "steps", tuple(steps))
        object.__setattr__(self, "version", version)
        object.__setattr__(self, "notes", tuple(notes))

    def __getitem__(self, index: Any) -> Any:
        return self.steps[index]

    def __len__(self) -> int:
        return len(self.steps)

    def to_yaml(self, *, exact: bool = False, folder: Path | None = None) -> str:
        """Return the recipe as YAML text.

        Parameters
        ----------
        exact : bool
            Also write what each step estimated from its stack, so that a repeated run gives the same numbers. Without
            it, each step estimates anew from the next stack.
        folder : Path, optional
            Folder that the text is for: paths of files in it become relative to it, and the content hashes of all
            files that the steps name are written, so that `run` can say which of them have changed.

        Raises
        ------
        ValueError
            If the text is too long to be read again.
        """
        import yaml

        steps = self if folder is None else [portable(parameters_of(step.name), step, folder) for step in self]
        version = self.version or __version__
        written = [_written(step, version, exact=exact) for step in steps]
        plain = {"format": _FORMAT, "version": version, "ends_with": END, "steps": written}
        text: str = yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=110, explicit_end=True)
        if len(text) > MAX_TEXT:
            raise ValueError(
                f"the recipe takes {len(text) >> 20} MB, {MAX_TEXT >> 20} MB can be read; smooth its masks"
            )
        return text

    @classmethod
    def from_yaml(cls, text: str, *, folder: Path | None = None) -> Recipe:
        """Return the recipe in a YAML text.

        Parameters
        ----------
        text : str
            Text that `to_yaml` wrote, or a list of steps.
        folder : Path, optional
            Folder that relative paths of files start from; by default they stay as they are.

        Raises
        ------
        FileNotFoundError
            If a file is not where the recipe says.
        ValueError
            If the text is not a recipe, or a step in it is unknown.
        """
        plain: Any = plain_from_yaml(text)
        version = None
        if isinstance(plain, dict):
            if plain.get("format", _FORMAT) != _FORMAT:
                raise ValueError(f"unknown recipe format {plain['format']!r}; this version must have {_FORMAT!r}")
            version = plain.get("version")
            refuse_cut(text, plain.get("ends_with"))
            plain = plain.get("steps")
        if not isinstance(plain, list) or not plain:
            raise ValueError("a recipe is a list of steps, under 'steps:'")
        steps = [Step.from_plain(item) for item in plain]
        for step in steps:
            method_of(step.name)
        notes: list[str] = []
        if folder is not None:
            steps = [located(parameters_of(step.name), step, folder) for step in steps]
            outside = [path for step in steps for path in files_outside(parameters_of(step.name), step, folder)]
            notes = [
                one_line(f"the recipe takes {path}, which is outside its folder") for path in dict.fromkeys(outside)
            ]
        return cls(steps, None if version is None else str(version), notes)

    def save(self, path: str | Path, *, exact: bool = False) -> None:
        """Write the recipe to a YAML file, which appears whole or not at all.

        Files in the folder of the recipe are named relative to it, so that both can be moved together.

        Raises
        ------
        OSError
            If the file can't be written.
        ValueError
            If the recipe is too long to be read again.
        """
        write_whole(Path(path), self.to_yaml(exact=exact, folder=Path(path).resolve().parent).encode())

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe from a YAML file; paths in it start from its folder, and from nowhere else.

        Raises
        ------
        OSError
            If the file, or a file that it names, can't be read.
        ValueError
            If the file is not a recipe; the message names the file.
        """
        path = Path(path)
        try:
            return cls.from_yaml(read_text(path, limit=MAX_TEXT), folder=path.resolve().parent)
        except FileNotFoundError as error:
            raise error if error.filename else FileNotFoundError(f"{path}: {error}") from None
        except ValueError as error:
            named = str(error).startswith(str(path))
            raise error if named else ValueError(f"{path}: {error}") from None


def parameters_of(name: str) -> Mapping[str, Parameter]:
    """Return the declared parameters of a step; none of a step of a package that is not there."""
    known = next((registry[name] for registry in (OPERATIONS, ESTIMATORS) if name in registry), None)
    return known.parameters if known else {}


def _written(step: Step, version: str, *, exact: bool) -> dict[str, Any]:
    """Return a step as a recipe stores it: its spectra and masks last, after the parameters that people change."""
    plain = step.to_plain(exact=True)
    if not exact:
        plain.pop("state", None)
        if step.version == version:
            plain.pop("version", None)
    plain[step.name] = dict(sorted(plain[step.name].items(), key=lambda item: len(str(item[1])) > 200))
    return plain


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
