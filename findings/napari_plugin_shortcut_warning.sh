#!/usr/bin/env bash
# Expected: a key that a user gave to a plugin's action in napari's preferences (Shortcuts) is known at the next start.
# Observed in napari 0.9.2: each new window warns "Attempting to unbind an action which does not exists (...), this may
# have no effects", because it binds the stored keys before the plugin, which is imported when it is first used, has
# registered its actions. The key is kept all the same, and works as soon as the action is registered.
# So napari-xanes takes the keys of the settings when it registers its actions; docs/keyboard.md explains the warning.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "napari[pyqt6]==0.9.2"
mkdir "$work/settings"
printf 'shortcuts:\n  shortcuts:\n    some-plugin:run: [Ctrl+J]\n' > "$work/settings/settings.yaml"
cd "$work"
QT_QPA_PLATFORM=offscreen NAPARI_CONFIG="$work/settings/settings.yaml" "$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

import napari
from napari._qt.qt_event_loop import get_qapp
from napari.components import ViewerModel
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import KeymapHandler

get_qapp()
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    viewer = napari.Viewer(show=False)
texts = [str(one.message) for one in told if "some-plugin:run" in str(one.message)]
pressed = []
action_manager.register_action("some-plugin:run", lambda viewer: pressed.append(viewer), "run", ViewerModel)
keys = KeymapHandler()
keys.keymap_providers = [viewer]
keys.press_key("Ctrl+J")
print(f"napari {version('napari')}: warned {len(texts)} time(s): {texts}; the key then worked: {bool(pressed)}")
assert len(texts) == 1 and "which does not exist" in texts[0]
assert len(pressed) == 1
viewer.close()
PY
echo "as observed"
