"""What of a stack a library can be matched on: the energies they share, and a sample of its spectra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

_SAMPLE_PIXELS = 1 << 12
_GROUPS = 6

_STRONG = 0.1
"""Least power of a spectrum of the sample beside the strongest; sharp lines hold little of it."""


@dataclass(frozen=True)
class Window:
    """The part of a stack's energies that a library can be matched on, and what to say about it."""

    frames: slice
    energy: Float64Array
    warnings: list[str]


def usable(stack: SpectralStack, library: Library, offset: float | None, n_columns: int) -> Window:
    """The frames within the library, checked to hold the edge.

    Raises
    ------
    ValueError
        If the stack and the library do not overlap, too few energies are left, or the L3 edge is not among them.
    """
    axis = stack.energy
    low, high = library.span
    by = offset or 0.0
    inside = np.flatnonzero((axis >= low + by) & (axis <= high + by))
    here = f"the stack has {axis.size} energies, {axis[0]:g} to {axis[-1]:g} eV"
    if inside.size < n_columns + 4:
        raise ValueError(
            f"{here}; {inside.size} of them lie in the library {library.name!r} ({low:.0f} to {high:.0f} eV), but "
            f"{n_columns + 4} are needed: choose the library of the element and edge that was measured"
        )
    used = axis[inside[0] : inside[-1] + 1]
    warnings = []
    if used.size < axis.size:
        warnings.append(
            f"{axis.size - used.size} of {axis.size} energies lie outside the library ({low:.0f}-{high:.0f} eV) and "
            "are not used"
        )
    edges = _edges(library)
    if edges is not None:
        # The stack's own energies may be off: an edge that ends within that of the axis counts as covered.
        slack = 0.0 if offset is not None else 1.0
        covered = [_share(library, part, used[0] - by - slack, used[-1] - by + slack) for part in edges]
        if covered[0] < 0.7:
            raise ValueError(
                f"{here}, which holds {covered[0]:.0%} of the L3 edge of library {library.name!r} "
                f"({edges[0][0]:.0f} to {edges[0][1]:.0f} eV): charge and 10Dq can't be told without it"
            )
        if covered[1] < 0.7:
            warnings.append(
                f"the stack ends at {axis[-1]:g} eV, before the L2 edge is over: charge and 10Dq come from L3 alone"
            )
    return Window(slice(int(inside[0]), int(inside[-1]) + 1), used, warnings)


def _edges(library: Library) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Where L3 and L2 of a simulated library lie on the average, in eV."""
    from napari_xanes.theory.multiplet.atomic import find_ion

    element, charge = library.table.get("element"), library.column("charge")[0]
    if element is None or element[0] == "" or "ten_dq" not in library.table:
        return None
    zeta = find_ion(str(element[0]), int(charge)).final.zeta_2p
    mean = library.spectra.mean(axis=0)
    middle = float(library.energy @ mean / mean.sum()) + zeta / 4 + float(library.table["offset"].mean())
    return (middle - 1.5 * zeta, middle), (middle, middle + 1.5 * zeta)


def _share(library: Library, part: tuple[float, float], low: float, high: float) -> float:
    """How much of the area in a part of the axis lies between two energies."""
    axis = library.energy + float(library.table["offset"].mean())
    mean = library.spectra.mean(axis=0) * ((axis >= part[0]) & (axis <= part[1]))
    return float(mean[(axis >= low) & (axis <= high)].sum() / mean.sum())


@dataclass(frozen=True)
class Sample:
    """Strong finite spectra (E, P) of a stack, and the means (E, G) of groups of like ones with their weights (G,)."""

    spectra: Float32Array
    means: Float64Array
    weights: Float64Array


def sample_of(stack: SpectralStack, window: Window, background: str) -> Sample:
    """Spectra spread over the image, those with a clear edge.

    Raises
    ------
    ValueError
        If no pixel has a whole spectrum, or all are empty.
    """
    step = min(max(1, round(np.prod(stack.shape[1:]) / _SAMPLE_PIXELS)), stack.shape[-2])
    for start in range(step):
        rows = np.asarray(stack.data[window.frames, ..., start::step, :], dtype=np.float32)
        spectra = rows.reshape(window.energy.size, -1)
        spectra = spectra[:, np.isfinite(spectra).all(axis=0)]
        if spectra.shape[1]:
            break
    else:
        raise_if_frame_empty(stack)
        raise ValueError(f"no pixel of {stack.name!r} holds finite values at all energies; crop to where it does")
    free = background_columns(window.energy, background).astype(np.float32)
    clean = spectra - free @ (free.T @ spectra)
    # What changes from one energy to the next is mostly noise; what is left over it is signal.
    power = np.einsum("ep,ep->p", clean, clean) - 0.5 * np.sum(np.diff(clean, axis=0) ** 2, axis=0)
    strong = power >= _STRONG * np.percentile(power, 95)
    strong &= power > 0
    if not strong.any():
        raise ValueError(f"no pixel of {stack.name!r} has an edge: its spectra are flat or noise")
    chosen = np.flatnonzero(strong)[:: -(-int(strong.sum()) // _SAMPLE_PIXELS)]
    means, weights = _groups(clean[:, chosen].astype(np.float64))
    return Sample(spectra[:, chosen], means, weights)


def _groups(clean: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Means of like spectra, as unit vectors (E, G), and how many each stands for."""
    unit = clean / np.linalg.norm(clean, axis=0)
    patterns = np.linalg.eigh(unit @ unit.T)[1][:, -6:]
    points = (patterns.T @ unit).T
    # Seeds lie as far from each other as can be, so that rare phases are among them.
    seeds = [int(np.argmax(points @ points.mean(axis=0)))]
    for _ in range(min(_GROUPS, len(points)) - 1):
        away = np.min([np.sum((points - points[seed]) ** 2, axis=1) for seed in seeds], axis=0)
        seeds.append(int(away.argmax()))
    centres = points[seeds]
    for _ in range(10):
        own = np.argmin([np.sum((points - centre) ** 2, axis=1) for centre in centres], axis=0)
        centres = np.array(
            [points[own == i].mean(axis=0) if (own == i).any() else centres[i] for i in range(len(centres))]
        )
    filled = [i for i in range(len(centres)) if (own == i).sum() > max(1, 0.01 * len(points)) or len(points) < 50]
    filled = [i for i in filled if (own == i).any()]
    means = np.stack([clean[:, own == i].mean(axis=1) for i in filled], axis=1)
    weights = np.array([(own == i).sum() for i in filled], dtype=np.float64)
    return means / np.linalg.norm(means, axis=0), weights / weights.sum()
