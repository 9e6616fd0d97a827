"""Tell the user what went wrong: first what happened and the way out, then the file; in full, and long enough."""

from __future__ import annotations

import errno
import re
from typing import Any

from napari.utils import notifications
from qtpy.QtCore import QThread
from qtpy.QtWidgets import QApplication, QDialog

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


_READING = 70  # ms for a letter
_AT_LEAST = 4000  # ms
_FITS = 40  # letters that are seen in any case


def show_error(text: str) -> None:
    """Show an error as a notification of napari, in full, until the user closes it."""
    notifications.show_error(text)
    _unfold(text, stays=True)


def show_warning(text: str) -> None:
    """Show a warning as a notification of napari, in full, as long as it takes to read it."""
    notifications.show_warning(text)
    _unfold(text)


def show_info(text: str) -> None:
    """Show a message as a notification of napari, in full, as long as it takes to read it."""
    notifications.show_info(text)
    _unfold(text)


def _unfold(text: str, *, stays: bool = False) -> None:
    """Unfold the notification with a text: napari shows its first words only, for four seconds."""
    application = QApplication.instance()
    if application is None or QThread.currentThread() != application.thread():
        return
    shown: list[Any] = [
        dialog
        for window in QApplication.topLevelWidgets()
        for dialog in window.findChildren(QDialog)
        if type(dialog).__name__ == "NapariQtNotification"
    ]
    for dialog in shown:
        if dialog.message.text() != text:
            continue
        if len(text) > _FITS or "\n" in text:
            dialog.geom_anim.setCurrentTime(dialog.geom_anim.duration())  # unfold from where it comes to rest
            dialog.message.updateGeometry()
            dialog.geom_anim.finished.connect(dialog.message.updateGeometry)
            dialog.expand()
        if stays:
            dialog.timer_stop()
        elif dialog.timer.isActive():
            dialog.timer.start(max(_AT_LEAST, _READING * len(text)))
