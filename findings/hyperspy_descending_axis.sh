#!/usr/bin/env bash
# Expected: a reader that reverses a descending energy axis also reverses the frames.
# Observed in hyperspy 2.5.0 with rosettasciio 0.15.0, NeXus file: it reverses the axis but not the frames, so every image
# gets the energy of another image. A stack with decreasing energies is mirrored without a warning.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "hyperspy==2.5.0" "rosettasciio==0.15.0" "h5py==3.16.0"
cd "$work"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version
import h5py
import numpy as np
import hyperspy.api as hs

energy = np.array([720.0, 715.0, 710.0, 705.0])
with h5py.File("scan.nxs", "w") as file:
    file.attrs["default"] = "entry"
    entry = file.create_group("entry"); entry.attrs["NX_class"] = "NXentry"; entry.attrs["default"] = "data"
    data = entry.create_group("data"); data.attrs["NX_class"] = "NXdata"
    data.attrs["signal"] = "data"; data.attrs["axes"] = ["energy", "y", "x"]
    data["data"] = np.arange(4)[:, None, None] * np.ones((4, 3, 2)); data["energy"] = energy
    data["y"] = np.arange(3.0); data["x"] = np.arange(2.0)
signal = hs.load("scan.nxs")
signal = signal[0] if isinstance(signal, list) else signal
axis = next(a for a in signal.axes_manager._axes if a.size == 4)
frames = np.moveaxis(signal.data, axis.index_in_array, 0)
value_at_720 = float(frames[int(np.argmin(abs(axis.axis - 720)))].flat[0])
print("hyperspy", version("hyperspy"), "rosettasciio", version("rosettasciio"))
print("axis", axis.axis, "values", frames[:, 0, 0], "value at 720 eV:", value_at_720, "(written: 0)")
raise SystemExit(0 if list(axis.axis) == sorted(energy) and value_at_720 == 3 else 1)
PY
