"""Scans that are written while they are followed, as instruments write them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import napari_xanes as nx
from napari_xanes.live.following import Update
from napari_xanes.sample import nmc_ni_k


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
    tifffile.imwrite(path, np.asarray(stack.data[i]))
    if settled:
        age(path)
    return path


def age(path: Path, seconds: float = 60.0) -> None:
    """Make a file look as if it was written some time ago; each call gives another time."""
    past = time.time() - seconds
    os.utime(path, (past, past))


def last_maps(updates: list[Update]) -> Any:
    return [update.maps for update in updates if update.maps is not None][-1]
