"""What `match_library` has to know of a whole stack: offset, broadening, how pixels shift, what can't be told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.maps.library_compare import Comparison
from napari_xanes.maps.library_matcher import Limits, Matcher
from napari_xanes.maps.library_nodes import prepare_nodes
from napari_xanes.maps.library_search import Floats
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.library import Library
from napari_xanes.theory.placement import background_columns

REACH = 2.0
"""How far, in eV, the energies of a stack may be off when nobody says by how much."""

_SAMPLE_PIXELS = 1 << 12
_GROUPS = 6
_MEMBERS = 240
"""How many members are enough to find the offset with."""

_WIDTHS = (0.15, 0.25, 0.4, 0.6, 0.9)
_AS_GOOD = 1.5
"""Another offset explains the stack too if its misfit (sum of squares) is at most this many times the best."""

_PASSES = 3
"""How often the sample is matched at most, each time with a better offset and width."""

_ALIKE = 0.06
"""Pixels whose shift is that of the stack, within this many eV, are averaged to find the broadening."""


@dataclass(frozen=True)
class Window:
    """The part of a stack's energies that a library can be matched on, and what to say about it."""

    frames: slice
    energy: Floats
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
    from napari_xanes.theory.atomic import find_ion

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

    spectra: NDArray[np.float32]
    means: Floats
    weights: Floats


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
    strong = power >= 0.25 * np.percentile(power, 95)
    strong &= power > 0
    if not strong.any():
        raise ValueError(f"no pixel of {stack.name!r} has an edge: its spectra are flat or noise")
    chosen = np.flatnonzero(strong)[:: max(1, int(strong.sum()) // _SAMPLE_PIXELS)]
    means, weights = _groups(clean[:, chosen].astype(np.float64))
    return Sample(spectra[:, chosen], means, weights)


def _groups(clean: Floats) -> tuple[Floats, Floats]:
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


@dataclass(frozen=True)
class Settled:
    """Energy offset and broadening of a stack, the spread of its pixels' shifts (eV), charges that can't be told."""

    offset: float
    broadening: float
    spread: float
    unsure: list[float]


def settle(
    library: Library,
    window: Window,
    sample: Sample,
    *,
    offset: float | None,
    broadening: float | None,
    spread: float | None,
    shift: float,
    background: str,
    dimensions: int,
) -> Settled:
    """What the data decide of what is None.

    First the offset and width with which means of like pixels fit best. Then pixels are matched one by one, which
    gives their shifts; those without one are averaged and give the width anew, because shifts blur other means.
    """
    rows = np.arange(0, len(library), max(1, len(library) // _MEMBERS))
    free = background_columns(window.energy, background)
    compare = Comparison(library, rows, window.energy, free, sample.means, sample.weights)
    offsets = np.arange(-REACH, REACH + 0.01, 0.2)
    found, width = compare.searched(offsets if offset is None else np.array([offset]), _WIDTHS, broadening)
    measured = 0.0
    for _ in range(_PASSES):
        common, measured, still = _matched(library, window, sample, found, width, shift, background, dimensions)
        if still is None:
            break
        common, before = (0.0 if offset is not None else common), width
        found += common
        compare = Comparison(library, rows, window.energy, free, *still)
        _, width = compare.refined(found, width, free_offset=False, free_width=broadening is None)
        if abs(np.log(width / before)) < 0.05 and abs(common) < 0.005:
            break
    unsure = []
    if offset is None:
        every = replace(compare, rows=np.arange(len(library)))
        unsure = every.unsure(offsets, found, width, _AS_GOOD)
    return Settled(found, width, measured if spread is None else spread, unsure)


def _matched(
    library: Library,
    window: Window,
    sample: Sample,
    offset: float,
    width: float,
    shift: float,
    background: str,
    dimensions: int,
) -> tuple[float, float, tuple[Floats, Floats] | None]:
    """The mean shift of the sample's pixels and its spread beyond noise (eV), and means of the pixels at that shift."""
    nodes = prepare_nodes(
        library,
        window.energy,
        offset=offset,
        broadening=width,
        shift=shift,
        spread=shift,
        background=background,
        dimensions=dimensions,
    )
    none = np.zeros(len(nodes.species), dtype=bool)
    matcher = Matcher(nodes, slice(None), Limits(shift, None, 1.0, 0.0, none), sample.spectra.shape[1])
    found = matcher.match(sample.spectra)
    good = (found["doubt"] == 0) & (np.abs(found["shift"]) <= shift)
    if good.sum() < 1:
        return 0.0, shift / 3, None
    shifts, errors = found["shift"][good], found["shift_sigma"][good]
    common = float(np.average(shifts, weights=1 / (errors**2 + np.var(shifts) + 1e-12)))
    spread = np.sqrt(max(0.0, float(np.mean((shifts - common) ** 2) - np.mean(errors**2))))
    if good.sum() < 20:
        spread = shift / 3
    alike = np.flatnonzero(good)[np.abs(shifts - common) <= _ALIKE]
    return common, float(np.round(spread, 6)), _means(sample.spectra, alike, found["row"], nodes.free)


def _means(
    spectra: NDArray[np.float32], alike: NDArray[np.intp], row: NDArray[Any], free: NDArray[np.float32]
) -> tuple[Floats, Floats] | None:
    """Unit means (E, G) of the spectra that match the same member, of the commonest members, and their weights."""
    if alike.size == 0:
        return None
    members, counts = np.unique(row[alike], return_counts=True)
    chosen = members[np.argsort(-counts, kind="stable")[:24]]
    clean = (spectra[:, alike] - free @ (free.T @ spectra[:, alike])).astype(np.float64)
    means = np.stack([clean[:, row[alike] == member].mean(axis=1) for member in chosen], axis=1)
    weights = np.array([(row[alike] == member).sum() for member in chosen], dtype=np.float64)
    return means / np.linalg.norm(means, axis=0), weights / weights.sum()
