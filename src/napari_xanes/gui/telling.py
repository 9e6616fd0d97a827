"""Tell the user what went wrong: first what happened and the way out, then the file."""

from __future__ import annotations

import errno
import re

from napari.utils.notifications import show_error

_WAYS_OUT = {
    errno.ENOENT: "check the name and the folder",
    errno.EACCES: "choose a folder and a file that you may use",
    errno.EPERM: "choose a folder and a file that you may use",
    errno.EROFS: "choose a folder that can be written to",
    errno.ENOSPC: "free some space, or choose another disk",
    errno.EISDIR: "choose a file, not a folder",
    errno.ENOTDIR: "check the name of the folder",
    errno.EEXIST: "choose another name",
}
"""What helps against errors of the system, whose texts do not say it."""

_FILE_FIRST = re.compile(
    r"(?P<file>[^\n:]*[/\\][^\n:]*|(?:[A-Za-z]:)[^\n:]+|[^\s:/]+\.[A-Za-z]\w{0,4}): (?P<reason>.+)", re.DOTALL
)
"""A path, or the name of a file with its suffix, before the reason."""

_PLAIN_WORD = re.compile(r"[a-z]+(?=[ ,:;]|$)")
"""A first word that gets a capital; a name such as fit_references or min_jump= does not."""


def sentence(error: Exception | str) -> str:
    """Return what happened and the way out, then the file in brackets.

    Parameters
    ----------
    error : Exception or str
        An error, or its text. Readers begin theirs with the path of the file.

    Examples
    --------
    >>> sentence(ValueError("/data/scan.h5: no energies in it; pass energies="))
    'No energies in it; pass energies= (/data/scan.h5)'
    >>> sentence(PermissionError(13, "Permission denied", "/data/maps.h5"))
    'Permission denied; choose a folder and a file that you may use (/data/maps.h5)'
    >>> sentence(ValueError("min_jump = -1 is out of bounds; give 0 or more"))
    'min_jump = -1 is out of bounds; give 0 or more'
    """
    text = _file_last(error)
    return text[:1].upper() + text[1:] if _PLAIN_WORD.match(text) else text


def _file_last(error: Exception | str) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        way_out = _WAYS_OUT.get(error.errno or 0)
        return f"{error.strerror}{f'; {way_out}' if way_out else ''} ({error.filename})"
    text = str(error) or type(error).__name__
    parts = _FILE_FIRST.fullmatch(text)
    return text if parts is None else f"{parts['reason']} ({parts['file']})"


def tell(error: Exception | str, what: str = "") -> None:
    """Show an error as a notification of napari.

    Parameters
    ----------
    error : Exception or str
        The error, as for `sentence`.
    what : str
        What could not be done, such as ``"The sample can't be opened"``; without it the error says so itself.
    """
    show_error(f"{what}: {_file_last(error)}" if what else sentence(error))
