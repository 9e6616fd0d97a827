#!/usr/bin/env bash
# Expected: `to_zarr(shards=)` writes all values, or refuses chunks that are smaller than a shard.
# Observed in dask 2026.8.0 with zarr 3.1.6: the tasks of one shard read it, add their chunk and write it back at the same
# time, so chunks get lost. A fourth to a half of the values of a new array are zero, without an error.
# So napari-xanes counts the chunks within shards when it reads them, and says which part is missing.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "dask[array]==2026.8.0" "zarr==3.1.6"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import dask.array as da
import numpy as np
import zarr

data = np.random.default_rng(0).random((16, 64, 64), np.float32) + 1
lost = []
for trial in range(10):
    da.from_array(data, chunks=(4, 32, 32)).to_zarr(f"{trial}.zarr", shards=(16, 64, 64))
    lost.append(float(np.mean(zarr.open_array(f"{trial}.zarr", mode="r")[...] == 0)))
da.from_array(data, chunks=(16, 64, 64)).to_zarr("whole.zarr", shards=(16, 64, 64), zarr_format=3)
kept = bool((zarr.open_array("whole.zarr", mode="r")[...] == data).all())
print("dask", version("dask"), "zarr", version("zarr"), "| part that is zero in ten trials:", np.round(lost, 2).tolist())
print("with one dask chunk per shard all values are there:", kept)
raise SystemExit(0 if sum(part > 0.1 for part in lost) >= 5 and kept else 1)
PY
