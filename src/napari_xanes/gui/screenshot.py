"""Open a stack in a napari window, make its maps and save a picture of the window.

Run it as ``python -m napari_xanes.gui.screenshot STACK PNG``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from napari_xanes.saving.replacing import replacing

if TYPE_CHECKING:
    from napari.viewer import Viewer

_TIMEOUT = 60.0  # s for the maps of a sample


def open_docks(stack: Path) -> tuple[Viewer, dict[str, Any]]:
    """Open a laptop-sized window with a stack, the Spectra dock and the Map dock."""
    import napari

    viewer = napari.Viewer()
    viewer.window.resize(1366, 768)
    viewer.open(str(stack), plugin="napari-xanes")
    docks = {}
    for name in ("Spectra", "Map"):
        docks[name] = viewer.window.add_plugin_dock_widget("napari-xanes", name)[1]
    return viewer, docks


def settle(seconds: float = 0.5) -> None:
    """Let the window draw, and wait until its notifications have disappeared."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)


def wait_until(condition: Any, *, seconds: float = _TIMEOUT) -> None:
    """Process window events until a condition holds.

    Raises
    ------
    TimeoutError
        If it does not hold after `seconds`.
    """
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"the window did not finish its work in {seconds:g} s")
        QApplication.processEvents()
        time.sleep(0.01)


def main() -> None:
    """Run the command line."""
    import napari
    from matplotlib.image import imsave

    from napari_xanes.gui.placement import to_world

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--stay", action="store_true", help="keep the window open")
    arguments = parser.parse_args()
    viewer, docks = open_docks(arguments.stack)
    method_panel = docks["Map"].method_panel
    method_panel.start()
    wait_until(lambda: not method_panel.job.running)
    settle()
    centre = viewer.layers[0].data.shape[1:]
    viewer.cursor.position = to_world(viewer, viewer.layers[0], (0, *(n / 2 for n in centre)))
    settle()
    with replacing(arguments.picture) as file:
        imsave(cast("BinaryIO", file), viewer.screenshot(canvas_only=False, flash=False), format="png")
    if arguments.stay:
        napari.run()
    viewer.close()


if __name__ == "__main__":
    main()
