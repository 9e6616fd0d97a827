"""Maps of a scan that is being measured, in a folder: those so far are replaced as a whole, the final ones stay."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_xanes.io.files import one_line
from napari_xanes.live.following import Update, described, follow
from napari_xanes.live.source import Source
from napari_xanes.live.state_file import LiveState
from napari_xanes.many.outcome import Outcome, record_text, summaries
from napari_xanes.many.single import reason_of, refuse_foreign, run_single
from napari_xanes.parameter_map import MapSet
from napari_xanes.progress import Progress
from napari_xanes.recipe import Recipe, run
from napari_xanes.results import RECORD, replace_result
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import counted

SO_FAR, STATE = "-so-far", "-live.json"
"""Ends of the names of the folder with maps so far, and of the file with the state."""


def watch_into(
    source: Source,
    recipe: Recipe,
    out: Path,
    *,
    reading: Mapping[str, Any],
    poll: float = 1.0,
    every: int = 1,
    once: bool = False,
    again: bool = False,
    told: Callable[[str], None] = lambda text: None,
    progress: Progress | None = None,
) -> Outcome | None:
    """Follow a scan and keep its maps in a folder; killed at any moment, it can be started again.

    All is made from the source: what was lost with a process is read again, and nothing can be counted twice.
    ``NAME-so-far/`` holds the maps of the frames that are there, ``NAME-live.json`` what was taken and what happened.
    When the scan is complete, ``NAME/`` holds what `run_many` makes of it, and the maps so far are removed.

    Parameters
    ----------
    source : Source
        The scan.
    recipe : Recipe
        The steps.
    out : Path
        Folder for the results; made if it does not exist.
    reading : mapping
        Keywords of `napari_xanes.read` that the source was opened with.
    poll, every, once
        As in `follow`.
    again : bool
        Whether to replace results that no such run made.
    told : callable
        Called with each line for people.
    progress : callable, optional
        Called with the fraction done of the final maps; it may raise `Cancelled`.

    Returns
    -------
    Outcome, optional
        What became of the scan; None if it was not complete.

    Raises
    ------
    OSError, ValueError
        If the source is not there in the beginning, the recipe does not fit, or the folder can't be written from the
        beginning. What fails later (a full disk) is told and tried again.
    """
    out.mkdir(parents=True, exist_ok=True)
    book = _Book(source, out / f"{source.name}{STATE}", told)
    so_far, folder = out / f"{source.name}{SO_FAR}", out / source.name
    if not again:
        refuse_foreign(so_far)
        refuse_foreign(folder)
    update = None
    for update in follow(source, recipe, poll=poll, every=every, once=once, progress=None):
        try:
            if update.maps is not None:
                _keep(update.maps, source, so_far)
        except OSError as error:  # of a full disk: the next maps hold all that these do
            if once:
                raise
            book.event(f"the maps so far are not written: {one_line(str(error))}; the next ones will be")
        book.note(update)
    if update is None or not update.view.is_complete:
        return None
    outcome = _final(source, recipe, folder, reading, again, progress)
    if outcome.state == "failed":
        book.end("failed", outcome.error)
        return outcome
    _remove(so_far)
    book.end("complete", f"final maps of {counted(update.view.n_frames, 'energy', 'energies')}")
    return outcome


class _Book:
    """Writes the state whenever it changes, and tells what happened."""

    def __init__(self, source: Source, path: Path, told: Callable[[str], None]) -> None:
        self._path, self._told = path, told
        before = LiveState.load(path)
        self._state = LiveState(str(source.path or source.name), events=before.events if before else ())
        self._before = set(before.energies) if before else set()
        if before and before.state == "growing":
            self.event(f"taken up again: {counted(len(before.energies), 'energy', 'energies')} were known")
        self._state.save(path)  # a folder that can't be written is known before the first frame

    def event(self, text: str) -> None:
        """Tell what happened, and write it with the next state."""
        line = f"{datetime.now().isoformat(timespec='seconds')} {text}"
        self._state = replace(self._state, events=(*self._state.events, line))
        self._told(text)

    def note(self, update: Update) -> None:
        """Write what an update says."""
        view = update.view
        energies = () if view.stack is None else tuple(view.stack.energy.tolist())
        self._state = replace(self._state, energies=energies, expected=view.expected, waiting=view.waiting)
        for text in view.told:
            self.event(text)
        if self._before and view.stack is not None:
            if gone := sorted(self._before - set(energies)):
                self.event(f"{counted(len(gone), 'energy', 'energies')} known before are not there: {gone[0]:g} eV")
            self._before = set()
        self.event(described(update))
        self._save()

    def _save(self) -> None:
        try:
            self._state.save(self._path)
        except OSError as error:
            self._told(f"{self._path.name} is not written: {one_line(str(error))}")

    def end(self, state: Any, text: str) -> None:
        """Write how the scan ended."""
        self._state = replace(self._state, state=state)
        self.event(text)
        self._save()


def _keep(maps: MapSet | SpectralStack, source: Source, folder: Path) -> None:
    warnings = tuple(map(str, maps.metadata.get("warnings", ())))
    numbers = summaries(maps) if isinstance(maps, MapSet) else {}
    outcome = Outcome(str(source.path or source.name), str(folder), "done", warnings=warnings, maps=numbers)
    replace_result(maps, folder, record=lambda files: record_text(replace(outcome, files=files), key="so far"))


def _final(
    source: Source,
    recipe: Recipe,
    folder: Path,
    reading: Mapping[str, Any],
    again: bool,
    progress: Progress | None,
) -> Outcome:
    """Make the final maps: of a path as a run over many does, so that such a run keeps them later."""
    if source.path is not None:
        return run_single(recipe, source.path, folder, reading=reading, again=again, progress=progress)
    outcome = Outcome(source.name, str(folder), "done")
    try:
        result = run(recipe, source.whole(), progress=progress)
        warnings = tuple(dict.fromkeys(map(str, result.metadata.get("warnings", ()))))
        made = replace(outcome, warnings=warnings, maps=summaries(result) if isinstance(result, MapSet) else {})
        written = replace_result(result, folder, record=lambda files: record_text(replace(made, files=files), key=""))
    except (OSError, ValueError) as error:
        return replace(outcome, state="failed", error=reason_of(error))
    return replace(made, files=tuple(file.name for file in written if file.name != RECORD))


def _remove(folder: Path) -> None:
    """Remove the maps so far; their record goes last, so that a rest of them is known as ours."""
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.name != RECORD and path.is_file():
                path.unlink()
        shutil.rmtree(folder)
