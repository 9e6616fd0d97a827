"""Loaded by dask's command for workers: it ends with the program that started it, also if that was killed."""

from __future__ import annotations

import os
import sys
import threading


def dask_setup(_nanny: object) -> None:
    """Watch the input, which the starting program holds open while it lives; its workers end with this process."""
    threading.Thread(target=_end_with_input, daemon=True).start()


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(1)
