"""A file that remembers the first error of the system while it is written."""

from __future__ import annotations

import errno
import functools
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_LARGEST_WRITE = 1 << 30
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL
for _name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW"):
    _FLAGS |= getattr(os, _name, 0)


def _remembered(
    method: Callable[Concatenate[CheckedFile, P], R],
) -> Callable[Concatenate[CheckedFile, P], R]:
    """Keep the first error or interrupt of a method in `CheckedFile.error`."""

    @functools.wraps(method)
    def call(file: CheckedFile, /, *args: P.args, **keywords: P.kwargs) -> R:
        try:
            return method(file, *args, **keywords)
        except BaseException as error:
            file.error = file.error or error
            raise

    return call


class CheckedFile(io.RawIOBase):
    """A new file for writing and reading, for libraries that can lose an error of a single write.

    The first error, or an interrupt, is raised and kept. What is written after it is dropped, because HDF5 writes again
    when it closes a file, and can crash the process if that fails too. There is no `fileno`, so that no library writes
    past this object.

    Parameters
    ----------
    path : Path
        The file to make.
    mode : int
        Its permissions, before the umask.

    Raises
    ------
    OSError
        If the file is there or can't be made.
    """

    _descriptor = -1

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        super().__init__()
        self.path = path
        self.name = str(path)
        self.error: BaseException | None = None
        self._size = 0
        self._descriptor = os.open(path, _FLAGS, mode)

    def readable(self) -> bool:
        """Return True: HDF5 reads back what it wrote."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    @_remembered
    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position; see `io.IOBase.seek`."""
        return os.lseek(self._descriptor, offset, whence)

    @_remembered
    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer; see `io.RawIOBase.readinto`."""
        content = os.read(self._descriptor, len(buffer))
        memoryview(buffer).cast("B")[: len(content)] = content
        return len(content)

    @_remembered
    def write(self, content: Any, /) -> int:
        """Write all bytes of a buffer, or raise.

        Raises
        ------
        OSError
            If the system can't write them all.
        """
        view = memoryview(content).cast("B")
        if self.error is not None:
            self.seek(len(view), os.SEEK_CUR)
            return len(view)
        written = 0
        while written < len(view):
            written += os.write(self._descriptor, view[written : written + _LARGEST_WRITE])
        self._size = max(self._size, self.tell())
        return written

    @_remembered
    def truncate(self, size: int | None = None, /) -> int:
        """Cut or lengthen the file; see `io.IOBase.truncate`.

        Raises
        ------
        OSError
            If the system can't.
        """
        size = self.tell() if size is None else size
        if self.error is None:
            os.truncate(self._descriptor, size)
            self._size = size
        return size

    def finish(self) -> None:
        """Bring the file to the disk, check it and close it; once is enough.

        Raises
        ------
        OSError
            If a write failed, also if a library lost the error, or the file on the disk has another size.
        """
        if self.error is not None:
            raise self.error
        if self.closed:
            return
        os.fsync(self._descriptor)
        size = os.fstat(self._descriptor).st_size
        if size != self._size:
            raise OSError(errno.EIO, f"{size} of {self._size} bytes are on the disk", self.name)
        self.close()

    def close(self) -> None:
        """Close the file.

        Raises
        ------
        OSError
            If the system reports an error only now.
        """
        super().close()
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
