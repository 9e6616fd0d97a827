"""What the manifest names: readers, writers, docks and commands, each loaded in a thread when napari asks for it.

napari takes these names in its main thread, and what stands behind them takes a second to load.
"""

from __future__ import annotations

from typing import Any

from napari_xanes.gui.in_thread import in_thread
from napari_xanes.gui.loading import load, warm_up

_HOMES = {
    "get_reader": "files.readers",
    "write_layer": "files.writers",
    "write_layers": "files.writers",
    "write_spectra": "files.writers",
    "save_selected": "files.save_command",
    "save_project": "files.project_commands",
    "open_project": "files.project_commands",
    "nmc_ni_k": "files.samples",
    "mn_oxides_l": "files.samples",
    "XanesDock": "xanes",
    "SpectraDock": "spectra",
    "PrepareDock": "prepare",
    "StitchDock": "stitching",
    "DenoiseDock": "denoising",
    "MapDock": "maps",
    "ExploreDock": "exploring",
    "SimulateDock": "simulate",
    "EmbeddingDock": "embedding",
}
"""The module of ``napari_xanes.gui`` that defines each name."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"{__name__} has no {name!r}")
    return in_thread(lambda: _load(name), must_end=True)


def _load(name: str) -> Any:
    found = getattr(load(_HOMES[name]), name)
    if name.endswith("Dock"):
        warm_up()
    return found
