"""A store as napari-xanes wrote it until version 0.1: OME-Zarr 0.4, the image as the array `0`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import zarr


def write_old_store(path: Path, frames: np.ndarray, energy: np.ndarray) -> None:
    """Write frames (E, Y, X) and energies in eV, with the first frame as flat."""
    root = zarr.open_group(str(path), mode="w-", zarr_format=2)
    more = {"chunk_key_encoding": {"name": "v2", "separator": "/"}, "config": {"write_empty_chunks": True}}
    for name, data in (("0", frames), ("energy", energy), ("napari_xanes/0_flat", frames[0])):
        root.create_array(name, data=np.asarray(data), chunks=tuple(min(n, 4) for n in np.shape(data)), **more)
    root.attrs["napari_xanes"] = {
        "format": "stack 1",
        "version": "0.1.0",
        "quantity": "counts",
        "metadata": json.dumps({"flat": {"__array__": "0_flat"}}),
        "history": "[]",
        "source": "null",
        "pixel_size": "[0.1, 0.1]",
    }
    steps = [{"type": "scale", "scale": [1.0, 0.1, 0.1]}]
    axes = [{"name": "energy", "type": "energy"}, *({"name": name, "type": "space"} for name in "yx")]
    about = {"version": "0.4", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": steps}]}
    root.attrs["multiscales"] = [about]
