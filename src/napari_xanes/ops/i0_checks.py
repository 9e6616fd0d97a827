"""What is wrong with an I0, in words: an edge of the sample in it, another unit, saturation, values without counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.saturation import saturation_warnings
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_WINDOW = (-60.0, 100.0)
"""Energies around the edge that are looked at, in eV."""

_LEAST_SHARE, _LEAST_SIGMA, _LEAST_GAIN = 0.04, 6.0, 3.0
"""An edge in I0 has at least this share of the sample's, this many standard errors, and explains so much of I0 that the
squares left over fall by this factor."""

_MAX_EMPTY_SHARE = 0.01


def edge_in_i0(energy: Float64Array, i0: Float64Array, others: Float64Array) -> tuple[float, float] | None:
    """Find the sample's absorption edge in an I0 that was taken from the image.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Photon energies in eV.
    i0, others : ndarray, shape (E,)
        Mean counts in the area that is taken as empty, and in the rest of the image.

    Returns
    -------
    tuple of float, or None
        Energy of the edge, and the share of the true optical depth that the rest of the image gets with this I0. None
        if I0 shows no edge.

    Notes
    -----
    The logarithm of I0 is fitted with a cubic in energy plus the sample's spectrum. Slopes and glitches of the beam do
    not look like the sample's edge: the spectrum must explain most of what the cubic leaves.
    """
    with np.errstate(all="ignore"):
        beam, sample = np.log(i0), np.log(i0 / others)
    if not (np.isfinite(beam).all() and np.isfinite(sample).all()) or energy.size < 10:
        return None
    smooth = np.convolve(sample, np.ones(3) / 3, mode="valid")
    edge = float(energy[1:-1][int(np.argmax(np.gradient(smooth, energy[1:-1])))])
    near = (energy > edge + _WINDOW[0]) & (energy < edge + _WINDOW[1])
    if near.sum() < 10:
        return None
    position = (energy[near] - edge) / (_WINDOW[1] - _WINDOW[0])
    cubic = np.linalg.qr(np.vander(position, 4))[0]
    beam, sample = (values[near] - cubic @ (cubic.T @ values[near]) for values in (beam, sample))
    share = float(sample @ beam / (sample @ sample))
    left = float(np.sum((beam - share * sample) ** 2))
    error = np.sqrt(left / (near.sum() - 5) / (sample @ sample))
    found = share < -max(_LEAST_SHARE, _LEAST_SIGMA * error) and beam @ beam > _LEAST_GAIN * left
    return (edge, 1 / (1 - share)) if found else None


def told_about_region(energy: Float64Array, i0: Float64Array, others: Float64Array) -> list[str]:
    """Return what is wrong with an I0 from a region; parameters as in `edge_in_i0`."""
    found = edge_in_i0(energy, i0, others)
    if found is None:
        return []
    edge, share = found
    return [
        f"the area that I0 was taken from shows the sample's edge at {edge:.0f} eV: there is sample in it. The optical "
        f"depth is about {share:.0%} of what it should be; give I0 as flats, a spectrum, or a region without sample"
    ]


def told_about_i0(stack: SpectralStack, i0: Any, depth: Any) -> list[str]:
    """Return what is wrong with the I0 of a stack; `depth` (E, Y, X) is the optical depth, looked at if in memory."""
    told = list(i0.metadata.get("warnings", ())) if isinstance(i0, Spectrum) else []
    if stack.quantity != "counts":
        return told
    if isinstance(i0, Spectrum) and (i0.mu == 1).all():
        told.append(
            "I0 is 1 at all energies, but the stack holds counts: only differences between energies have a meaning. "
            "Give I0, or read the stack with quantity='transmission' if it is divided by I0"
        )
    elif isinstance(depth, np.ndarray):
        middle = depth[len(depth) // 2]
        typical = float(np.median(middle[np.isfinite(middle)])) if np.isfinite(middle).any() else 0.0
        if typical < -1:
            told.append(
                f"most of the image is brighter than I0 (median optical depth {typical:.1f}): I0 is in another unit or "
                "of another exposure, so only differences between energies have a meaning"
            )
    flats = i0.data if isinstance(i0, SpectralStack) else stack.corrections.flat if i0 == "flat" else None
    if flats is not None:
        told += saturation_warnings("flat", flats, len(stack.shape))
    return told + saturation_warnings("images", stack.data, len(stack.shape))


def told_about_empty_values(stack: SpectralStack, n_empty: IndexArray) -> list[str]:
    """Say how many values are NaN though they were measured; ``n_empty`` (E,) is the number in each frame."""
    n_pixels = int(np.prod(stack.shape[1:]))
    worst = int(np.argmax(n_empty))
    if n_empty.sum() <= _MAX_EMPTY_SHARE * n_pixels * len(n_empty):
        return []
    share = n_empty.sum() / n_pixels / len(n_empty)
    return [
        f"{share:.1%} of the values ({n_empty[worst] / n_pixels:.0%} at {stack.energy[worst]:.1f} eV) have no counts "
        "above the dark, or no I0, and are NaN"
    ]
