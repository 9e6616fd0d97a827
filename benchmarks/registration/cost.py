"""Print what `align` costs: seconds, processor seconds, memory, and how these grow with frames and pixels.

``python -m benchmarks.registration.cost --size 512 --frames 100`` is the full run; with ``--lazy 2048`` also a stack
that lies in a file and is written to another one. StackReg (pystackreg) is compared where it is installed: in the same
run, because seconds of different runs can't be compared on a busy computer.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.memory import peak_of
from benchmarks.registration.cases import drifting
from benchmarks.registration.texture import write_drifting
from numpy.typing import NDArray

import napari_xanes as nx


def cost(function: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds and the processor seconds of all threads that a function takes."""
    start, start_cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - start_cpu


def memory_ratio(stack: nx.SpectralStack) -> float:
    """Return the peak memory of `align`, stack and result included, over the size of the stack."""
    tracemalloc.start()
    nx.ops.align(stack)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return 1 + peak / float(stack.data.nbytes)


def stackreg(data: NDArray[np.float32]) -> None:
    """Match every frame to the one before and move it, as users of StackReg do."""
    from pystackreg import StackReg

    StackReg(StackReg.TRANSLATION).register_transform_stack(data, reference="previous")


def compare(size: int, frames: int) -> None:
    stack = drifting("invert", size=size, frames=frames).stack
    nx.ops.align(stack.isel(slice(frames // 2 - 4, frames // 2 + 4)))
    seconds, processor = cost(lambda: nx.ops.align(stack))
    print(f"{frames} x {size} x {size}, {os.cpu_count()} cores")
    print(f"  align     {seconds:6.1f} s {processor:6.1f} s CPU, peak memory {memory_ratio(stack):.2f} times the stack")
    try:
        other, other_processor = cost(lambda: stackreg(stack.data))
    except ImportError:
        print("  StackReg  not installed")
        return
    print(
        f"  StackReg  {other:6.1f} s {other_processor:6.1f} s CPU; align is {other / seconds:.1f} times as fast, "
        f"{other_processor / processor:.1f} times in CPU seconds"
    )


def growth(size: int, frames: int) -> None:
    """Print processor seconds per million pixels, of which linear growth is a constant."""
    print("growth, CPU seconds per million pixels of all frames")
    for count, length in ((frames // 4, size), (frames // 2, size), (frames, size), (frames, size // 2)):
        stack = drifting("invert", size=length, frames=count).stack
        _, processor = cost(lambda stack=stack: nx.ops.align(stack))  # type: ignore[misc]
        print(f"  {count:4d} x {length:4d} x {length:4d} {processor / (stack.data.size / 1e6):.3f}")


def lazily(source: Path, target: Path) -> None:
    """Align the stack of a file and write it to another; print time, error and the peak of this process's memory."""
    import dask.array as da
    import h5py

    with h5py.File(source) as file:
        stack = nx.SpectralStack(da.from_array(file["data"], chunks=(8, -1, -1)), file["energy"][()], "optical_depth")  # type: ignore[no-untyped-call]
        aligned = nx.ops.align(stack)
        nx.write(aligned, target)
        errors = aligned.metadata["align"].shifts - file["shifts"][()]
    peak = peak_of() / 2**30
    error = float(np.sqrt(np.mean((errors - errors.mean(axis=0)) ** 2)))
    shape = " x ".join(map(str, stack.shape))
    print(
        f"lazy {shape}, {stack.data.nbytes / 2**30:.2f} GB: peak memory of the process {peak:.2f} GB, "
        f"{time.process_time():.0f} s CPU with reading and writing, error {error:.4f} pixels"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--growth", action="store_true", help="also half the size, half and a quarter of the frames")
    parser.add_argument("--lazy", type=int, nargs="*", default=[], help="sizes of stacks that lie in a file")
    parser.add_argument("--files", type=Path, nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.files:
        lazily(*chosen.files)
        return
    compare(chosen.size, chosen.frames)
    if chosen.growth:
        growth(chosen.size, chosen.frames)
    for size in chosen.lazy:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "stack.h5")
            write_drifting(source, size, chosen.frames)
            # The peak belongs to a process; this one has held other stacks.
            files = ["--files", str(source), str(Path(folder, "aligned.h5"))]
            subprocess.run([sys.executable, "-m", "benchmarks.registration.cost", *files], check=True)


if __name__ == "__main__":
    main()
