"""Follow a scan that is being measured: maps whenever something new has come, and the final ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_xanes.io.files import one_line
from napari_xanes.io.unchanged import FileChangedError
from napari_xanes.live.opening import open_source
from napari_xanes.live.so_far import KEY, MapsSoFar
from napari_xanes.live.source import Source, TellingSource, View
from napari_xanes.parameter_map import MapSet
from napari_xanes.progress import Progress
from napari_xanes.recipe import Recipe, run
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import counted

_RESTING = 3.0
"""Maps that take long are made so seldom that this part of the time, and once more, is left for everything else."""


@dataclass(frozen=True)
class Update:
    """What is known of a scan at one moment.

    Parameters
    ----------
    view : View
        The frames that are there, and words about what is not.
    maps : MapSet or SpectralStack, optional
        Result of the recipe so far; None if nothing new was made since the last update.
    is_final : bool
        Whether `maps` are those of the whole scan, as `napari_xanes.run` makes them.
    """

    view: View
    maps: MapSet | SpectralStack | None = None
    is_final: bool = False


def follow(
    source: Source,
    recipe: Recipe,
    *,
    poll: float = 0.25,
    every: int = 1,
    once: bool = False,
    stop: Callable[[], bool] | None = None,
    progress: Progress | None = None,
) -> Iterator[Update]:
    """Yield what has changed, until the scan is complete; the final maps are not made here.

    Parameters
    ----------
    source : Source
        The scan.
    recipe : Recipe
        Its steps.
    poll : float
        Seconds between two looks.
    every : int
        Make maps after so many new frames. Recipes that take long on all frames rest longer.
    once : bool
        Look once, and yield what is there.
    stop : callable, optional
        Whether to end.
    progress : callable, optional
        Told about frames that are added; may raise `Cancelled`.

    Yields
    ------
    Update
        After each change of frames or words; the last one has ``view.is_complete`` unless it was stopped.
    """
    so_far = MapsSoFar(recipe)
    last_words: tuple[Any, ...] = ()
    view: View | None = None
    made: tuple[int, int] = (-1, 0)
    rests_until = 0.0
    wait = source.wait if isinstance(source, TellingSource) else time.sleep
    while stop is None or not stop():
        view = _looked(source, view, once=once)
        n_new = view.n_frames - made[1] if view.generation == made[0] else view.n_frames
        is_due = n_new >= every and time.monotonic() >= rests_until
        maps = None
        if view.stack is not None and (is_due or once) and not view.is_complete:
            start = time.monotonic()
            try:
                maps = so_far.update(view, progress)
                made = view.generation, view.n_frames
            except FileChangedError as error:  # it has grown since the look: the next one sees what it is now
                view = replace(view, waiting=(*view.waiting, one_line(str(error))))
            except OSError as error:  # of a disk that went away after the look
                if once:
                    raise
                view = replace(view, waiting=(*view.waiting, f"{one_line(str(error))}; it is read again"))
            rests_until = time.monotonic() + (_RESTING * (time.monotonic() - start) if so_far.is_slow else 0.0)
        words = (view.n_frames, view.generation, view.waiting, view.is_complete)
        if maps is not None or words != last_words or view.told:
            last_words = words
            yield Update(view, maps)
        if view.is_complete or once:
            return
        wait(poll)


def _looked(source: Source, before: View | None, *, once: bool) -> View:
    """Return what there is now. A source that was there and is gone (a network disk) is looked for again.

    Raises
    ------
    OSError
        If the source was never there, or there is no second look.
    """
    try:
        return source.look()
    except OSError as error:
        if before is None or once:
            raise
        return replace(before, told=(), waiting=(f"{one_line(str(error))}; it is looked for again",))


def watch(
    source: str | Path | Source,
    recipe: Recipe | str | Path,
    *,
    poll: float = 0.25,
    every: int = 1,
    stop: Callable[[], bool] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Iterator[Update]:
    """Follow a scan that is being measured: yield maps of the frames so far, and at the end the final ones.

    Parameters
    ----------
    source : path or Source
        What `open_source` takes: a folder that frames appear in, a file that grows.
    recipe : Recipe or path
        The steps, as for `napari_xanes.run`.
    poll : float
        Seconds between two looks.
    every : int
        Make maps after so many new frames.
    stop : callable, optional
        Asked between looks whether to end.
    progress : callable, optional
        Called with the fraction done and a message; it may raise `Cancelled`.
    **options
        Keywords of `open_source`: ``reading``, ``ending``, ``settle``.

    Yields
    ------
    Update
        ``update.maps`` is new whenever it is not None. Maps so far say in their name, warnings and metadata
        (``so_far``) from which energies they are. ``is_final`` is true of the last one: its maps are what
        `napari_xanes.run` makes of the whole stack.

    Raises
    ------
    OSError, ValueError
        If the source can't be a scan, the recipe can't be read or does not fit.

    Examples
    --------
    >>> import numpy as np, napari_xanes as nx
    >>> class Finished:
    ...     name, path = "scan", None
    ...     def whole(self):
    ...         return nx.SpectralStack(np.ones((2, 1, 1)), [700, 710], "transmission")
    ...     def look(self):
    ...         return View(self.whole(), is_complete=True)
    >>> [update.is_final for update in watch(Finished(), nx.Recipe([nx.Step("optical_depth")]))]
    [False, True]
    """
    steps = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    scan = open_source(source, **options) if isinstance(source, str | Path) else source
    update = None
    for update in follow(scan, steps, poll=poll, every=every, stop=stop, progress=progress):
        yield update
    if update is not None and update.view.is_complete:
        yield Update(update.view, run(steps, scan.whole(), progress=progress), is_final=True)


def described(update: Update) -> str:
    """Return an update in a few words, for a status line.

    Examples
    --------
    >>> described(Update(View(expected=60)))
    'waiting for the first frame of 60'
    """
    view = update.view
    of = "" if view.expected is None else f" of {view.expected}"
    if update.is_final:
        return f"final maps of {view.n_frames} energies"
    if view.stack is None:
        return f"waiting for the first frame{of}"
    axis = view.stack.energy
    parts = [f"{view.n_frames}{of} energies, {axis[0]:g} to {axis[-1]:g} eV"]
    so_far = {} if update.maps is None else update.maps.metadata.get(KEY, {})
    if n_spectra := so_far.get("spectra"):
        parts.append(f"{counted(n_spectra, 'spectrum stands', 'spectra stand')} out from the noise")
    if reason := so_far.get("reason"):
        parts.append(f"not known yet: {reason}")
    parts += [f"{len(view.waiting)} not taken: {view.waiting[0]}"] if view.waiting else []
    return "; ".join(parts)
