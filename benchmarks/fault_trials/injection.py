"""Errors of the system at a chosen call, in the modules that write files."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

CALLS = ("open", "write", "truncate", "fsync", "fstat", "chmod", "replace", "rename", "link")


class FaultySystem:
    """The module `os`, whose calls are counted and one of which fails.

    Parameters
    ----------
    fail_at : int
        Number of the call that fails, from 1; 0 for none.
    fault : int or signal
        The error number of the call, or the signal that the process gets instead of the call.
    durable : bool
        Whether `fsync` waits for the disk, which takes most of the time of small files.
    """

    def __init__(self, fail_at: int = 0, fault: int | signal.Signals = errno.EIO, *, durable: bool = False) -> None:
        self.fail_at, self.fault, self.durable = fail_at, fault, durable
        self.count, self.failed = 0, ""

    def __getattr__(self, name: str) -> Any:
        function = getattr(os, name)
        if name not in CALLS:
            return function

        def call(*arguments: Any, **keywords: Any) -> Any:
            self.count += 1
            if self.count == self.fail_at:
                self.failed = name
                if isinstance(self.fault, signal.Signals):
                    os.kill(os.getpid(), self.fault)
                else:
                    raise OSError(self.fault, os.strerror(self.fault))
            return None if name == "fsync" and not self.durable else function(*arguments, **keywords)

        return call


@contextmanager
def faults(system: FaultySystem) -> Iterator[FaultySystem]:
    """Let the writers of files use this system."""
    from napari_xanes.saving import checked_file, claims, folders, replacing

    with ExitStack() as stack:
        for module in (checked_file, claims, folders, replacing):
            stack.enter_context(mock.patch.object(module, "os", system))
        yield system
