#!/usr/bin/env bash
# Expected: `with Cache(...):` around one computation concerns this computation; what another thread computes meanwhile
# is as it was. napari 0.9.2 writes so around each frame that it cuts out of a lazy layer (napari/utils/_dask_utils.py).
# Observed in dask 2026.8.0 with cachey 0.2.1: the cache is on for all threads. A computation that another thread begins
# inside the block takes it, keeps it after the block has ended, and fails with a KeyError of its own task's name when
# the next block ends before it does; the cache also stays on for the process, when that computation ends.
# So napari-xanes computes with `callbacks=()`, which neither takes callbacks of the process nor touches them.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "dask[array]==2026.8.0" "cachey==0.2.1" "numpy==2.4.6"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import threading
from importlib.metadata import version

import dask.array as da
import numpy as np
from dask.cache import Cache
from dask.callbacks import Callback


def in_another_thread(cache, **how):
    """Return the error of a computation that begins in one block of the cache and ends after the next."""
    begun, go_on, errors = threading.Event(), threading.Event(), []

    def slow(block):
        begun.set()
        go_on.wait(30)
        return block

    array = da.from_array(np.ones(4), chunks=4).map_blocks(slow, dtype=float, meta=np.empty(0))

    def compute():
        try:
            array.compute(**how)
        except KeyError as error:
            errors.append(error)

    thread = threading.Thread(target=compute)
    with cache:
        thread.start()
        begun.wait(30)
    with cache:
        da.ones(3, chunks=3).compute()
    go_on.set()
    thread.join()
    return errors


failed = in_another_thread(Cache(1e6))
stays = len(Callback.active)
Callback.active = set()
apart = in_another_thread(Cache(1e6), callbacks=())
print("dask", version("dask"), "cachey", version("cachey"))
print("another thread:", [type(error).__name__ for error in failed], "| caches that stay on:", stays)
print("with callbacks=():", apart)
raise SystemExit(0 if len(failed) == 1 and stays == 1 and not apart else 1)
PY
