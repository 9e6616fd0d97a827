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


def refuse_special_file(path: str | Path) -> os.stat_result | None:
    """Raise an error if a path leads to anything but a file or a folder; nothing is opened.

    A path where nothing is passes: what opens it says so.

    Returns
    -------
    os.stat_result or None
        What the system says of the file or folder; None where nothing is.

    Raises
    ------
    OSError
        If it is a pipe, a socket or a device, or a link that leads in a circle.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(f"{path} is a link that leads in a circle; name the file itself") from None
        return None
    except ValueError:
        return None
    if kind := _KINDS.get(stat.S_IFMT(status.st_mode)):
        raise OSError(f"{path} is {kind}, not a file")
    return status
