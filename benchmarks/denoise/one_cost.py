"""Denoise a saved stack in this process and print what that took as JSON: a script for any version of napari-xanes.

``python one_cost.py STACK.npz CORES OPTIONS``; the package is the one on PYTHONPATH, OPTIONS are JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any

import numpy as np


def main(path: str, cores: int, options: dict[str, Any]) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    import napari_xanes as nx

    saved = np.load(path)
    references = [nx.Spectrum(str(i), saved["grid"], mu, i) for i, mu in enumerate(saved["references"])]
    data, energy = saved["data"], saved["energy"]
    stack = nx.SpectralStack(data, energy, quantity="optical_depth")
    small = nx.SpectralStack(data[:, :64, :64].copy(), energy, quantity="optical_depth")
    nx.ops.denoise(small, references=references, **options)  # loads what is loaded once
    start = time.process_time()
    nx.maps.fit_references(stack, references=references)
    fit = time.process_time() - start
    before = memory("VmRSS")
    reset_peak()
    start, clock = time.process_time(), time.perf_counter()
    nx.ops.denoise(stack, references=references, **options)
    cost = {
        "cpu": time.process_time() - start,
        "seconds": time.perf_counter() - clock,
        "fit": fit,
        "whole_cpu": time.process_time(),
        "stack": stack.data.nbytes,
        "before": before,
        "peak": memory("VmHWM"),
    }
    sys.stdout.write(json.dumps(cost))


def memory(name: str) -> int:
    """Return the resident memory of this process in bytes, now (VmRSS) or its peak (VmHWM)."""
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def reset_peak() -> None:
    """Reset the peak memory of this process, if the system can."""
    try:
        with open("/proc/self/clear_refs", "w") as switch:
            switch.write("5")
    except OSError:
        pass


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]))
