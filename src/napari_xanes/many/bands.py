"""One large stack on many workers: each computes a band of rows, with the same numbers as in one piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_xanes.history import Step
from napari_xanes.io import read
from napari_xanes.many.alone import alone
from napari_xanes.maps import ESTIMATORS
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.progress import Progress
from napari_xanes.recipe import Recipe, method_of
from napari_xanes.recipe import run as run_steps
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from distributed import Client

_LAZY = 1
"""Bytes that a stack may take to be read as a whole: none, each worker reads its rows."""


def check_bands(recipe: Sequence[Step]) -> None:
    """Check that a recipe can be computed in bands.

    Raises
    ------
    ValueError
        If it makes no maps, or a step looks at other pixels than its own.
    """
    for step in recipe:
        method = method_of(step.name)
        if method.looks_at not in ("frame", "pixel"):
            raise ValueError(f"{step.name} looks at other pixels, too: run it on the whole stack, without --split")
    if not recipe or recipe[-1].name not in ESTIMATORS:
        raise ValueError("only maps are computed in bands; a recipe that ends with a stack is run without --split")


def run_in_bands(
    recipe: Recipe,
    path: Path,
    *,
    reading: Mapping[str, Any],
    client: Client,
    bands: int,
    progress: Progress | None = None,
) -> MapSet:
    """Carry out a recipe on bands of rows of one stack, on the workers of a client.

    What steps estimate from the whole stack (E0, I0, errors) is estimated once, by one worker, before the bands begin.

    Parameters
    ----------
    recipe : Recipe
        Steps that look at the spectrum of their own pixel only, and an estimator at the end.
    path : Path
        The stack, which all workers can read.
    reading : mapping
        Keywords for `napari_xanes.read`.
    client : distributed.Client
        Runs the bands.
    bands : int
        Number of bands; each has a row at least.
    progress : callable, optional
        Called with the fraction done and a message; it may raise `Cancelled`.

    Returns
    -------
    MapSet
        As `napari_xanes.run` returns it. Each warning that any band gives is there once; shares of pixels in warnings
        are those of a band.

    Raises
    ------
    ValueError
        If the recipe can't be computed in bands.
    """
    from distributed import as_completed

    check_bands(recipe)
    where = path.resolve()
    steps, rows = client.submit(alone, _fitted, recipe, where, dict(reading), pure=False).result()
    edges = np.linspace(0, rows, min(bands, rows) + 1).round().astype(int)
    spans = [(int(start), int(stop)) for start, stop in pairwise(edges)]
    futures = [client.submit(alone, _band, steps, where, dict(reading), span, pure=False) for span in spans]
    try:
        for k, _ in enumerate(as_completed(futures)):
            if progress is not None:
                progress((k + 1) / len(spans), f"band {k + 1} of {len(spans)}")
        return joined([future.result() for future in futures])
    finally:
        client.cancel(futures)


def _fitted(recipe: Recipe, path: Path, reading: Mapping[str, Any]) -> tuple[Recipe, int]:
    """Return the recipe with the states of its steps, and the number of rows."""
    stack = read(path, memory_limit=_LAZY, **reading)
    prepared: Any = run_steps(recipe[:-1], stack) if len(recipe) > 1 else stack
    done = prepared.history[len(stack.history) :]
    return Recipe([*done, _with_state(recipe[-1], prepared)], recipe.version, recipe.notes), int(stack.shape[-2])


def _with_state(step: Step, stack: SpectralStack) -> Step:
    """Return a step with what it estimates from the whole stack."""
    method = method_of(step.name)
    if step.state or method.fit is None:
        return step
    return replace(step, state=method.fit(stack, **method.validated(step.parameters)))


def _band(recipe: Recipe, path: Path, reading: Mapping[str, Any], rows: tuple[int, int]) -> MapSet:
    stack = read(path, memory_limit=_LAZY, **reading)
    made = run_steps(recipe, stack.isel(box=(slice(*rows), slice(None))))
    assert isinstance(made, MapSet)
    return made


def joined(parts: Sequence[MapSet]) -> MapSet:
    """Return the maps of bands as those of the whole, rows one below the other.

    Parameters
    ----------
    parts : sequence of MapSet
        The bands, from top to bottom, all with the same maps.

    Raises
    ------
    ValueError
        If they have not.
    """
    first = parts[0]
    for other in parts:
        if list(other) != list(first):
            names = f"{', '.join(first)} and {', '.join(other)}"
            raise ValueError(f"bands have different maps ({names}); run it in one piece")
    maps = {name: _joined([one[name] for one in parts]) for name in first}
    warnings = list(dict.fromkeys(text for one in parts for text in one.metadata.get("warnings", ())))
    metadata = {**first.metadata, **({"warnings": warnings} if warnings else {})}
    return replace(first, maps=maps, metadata=metadata)


def _joined(parts: Sequence[ParameterMap]) -> ParameterMap:
    first = parts[0]
    labels = None if first.labels is None else {key: text for one in parts for key, text in (one.labels or {}).items()}
    sigmas = [one.sigma for one in parts if one.sigma is not None]
    return replace(
        first,
        data=np.concatenate([one.data for one in parts], axis=-2),
        sigma=np.concatenate(sigmas, axis=-2) if len(sigmas) == len(parts) else None,
        mask=np.concatenate([np.asarray(one.mask) for one in parts], axis=-2),
        labels=labels,
    )
