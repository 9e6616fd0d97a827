"""The most memory that a process held, on Linux.

`resource.getrusage(RUSAGE_SELF).ru_maxrss` is no such number: a process that was started by another one begins with the
peak of that one, also after exec. The kernel counts `VmHWM` anew for each program that is started.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from subprocess import Popen
from typing import Any

_LOOK_EVERY = 0.1  # s


def peak_of(process: int | str = "self") -> int:
    """Return the most memory that a process has held so far, in bytes; 0 if it has ended."""
    return _memory(process, "VmHWM")


def resident(process: int | str = "self") -> int:
    """Return the memory that a process holds now, in bytes; 0 if it has ended."""
    return _memory(process, "VmRSS")


def forget_peak() -> None:
    """Let `peak_of` of this process begin anew, with what it holds now."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as switch:
        switch.write("5")


def peak_until_end(process: Popen[Any], each: Callable[[], object] = lambda: None) -> int:
    """Wait until a process ends, and return the most memory that it held, in bytes; `each` is called at each look."""
    peak = 0
    while process.poll() is None:
        peak = peak_of(process.pid) or peak
        each()
        time.sleep(_LOOK_EVERY)
    return peak


def _memory(process: int | str, what: str) -> int:
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as lines:
            return 1024 * next((int(line.split()[1]) for line in lines if line.startswith(what)), 0)
    except FileNotFoundError:
        return 0
