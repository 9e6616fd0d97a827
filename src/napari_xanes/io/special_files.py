"""Pipes, sockets, devices and links in a circle: opening one could block for ever, so they are refused before."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def refuse_special_file(path: str | Path) -> None:
    """Raise an error if a path leads to anything but a file or a folder; nothing is opened.

    A path where nothing is passes: what opens it says so.

    Raises
    ------
    OSError
        If it is a pipe, a socket or a device, or a link that leads in a circle.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(f"{path} is a link that leads in a circle") from None
        return
    except ValueError:
        return
    if kind in _KINDS:
        raise OSError(f"{path} is {_KINDS[kind]}, not a file")
