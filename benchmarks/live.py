"""How long after its arrival a frame is in the map, and how long the final maps take after the last frame.

``python -m benchmarks.live`` writes frames of a simulated scan into a folder, one after the other, as a detector does,
and follows it as `napari_xanes.watch` does. It prints wall time from the moment that a file has its name to the moment
that its map is in memory, and processor time; on a busy machine only the second one counts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

import napari_xanes as nx
from napari_xanes.live.ending import Ending
from napari_xanes.live.following import follow
from napari_xanes.live.frame_folder import SETTLE, FrameFolder
from napari_xanes.sample import nmc_ni_k


def scan(size: int) -> Iterator[tuple[float, np.ndarray]]:
    """Yield energies and frames of counts of a scan over an edge."""
    small = nmc_ni_k(size=64).stack
    tiles = -(-size // 64)
    random = np.random.default_rng(0)
    for energy, frame in zip(small.energy, small.data, strict=True):
        counts = np.tile(frame, (tiles, tiles))[:size, :size]
        noise = random.standard_normal((size, size), dtype=np.float32)
        yield float(energy), np.clip(counts + np.sqrt(np.maximum(counts, 1)) * noise, 0, 65535).astype(np.uint16)


def arrive(folder: Path, name: str, frame: np.ndarray) -> float:
    """Write a file under another name, give it its own, and return when."""
    part = folder / f".{name}.part"
    tifffile.imwrite(part, frame)
    os.replace(part, folder / name)
    return time.perf_counter()


def recipe() -> nx.Recipe:
    """Return optical depth by the flat and a fit of two references."""
    references = nmc_ni_k(size=4).stack.metadata["references"]
    return nx.Recipe([nx.Step("optical_depth"), nx.Step("fit_references", {"references": references})])


def follow_scan(size: int, settle: float, folder: Path) -> None:
    """Print the delay of each frame of a scan, and the time of its final maps."""
    frames = list(scan(size))
    flat = np.full((size, size), np.percentile(frames[0][1], 99.9), np.uint16)
    arrive(folder, "flat_0001.tif", flat)
    source = FrameFolder(folder, {"quantity": "counts"}, Ending(energies=len(frames)), settle)
    updates = follow(source, recipe(), poll=0.05)
    delays, processor, n_fits = [], [], 0
    for number, (energy, frame) in enumerate(frames[:-1], start=1):
        since, before = arrive(folder, f"scan_{energy:.2f}eV.tif", frame), time.process_time()
        for update in updates:
            if update.maps is not None and update.view.n_frames == number:
                break
        fitted = "edge_jump" in update.maps
        n_fits += fitted
        if fitted:
            delays.append(time.perf_counter() - since)
            processor.append(time.process_time() - before)
    print(f"{size} x {size}, {len(frames)} energies; a file settles in {settle:g} s; {n_fits} maps of a fit")
    for what, values in (("arrival to map, wall", delays), ("arrival to map, processor", processor)):
        print(f"  {what}: median {np.median(values):.2f} s, worst {max(values):.2f} s")
    energy, frame = frames[-1]
    since, before = arrive(folder, f"scan_{energy:.2f}eV.tif", frame), time.process_time()
    while not (view := source.look()).is_complete:
        time.sleep(0.05)
    maps = nx.run(recipe(), source.whole())
    wall, used = time.perf_counter() - since, time.process_time() - before
    print(f"  last frame to final maps of {view.n_frames} energies: wall {wall:.1f} s, processor {used:.1f} s")
    assert "valence" in maps


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2048, 1000], help="pixels on a side")
    parser.add_argument("--settle", type=float, default=SETTLE, help="seconds that a file must stay")
    arguments = parser.parse_args()
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            follow_scan(size, arguments.settle, Path(folder))


if __name__ == "__main__":
    main()
