#!/usr/bin/env bash
# Expected: two datasets of the same dtype and values are read in the same ways: h5py converts complex64 to complex128,
# and to the byte order that is asked for, as it does with all numbers.
# Observed in h5py 3.16.0 with HDF5 2.0.0: complex numbers of HDF5 2 (H5T_COMPLEX) have the same dtype as the compound of
# r and i that h5py writes, but only the compound is converted. astype("c16"), read_direct into complex128 and another
# byte order end in "no appropriate function for conversion path"; only reading in the type of the file works.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "h5py==3.16.0" "numpy==2.4.6"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import h5py
import numpy as np

values = np.array([1 + 2j, 3 - 4j], "<c8")
with h5py.File("a.h5", "w") as file:
    file["compound"] = values
    space = h5py.h5s.create_simple(values.shape)
    h5py.Dataset(h5py.h5d.create(file.id, b"native", h5py.h5t.COMPLEX_IEEE_F32LE, space))[...] = values


def outcome(read):
    try:
        return bool(np.array_equal(read(), values))
    except OSError as error:
        return str(error)


def directly(dataset):
    out = np.zeros(2, "c16")
    dataset.read_direct(out)
    return out


with h5py.File("a.h5") as file:
    seen = {}
    for name in ("compound", "native"):
        dataset = file[name]
        ways = {
            "as it is": lambda: dataset[...],
            "astype c16": lambda: dataset.astype("c16")[...],
            "astype >c8": lambda: dataset.astype(">c8")[...],
            "read_direct c16": lambda: directly(dataset),
        }
        seen[name] = {way: outcome(read) for way, read in ways.items()}
        print(name, dataset.dtype, seen[name])
    same = file["compound"].dtype == file["native"].dtype
print("h5py", h5py.__version__, "HDF5", h5py.version.hdf5_version, "same dtype:", same)
native = list(seen["native"].values())
refused = native[0] is True and all("conversion path" in str(result) for result in native[1:])
raise SystemExit(0 if same and all(result is True for result in seen["compound"].values()) and refused else 1)
PY
