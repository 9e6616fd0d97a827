"""The demo: write sample data, read them back, correct and map them, and compare the maps with the truth."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from napari_xanes import pictures
from napari_xanes.history import Step
from napari_xanes.io import read, write
from napari_xanes.parameter_map import MapSet
from napari_xanes.recipe import Recipe, run
from napari_xanes.results import save_result
from napari_xanes.sample import SAMPLES, Sample
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

WINDOW_PACKAGES = (
    "xvfb xauth libegl1 libgl1 libgl1-mesa-dri libglx-mesa0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 "
    "libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 libxcb-xkb1 libdbus-1-3 libfontconfig1"
)
"""Debian packages that a napari window needs, including a virtual screen (Xvfb)."""

RECIPES: Mapping[str, tuple[Step, ...]] = {
    "nmc_ni_k": (Step("optical_depth"), Step("fit_references")),
    "mn_oxides_l": (Step("optical_depth"), Step("fit_references")),
}
"""Steps for each sample; the references come with the sample."""

MATCHES: Mapping[str, tuple[Step, ...]] = {
    "mn_oxides_l": (Step("optical_depth"), Step("match_library", {"library": "mn-l23-oh", "offset": 0.0})),
}
"""Steps for samples whose spectra are in a theory library; their energy axis is calibrated."""


def run_demo(output: Path, *, window: bool | None, say: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Map every sample and write all results into a folder.

    Parameters
    ----------
    output : Path
        Folder; made if it does not exist, files of an earlier demo in it are replaced.
    window : bool or None
        Keep a napari window open (True), take a picture of one only (False), or decide by whether there is a
        screen (None).
    say : callable
        Called with each line of the report.

    Returns
    -------
    dict
        Error figures per sample and map: ``valence bias``, ``valence rmse`` and so on.
    """
    figures = {}
    for key, make in SAMPLES.items():
        folder = output / key
        folder.mkdir(parents=True, exist_ok=True)
        sample = make()
        figures[key] = _map(sample, RECIPES[key], folder, say)
        if key in MATCHES:
            figures[key] |= _match(sample, MATCHES[key], folder, say)
    _picture_of_window(output, window, say)
    say(f"everything is in {output}/")
    return figures


def _map(sample: Sample, steps: tuple[Step, ...], folder: Path, say: Callable[[str], None]) -> dict[str, float]:
    """Write, read and map one sample; return the errors of its maps."""
    raw = folder / "counts.h5"
    write(sample.stack, raw)
    write(sample.truth, folder / "truth.h5")
    references = list(sample.stack.metadata["references"])
    write(references, folder / "references.csv")
    recipe = Recipe(_with_references(step, folder / "references.csv") for step in steps)

    stack = read(raw)
    depth, maps = run(recipe[:1], stack), run(recipe, stack)
    assert isinstance(depth, SpectralStack)
    assert isinstance(maps, MapSet)
    save_result(maps, folder)
    _draw_spectra(depth, references, sample.truth, folder)
    say(f"{stack.name}: {' x '.join(map(str, stack.shape))}, {stack.energy[0]:g} to {stack.energy[-1]:g} eV")
    figures = compare(maps, sample.truth)
    for name, value in figures.items():
        say(f"  {name:32} {value: .4f}")
    return figures


def _match(sample: Sample, steps: tuple[Step, ...], folder: Path, say: Callable[[str], None]) -> dict[str, float]:
    """Map charge and 10Dq without references; return the share of nearly pure pixels whose charge is right."""
    maps = run(Recipe(steps), read(folder / "counts.h5"))
    assert isinstance(maps, MapSet)
    save_result(maps, folder / "match")
    charge = maps["charge"]
    shares = np.array([sample.truth[r.name].data for r in sample.stack.metadata["references"]])
    charges = np.array([round(r.valence or 0) for r in sample.stack.metadata["references"]])
    pure = (shares.max(axis=0) > 0.95) & sample.truth["valence"].mask & charge.mask
    right = float(np.mean(charge.data[pure] == charges[shares.argmax(axis=0)][pure]))
    say(f"  {'charge right (theory library)':32} {right: .4f}")
    return {"charge right": right}


def _with_references(step: Step, path: Path) -> Step:
    if step.name != "fit_references":
        return step
    return Step(step.name, {"references": [str(path.resolve())], **step.parameters})


def compare(maps: MapSet, truth: MapSet) -> dict[str, float]:
    """Return bias, root mean square error and coverage of the error bars, where both maps have a value.

    Parameters
    ----------
    maps, truth : MapSet
        Estimated and true maps.

    Returns
    -------
    dict
        For each map that both have: ``<name> bias``, ``<name> rmse``, and ``<name> within 2 sigma``, the share of
        pixels whose true value lies within two standard errors (0.95 is expected).
    """
    figures = {}
    for name in (n for n in ("valence", "edge_jump") if n in maps and n in truth):
        estimate, true = maps[name], truth[name]
        both = estimate.mask & true.mask & (truth["edge_jump"].data > 0)  # type: ignore[operator]
        error = estimate.data[both] - true.data[both]
        figures[f"{name} bias"] = float(error.mean())
        figures[f"{name} rmse"] = float(np.sqrt(np.mean(error**2)))
        if estimate.sigma is not None:
            figures[f"{name} within 2 sigma"] = float(np.mean(np.abs(error) <= 2 * estimate.sigma[both]))
    return figures


def _draw_spectra(depth: SpectralStack, references: list[Spectrum], truth: MapSet, folder: Path) -> None:
    """Write the mean spectrum of the particle as CSV, XDI and PNG, the PNG with the references."""
    inside = truth["valence"].mask
    values = depth.data[:, inside]
    mean = Spectrum("particle, mean", depth.energy, np.nanmean(values, axis=1, dtype=np.float64))
    write([mean], folder / "spectra.csv")
    write([mean], folder / "spectra.xdi")
    scaled = [Spectrum(f"{r.name} (normalized)", r.energy, r.mu) for r in references]
    pictures.save_spectra([mean, *scaled], folder / "spectra.png", ylabel="optical depth (OD)", title=depth.name)


def _picture_of_window(output: Path, window: bool | None, say: Callable[[str], None]) -> None:
    """Save a picture of the napari window with the first sample, on a virtual screen if there is no real one."""
    has_native_screen = sys.platform in ("darwin", "win32")
    has_screen = has_native_screen or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    keep_window = has_screen if window is None else window
    if window and not has_screen:
        raise OSError("there is no screen to keep a window on; leave --window out to get a picture of it instead")
    folder = output / next(iter(SAMPLES))
    picture = output / "window.png"
    command = [sys.executable, "-m", "napari_xanes.gui.screenshot", str(folder / "counts.h5"), str(picture)]
    if not has_screen:
        if shutil.which("xvfb-run") is None:
            say(f"no picture of the window: no screen and no Xvfb; on Debian or Ubuntu: apt install {WINDOW_PACKAGES}")
            return
        command = ["xvfb-run", "-a", "-s", "-screen 0 1366x768x24", *command]
    if keep_window:
        say("a napari window opens and stays; close it to end (--headless opens none)")
    done = subprocess.run([*command, *(["--stay"] if keep_window else [])], capture_output=True, text=True, check=False)
    if done.returncode == 0 and picture.exists():
        say(f"the window: {picture}")
        return
    reason = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    say(f"no picture of the window: {reason}")
    say(f"on Debian or Ubuntu it needs: apt install {WINDOW_PACKAGES}; and pip install 'napari-xanes[all]'")
