#!/usr/bin/env bash
# Expected: reading an array gives what was there when it was opened, or what is there now.
# Observed in tiled 0.2.20: after another client has extended the array, `read()` of a client that knows the old shape is an
# error of the server (HTTP 500), while a slice works; after `refresh()` both work.
# So whoever follows a growing array refreshes first, and reads slices.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "tiled[server,client]==0.2.20"
cd "$work"
"$work/venv/bin/python" -W ignore - 2>"$work/log" <<'PY'
import tempfile
from importlib.metadata import version

import httpx
import numpy as np
from tiled.client import from_uri
from tiled.server import SimpleTiledServer

with SimpleTiledServer(directory=tempfile.mkdtemp()) as server:
    written = from_uri(server.uri).write_array(np.ones((1, 4, 5), np.float32), key="image")
    seen = from_uri(server.uri)["image"]
    written.patch(np.full((1, 4, 5), 2, np.float32), offset=(1, 0, 0), extend=True)
    try:
        seen.read()
        failed = False
    except httpx.HTTPStatusError as error:
        failed = error.response.status_code == 500
    sliced = float(seen[0].mean())
    seen.refresh()
    after = seen.read().shape
print("tiled", version("tiled"), "| read fails:", failed, "| slice:", sliced, "| after refresh:", after)
raise SystemExit(0 if failed and sliced == 1 and after == (2, 4, 5) else 1)
PY
