"""Processes that are forked from one that has worked in threads.

A fork copies the memory but only one thread. A pool of threads in the copy looks whole and never answers: dask and
torch would wait for theirs for ever.
"""

from __future__ import annotations

import os
import sys


def _work_in_one_thread() -> None:
    """In a forked process, compute dask arrays in its only thread, and torch without the threads of its parent."""
    if "dask" in sys.modules:
        import dask

        dask.config.set(scheduler="synchronous")
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)


def prepare() -> None:
    """Make processes that are forked from now on work in one thread; do nothing where processes can't fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_work_in_one_thread)
