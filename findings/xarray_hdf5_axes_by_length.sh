#!/usr/bin/env bash
# Expected: axes of an HDF5 file that have no names stay apart, or the NeXus attribute `axes` names them.
# Observed in xarray 2026.9.0 with h5netcdf 1.8.2: axes without dimension scales are paired by their lengths alone, and the
# NeXus attributes are not read. With 5 energies and 5 columns, x is put on the axis of the energies. Scales mend it.
# So napari-xanes writes dimension scales.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xarray==2026.9.0" "h5netcdf==1.8.2" "h5py==3.16.0"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import h5py
import numpy as np
import xarray

AXES = ["energy", "y", "x"]


def dimensions(name, *, scales):
    with h5py.File(name, "w") as file:
        file["images"] = np.zeros((5, 4, 5))
        file["energy"], file["y"], file["x"] = 7100 + np.arange(5.0), np.arange(4.0), np.arange(5.0)
        file.attrs["NX_class"], file.attrs["signal"], file.attrs["axes"] = "NXdata", "images", AXES
        for number, axis in enumerate(AXES if scales else []):
            file[axis].make_scale(axis)
            file["images"].dims[number].attach_scale(file[axis])
    with xarray.open_dataset(name, engine="h5netcdf", phony_dims="sort") as data:
        return {key: variable.dims for key, variable in data.variables.items()}


without, with_scales = dimensions("a.h5", scales=False), dimensions("b.h5", scales=True)
print("xarray", version("xarray"), "h5netcdf", version("h5netcdf"), "| without scales:", without, "| with:", with_scales)
mixed = without["energy"] == without["x"] and without["images"].count(without["x"][0]) == 1
raise SystemExit(0 if mixed and with_scales["images"] == ("energy", "y", "x") else 1)
PY
