"""Measure time and memory of denoising, each stack in a new process, beside those of another version.

``python -m benchmarks.denoise.cost [--sizes 256 512 1024] [--cores 1 2] [--against CHECKOUT]``. CHECKOUT is a folder
with another version, such as ``git worktree add --detach /tmp/old 17f2342`` makes. Its processes and ours run in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SIZES = (256, 512, 1024)
ENERGIES = 100
PHOTONS = 1000.0
PROGRAM = Path(__file__).parent / "one_cost.py"
HERE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Cost:
    """Cost of denoising an optical depth (E, N, N) with three references, in seconds and bytes.

    ``cpu``, processor time, and ``seconds``, by the clock; ``fit``, processor time of the plain reference fit;
    ``whole_cpu``, processor time of the process with its imports; ``before``, memory of the process before it denoises,
    with the stack; ``peak``, its largest memory.
    """

    version: str
    size: int
    cores: int
    cpu: float
    seconds: float
    fit: float
    whole_cpu: float
    stack: int
    before: int
    peak: int


def costs(
    options: Mapping[str, Any], sizes: Sequence[int] = SIZES, cores: Sequence[int] = (1,), against: Path | None = None
) -> list[Cost]:
    """Measure all sizes; `options` are parameters of the denoiser, `against` the folder of another version."""
    versions = ([("other", against)] if against else []) + [("this", HERE)]
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / f"{size}.npz"
            _save_stack(path, size)
            measured += [
                _cost(name, checkout, path, size, count, options) for count in cores for name, checkout in versions
            ]
            path.unlink()
    return measured


def _cost(version: str, checkout: Path, path: Path, size: int, cores: int, options: Mapping[str, Any]) -> Cost:
    environment = os.environ | {"PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": str(cores)}
    command = [sys.executable, str(PROGRAM), str(path), str(cores), json.dumps(dict(options))]
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return Cost(version, size, cores, **json.loads(answer.stdout))


def _save_stack(path: Path, size: int) -> None:
    """Simulate the optical depth of the benchmark's particles without effects of the beam, row by row, and save it."""
    from benchmarks.denoise.edges import k_edge
    from benchmarks.denoise.specimens import particles

    rng = np.random.default_rng(0)
    edge = k_edge()
    energy = np.linspace(edge.energy[0], edge.energy[-1], ENERGIES)
    references = [*edge.references, edge.unknown]
    specimen = particles(rng, size, spots=12 * max(1, size // 256) ** 2)
    columns = np.column_stack([*(reference.at(energy) for reference in references), (energy / energy[0]) ** -3])
    data = np.empty((ENERGIES, size, size), np.float32)
    for row in range(size):
        jump, valence, third = specimen.jump[row], specimen.valence[row], specimen.unknown[row]
        known = jump * (1 - third)
        amounts = np.stack([known * (1 - valence), known * valence, jump * third, specimen.matrix[row]])
        counts = np.maximum(rng.poisson(PHOTONS * np.exp(-columns @ amounts)), 0.5)
        data[:, row] = np.log(PHOTONS / counts)
    spectra = np.stack([reference.mu for reference in references])
    np.savez(path, data=data, energy=energy, grid=references[0].energy, references=spectra)


def cost_table(measured: list[Cost]) -> str:
    """Return the costs as text; the last two columns are largest memories over that of the stack.

    The first of them counts what denoising adds, and the stack; the second counts all of the process, Python and torch
    too.
    """
    head = f"{'version':>8s}{'pixels':>14s}{'cores':>7s}{'CPU s':>8s}{'s':>8s}{'us/pixel':>10s}{'/ fit':>8s}"
    lines = [f"{head}{'whole CPU s':>13s}{'memory / stack':>16s}{'whole / stack':>15s}"]
    lines += [
        f"{cost.version:>8s}{f'{ENERGIES} x {cost.size}^2':>14s}{cost.cores:7d}{cost.cpu:8.1f}{cost.seconds:8.1f}"
        f"{1e6 * cost.cpu / cost.size**2:10.1f}{cost.cpu / cost.fit:8.1f}{cost.whole_cpu:13.1f}"
        f"{(cost.peak - cost.before + cost.stack) / cost.stack:16.2f}{cost.peak / cost.stack:15.2f}"
        for cost in measured
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.denoise.cost", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="heights and widths of stacks")
    parser.add_argument("--cores", type=int, nargs="+", default=(1,), help="numbers of cores")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="folder of another version")
    arguments = parser.parse_args()
    print(cost_table(costs({}, arguments.sizes, arguments.cores, arguments.against)))


if __name__ == "__main__":
    main()
