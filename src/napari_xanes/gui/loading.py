"""What takes long when it is used for the first time, to be done in a thread before the main thread needs it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

_FORMS = {
    "prepare": "napari_xanes.ops:OPERATIONS",
    "denoising": "napari_xanes.ops:OPERATIONS",
    "maps": "napari_xanes.maps:ESTIMATORS",
    "exploring": "napari_xanes.maps:ESTIMATORS",
}
"""The methods that a dock makes forms of."""


def load(home: str) -> ModuleType:
    """Import a module of ``napari_xanes.gui`` with all methods that it makes forms of.

    Parameters
    ----------
    home : str
        Its name in the package, such as "files.readers".
    """
    module = import_module(f"napari_xanes.gui.{home}")
    if home in _FORMS:
        package, _, registry = _FORMS[home].partition(":")
        list(getattr(import_module(package), registry).values())
    return module


def warm_up() -> None:
    """Load the settings of the user and what napari needs for its first layer."""
    from napari_xanes.gui.settings import settings

    settings()
    load_units()
    import_module("scipy.ndimage")  # for thumbnails


def load_units() -> None:
    """Let pint read its definitions of units.

    pint's own first use is not safe while another thread may use units, so a complete registry takes its place.
    """
    import pint

    application = pint.get_application_registry()  # type: ignore[no-untyped-call]
    if _is_untouched(application):
        registry: Any = pint.UnitRegistry()
        registry.parse_units("micrometer")
        if _is_untouched(application):
            pint.set_application_registry(registry)  # type: ignore[no-untyped-call]


def _is_untouched(application: Any) -> bool:
    from pint.registry import LazyRegistry

    return isinstance(application.get(), LazyRegistry)
