"""Stacks to run on, the recipe, and what a result is compared by."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

import napari_xanes as nx
from napari_xanes.sample import nmc_ni_k


def full_recipe() -> nx.Recipe:
    """Return optical depth, align, normalize, denoise and fit."""
    names = ("optical_depth", "align", "normalize_edge", "denoise")
    references = nmc_ni_k(size=16).stack.metadata["references"]
    return nx.Recipe([*map(nx.Step, names), nx.Step("fit_references", {"references": references})])


def quick_recipe() -> nx.Recipe:
    """Return a recipe that takes a second, most of it for files and pictures."""
    maps = nx.Step("difference_map", {"signal": (8345, 8360), "background": (8290, 8330)})
    return nx.Recipe([nx.Step("optical_depth"), nx.Step("align"), maps])


def write_stacks(folder: Path, count: int, size: int, frames: int, dtype: DTypeLike = np.float32) -> list[Path]:
    """Write stacks of counts with flats, each of another sample with other noise."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for seed in range(count):
        stack = nmc_ni_k(size=size, seed=seed).stack
        chosen = np.linspace(0, stack.energy.size - 1, frames).round().astype(int)
        paths.append(folder / f"scan {seed:03}.h5")
        flat = None if stack.corrections.flat is None else np.asarray(stack.corrections.flat)
        metadata = dict(stack.metadata)
        if flat is not None and flat.ndim == 3:
            metadata["flat"] = flat[chosen].round().astype(dtype) if np.dtype(dtype).kind == "u" else flat[chosen]
        counts = np.asarray(stack.data)[chosen].astype(dtype)
        kept = nx.SpectralStack(counts, stack.energy[chosen], stack.quantity, stack.pixel_size, metadata=metadata)
        nx.write(kept, paths[-1])
    return paths


def digest(folder: Path) -> str:
    """Return a hash of all values, errors and masks of a result, and of the names of its files."""
    maps = nx.read_maps(folder / "maps.h5")
    content = hashlib.sha256("\0".join(sorted(path.name for path in folder.iterdir())).encode())
    for name, one in maps.items():
        content.update(name.encode())
        for values in (one.data, one.sigma, one.mask):
            content.update(b"none" if values is None else np.ascontiguousarray(values).tobytes())
    return content.hexdigest()


def digests(out: Path, paths: list[Path]) -> dict[str, str]:
    """Return the hash of each result; no text for one that is not there."""
    return {path.name: digest(out / path.stem) if (out / path.stem).exists() else "" for path in paths}
