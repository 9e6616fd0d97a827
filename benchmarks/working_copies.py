"""What a working copy gains: processor time of spectra under the cursor and of a fit, from the file and from its copy.

    OMP_NUM_THREADS=1 python -m benchmarks.working_copies [--frames 60] [--size 1024] [--files]

The stack is counts of 16 bits in HDF5, compressed frame by frame by gzip, or with ``--files`` optical depth of 32 bits
in one compressed TIFF for each energy. Seconds are those of the processor, all threads together; quote ratios. Files
and copies lie in a temporary folder and are removed.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import tifffile

import napari_xanes as nx
from napari_xanes.gui.pixels.tiles import Tiles
from napari_xanes.io.copy_cache import FOLDER

PLACES = 12
REFERENCES = (("Ni2+", 8343.0, 0.9, 2.0), ("Ni3+", 8344.6, 0.6, 3.0))


def edges(energy: np.ndarray) -> list[nx.Spectrum]:
    """Return two normalized edges."""
    spectra = []
    for name, e0, height, valence in REFERENCES:
        de = energy - e0
        mu = 0.5 + np.arctan(de) / np.pi + height * np.exp(-(((de - 4) / 2.5) ** 2))
        spectra.append(nx.Spectrum(name, energy, mu, valence))
    return spectra


def write(folder: Path, n_frames: int, size: int, *, files: bool) -> Path:
    """Write counts with Poisson noise and 10,000 photons in an empty pixel; return the file or folder."""
    rng = np.random.default_rng(1)
    energy = np.linspace(8300, 8420, n_frames)
    two = np.array([one.mu for one in edges(energy)])
    share = np.linspace(0, 1, size)[None, :] * np.ones((size, 1))
    path = folder / ("series" if files else "scan.h5")
    if files:
        path.mkdir()
        for i, value in enumerate(energy):
            depth = -np.log(_counts(rng, two[:, i], share) / 10_000).astype(np.float32)
            tifffile.imwrite(path / f"scan_{value:.2f}eV.tif", depth, compression="zlib")
        return path
    with h5py.File(path, "w") as file:
        shape = (n_frames, size, size)
        data = file.create_dataset(
            "exchange/data", shape, np.uint16, chunks=(1, size, size), compression="gzip", compression_opts=1
        )
        for i in range(n_frames):
            data[i] = _counts(rng, two[:, i], share)
        file["exchange/data_white"] = np.full((1, size, size), 10_000, np.uint16)
        file["exchange/energy"] = energy
        file["exchange/energy"].attrs["units"] = "eV"
    return path


def _counts(rng: np.random.Generator, mu: np.ndarray, share: np.ndarray) -> np.ndarray:
    depth = 0.1 + share * mu[0] + (1 - share) * mu[1]
    return np.minimum(rng.poisson(10_000 * np.exp(-0.4 * depth)), 65535).astype(np.uint16)


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor time of a function, and what it returns."""
    start = time.process_time()
    value = work()
    return time.process_time() - start, value


def spectra(stack: nx.SpectralStack) -> np.ndarray:
    """Return the spectra of distant pixels as the window reads them: a tile around each."""
    places = np.random.default_rng(2).integers(0, stack.shape[-1], (PLACES, 2)).tolist()
    return np.array([Tiles(stack.data).read((y, x), 1) for y, x in places])


def fit(stack: nx.SpectralStack) -> np.ndarray:
    """Return the map of the valence."""
    steps = [nx.Step("optical_depth")] if stack.quantity == "counts" else []
    steps.append(nx.Step("fit_references", {"references": edges(stack.energy)}))
    made = nx.run(steps, stack)
    assert isinstance(made, nx.MapSet)
    return np.asarray(made["valence"].data)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--files", action="store_true", help="a series of TIFF in the place of HDF5")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as folder:
        os.environ[FOLDER] = str(Path(folder) / "cache")
        path = write(Path(folder), chosen.frames, chosen.size, files=chosen.files)
        stack = nx.read(path, memory_limit=0, quantity="optical_depth" if chosen.files else None)
        before = {name: seconds(lambda work=work: work(stack)) for name, work in (("spectra", spectra), ("fit", fit))}
        making, copy = seconds(lambda: nx.working_copy(stack))
        after = {name: seconds(lambda work=work: work(copy)) for name, work in (("spectra", spectra), ("fit", fit))}
        in_file = sum(p.stat().st_size for p in ([path] if path.is_file() else path.iterdir()))
        print(f"{path.name}: {stack.shape}, {in_file / 1e6:.0f} MB; copy {nx.io.working_copies()[0].size / 1e6:.0f} MB")
        print(f"making the copy: {making:.2f} s of processor time")
        for name, count in (("spectra", PLACES), ("fit", 1)):
            same = np.array_equal(before[name][1], after[name][1], equal_nan=True)
            old, new = before[name][0] / count, after[name][0] / count
            print(f"{name:8s} {old:8.3f} s -> {new:8.3f} s   {old / new:6.1f} times as fast, the same: {same}")


if __name__ == "__main__":
    main()
