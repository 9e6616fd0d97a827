"""``cache``: the working copies of stacks that are slow to read by pixels."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from napari_xanes.cli.options import aligned, say


def cache(
    sources: Annotated[
        list[Path] | None, typer.Argument(help="With --empty: remove only the copies of these files or folders.")
    ] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Remove the copies.")] = False,
) -> None:
    """List the working copies of stacks (`run --working-copy`, `napari_xanes.working_copy`), or remove them.

    They lie in the folder NAPARI_XANES_CACHE and take at most NAPARI_XANES_CACHE_GB (100): those that were not used for
    the longest time are removed for new ones. A copy whose file has changed is never used.
    """
    from napari_xanes.io import cache_folder, cache_limit, remove_copies, working_copies

    copies = working_copies()
    if sources:
        wanted = {str(path.resolve()) for path in sources}
        if unknown := sorted(wanted - {copy.source for copy in copies}):
            raise ValueError(f"{unknown[0]} has no working copy; those that are there: napari-xanes cache")
        copies = [copy for copy in copies if copy.source in wanted]
    if empty:
        freed = remove_copies(copies if sources else None)
        say(f"{len(copies)} removed, {freed / 1e9:.2f} GB")
        return
    total = sum(copy.size for copy in copies)
    say(f"{cache_folder()}: {len(copies)} working copies, {total / 1e9:.2f} of {cache_limit() / 1e9:g} GB")
    rows = [
        (
            f"{copy.size / 1e9:.2f} GB",
            datetime.fromtimestamp(copy.used).strftime("%Y-%m-%d %H:%M"),
            "" if copy.is_current else "its files have changed",
            copy.source,
        )
        for copy in copies
    ]
    for line in aligned([("size", "last used", "", "copy of"), *rows]) if rows else ():
        say(line)
