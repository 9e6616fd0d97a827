"""Press keys as a user does, on the canvas of a viewer."""

from __future__ import annotations

from typing import Any

from napari.utils.key_bindings import KeymapHandler


def press_key(viewer: Any, key: str) -> None:
    """Press a key on the canvas while no layer wants it."""
    handler = KeymapHandler()
    handler.keymap_providers = [viewer]
    handler.press_key(key)
