"""A folder that whole stacks appear in: each is run when its file is complete, as one of a run over many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_xanes.io.files import natural_order, one_line
from napari_xanes.io.live_files import noting_live_files
from napari_xanes.live.ending import Ending, EndWatch
from napari_xanes.live.settling import Settling, State
from napari_xanes.many.outcome import Outcome
from napari_xanes.many.single import run_single
from napari_xanes.many.summary import write_summary
from napari_xanes.recipe import Recipe


def watch_stacks(
    folder: Path,
    pattern: str,
    recipe: Recipe,
    out: Path,
    reading: Mapping[str, Any],
    settle: float,
    poll: float,
    silence: float | None = None,
    *,
    once: bool = False,
    told: Callable[[str], None] = lambda text: None,
) -> Iterator[Outcome]:
    """Run a recipe on the stacks in a folder, each as soon as it is complete, and yield what became of it.

    Parameters
    ----------
    folder : Path
        The folder.
    pattern : str
        Names of the stacks, such as ``*.h5``.
    recipe : Recipe
        The steps.
    out : Path
        Folder for the results.
    reading : mapping
        Keywords of `napari_xanes.read`.
    settle : float
        Seconds that size and time of a file must stay.
    poll : float
        Seconds between two looks.
    silence : float, optional
        It ends when nothing new came for so many seconds; it goes on without it.
    once : bool
        Run what is there, and end.
    told : callable
        Called with each line about files that wait.

    Yields
    ------
    Outcome
        Of each file that came or changed; ``failed`` ones are tried again when they change.

    Raises
    ------
    OSError, ValueError
        If the folder is not there in the beginning, or results can't be written. A folder that goes away later is
        looked for again.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder; make it before the first stack comes")
    out.mkdir(parents=True, exist_ok=True)
    settling, end = Settling(settle), EndWatch(Ending(silence=silence))
    done: dict[Path, tuple[State, Outcome]] = {}
    waited: set[str] = set()
    while True:
        complete, waiting = _looked(folder, pattern, out, settling)
        for text in sorted(waiting - waited):
            told(text)
        waited = waiting
        new = {path: state for path, state in complete.items() if path not in done or done[path][0] != state}
        for path, state in new.items():
            outcome = _run(recipe, path, out / path.resolve().stem, [*done], reading)
            done[path] = state, outcome
            yield outcome
        if new:
            end.something_new()
            _sum_up([done[path][1] for path in sorted(done, key=natural_order)], out, told)
        if waiting:
            end.something_new()
        if once or end.has_ended(None, len(done), all_settled=not waiting):
            return
        time.sleep(poll)


def _run(recipe: Recipe, path: Path, result: Path, others: Sequence[Path], reading: Mapping[str, Any]) -> Outcome:
    for other in others:
        if other != path and other.resolve().stem.casefold() == result.name.casefold():
            reason = f"{result} holds the result of {other.name}; rename one of them"
            return Outcome(str(path), str(result), "failed", error=reason)
    return run_single(recipe, path.resolve(), result.resolve(), reading=reading)


def _sum_up(outcomes: Sequence[Outcome], out: Path, told: Callable[[str], None]) -> None:
    """Write the summary of several files; if it can't be written now, it is with the next file."""
    if len(outcomes) < 2:
        return
    try:
        write_summary(outcomes, out)
    except OSError as error:
        told(f"the table and the page are not written: {one_line(str(error))}; they will be with the next stack")


def _looked(folder: Path, pattern: str, out: Path, settling: Settling) -> tuple[dict[Path, State], set[str]]:
    try:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is gone")
        return _complete(folder, pattern, out, settling)
    except OSError as error:
        return {}, {f"{one_line(str(error))}; it is looked for again"}


def _complete(folder: Path, pattern: str, out: Path, settling: Settling) -> tuple[dict[Path, State], set[str]]:
    """Return complete files with their states, in order of their names, and words about the others."""
    complete: dict[Path, State] = {}
    waiting: set[str] = set()
    results = out.resolve()
    for path in sorted(folder.glob(pattern), key=natural_order):
        if path.name.startswith(".") or not path.is_file() or path.resolve().is_relative_to(results):
            continue
        state = settling.settled(path)
        if state is None or _is_being_written(path):
            waiting.add(f"{path.name} is still being written")
        else:
            complete[path] = state
    return complete, waiting


def _is_being_written(path: Path) -> bool:
    """Whether a program has an HDF5 file open for writing."""
    from napari_xanes.io.hdf5.file import is_hdf5, open_hdf5

    try:
        if not is_hdf5(path):
            return False
        with noting_live_files() as live, open_hdf5(path):
            return bool(live)
    except OSError as error:
        return "another program" in str(error) or "not closed" in str(error)
