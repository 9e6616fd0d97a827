#!/usr/bin/env bash
# Expected: HyperSpy's reader of NeXus gives the energies of a stack, or says that it can't, if their steps are not equal.
# Observed in rosettasciio 0.15.0: of uneven steps the axis keeps its name and gets the values 0, 1, 2 ..., without a unit
# and without a warning. Whether steps are equal is decided with an absolute tolerance of 1e-8 of the unit: uneven energies
# in joule, and positions in metres that are up to 10 nm off, are taken for even ones, at the wrong places.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "rosettasciio==0.15.0" "h5py==3.16.0" "numpy==2.4.6"
cd "$work"
"$work/venv/bin/python" -W error::UserWarning - <<'PY'
from importlib.metadata import version
import h5py
import numpy as np
from rsciio import nexus

JOULE = 1.602176634e-19


def opened(energy, unit):
    """Write a stack with energies, open it, and return the axis of energies and its unit."""
    with h5py.File("scan.nxs", "w") as file:
        entry = file.create_group("entry"); entry.attrs["NX_class"] = "NXentry"
        data = entry.create_group("data"); data.attrs["NX_class"] = "NXdata"
        data.attrs["signal"] = "data"; data.attrs["axes"] = ["energy", "sample_y", "sample_x"]
        data["data"] = np.ones((len(energy), 3, 2)); data["energy"] = energy; data["energy"].attrs["units"] = unit
        data["sample_y"] = np.arange(3.0); data["sample_x"] = np.arange(2.0)
    (axes,) = (s["axes"] for s in nexus.file_reader("scan.nxs") if s["data"].ndim == 3)
    (axis,) = (axis for axis in axes if axis["name"] == "energy")
    return np.ravel(axis["offset"]) + np.ravel(axis["scale"]) * np.arange(axis["size"]), axis.get("units")


even, uneven = np.array([700.0, 702, 704, 706]), np.array([700.0, 701, 701.5, 710])
print("rosettasciio", version("rosettasciio"))
results = {}
for name, energy, unit in (("even", even, "eV"), ("uneven", uneven, "eV"), ("joule", uneven * JOULE, "J")):
    axis, its_unit = opened(energy, unit)
    results[name] = (axis / JOULE if unit == "J" else axis, its_unit)
    print(f"{name}: written {energy} {unit}, read {axis} {its_unit}")
is_right = np.allclose(results["even"][0], even) and results["even"][1] == "eV"
is_lost = np.array_equal(results["uneven"][0], np.arange(4)) and results["uneven"][1] is None
is_moved = np.allclose(results["joule"][0], [700, 701, 702, 703])
raise SystemExit(0 if is_right and is_lost and is_moved else 1)
PY
