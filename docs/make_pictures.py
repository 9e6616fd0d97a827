"""Make the pictures of the docs: ``make pictures``. Look at them before you commit them.

This needs a screen; without one, run ``xvfb-run -a -s "-screen 0 1366x768x24" make pictures``.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "pictures"
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")  # not the user's own settings

import numpy as np  # noqa: E402
from align_figures import stacks  # noqa: E402
from qtpy.QtWidgets import QDialog  # noqa: E402

from napari_xanes.gui.layers import stack_to_layer  # noqa: E402
from napari_xanes.gui.places import place_at  # noqa: E402
from napari_xanes.gui.references.theory_records import theory_spectra  # noqa: E402
from napari_xanes.gui.screenshot import open_docks, settle  # noqa: E402
from napari_xanes.gui.screenshot import wait_until as wait_for  # noqa: E402
from napari_xanes.gui.spectra.look import LookPanel  # noqa: E402
from napari_xanes.gui.state.workspace import workspace_of  # noqa: E402
from napari_xanes.io import write  # noqa: E402
from napari_xanes.maps import window_step  # noqa: E402
from napari_xanes.ops import optical_depth  # noqa: E402
from napari_xanes.sample import mn_oxides_l, nmc_ni_k  # noqa: E402
from napari_xanes.spectrum import Spectrum  # noqa: E402


def wait_until(condition: Any, *, seconds: float = 600.0) -> None:
    """Wait also on a busy computer."""
    wait_for(condition, seconds=seconds)


def brush_regions(viewer: object, size: int) -> None:
    """Brush two regions like a user: the middle and the rim."""
    y, x = np.indices((size, size)) - size / 2
    labels = np.zeros((size, size), np.uint8)
    labels[np.hypot(y + 8, x - 4) < 12] = 1
    labels[np.hypot(y - 30, x + 38) < 8] = 2
    viewer.add_labels(labels, name="regions", scale=(0.04, 0.04), units=("um", "um"), opacity=0.5)


def window(theme: str, stack: Path, size: int) -> None:
    """The window after a drop, and with spectra, a map and its results."""
    viewer, docks = open_docks(stack)
    viewer.theme = theme
    settle()
    viewer.screenshot(str(HERE / f"dropped-{theme}.png"), canvas_only=False, flash=False)
    docks["Map"].method_panel.start()
    wait_until(lambda: not docks["Map"].method_panel.job.running)
    brush_regions(viewer, size)
    viewer.layers.selection.active = viewer.layers[1]
    viewer.cursor.position = (30, 2.4, 3.9)
    settle(6.0)  # until the notifications are gone
    viewer.screenshot(str(HERE / f"window-{theme}.png"), canvas_only=False, flash=False)
    for name, dock in docks.items():
        dock.grab().save(str(HERE / f"{name.lower()}-{theme}.png"))
    results = docks["Map"].results
    results.statistics_button.click()
    results.mix_button.click()
    wait_until(lambda: len(results.statistics.rows) > 1)
    settle()
    results.grab().save(str(HERE / f"results-{theme}.png"))
    viewer.close()


def main() -> None:
    """Make all pictures, dark and light."""
    size = 160
    folder = Path(tempfile.mkdtemp())
    write(nmc_ni_k(size=size).stack, folder / "NMC particle.h5")
    for theme in ("dark", "light"):
        window(theme, folder / "NMC particle.h5", size)
        denoise_dock(theme)
        theory_docks(theme)
        card(theme)
        drift(theme)
        xanes(theme)
        prepare(theme)
        references(theme)
    for name in EXPLORED:
        explore(name)


EXPLORED: dict[str, dict[str, Any]] = {
    "components": {}, "cluster": {"count": 3}, "unmix": {"count": 3}, "small_phases": {},
    "search_references": {}, "fit_peaks": {"centers": [8350.0], "energy": (8335.0, 8365.0)},
}  # fmt: skip
"""The methods that find spectra and peaks, with what is chosen in their forms."""


def explore(name: str) -> None:
    """What a method found, on a small screen: in oxides of manganese, or in a nickel particle."""
    oxides = name in ("components", "cluster", "unmix")
    stack = optical_depth((mn_oxides_l() if oxides else nmc_ni_k(size=120, photons=4e4)).stack)
    spot = 0.12 * np.exp(-(((stack.energy - stack.energy.mean()) / 4) ** 2))
    if name == "small_phases":
        stack.data[:, 50:56, 70:76] += spot[:, None, None].astype(np.float32)
    viewer, dock = small_window("dark", stack)
    step = window_step(name)
    dock.show_step(step)
    dock.splitter.setSizes([240, 480])
    panel = dock.panel(step)
    panel.method_panel.choose(name).fill(EXPLORED[name])
    panel.method_panel.start()
    wait_until(lambda: not panel.method_panel.job.running, seconds=300.0)
    panel.method_panel.show_tab("found" if step == "Explore" else "results")
    if name == "search_references":
        panel.found.answers.selectRow(0)
    viewer.cursor.position = tuple(viewer.layers[0].data_to_world((30, 60, 60)))
    settle(1.0)
    for notification in viewer.window._qt_viewer.canvas.native.findChildren(QDialog):
        notification.close()
    settle(1.0)
    viewer.screenshot(str(HERE / f"explore-{name.replace('_', '-')}.png"), canvas_only=False, flash=False)
    viewer.close()


def card(theme: str) -> None:
    """The card of a scan in Data Exchange: what was read and guessed, and an I0 that was not used."""
    import h5py
    import napari

    stack = nmc_ni_k(size=64).stack
    path = Path(tempfile.mkdtemp()) / "NMC particle.h5"
    with h5py.File(path, "w") as file:
        file["exchange/data"], file["exchange/energy"] = np.asarray(stack.data), stack.energy / 1000
        file["exchange/data_white"] = np.full(stack.shape, 1e4, np.float32)
        file["measurement/i0"] = np.ones(stack.shape[0])
    viewer = napari.Viewer()
    viewer.theme = theme
    viewer.open(str(path), plugin="napari-xanes")
    prepare = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    prepare.card_line.button.click()
    wait_until(lambda: not prepare.card_line.card.looking.running)
    prepare.card_line.card.contents_button.click()
    prepare.card_line.card.resize(380, 860)
    settle()
    prepare.card_line.card.grab().save(str(HERE / f"card-{theme}.png"))
    viewer.close()


def small_window(theme: str, stack: Any = None) -> tuple[Any, Any]:
    """Return a viewer on a small screen that shows a stack, by default a particle, and its dock of all steps."""
    import napari

    viewer = napari.Viewer()
    viewer.window.resize(1366, 768)
    viewer.theme = theme
    data, keywords, _kind = stack_to_layer(nmc_ni_k(size=160).stack if stack is None else stack)
    viewer.add_image(data, **keywords)
    return viewer, viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]


def xanes(theme: str) -> None:
    """The dock of all steps beside a valence map, on a small screen: the results with the fit under the cursor."""
    viewer, dock = small_window(theme)
    dock.show_step("Map")
    mapping = dock.panel("Map")
    mapping.method_panel.start()
    wait_until(lambda: not mapping.method_panel.job.running)
    viewer.cursor.position = (30, 2.4, 3.9)
    settle(6.0)  # until the notifications are gone
    viewer.screenshot(str(HERE / f"xanes-{theme}.png"), canvas_only=False, flash=False)
    viewer.close()


def prepare(theme: str) -> None:
    """The steps of a particle on a small screen, before they are applied: preview, form and handles."""
    viewer, dock = small_window(theme)
    dock.show_step("Prepare")
    panel = dock.panel("Prepare").widget(0).panel
    viewer.cursor.position = (30, 2.4, 3.9)
    for name in ("optical_depth", "align", "normalize_edge"):
        panel.add_step(name)
    wait_until(lambda: panel.preview.curves is not None and panel.preview.curves.edge is not None)
    settle(1.0)
    viewer.screenshot(str(HERE / f"prepare-{theme}.png"), canvas_only=False, flash=False)
    viewer.close()


def references(theme: str) -> None:
    """The list of references on a small screen: one of another element, which are needed, and the lines of one."""
    viewer, dock = small_window(theme)
    shared = workspace_of(viewer).references
    energy = np.arange(7050.0, 7300.0)
    shared.add([Spectrum("Fe2O3", energy, 0.5 + np.arctan(energy - 7124) / np.pi)])
    oxide = next(one for one in theory_spectra("ni-k") if one.name.startswith("LiNiO2"))
    shared.add([replace(oxide, name="LiNiO2 foil", valence=None, metadata={"element": "Ni", "edge": "K"})])
    tabs = dock.panel("Look").findChild(LookPanel).tabs
    tabs.setCurrentWidget(tabs.references)
    viewer.cursor.position = (30, 2.4, 3.9)
    wait_until(lambda: len(shared.checked) == 3)  # with the two of the stack
    tabs.references._need_test.on_stack()
    wait_until(lambda: not tabs.references._need_test.job.running)
    dock.splitter.setSizes([240, 480])
    tabs.references._table.choose("LiNiO2 foil")
    tabs.references._lines.button.click()
    settle(6.0)  # until the notifications are gone
    viewer.screenshot(str(HERE / f"references-{theme}.png"), canvas_only=False, flash=False)
    viewer.close()


def drift(theme: str) -> None:
    """The drift of a particle in the Prepare dock; one frame shows nothing."""
    import napari

    stack = stacks(96)[1]
    stack.data[28] = np.random.default_rng(0).normal(0.3, 0.1, stack.shape[1:])
    viewer = napari.Viewer()
    viewer.window.resize(1366, 1000)
    viewer.theme = theme
    data, keywords, _kind = stack_to_layer(stack)
    viewer.add_image(data, **keywords)
    prepare = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    prepare.panel.add_step("align")
    prepare.panel.apply()
    wait_until(lambda: not prepare.panel.job.running)
    viewer.dims.set_current_step(0, 12)
    settle(1.0)
    prepare.grab().save(str(HERE / f"drift-{theme}.png"))
    viewer.close()


def denoise_dock(theme: str) -> None:
    """The Denoise dock on few photons: half of the image as before, half as after."""
    import napari

    stack = optical_depth(nmc_ni_k(size=160, photons=500).stack)
    line = 0.15 * np.exp(-(((stack.energy - 8333) / 2) ** 2))  # in one place, and in no reference
    stack.data[:, 95:111, 90:106] += line[:, None, None].astype(np.float32)
    viewer = napari.Viewer()
    viewer.window.resize(1366, 768)
    viewer.theme = theme
    data, keywords, _kind = stack_to_layer(stack)
    viewer.add_image(data, **keywords)
    denoise = viewer.window.add_plugin_dock_widget("napari-xanes", "Denoise")[1]
    denoise.method_panel.start()
    wait_until(lambda: not denoise.method_panel.job.running and not denoise.companions_pending)
    denoise.compare.slider.setValue(denoise.compare.slider.maximum() // 2)
    viewer.dims.set_current_step(0, 40)
    viewer.cursor.position = (40, 3.2, 3.9)
    settle(6.0)
    viewer.screenshot(str(HERE / f"denoise-{theme}.png"), canvas_only=False, flash=False)
    viewer.close()


def theory_docks(theme: str) -> None:
    """The Embedding and Simulate docks on the Mn sample."""
    import napari

    stack = optical_depth(mn_oxides_l().stack)
    viewer = napari.Viewer()
    viewer.window.resize(1366, 768)
    viewer.theme = theme
    data, keywords, _kind = stack_to_layer(stack)
    layer = viewer.add_image(data, **keywords)
    embedding = viewer.window.add_plugin_dock_widget("napari-xanes", "Embedding")[1]
    embedding.start()
    wait_until(lambda: not embedding.job.running)
    labels = np.zeros(stack.shape[1:], np.uint8)
    labels[30:38, 55:65] = 1
    viewer.add_labels(labels, name="regions", scale=(0.05, 0.05), units=("um", "um"), opacity=0.5)
    viewer.layers.selection.active = layer
    for pixel in ((100, 60), (60, 98)):
        workspace_of(viewer).pins.add(place_at(layer, pixel))
    viewer.cursor.position = (60, 2.4, 3.0)
    settle()
    viewer.screenshot(str(HERE / f"embedding-{theme}.png"), canvas_only=False, flash=False)
    embedding.parent().hide()
    workspace_of(viewer).pins.clear()
    viewer.layers.remove("regions")
    spectra = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    settle()  # until the references of the sample are there
    references = spectra.look.tabs.references.references
    for reference in references.spectra:
        references.set_checked(reference.name, False)
    simulate = viewer.window.add_plugin_dock_widget("napari-xanes", "Simulate")[1]
    settle()  # until it has an ion of the stack's element
    simulate.ion.setCurrentText("Mn3+")
    simulate.knobs["ten_dq"].box.setValue(1.5)
    viewer.cursor.position = (60, 2.4, 3.05)
    wait_until(lambda: len(spectra.view.shown_curves) == 2)  # measured and simulated
    settle(1.0)
    viewer.screenshot(str(HERE / f"simulate-{theme}.png"), canvas_only=False, flash=False)
    viewer.close()


if __name__ == "__main__":
    main()
