"""Measure memory and processor time of a whole recipe on a stack that stays in its file.

``python -m benchmarks.large_recipe --size 1024 [--memory] [--limit 400] [--steps optical_depth,denoise] [--command]``

The script writes an NXstxm stack of 100 energies of drifting particles with photon noise, as plain uint16, and runs
the steps in a new process, which prints after each step the largest memory during it, what stays, and processor time.
With ``--memory`` the stack is read into memory first; ``--limit`` is the memory limit of the window's settings in MB:
four times what is read of the stack at once, not a bound of the process. With ``--command`` the steps are one recipe
for ``napari-xanes run``, and the process is that of the command, which also writes the results. Lazy steps cost their
time when a later step reads them.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from benchmarks.counts_file import counts_file
from benchmarks.memory import peak_until_end

import napari_xanes as nx

N_ENERGIES, TILE, EMPTY = 100, 256, 16
"""Energies; size in pixels of a particle; rows without sample, which give I0."""

WORK = """
import sys, time
from benchmarks.memory import forget_peak, peak_of, resident
import napari_xanes as nx
from napari_xanes import limits
import dask.array, h5py, scipy.ndimage, skimage, sklearn, torch  # libraries count as no memory of a step

limits.limit(memory=int(sys.argv[4]) * 2**20 or None)
before, most, began = resident(), 0, time.process_time()
result = nx.read(sys.argv[1], memory_limit=2**40 if sys.argv[3] == "memory" else 1)
for step in nx.Recipe.load(sys.argv[2]):
    name = step.name
    forget_peak()
    start = time.process_time()
    result = nx.run([step], result)
    cpu = time.process_time() - start
    peak, held = peak_of(), resident()
    most = max(most, peak)
    print(f"{name:16} largest {(peak - before) >> 20:6} MB, stays {(held - before) >> 20:6} MB, {cpu:6.1f} s")
print(f"all steps: largest {most >> 20} MB of the whole process, {time.process_time() - began:.1f} s of processor time")
"""


def recipe(steps: str, size: int, count: int) -> nx.Recipe:
    """Return the steps, with two references, or three: the valence in between."""
    references = list(nx.sample.nmc_ni_k(size=16).stack.metadata["references"])
    if count == 3:
        grid = references[0].energy
        between = nx.sample.k_edge_curve(grid, 8346.6, 0.55, 0.085)
        references.insert(1, nx.Spectrum("Ni3+ model", grid, between, 3.0, metadata={"normalized": True}))
    parameters = {"optical_depth": {"i0": (0, EMPTY, 0, size)}}
    parameters |= {name: {"references": references} for name in ("denoise", "fit_references")}
    return nx.Recipe([nx.Step(name, parameters.get(name, {})) for name in steps.split(",")])


def run_command(folder: Path) -> None:
    """Run the command on the stack of a folder, and print the largest memory of its process and its time."""
    words = [sys.executable, "-m", "napari_xanes.cli", "run", "recipe.yaml", "stack.hdf5", "-o", "maps"]
    start = time.perf_counter()
    process = subprocess.Popen(words, cwd=folder)
    peak = peak_until_end(process)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"exit code {process.returncode}: largest {peak >> 20} MB of the whole process, "
        f"{spent.ru_utime + spent.ru_stime:.0f} s of processor time, {time.perf_counter() - start:.0f} s by the clock"
    )


def write(path: Path, size: int) -> None:
    """Write the stack."""
    sample = nx.sample.nmc_ni_k(size=TILE)
    measured, truth = sample.stack.energy, sample.truth
    energy = np.interp(np.linspace(0, 1, N_ENERGIES), np.linspace(0, 1, measured.size), measured)
    columns = np.stack([one.at(energy) for one in sample.stack.metadata["references"]], axis=1)
    jump, share = truth["edge_jump"].data, np.nan_to_num(truth["Ni4+ model"].data)
    rng = np.random.default_rng(0)
    ways = rng.integers(0, 8, (size // TILE, size // TILE))
    with counts_file(path, energy, size) as data:
        for i, (two, four) in enumerate(columns):
            light = np.exp(-jump * (two * (1 - share) + four * share + 0.9))
            frame = np.block([[_turned(light, way) for way in row] for row in ways])
            frame = np.roll(frame, (round(2 * np.sin(i / 9)), round(2 * np.cos(i / 13))), (0, 1))
            frame[:EMPTY] = 1
            data[i] = rng.poisson(4000 * frame).astype(np.uint16)


def _turned(image: np.ndarray, way: int) -> np.ndarray:
    """Return an image in one of eight ways: an image that repeats itself has no one shift, and finds far ones."""
    turned = np.rot90(image, way % 4)
    return turned if way < 4 else turned.T


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=1024, help=f"height and width in pixels, a multiple of {TILE}")
    options.add_argument(
        "--steps", default="optical_depth,align,normalize_edge,fit_references", help="steps, with commas"
    )
    options.add_argument("--memory", action="store_true", help="read the stack into memory first")
    options.add_argument("--limit", type=int, default=0, help="memory limit in MB; none by default")
    options.add_argument("--references", type=int, choices=(2, 3), default=2)
    options.add_argument("--command", action="store_true", help="run the command, which also writes the results")
    options.add_argument("--folder", type=Path, default=None, help="where to write the stack")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        path = Path(folder) / "stack.hdf5"
        write(path, chosen.size)
        held = "memory" if chosen.memory else "file"
        print(f"{N_ENERGIES} x {chosen.size} x {chosen.size}, {N_ENERGIES * chosen.size**2 / 2**18:.0f} MB, in {held}")
        steps = Path(folder) / "recipe.yaml"
        recipe(chosen.steps, chosen.size, chosen.references).save(steps)
        if chosen.command:
            run_command(Path(folder))
            return
        words = [str(path), str(steps), held, str(chosen.limit)]
        subprocess.run([sys.executable, "-u", "-W", "ignore", "-c", WORK, *words], check=True)


if __name__ == "__main__":
    main()
