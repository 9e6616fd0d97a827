#!/usr/bin/env bash
# Expected: silx lists every NXentry of a valid NeXus file.
# Observed in silx 3.1.3: `top_level_names` omits, by default, every entry without `end_time`, although NeXus makes this field
# optional (https://manual.nexusformat.org/classes/base_classes/NXentry.html).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "silx==3.1.3" "h5py==3.16.0"
cd "$work"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version
import h5py
from silx.io.h5py_utils import top_level_names

with h5py.File("scan.nxs", "w") as file:
    for name in ("finished", "open"):
        entry = file.create_group(name)
        entry.attrs["NX_class"] = "NXentry"
        entry["start_time"] = "2026-01-01T10:00:00"
    file["finished/end_time"] = "2026-01-01T11:00:00"
names = top_level_names("scan.nxs")
everything = top_level_names("scan.nxs", include_only=None)
print("silx", version("silx"), "| default:", names, "| include_only=None:", everything)
raise SystemExit(0 if list(names) == ["finished"] and set(everything) == {"finished", "open"} else 1)
PY
