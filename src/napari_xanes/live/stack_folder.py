"""A folder that whole stacks appear in: each is run when its file is complete, as one of a run over many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from napari_xanes.io.files import natural_order
from napari_xanes.io.live_files import noting_live_files
from napari_xanes.live.ending import Ending, EndWatch
from napari_xanes.live.settling import Settling, State
from napari_xanes.many.outcome import Outcome
from napari_xanes.many.running import run_many
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
        If the folder is gone, or two files would be written to one result.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder; make it before the first stack comes")
    settling, end = Settling(settle), EndWatch(Ending(silence=silence))
    done: dict[Path, State] = {}
    waited: set[str] = set()
    while True:
        complete, waiting = _complete(folder, pattern, out, settling)
        for text in sorted(waiting - waited):
            told(text)
        waited = waiting
        new = [path for path, state in complete.items() if done.get(path) != state]
        if new:
            outcomes = run_many(recipe, list(complete), out, reading=reading)
            done = complete
            yield from (one for one in outcomes if Path(one.path) in new)
            end.something_new()
        if once or end.has_ended(None, len(done), all_settled=not waiting):
            return
        time.sleep(poll)


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
