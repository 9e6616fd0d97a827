"""Measure time and memory of denoising for several sizes of the stack, each in a new process."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import SpectralStack

SIZES = (256, 512, 1024)
ENERGIES = 100
PHOTONS = 1000.0


@dataclass(frozen=True)
class Cost:
    """Time and memory of denoising an optical depth (E, N, N); ``fit_seconds`` are those of the plain reference fit."""

    size: int
    seconds: float
    fit_seconds: float
    stack_bytes: int
    peak_bytes: int


def costs(options: Mapping[str, Any]) -> list[Cost]:
    """Measure all sizes."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        return [pool.submit(_cost, size, dict(options)).result() for size in SIZES]


def _cost(size: int, options: dict[str, Any]) -> Cost:
    import napari_xanes as nx
    from napari_xanes.denoising import pipeline  # noqa: F401 - loaded before the memory is measured
    from napari_xanes.denoising.network.cleaning import load_network

    load_network("cpu")
    stack = _stack(size)
    references = stack.metadata["references"]
    before = _memory("VmRSS")
    start = time.perf_counter()
    nx.maps.fit_references(stack, references=references)
    fit_seconds = time.perf_counter() - start
    _reset_peak()
    start = time.perf_counter()
    nx.ops.denoise(stack, references=references, **options)
    seconds = time.perf_counter() - start
    return Cost(size, seconds, fit_seconds, stack.data.nbytes, _memory("VmHWM") - before + stack.data.nbytes)


def _stack(size: int) -> SpectralStack:
    """Simulate the optical depth of the benchmark's particles without effects of the beam, row by row."""
    from benchmarks.denoise.edges import k_edge
    from benchmarks.denoise.specimens import particles

    rng = np.random.default_rng(0)
    edge = k_edge()
    energy = np.linspace(edge.energy[0], edge.energy[-1], ENERGIES)
    references = list(edge.references)
    specimen = particles(rng, size)
    columns = np.column_stack([*(reference.at(energy) for reference in references), (energy / energy[0]) ** -3])
    data = np.empty((ENERGIES, size, size), np.float32)
    for rows in range(size):
        jump, valence = specimen.jump[rows], specimen.valence[rows]
        depth = columns @ np.stack([jump * (1 - valence), jump * valence, specimen.matrix[rows]])
        data[:, rows] = _with_photon_noise(rng, depth)
    return SpectralStack(data, energy, quantity="optical_depth", metadata={"references": references})


def _with_photon_noise(rng: np.random.Generator, depth: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = np.maximum(rng.poisson(PHOTONS * np.exp(-depth)), 0.5)
    result: NDArray[np.float64] = np.log(PHOTONS / counts)
    return result


def _memory(name: str) -> int:
    """Return the resident memory of this process in bytes, now (VmRSS) or its peak (VmHWM)."""
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _reset_peak() -> None:
    """Reset the peak memory of this process, if the system can."""
    try:
        with open("/proc/self/clear_refs", "w") as switch:
            switch.write("5")
    except OSError:
        pass


def cost_table(measured: list[Cost]) -> str:
    """Return the costs as text."""
    lines = [f"{'pixels':>14s}{'s':>9s}{'us/pixel':>10s}{'/ fit':>9s}{'memory / stack':>16s}"]
    lines += [
        f"{f'{ENERGIES} x {cost.size}^2':>14s}{cost.seconds:9.1f}{1e6 * cost.seconds / cost.size**2:10.1f}"
        f"{cost.seconds / cost.fit_seconds:9.1f}{cost.peak_bytes / cost.stack_bytes:16.2f}"
        for cost in measured
    ]
    return "\n".join(lines)
