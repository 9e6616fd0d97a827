"""The files of a folder that a pattern names. No Qt."""

from __future__ import annotations

from pathlib import Path, PurePath

from napari_xanes.io.files import natural_order
from napari_xanes.many.running import result_folders

MOST_FILES = 5000


def files_in(folder: str, pattern: str, out: str) -> list[Path]:
    """Return the files, or folders, in a folder whose names match a pattern; numbers in names count as numbers.

    Parameters
    ----------
    folder : str
        The folder.
    pattern : str
        Such as ``*.h5``; ``**/*.h5`` also looks into the folders in it.
    out : str
        The folder of the results, whose files are left out.

    Raises
    ------
    ValueError
        If the folder or the pattern is none, nothing matches, more than `MOST_FILES` do, or two results would have
        the same folder.
    """
    here = Path(folder).expanduser()
    if not folder or not here.is_dir():
        raise ValueError(
            "choose the folder of the stacks" if not folder else f"there is no folder {folder}; choose another"
        )
    if not pattern or PurePath(pattern).is_absolute() or ".." in PurePath(pattern).parts:
        raise ValueError(f"{pattern!r} is no pattern for names in the folder; write one such as *.h5")
    results, found = Path(out).expanduser().resolve(), []
    for path in here.glob(pattern):
        inside = path.resolve()
        hidden = any(part.startswith(".") for part in path.relative_to(here).parts)
        if not hidden and inside != here.resolve() and (not out or not inside.is_relative_to(results)):
            found.append(path)
        if len(found) > MOST_FILES:
            raise ValueError(f"more than {MOST_FILES} files match {pattern}; write a narrower pattern")
    if not found:
        raise ValueError(f"no file in {folder} matches {pattern}; choose another folder or pattern")
    result_folders(found, results)
    return sorted(found, key=natural_order)
