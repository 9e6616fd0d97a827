"""The clipboard."""

from __future__ import annotations

from qtpy.QtGui import QGuiApplication

from napari_xanes.gui.present import present


def copy_text(text: str) -> None:
    """Put a text into the clipboard."""
    present(QGuiApplication.clipboard()).setText(text)
