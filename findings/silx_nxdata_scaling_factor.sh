#!/usr/bin/env bash
# Expected: of whole numbers with a scaling factor and an offset in NXdata, programs for NeXus give the physical values:
# "it is required to get the actual physical value" (https://manual.nexusformat.org/classes/base_classes/NXdata.html).
# Observed in silx 3.1.3 and nexusformat 2.1.0: both give the stored numbers, and say nothing, for the fields of today
# (data_scaling_factor, data_offset) and for those before 2024 (scaling_factor, offset).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "silx==3.1.3" "nexusformat==2.1.0" "h5py==3.16.0"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import logging
import warnings
from importlib.metadata import version
import h5py
import numpy as np
from nexusformat.nexus import nxload
from silx.io.nxdata import get_default

stored = np.array([100, 200, 400], np.int16)
told = []
handler = logging.Handler()
handler.emit = lambda record: told.append(record.getMessage())
logging.getLogger().addHandler(handler)
seen = []
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for name, factor, offset in (("now", "data_scaling_factor", "data_offset"), ("before", "scaling_factor", "offset")):
        with h5py.File(f"{name}.nxs", "w") as file:
            file.attrs["default"] = "entry"
            entry = file.create_group("entry")
            entry.attrs["NX_class"], entry.attrs["default"] = "NXentry", "data"
            data = entry.create_group("data")
            data.attrs["NX_class"], data.attrs["signal"], data.attrs["axes"] = "NXdata", "data", ["energy"]
            data["data"], data["energy"] = stored, np.array([700.0, 710.0, 720.0])
            data[factor], data[offset] = 0.01, 5.0
        with h5py.File(f"{name}.nxs") as file:
            by_silx = np.asarray(get_default(file).signal)
            issues = list(get_default(file).issues)
        by_nexusformat = np.asarray(nxload(f"{name}.nxs")["entry/data"].nxsignal)
        print(name, "| silx", by_silx, "issues", issues, "| nexusformat", by_nexusformat, "| right", 5 + 0.01 * stored)
        seen += [np.array_equal(by_silx, stored) and not issues, np.array_equal(by_nexusformat, stored)]
about = [line for line in [*told, *(str(w.message) for w in caught)] if "scal" in line.lower()]
print("silx", version("silx"), "nexusformat", version("nexusformat"), "| told:", about)
raise SystemExit(0 if all(seen) and not about else 1)
PY
