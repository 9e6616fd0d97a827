#!/usr/bin/env bash
# Expected: a method that was given to `subscription.new_data.add_callback` is called with each update.
# Observed in tiled 0.2.20: callbacks are held by `weakref.ref`, and a reference to a bound method is dead at once, because
# Python makes a new method object on each access; a lambda that nobody else holds is gone, too. Nothing is called, without
# a word. A function that the caller keeps works.
# So the callback is kept as an attribute, and frames are asked for as well.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "tiled[server,client]==0.2.20"
cd "$work"
"$work/venv/bin/python" -W ignore - 2>"$work/log" <<'PY'
import tempfile
import time
from importlib.metadata import version

import numpy as np
from tiled.client import from_uri
from tiled.server import SimpleTiledServer


class Listener:
    def __init__(self):
        self.updates = []

    def take(self, update):
        self.updates.append(update)


with SimpleTiledServer(directory=tempfile.mkdtemp()) as server:
    written = from_uri(server.uri).write_array(np.ones((1, 4, 5), np.float32), key="image")
    by_method, kept = Listener(), []
    keep = lambda update: kept.append(update)  # noqa: E731
    subscription = from_uri(server.uri)["image"].subscribe()
    subscription.new_data.add_callback(by_method.take)
    subscription.new_data.add_callback(keep)
    subscription.start_in_thread()
    time.sleep(1)
    written.patch(np.full((1, 4, 5), 2, np.float32), offset=(1, 0, 0), extend=True)
    time.sleep(2)
    subscription.disconnect()
print("tiled", version("tiled"), "| updates by a bound method:", len(by_method.updates), "| by a kept function:", len(kept))
raise SystemExit(0 if not by_method.updates and kept else 1)
PY
