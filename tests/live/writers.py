"""Scans that are written while they are followed, as instruments write them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import napari_xanes as nx
from napari_xanes.live.following import Update
from napari_xanes.sample import nmc_ni_k

WRITER = """
import sys, h5py, numpy as np
path, mode = sys.argv[1:]
file = h5py.File(path, "w", libver="latest")
group = file.create_group("exchange")
images = group.create_dataset("data", shape=(0, 4, 5), maxshape=(None, 4, 5), chunks=(1, 4, 5), dtype="f4")
energy = group.create_dataset("energy", shape=(0,), maxshape=(None,), chunks=(16,), dtype="f8")
group["data_white"], group["data_dark"] = np.full((1, 4, 5), 100, "f4"), np.zeros((1, 4, 5), "f4")
group["theta"] = np.zeros(1)
if mode == "swmr":
    file.swmr_mode = True
print("ready", flush=True)
for line in sys.stdin:
    number, lines = map(int, line.split())
    if number < 0:
        file.close()
    else:
        images.resize(number + 1, 0), energy.resize(number + 1, 0)
        images[number, :lines], energy[number] = 50 + number, 8330 + number
        images.flush(), energy.flush()
    print("done", flush=True)
"""


class Hdf5Writer:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def write(self, frame: int, lines: int = 4) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{frame} {lines}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def close(self) -> None:
        self.write(-1)


@contextmanager
def hdf5_writer(path: Path, mode: str = "swmr") -> Iterator[Hdf5Writer]:
    """Write an APS Data Exchange file in another process, under SWMR or `alone`."""
    command = [sys.executable, "-c", WRITER, str(path), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield Hdf5Writer(process)
        finally:
            process.kill()


def transmission(size: int = 12, every: int = 1) -> nx.SpectralStack:
    """Return a stack whose frames need nothing beside them."""
    stack = nmc_ni_k(size=size).stack
    depth = nx.run([nx.Step("optical_depth")], stack)
    data = np.exp(-np.asarray(depth.data[::every])).astype(np.float32)
    return nx.SpectralStack(data, stack.energy[::every], "transmission", metadata={"references": references()})


def references() -> list[nx.Spectrum]:
    found: list[nx.Spectrum] = nmc_ni_k(size=4).stack.metadata["references"]
    return found


def fit_recipe() -> nx.Recipe:
    return nx.Recipe([nx.Step("optical_depth"), nx.Step("fit_references", {"references": references()})])


def frame_path(folder: Path, energy: float) -> Path:
    return folder / f"scan_{energy:.2f}eV.tif"


def write_frame(folder: Path, stack: nx.SpectralStack, i: int, *, settled: bool = True) -> Path:
    """Write a frame, as if some time ago."""
    path = frame_path(folder, stack.energy[i])
    tifffile.imwrite(path, np.asarray(stack.data[i]), photometric="minisblack")
    if settled:
        age(path)
    return path


def age(path: Path, seconds: float = 60.0) -> None:
    """Make a file look as if it was written some time ago; each call gives another time."""
    past = time.time() - seconds
    os.utime(path, (past, past))


def last_maps(updates: list[Update]) -> Any:
    return [update.maps for update in updates if update.maps is not None][-1]
