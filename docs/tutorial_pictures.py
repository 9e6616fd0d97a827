"""Make the pictures of the tutorials, as a user would come to them: ``python docs/tutorial_pictures.py [NAME ...]``.

This needs a screen; without one, run it by ``xvfb-run -a -s "-screen 0 1366x768x24"``.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent / "pictures"
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")  # not the user's own settings

import numpy as np  # noqa: E402

import napari_xanes as nx  # noqa: E402
from napari_xanes.gui.layers import stack_to_layer  # noqa: E402
from napari_xanes.gui.many.window import open_window  # noqa: E402
from napari_xanes.gui.screenshot import settle, wait_until  # noqa: E402
from napari_xanes.history import Source  # noqa: E402
from napari_xanes.sample import mn_oxides_l, nmc_ni_k  # noqa: E402

QUIET = 6.0  # s, until the notifications of napari are gone


def open_dock(stack: nx.SpectralStack) -> tuple[Any, Any]:
    """Return a viewer on a small screen that shows a stack, and its dock of all steps."""
    import napari

    viewer = napari.Viewer()
    viewer.window.resize(1366, 768)
    viewer.theme = "dark"
    data, keywords, _kind = stack_to_layer(stack)
    viewer.add_image(data, **keywords)
    return viewer, viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]


def shoot(viewer: Any, name: str, seconds: float = QUIET) -> None:
    """Save a picture of the window, in 256 colours."""
    from PIL import Image

    settle(seconds)
    path = HERE / f"learn-{name}.png"
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(path, optimize=True)


def run(dock: Any, step: str, method: str | None = None, **parameters: Any) -> Any:
    """Show a step, choose a method and its parameters, run it; return its panel."""
    dock.show_step(step)
    panel = dock.panel(step)
    if method is not None:
        panel.method_panel.choose(method).fill(parameters)
    panel.method_panel.start()
    wait_until(lambda: not panel.method_panel.job.running, seconds=300.0)
    return panel


def particle() -> None:
    """A battery particle from counts to valence: look, map, error."""
    viewer, dock = open_dock(nmc_ni_k(size=160).stack)
    labels = np.zeros((160, 160), np.uint8)
    labels[70:90, 70:90], labels[112:124, 40:52] = 1, 2
    layer = viewer.layers[0]
    viewer.add_labels(labels, name="regions", scale=layer.scale[1:], units=layer.units[1:], opacity=0.5)
    viewer.layers.selection.active = layer
    viewer.cursor.position = (30, 2.4, 3.9)
    shoot(viewer, "particle-look")
    panel = run(dock, "Map")
    viewer.layers["regions"].visible = False
    viewer.cursor.position = (30, 2.4, 3.9)
    shoot(viewer, "particle-map")
    panel.results.roles.buttons()[1].click()
    shoot(viewer, "particle-sigma", 2.0)
    viewer.close()


def oxides() -> None:
    """Manganese oxides to charge and 10Dq: I0 from the empty area, the library, 10Dq."""
    viewer, dock = open_dock(mn_oxides_l().stack)
    dock.show_step("Prepare")
    steps = dock.panel("Prepare").widget(0).panel
    steps.add_step("optical_depth")
    steps.apply()
    wait_until(lambda: not steps.job.running)
    viewer.cursor.position = (60, 2.4, 3.0)
    shoot(viewer, "oxides-depth")
    panel = run(dock, "Map", "match_library", library="mn-l23")
    viewer.cursor.position = (60, 2.4, 3.0)
    panel.results.show_map("charge")
    shoot(viewer, "oxides-charge")
    panel.results.show_map("ten_dq")
    shoot(viewer, "oxides-ten-dq", 2.0)
    viewer.close()


def photons() -> None:
    """Few photons: the valence without and with denoising."""
    viewer, dock = open_dock(nx.ops.optical_depth(nmc_ni_k(size=160, photons=500).stack))
    run(dock, "Map")
    viewer.cursor.position = (40, 3.2, 3.9)
    shoot(viewer, "photons-before")
    viewer.layers[-1].visible = False
    viewer.layers.selection.active = viewer.layers[0]
    panel = run(dock, "Clean")
    wait_until(lambda: not panel.companions_pending)
    panel.compare.slider.setValue(panel.compare.slider.maximum() // 2)
    viewer.dims.set_current_step(0, 40)
    viewer.cursor.position = (40, 3.2, 3.9)
    shoot(viewer, "photons-clean")
    run(dock, "Map")
    viewer.cursor.position = (40, 3.2, 3.9)
    shoot(viewer, "photons-after")
    viewer.close()


def drift() -> None:
    """A drifting series, made by the first block of its page: the steps, what they found, the recipe on a folder."""
    block = re.search(r"```python\n(.*?)```", (HERE.parent / "learn-drift.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    os.chdir(tempfile.mkdtemp(prefix="beamtime-"))
    exec(block[1])
    viewer, dock = open_dock(nx.read("scans/cell T=25C.h5"))
    dock.show_step("Prepare")
    steps = dock.panel("Prepare").widget(0).panel
    steps.add_step("optical_depth")
    steps.add_step("align")
    steps.apply()
    wait_until(lambda: not steps.job.running, seconds=300.0)
    steps.show_tab("result")
    dock.splitter.setSizes([120, 600])
    viewer.cursor.position = (30, 0.8, 1.2)
    shoot(viewer, "drift-align")
    references = nx.read_spectra("references.csv")
    recipe = [nx.Step("optical_depth"), nx.Step("align"), nx.Step("fit_references", {"references": references})]
    window = open_window(viewer, recipe, Source(str(Path("scans/cell T=25C.h5").resolve())))
    wait_until(window.run_button.isEnabled)
    window.fields.by.setText(r"T=(\d+)C")
    window.resize(900, 620)
    window.start()
    wait_until(lambda: not window.job.running, seconds=500.0)
    settle(2.0)
    window.grab().save(str(HERE / "learn-drift-many.png"))
    window.close()
    viewer.close()


TUTORIALS = {"particle": particle, "oxides": oxides, "photons": photons, "drift": drift}


if __name__ == "__main__":
    for name in sys.argv[1:] or TUTORIALS:
        TUTORIALS[name]()
