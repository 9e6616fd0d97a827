"""Stacks as NSLS-II FXI exports them, for PyXAS: ``/img_xanes`` is transmission and ``/X_eng`` in keV."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from napari_xanes.io.registry import writer
from napari_xanes.saving.replacing import replacing
from napari_xanes.stack import SpectralStack

_SLAB_BYTES = 64 << 20


@writer("fxi_stack", title="NSLS-II FXI", suffixes=(".h5", ".hdf5", ".hdf"), layout="fxi")
def write_stack(stack: SpectralStack, path: Path) -> None:
    """Write the transmission of a stack as float32; of its metadata, ``note`` says what was written.

    Parameters
    ----------
    stack : SpectralStack, (E, Y, X) or (E, Z, Y, X)
        Transmission is written as it is, optical depth as exp(-OD). History, source and metadata have no place.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        If the file can't be written.
    ValueError
        If the stack is neither transmission nor optical depth, or its pixels are not square.
    """
    if stack.quantity not in ("transmission", "optical_depth"):
        raise ValueError(f"{path}: FXI files hold transmission, not {stack.quantity}; make optical depth of it first")
    size = stack.pixel_size
    if size and len(set(size)) > 1:
        raise ValueError(f"{path}: FXI files have square pixels, not {size} µm; write .h5 without a layout")
    depth = stack.quantity == "optical_depth"
    with replacing(path) as draft, h5py.File(draft, "w") as file:
        images = file.create_dataset("img_xanes", shape=stack.shape, dtype=np.float32)
        rows = max(1, _SLAB_BYTES // (8 * int(np.prod(stack.shape[1:], dtype=np.int64))))
        for start in range(0, stack.shape[0], rows):
            slab = np.asarray(stack.data[start : start + rows])
            images[start : start + rows] = np.exp(-slab.astype(np.float64)) if depth else slab
        file["X_eng"] = stack.energy / 1e3
        file["X_eng"].attrs["units"] = "keV"
        # PyXAS looks for this name unless told otherwise, and without it gives an empty stack and no error.
        file["XEng"] = file["X_eng"]
        made = "exp(-optical depth)" if depth else "transmission"
        file["note"] = f"{stack.name}: {made}, written by napari-xanes"
        if size:
            file["Pixel Size"] = f"{size[0] * 1e3!r}nm"
