"""Read damaged files in a process with limited memory and time: ``python -m tests.io.limited``.

The input on stdin is a JSON list of [what, folder, opened, target]: what to read ("stack", "spectra" or "maps"), a
folder of files, the name to open, and the name of the file to damage (null: read the files as they are). The process
prints one line for each file with a wrong behaviour, and at the end how many files were read and how many refused.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import resource
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import dask.array  # noqa: F401  load the readers' libraries before memory is measured
import h5py  # noqa: F401
import numpy as np
import olefile  # noqa: F401
import tifffile  # noqa: F401
import zarr  # noqa: F401
from tests.io.damage import damaged
from tests.io.fuzzing import assert_documented, error_chain

from napari_xanes import io

SPARE = 200_000_000
SECONDS = 30
READERS = {"stack": io.read, "spectra": io.read_spectra, "maps": io.read_maps}
_NO_MEMORY = ("allocate", "fit into memory", "out of memory", "filter returned failure")


def read(what: str, path: Path, memory_limit: int | None) -> None:
    """Read a file; compute one frame of a lazy stack."""
    if what != "stack":
        READERS[what](path)
        return
    stack = io.read(path, memory_limit=memory_limit)
    for values in (stack.data, *stack.metadata.values()):
        if not isinstance(values, np.ndarray) and hasattr(values, "dask"):
            values[-1].compute(scheduler="synchronous")


def flaw_of(what: str, path: Path, memory_limit: int | None = None) -> str | None:
    """Return '' if a file was read, None if it was refused with a documented error, otherwise a description."""
    size = sum(p.stat().st_size for p in (path.parent.rglob("*") if path.is_file() else path.rglob("*")) if p.is_file())
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + 2 * size + SPARE
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        read(what, path, memory_limit)
    except Exception as error:
        links = list(error_chain(error))
        chain = " <- ".join(f"{type(link).__name__}: {link}" for link in links)
        if any(isinstance(link, MemoryError) for link in links) or any(word in chain for word in _NO_MEMORY):
            return f"asked for more memory than {2 * size + SPARE:,} bytes: {chain}"
        try:
            assert_documented(error, path.name)
        except AssertionError as undocumented:
            return f"an error that is not documented: {undocumented}"
        return None
    finally:
        faulthandler.cancel_dump_traceback_later()
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        gc.collect()
    return ""


def main() -> None:
    """Read all files of the input; see the module."""
    warnings.simplefilter("ignore")
    gc.freeze()  # makes garbage collection faster: it skips the objects of the libraries
    counts = {"read": 0, "refused": 0}
    for what, folder, opened, target in json.load(sys.stdin):
        if target is not None:
            # Libraries are loaded and threads are started before memory is measured.
            read(what, Path(folder) / opened, None)
        with tempfile.TemporaryDirectory() as scratch:
            content = b"" if target is None else (Path(folder) / target).read_bytes()
            cases = [("", content)] if target is None else damaged(content)
            copy = Path(folder) if target is None else Path(shutil.copytree(folder, Path(scratch) / "copy"))
            for i, (label, damage) in enumerate(cases):
                case = f"{folder}/{target or opened}: {label}"
                sys.stderr.write(f"{case}\n")
                if target is not None:
                    (copy / target).write_bytes(damage)
                flaw = flaw_of(what, copy / opened, 1000 if i % 3 == 2 else None)
                counts["refused" if flaw is None else "read"] += 1
                if flaw:
                    sys.stdout.write(f"{case}: {flaw}\n")
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main()
