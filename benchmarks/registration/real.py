"""Known shifts put into measured stacks, and how well `align` finds them: ``--real``.

The stacks are those of ``../shared/data`` or ``$NAPARI_XANES_DATA``. Where one drifts itself, errors are the difference
of what is found after and before the shifts were put in: how true its own drift is, this can't tell.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.registration.rendering import Array
from scipy import ndimage

import napari_xanes as nx

DATA = Path(os.environ.get("NAPARI_XANES_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
MOST = 1.5
"""Pixels that frames are moved by at most."""


@dataclass(frozen=True)
class Measured:
    """A measured stack: its file below `DATA`, every which frame is taken, and whether it drifts itself."""

    file: str
    every: int
    drifts: bool

    def stack(self, data: Path) -> nx.SpectralStack:
        """Return the optical depth.

        Raises
        ------
        FileNotFoundError
            If the file is not there.
        """
        path = data / self.file
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there; set NAPARI_XANES_DATA to the folder of measured stacks")
        return nx.ops.optical_depth(nx.read(path)).isel(slice(None, None, self.every))


STACKS = {
    "Fe L, ALS, every second frame": Measured("als_fe_l/71214078.hdr", 2, drifts=False),
    "Fe L, ALS, all frames": Measured("als_fe_l/71214078.hdr", 1, drifts=False),
    "C K, PolLux": Measured("pollux_c_k/Sample_Stack_2021-03-16_128.hdf5", 1, drifts=True),
}


def with_drift(stack: nx.SpectralStack, seed: int) -> tuple[nx.SpectralStack, Array]:
    """Return the stack whose frames were moved at random by splines of order 5, and by how much (E, 2)."""
    added = np.random.default_rng(seed).uniform(-MOST, MOST, (stack.energy.size, 2))
    frames = (
        ndimage.shift(np.asarray(frame, float), move, order=5, mode="mirror")
        for frame, move in zip(stack.data, added, strict=True)
    )
    return stack.with_data(np.array(list(frames), np.float32)), added


def errors_of(stack: nx.SpectralStack, own: Array | float, seed: int) -> tuple[Array, nx.Alignment]:
    """Return the errors (E, 2) of known shifts put into a stack that drifts by `own`, relative to their mean."""
    moved, added = with_drift(stack, seed)
    found = nx.ops.align(moved).metadata["align"]
    errors = found.shifts - added - own
    return np.asarray(errors - errors.mean(axis=0)), found


def print_real(seeds: Sequence[int], data: Path = DATA) -> None:
    """Print errors, error bars and coverage of each stack, a line per seed; name the files that are not there."""
    for name, measured in STACKS.items():
        try:
            stack = measured.stack(data)
        except FileNotFoundError as missing:
            print(f"{name}: skipped, {missing}")
            continue
        own = nx.ops.align(stack).metadata["align"]
        print(f"{name}, {' x '.join(map(str, stack.shape))}, without shifts put in: {_sizes(own.shifts, own)}")
        for seed in seeds:
            start = time.process_time()
            errors, found = errors_of(stack, own.shifts if measured.drifts else 0.0, seed)
            seconds = time.process_time() - start
            inside = np.mean(np.abs(errors) < 2 * np.asarray(found.sigma))
            print(f"  seed {seed}: off by {_sizes(errors, found)}, 2 sigma {100 * inside:.0f} %  {seconds:.1f} s CPU")


def _sizes(values: Array, found: nx.Alignment) -> str:
    """Return root mean squares of values (E, 2), with the usual error bars and the usual residual."""
    (y, x), bars = np.sqrt((values**2).mean(axis=0)), np.nanmedian(np.asarray(found.sigma), axis=0)
    return (
        f"{y:.3f} pixels in y and {x:.3f} in x, error bars {bars[0]:.3f} and {bars[1]:.3f}, "
        f"residual {np.nanmedian(np.asarray(found.residual)):.2g}"
    )
