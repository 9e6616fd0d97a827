"""Memory and processor time of `components`, `cluster` and `unmix` on 100 x 2048 x 2048 in a file.

The stack (1.7 GB, float32, HDF5) is made of copies of one with 512 x 512 pixels. Each method runs in a process of its
own, which reads the file lazily; its peak is the largest memory that the process had, libraries included.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import dask.array as da
from benchmarks.explore.parts_speed import patches

import napari_xanes as nx

COPIES = 4
BAR = 3.0
"""Most memory in GB."""

WORK = """
import json, sys, time
from benchmarks.memory import peak_of
import napari_xanes as nx

stack = nx.read(sys.argv[1], memory_limit=1)
assert stack.is_lazy
before, start = time.process_time(), time.perf_counter()
maps = getattr(nx.maps, sys.argv[2])(stack, **json.loads(sys.argv[3]))
spent = time.process_time() - before
peak = peak_of() / 1e9
print(json.dumps([peak, spent, time.perf_counter() - start, sum(m.data.nbytes for m in maps.values()) / 1e9]))
"""


def report(trials: int) -> None:
    """Print peak memory and time of each method; `trials` is not used."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "stack.h5"
        small = patches(4, mixed=True)
        row = da.concatenate([da.from_array(small.data, chunks=(1, 512, 512))] * COPIES, axis=2)  # type: ignore[no-untyped-call]
        data = da.concatenate([row] * COPIES, axis=1)  # type: ignore[no-untyped-call]
        nx.write(nx.SpectralStack(data, small.energy, "optical_depth"), path)
        print(f"{' x '.join(map(str, data.shape))} in a file of {path.stat().st_size / 1e9:.1f} GB; bar {BAR:g} GB")
        print("method        peak (GB)   CPU time (s)   time (s)   maps (GB)")
        for name, options in (("components", {}), ("cluster", {"count": 4}), ("unmix", {"count": 4})):
            command = [sys.executable, "-c", WORK, str(path), name, json.dumps(options)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            peak, spent, taken, maps = json.loads(done.stdout)
            print(f"{name:12s}{peak:10.2f}{spent:14.1f}{taken:12.1f}{maps:11.2f}", flush=True)
