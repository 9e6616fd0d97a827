#!/usr/bin/env bash
# Expected: a stack whose frames lie in other files (a virtual dataset, as detectors at many beamlines write it) can't be
# read if one of the files is not there.
# Observed in h5py 3.16.0: it is read without an error or a warning, and the frame of the missing file holds zeros. So a
# copy of the master file alone is a stack of zeros, and one lost file is an energy without transmission.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "h5py==3.16.0" "numpy==2.4.6"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import os
import warnings
import h5py
import numpy as np

warnings.simplefilter("error")
layout = h5py.VirtualLayout((3, 4, 5), "f4")
for number in range(3):
    with h5py.File(f"energy{number}.h5", "w") as file:
        file["data"] = np.full((4, 5), number + 1, "f4")
    layout[number] = h5py.VirtualSource(f"energy{number}.h5", "data", (4, 5))
with h5py.File("scan.h5", "w") as file:
    file.create_virtual_dataset("data", layout)
with h5py.File("scan.h5") as file:
    whole = file["data"][:].mean(axis=(1, 2))
os.remove("energy1.h5")
with h5py.File("scan.h5") as file:
    rest, shape = file["data"][:].mean(axis=(1, 2)), file["data"].shape
print("h5py", h5py.__version__, "| means of the frames:", whole, "| without the second file:", rest, shape)
raise SystemExit(0 if whole.tolist() == [1, 2, 3] and rest.tolist() == [1, 0, 3] and shape == (3, 4, 5) else 1)
PY
