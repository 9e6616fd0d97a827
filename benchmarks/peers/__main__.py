"""The same two jobs by other programs, each installed into an environment of its own: time, memory, error.

    python -m benchmarks.peers [--keep FOLDER] [--size 256]

It needs the package index. `--keep` keeps the environments in a folder for the next time. Jobs: amounts of two known
spectra in each pixel of a noisy stack with a sloping background, and the shifts of a drifting stack. Components,
clusters and unmixing are in ``python -m benchmarks.explore peers``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from benchmarks.peers.engines import ENGINES
from benchmarks.registration.cases import drifting

from napari_xanes.sample import k_edge_curve

PACKAGES = {
    "mantis": ("mantis-xray==3.3.0", "h5py", "matplotlib", "pillow", "lxml", "olefile"),
    "hyperspy": ("hyperspy==2.5.0",),
    "pymca": ("PyMca5==5.9.7",),
    "larch": ("xraylarch==2026.3.1",),
    "pca": ("scikit-learn==1.9.1",),
    "stackreg": ("pystackreg==0.2.8",),
}
WITHOUT_THEIRS = ("mantis",)
"""Installed without what their window needs."""


def references_job(size: int) -> dict[str, object]:
    """Return a stack (60, size, size) of two spectra, edge jumps of .3 to 1.2 and noise of .02."""
    rng = np.random.default_rng(0)
    energy, e0 = np.linspace(8250.0, 8480.0, 60), 8345.0
    references = np.array([k_edge_curve(energy, e0 + 3 * k, 1.2 + 0.2 * k, 0.05) for k in range(2)])
    share, jump = rng.uniform(0, 1, (size, size)), rng.uniform(0.3, 1.2, (size, size))
    truth = np.stack([jump * (1 - share), jump * share])
    depth = np.tensordot(references.T, truth, 1) + 0.3 - 5e-4 * (energy - e0)[:, None, None]
    data = (depth + 0.02 * rng.standard_normal(depth.shape)).astype(np.float32)
    return {"energy": energy, "e0": e0, "references": references, "data": data, "truth": truth}


def shifts_job(size: int) -> dict[str, object]:
    """Return a drifting particle (40 frames) with a residue of the flat that does not drift."""
    drift = drifting("same", seed=0, size=size, frames=40, photons=4000.0)
    return {"energy": drift.stack.energy, "data": drift.stack.data, "truth": drift.shifts}


def python_of(engine: str, folder: Path) -> Path:
    """Return the interpreter that has a program; install it if it is not there."""
    if engine == "ours":
        return Path(sys.executable)
    place = folder / engine
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (place / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        theirs, *others = PACKAGES[engine]
        if engine in WITHOUT_THEIRS:
            subprocess.run([*install, "numpy", "scipy", "scikit-learn", *others], check=True)
            subprocess.run([*install, "--no-deps", theirs], check=True)
        else:
            subprocess.run([*install, theirs, *others], check=True)
        (place / "installed").touch()
    return python


def compare(folder: Path, size: int) -> None:
    """Print a table for each job."""
    for job, make in (("references", references_job), ("shifts", shifts_job)):
        made = make(size)
        path = folder / f"{job}.npz"
        np.savez(path, **made)  # type: ignore[arg-type]
        print(f"{job}, {' x '.join(map(str, np.shape(made['data'])))}")
        print("| program | CPU (s) | memory over the stack | root mean square error |\n|---|---|---|---|")
        for engine in ENGINES[job]:
            script = Path(__file__).with_name("engines.py")
            command = [str(python_of(engine, folder)), "-W", "ignore", str(script), engine, job, str(path)]
            alone = {name: value for name, value in os.environ.items() if engine == "ours" or name != "PYTHONPATH"}
            run = subprocess.run(command, capture_output=True, text=True, env={**alone, "OMP_NUM_THREADS": "1"})
            if run.returncode:
                print(f"| {engine} | failed: {(run.stderr.strip().splitlines() or ['?'])[-1][:120]} | | |")
                continue
            spent, grown, error = json.loads(run.stdout.strip().splitlines()[-1])
            print(f"| {engine} | {spent:.2f} | {grown:.1f} | {error:.4f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        compare(options.keep.resolve(), options.size)
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options.size)


if __name__ == "__main__":
    main()
