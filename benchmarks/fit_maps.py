"""Time and memory of edge normalization, a reference fit and edge maps, beside limits and another commit.

    python benchmarks/fit_maps.py [height] [energies] [--against COMMIT]

Each part runs in processes of its own, here and at the commit by turns. Seconds are those of the processor, all threads
together, of the shortest of the runs: other programs on the machine can only make a run slower. Quote ratios: to the
other commit, to one copy of the stack, which is the limit of `normalize_edge`, and to a reference fit without errors
that is compiled here (``reference_fit.c``, if there is a C compiler), which is the limit of `fit_references`.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.optimize import nnls

from napari_xanes.maps import edge_energy, fit_references
from napari_xanes.ops import normalize_edge
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

ROOT = Path(__file__).resolve().parents[1]

REPEATS = 5
ROUNDS = 2
NNLS_SAMPLE = 2000

PARTS = ("normalize_edge", "fit_references", "edge_energy")


def references(energy: np.ndarray) -> list[Spectrum]:
    """Return three normalized edges at different energies, with white lines of different height."""
    spectra = []
    for name, e0, height, valence in (
        ("Ni2+", 8343.0, 0.7, 2.0),
        ("Ni3+", 8344.6, 0.55, 3.0),
        ("Ni4+", 8346.2, 0.4, 4.0),
    ):
        offset = energy - e0
        mu = 0.5 + np.arctan(offset / 1.2) / np.pi + height * np.exp(-(((offset - 4) / 2.6) ** 2))
        spectra.append(Spectrum(name, energy, mu, valence, metadata={"normalized": True}))
    return spectra


def sample(height: int, n_energies: int) -> tuple[SpectralStack, list[Spectrum]]:
    """Return the noisy optical depth of a round particle, float32, and its references."""
    rng = np.random.default_rng(0)
    energy = np.sort(
        np.concatenate([np.linspace(8270, 8329, n_energies // 5), np.linspace(8330, 8370, n_energies // 2),
                        np.linspace(8372, 8450, n_energies - n_energies // 5 - n_energies // 2)])
    )  # fmt: skip
    refs = references(energy)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : height * 1j].reshape(2, -1)
    amounts = rng.dirichlet((0.6, 0.6, 0.6), height * height).T * 0.6 * np.clip(1.1 - np.hypot(y, x), 0, 1)
    data = rng.standard_normal((n_energies, height * height), dtype=np.float32)
    data *= 0.01
    data += np.array([ref.mu for ref in refs], np.float32).T @ amounts.astype(np.float32)
    data += np.float32(0.2)
    return SpectralStack(data.reshape(n_energies, height, height), energy, "optical_depth"), refs


def best_of(work: Callable[[], Any]) -> float:
    """Return the processor's time of the shortest run, in seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def resident() -> int:
    """Return the resident memory now, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def peak() -> int:
    """Return the largest resident memory since `forget_peak`, in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


def forget_peak() -> None:
    """Let `peak` begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def measure(part: str, height: int, n_energies: int) -> None:
    """Print seconds and peak memory of one part in this process, the memory in stacks and with the stack itself."""
    small, _ = sample(48, n_energies)
    stack, refs = sample(height, n_energies)
    if part != "normalize_edge":
        stack = normalize_edge(stack)
    work: dict[str, Callable[[SpectralStack], Any]] = {
        "normalize_edge": normalize_edge,
        "fit_references": lambda one: fit_references(one, references=refs),
        "edge_energy": edge_energy,
    }
    work[part](normalize_edge(small) if part != "normalize_edge" else small)
    forget_peak()
    before = resident()
    work[part](stack)
    memory = (peak() - before) / stack.data.nbytes + 1
    print(best_of(lambda: work[part](stack)), memory)


def measured(source: Path, part: str, height: int, n_energies: int) -> tuple[float, float]:
    """Return seconds and peak memory of one part of the package in a folder."""
    result = subprocess.run(
        [sys.executable, __file__, str(height), str(n_energies), "--part", part],
        env=os.environ | {"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, memory = map(float, result.stdout.split())
    return seconds, memory


def compare(sources: dict[str, Path], height: int, n_energies: int) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the least seconds and memory of each source and part, measured by turns."""
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for _ in range(ROUNDS):
        for part in PARTS:
            for name, source in sources.items():
                one = measured(source, part, height, n_energies)
                other = found.get((name, part), one)
                found[name, part] = min(one[0], other[0]), min(one[1], other[1])
    return found


def seconds_compiled(stack: SpectralStack, refs: list[Spectrum]) -> float | None:
    """Return the seconds of the compiled fit, whose amounts must be ours; None without a C compiler."""
    from napari_xanes.maps.fitting.design import build_design

    compiler = shutil.which("cc")
    if compiler is None:
        return None
    design = build_design(
        stack,
        refs,
        None,
        constant=True,
        slope=True,
        nonnegative=True,
        sum_to_one=False,
        normalize_references="auto",
    )
    data = np.ascontiguousarray(stack.data[design.frames].reshape(design.energy.size, -1), np.float32)
    k, f, n_pixels = len(refs), len(design.backgrounds), data.shape[1]
    r = design.basis.T @ design.matrix[:, :k]
    inputs = [np.hstack([design.basis, design.background_basis]).T, design.matrix]
    solve = [r, design.solver.gain, design.background_inverse, design.coupling]
    amounts, squares = np.zeros((k, n_pixels), np.float32), np.zeros(n_pixels, np.float32)

    def pointers(arrays: list[np.ndarray]) -> list[Any]:
        return [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]

    inputs, solve = ([np.ascontiguousarray(array, np.float64) for array in arrays] for arrays in (inputs, solve))
    with TemporaryDirectory() as folder:
        library = Path(folder, "reference_fit.so")
        source = str(Path(__file__).with_name("reference_fit.c"))
        flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
        subprocess.run([compiler, *flags, "-o", str(library), source], check=True)
        fit = ctypes.CDLL(str(library)).fit
        arguments = [
            *pointers([data]),
            ctypes.c_long(design.energy.size),
            ctypes.c_long(n_pixels),
            *pointers(inputs),
            ctypes.c_int(k),
            ctypes.c_int(f),
            *pointers([*solve, amounts, squares]),
        ]
        seconds = best_of(lambda: fit(*arguments))
    ours = fit_references(stack, references=refs)
    for name, amount in zip((ref.name for ref in refs), amounts, strict=True):
        np.testing.assert_allclose(amount, ours[name].data.ravel(), rtol=1e-4, atol=1e-5)
    return seconds


def seconds_of_scipy(stack: SpectralStack, refs: list[Spectrum]) -> float:
    """Return the seconds that scipy.optimize.nnls needs for all pixels, extrapolated from some of them."""
    spectra = stack.data.reshape(stack.energy.size, -1)
    subset = spectra[:, :: max(1, spectra.shape[1] // NNLS_SAMPLE)].astype(np.float64)
    ones = np.ones(stack.energy.size)
    design = np.column_stack([*(ref.mu for ref in refs), ones, -ones])
    start = time.process_time()
    for column in subset.T:
        nnls(design, column)
    return (time.process_time() - start) * spectra.shape[1] / subset.shape[1]


def extracted(commit: str, folder: str) -> Path:
    """Return the sources of a commit, unpacked into a folder."""
    packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return Path(folder, "src")


def report(height: int, n_energies: int, commit: str | None) -> None:
    """Measure everything and print it."""
    with TemporaryDirectory() as folder:
        sources = {"here": ROOT / "src"} | ({} if commit is None else {commit: extracted(commit, folder)})
        found = compare(sources, height, n_energies)
    stack, refs = sample(height, n_energies)
    copy, scipy = best_of(lambda: stack.data.copy()), seconds_of_scipy(stack, refs)
    compiled = seconds_compiled(stack, refs)
    print(
        f"stack {stack.shape}, float32, {stack.data.nbytes / 1e6:.0f} MB; {os.cpu_count()} cores; "
        f"load {os.getloadavg()[0]:.1f}; processor seconds, best of {ROUNDS} x {REPEATS}"
    )
    for part in PARTS:
        seconds, memory = found["here", part]
        line = f"{part:16s} {seconds:6.3f} s = {seconds / copy:5.1f} copies, peak {memory:.2f} stacks"
        if commit is not None:
            before, memory = found[commit, part]
            line += f"; {commit} {before:6.3f} s (here {seconds / before:.2f} of it), {memory:.2f} stacks"
        print(line)
    fit, _ = found["here", "fit_references"]
    print(f"one copy of the stack {copy:.3f} s; scipy.optimize.nnls in a loop {scipy / fit:.0f} times fit_references")
    print(
        "no C compiler" if compiled is None else f"compiled fit {compiled:.3f} s: here {fit / compiled:.1f} times that"
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("height", type=int, nargs="?", default=512)
    parser.add_argument("energies", type=int, nargs="?", default=100)
    parser.add_argument("--against", metavar="COMMIT", help="compare with a commit")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        measure(arguments.part, arguments.height, arguments.energies)
    else:
        report(arguments.height, arguments.energies, arguments.against)


if __name__ == "__main__":
    main()
