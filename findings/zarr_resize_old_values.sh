#!/usr/bin/env bash
# Expected: rows that are added to an array hold the fill value.
# Observed in zarr 3.1.6: an array that is made shorter and longer again brings the old values of the last chunk back, because
# making it shorter removes whole chunks only. Where a chunk ends there, the rows are filled as expected.
# So the number of measured frames is the number of their energies, never the number of frames that are not empty.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "zarr==3.1.6"
cd "$work"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
import zarr


def shortened_and_lengthened(rows, zarr_format):
    array = zarr.create_array(
        f"{rows} {zarr_format}.zarr", shape=(6,), chunks=(4,), dtype="f4", fill_value=np.nan, zarr_format=zarr_format
    )
    array[...] = 7
    array.resize((rows,))
    array.resize((6,))
    return array[...].tolist()


inside = [shortened_and_lengthened(2, zarr_format) for zarr_format in (2, 3)]
at_border = shortened_and_lengthened(4, 3)
print("zarr", version("zarr"), "| 6 rows, cut to 2, then 6 again:", inside, "| cut to 4, where a chunk ends:", at_border)
back = all(values[:4] == [7, 7, 7, 7] and np.isnan(values[4:]).all() for values in (*inside, at_border))
raise SystemExit(0 if back else 1)
PY
