"""Measure time and memory of work with a stack that can be larger than memory.

``python -m benchmarks.large_stack --gib 10 --folder /somewhere/large``

The script writes two NXstxm stacks of 200 energies: one as plain numbers, and one compressed frame by frame (a fifth of
the size). It opens each in a new process and prints the seconds and megabytes to open it, and the seconds to read a
frame, to read a pixel's spectrum, to compute a frame of optical depth, to compute maps of a reference fit, to convert
the stack to Zarr, and to read a spectrum from the Zarr copy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import rmtree

import numpy as np
from benchmarks.counts_file import counts_file

N_ENERGIES = 200

WORK = """
import json, sys, time
import numpy as np
from benchmarks.memory import peak_of
import napari_xanes as nx
from napari_xanes.gui.pixels.spectra import box_spectrum
from napari_xanes.gui.layers import stack_to_layer

def megabytes():
    return peak_of() / 2**20

import dask.array, h5py, napari.layers  # napari loads these before it opens a file
results, megabytes_before, start = {}, megabytes(), time.perf_counter()

def lap(name):
    global start
    results[name] = round(time.perf_counter() - start, 3)
    start = time.perf_counter()

stack = nx.read(sys.argv[1], memory_limit=1)  # with this limit, a small stack stays in its file too
stack_to_layer(stack)
lap("open")
results["open_mb"] = round(megabytes() - megabytes_before)
height, width = stack.shape[1:]
np.asarray(stack.data[100]); lap("frame")
box_spectrum(stack.data, (height // 2, width // 2), 5); lap("pixel")
empty = (0, 8, 0, width)
depth = nx.ops.optical_depth(stack, i0=nx.Spectrum("I0", stack.energy, np.full(stack.energy.size, 60000.0)))
np.asarray(depth.data[100]); lap("optical_depth_frame")
references = [nx.Spectrum("edge", stack.energy, 0.5 + np.arctan(stack.energy - 7112) / np.pi)]
nx.maps.fit_references(depth, references=references); lap("map")
results["peak_mb"] = round(megabytes() - megabytes_before)
start = time.perf_counter()
nx.write(stack, sys.argv[1] + ".zarr"); lap("convert")
copy = nx.read(sys.argv[1] + ".zarr", memory_limit=1)
start = time.perf_counter()
box_spectrum(copy.data, (height // 2, width // 2), 5); lap("converted_pixel")
print(json.dumps(results))
"""


def write(path: Path, gib: float, *, compressed: bool) -> tuple[int, ...]:
    """Write a stack of counts, uint16, with noise in every pixel and a different image in every frame."""
    edge = int(np.sqrt(gib * 2**30 / N_ENERGIES / 2)) // 16 * 16
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (edge, edge), dtype=np.uint16)
    energy = np.linspace(7000, 7200, N_ENERGIES)
    options = {"chunks": (1, edge, edge), "compression": "gzip", "compression_opts": 1} if compressed else {}
    with counts_file(path, energy, edge, **options) as data:
        for i, value in enumerate(0.5 + np.arctan(energy - 7112) / np.pi):
            data[i] = np.roll(noise, 7 * i, axis=1) + np.uint16(60000 * np.exp(-value))
        return tuple(data.shape)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--gib", type=float, default=1.0, help="size of the plain stack")
    options.add_argument("--folder", type=Path, default=None, help="where to write; it needs room for twice the size")
    arguments = options.parse_args()
    sizes = (("plain", arguments.gib, False), ("frames compressed", arguments.gib / 5, True))
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for name, gib, compressed in sizes:
            path = Path(folder) / "stack.hdf5"
            shape = write(path, gib, compressed=compressed)
            run = subprocess.run([sys.executable, "-c", WORK, str(path)], capture_output=True, text=True, check=True)
            results = json.loads(run.stdout.splitlines()[-1])
            print(f"{name}: {' x '.join(map(str, shape))} uint16, {np.prod(shape, dtype=float) * 2 / 2**30:.1f} GiB")
            print(f"  open {results['open']:.2f} s, {results['open_mb']} MB; frame {results['frame']:.2f} s, ", end="")
            print(f"spectrum of 5 x 5 pixels {results['pixel']:.2f} s")
            print(f"  optical depth, one frame {results['optical_depth_frame']:.2f} s; ", end="")
            print(f"map {results['map']:.0f} s; memory in all {results['peak_mb']} MB")
            print(f"  as Zarr: converted in {results['convert']:.0f} s, spectrum {results['converted_pixel']:.2f} s")
            path.unlink()
            rmtree(f"{path}.zarr")


if __name__ == "__main__":
    main()
