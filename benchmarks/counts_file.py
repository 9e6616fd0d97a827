"""NXstxm files of counts that are larger than what a benchmark holds in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray


@contextmanager
def counts_file(path: Path, energy: NDArray[np.float64], size: int, **options: Any) -> Iterator[h5py.Dataset]:
    """Yield the data set (E, size, size), uint16, of a new file, to be filled frame by frame.

    Parameters
    ----------
    path : Path
        The file.
    energy : ndarray, shape (E,)
        Energies in eV.
    size : int
        Height and width in pixels.
    **options
        Keywords of `h5py.Group.create_dataset`, such as chunks and compression.
    """
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry1")
        entry["definition"] = "NXstxm"
        entry.attrs["NX_class"] = "NXentry"
        group = entry.create_group("counter0")
        group.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": ["energy", "sample_y", "sample_x"]})
        group["energy"], group["stxm_scan_type"] = energy, "sample image stack"
        group["energy"].attrs["units"] = "eV"
        for name in ("sample_y", "sample_x"):
            group[name] = np.arange(size) * 0.05
            group[name].attrs["units"] = "um"
        yield group.create_dataset("data", (energy.size, size, size), np.uint16, **options)
