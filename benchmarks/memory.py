"""The most memory that a process held, on Linux.

`resource.getrusage(RUSAGE_SELF).ru_maxrss` is no such number: a process that was started by another one begins with the
peak of that one, also after exec. The kernel counts `VmHWM` anew for each program that is started.
"""

from __future__ import annotations


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


def _memory(process: int | str, what: str) -> int:
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as lines:
            return 1024 * next((int(line.split()[1]) for line in lines if line.startswith(what)), 0)
    except FileNotFoundError:
        return 0
