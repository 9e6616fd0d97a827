"""Draw the figures of docs/align.md: ``python docs/align_figures.py``. A stack before and after `align`.

The sample is simulated, so that what is right is known. The drift plot is drawn by ``docs/make_pictures.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

import napari_xanes as nx
from napari_xanes.colours import OKABE_ITO

HERE = Path(__file__).resolve().parent
_STEP = 0.4
"""Drift in pixels from frame to frame."""
_MARGIN = 10
"""Pixels at the border that some frame does not reach."""


def stacks(size: int = 160, seed: int = 0) -> tuple[nx.SpectralStack, nx.SpectralStack, nx.SpectralStack]:
    """Return the optical depth of a particle that stands still, drifts, and is aligned; the same part of each."""
    sample = nx.sample.nmc_ni_k(size=size).stack
    still = nx.ops.optical_depth(sample)
    rng = np.random.default_rng(seed)
    drift = np.cumsum(rng.normal(0, _STEP, (still.energy.size, 2)), axis=0)
    drift -= drift.mean(axis=0)
    drifting = nx.ops.align(still, shifts=(-drift).tolist())
    inner = (_MARGIN, size - _MARGIN, _MARGIN, size - _MARGIN)
    drifting = nx.ops.crop(drifting, region=inner)
    aligned = nx.ops.align(drifting)
    return nx.ops.crop(still, region=inner), drifting, aligned


def draw(path: Path, size: int = 160) -> None:
    """Draw mean images before and after, and the spectrum of a pixel beside a border, into a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    still, before, after = stacks(size)
    mean = still.data.mean(axis=0)
    # Cracks of one pixel are not chosen: resampling blurs them, and here it was done twice, for the drift as well.
    steep = np.abs(np.gradient(ndimage.gaussian_filter(mean, 2), axis=1))
    steep[:_MARGIN], steep[-_MARGIN:], steep[:, :_MARGIN], steep[:, -_MARGIN:] = 0, 0, 0, 0
    y, x = np.unravel_index(int(steep.argmax()), steep.shape)
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3, width_ratios=(1, 1, 1.5))
    limits: dict[str, Any] = {"vmin": 0, "vmax": float(np.percentile(mean, 99.5)), "cmap": "gray"}
    for ax, (title, stack) in zip(axes[:2], (("before", before), ("after", after)), strict=True):
        with np.errstate(invalid="ignore"):
            ax.imshow(stack.data.mean(axis=0), **limits)
        ax.plot(x, y, "s", markersize=9, markerfacecolor="none", color=OKABE_ITO[0])
        ax.set(title=f"{title}: mean of all frames", xticks=[], yticks=[])
    for name, stack, style in (("before", before, OKABE_ITO[5]), ("after", after, OKABE_ITO[4])):
        axes[2].plot(stack.energy, stack.data[:, y, x], color=style, label=name)
    axes[2].plot(still.energy, still.data[:, y, x], "k:", label="without drift")
    axes[2].set(title="the pixel in the square", xlabel="photon energy (eV)", ylabel="optical depth (OD)")
    axes[2].legend(frameon=False, loc="upper left")
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    draw(HERE / "pictures" / "align.png")
