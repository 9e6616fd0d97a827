"""Run a recipe on many files, here or on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

from napari_xanes.io.files import one_line
from napari_xanes.many.alone import alone
from napari_xanes.many.bands import check_bands, run_in_bands
from napari_xanes.many.outcome import Outcome
from napari_xanes.many.parquet import check_parquet
from napari_xanes.many.single import run_single
from napari_xanes.many.summary import write_summary
from napari_xanes.many.table import group_of
from napari_xanes.progress import Progress, part
from napari_xanes.recipe import Recipe

if TYPE_CHECKING:
    from distributed import Client


_LOOK_EVERY = 0.1  # s


def run_many(
    recipe: Recipe | str | Path,
    paths: Sequence[str | Path],
    out: str | Path,
    *,
    client: Client | None = None,
    reading: Mapping[str, Any] | None = None,
    again: bool = False,
    by: str = "",
    parquet: bool = False,
    split: int = 1,
    copies: bool = False,
    began: Callable[[Path], object] = lambda path: None,
    told: Callable[[Outcome], object] = lambda outcome: None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Run a recipe on many files. What was done before and has not changed is kept; a file that fails stops no other.

    Each result is a folder in `out` with the name of the file: maps (or the stack), pictures, the recipe, and
    ``run.json``; beside it lies ``NAME.log``. At the end, for more than one file, `out` gets ``runs.csv`` (a row for
    each map of each file), ``contact-sheet.png`` (all main maps with common limits) and ``index.html`` (all of it on a
    page that needs no network).

    Parameters
    ----------
    recipe : Recipe or path
        The steps.
    paths : sequence of path
        The files.
    out : path
        Folder for the results; made if it does not exist.
    client : distributed.Client, optional
        Runs the files on its workers, which must see the same paths; without it they run here, one after the other.
    reading : mapping, optional
        Keywords for `napari_xanes.read`, for all files.
    again : bool
        Whether to compute also what was done before, and to replace results that no run over many made.
    by : str
        A regular expression whose first group, found in the name of a file, becomes a column of the table, such as
        ``T=(\\d+)C``.
    parquet : bool
        Whether to write the table as ``runs.parquet``, too.
    split : int
        Number of bands of rows that each file is split into, for large ones: bands run on the workers of `client`, file
        after file, with the same numbers as in one piece.
    copies : bool
        Whether to make a working copy first (`napari_xanes.working_copy`) of each stack that is too large for the
        memory and slow to read by pixels; `read` uses it from then on.
    began : callable
        Called with each file as soon as it begins; where files run on a cluster, when a worker has taken it.
    told : callable
        Called with each outcome as soon as it is there.
    progress : callable, optional
        Called with the fraction done and a message; it may raise `Cancelled`.

    Returns
    -------
    list of Outcome
        What became of each file, in the order of `paths`.

    Raises
    ------
    ImportError
        If Parquet is wanted and pyarrow is not installed.
    OSError, ValueError
        If the recipe can't be read, `by` is no regular expression with one group, or two files would be written to
        one folder. This is known before anything runs.
    ConnectionError
        If the scheduler of `client` goes away; the results that are done stay.
    Cancelled
        If `progress` does; the results that are done stay.
    """
    steps = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    group_of(by, "")
    if parquet:
        check_parquet()
    files, targets = [Path(path) for path in paths], result_folders(paths, Path(out))
    work = partial(run_single, steps, reading=dict(reading or {}), again=again, copies=copies)
    jobs = list(zip(files, targets, strict=True))
    outcomes: dict[Path, Outcome] = {}
    if split > 1 and client is not None:
        check_bands(steps)
        work = partial(work, carry_out=partial(run_in_bands, client=client, bands=split))
    elif split > 1:
        raise ValueError("bands need workers: give a client, or --scheduler processes")
    here = client is None or split > 1
    made = _here(work, jobs, began, progress) if here else _on_workers(work, jobs, client, began, progress)
    for outcome in made:
        outcomes[Path(outcome.folder)] = outcome
        told(outcome)
        if progress is not None:
            progress(len(outcomes) / len(jobs), f"{len(outcomes)} of {len(jobs)} files")
    ordered = [outcomes[target] for target in targets]
    if len(ordered) > 1:
        write_summary(ordered, Path(out), by, parquet=parquet)
    return ordered


def result_folders(paths: Sequence[str | Path], out: Path) -> list[Path]:
    """Return the folder of each file's result: its name without the suffix.

    Raises
    ------
    ValueError
        If two files would be written to one folder, also where only the case of letters differs, which Windows and
        macOS take for one name.
    """
    names = [Path(path).resolve().stem for path in paths]
    alike = [name.casefold() for name in names]
    for name in names:
        if alike.count(name.casefold()) > 1:
            raise ValueError(f"two inputs would both be written to {out / name}; run them into different folders")
    return [out / name for name in names]


def _here(
    work: Callable[..., Outcome],
    jobs: Sequence[tuple[Path, Path]],
    began: Callable[[Path], object],
    progress: Progress | None,
) -> Iterator[Outcome]:
    for k, (path, folder) in enumerate(jobs):
        began(path)
        within = part(progress, k / len(jobs), (k + 1) / len(jobs))
        yield work(path, folder, progress=_named(path.name, within))


def _named(name: str, progress: Progress | None) -> Progress | None:
    """Return a callback that puts the name of the file before the message."""
    if progress is None:
        return None
    return lambda done, message: progress(done, f"{name}: {message}")


def _on_workers(
    work: Callable[..., Outcome],
    jobs: Sequence[tuple[Path, Path]],
    client: Client,
    began: Callable[[Path], object],
    progress: Progress | None,
) -> Iterator[Outcome]:
    """Yield the outcomes as they come; without them, if the caller stops, what has not begun is cancelled."""
    from distributed import as_completed

    futures = {
        client.submit(alone, work, path.resolve(), folder.resolve(), pure=False): (path, folder)
        for path, folder in jobs
    }
    waiting = {future.key: path for future, (path, _) in futures.items()}
    ended, n_ended = as_completed(futures), 0
    try:
        while n_ended < len(futures):
            for key in _taken(client) & waiting.keys():
                began(waiting.pop(key))
            for future in ended.next_batch(block=False):
                n_ended += 1
                yield _outcome_of(future, *futures[future])
            if progress is not None:  # it may cancel the rest
                progress(n_ended / len(futures), f"{n_ended} of {len(futures)} files")
            sleep(_LOOK_EVERY)
    finally:
        client.cancel(list(futures))


def _taken(client: Client) -> set[Any]:
    """Return the keys of the tasks that workers have; none while nobody answers, which the futures will tell."""
    try:
        return {key for keys in client.processing().values() for key in keys}
    except (OSError, TimeoutError):
        return set()


def _outcome_of(future: Any, path: Path, folder: Path) -> Outcome:
    if future.cancelled():
        raise ConnectionError("the scheduler went away; run it again: what is done is kept")
    error = future.exception()
    if error is not None:  # the worker died, more than once
        return Outcome(str(path), str(folder), "failed", error=one_line(str(error)) or type(error).__name__)
    outcome: Outcome = replace(future.result(), path=str(path), folder=str(folder))
    return outcome
