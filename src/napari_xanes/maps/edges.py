"""Where each pixel's edge lies: its half-step energy, steepest rise and white line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from napari_xanes import blocks
from napari_xanes.arguments import load_references
from napari_xanes.edge import (
    EdgeLines,
    default_ranges,
    normalize_spectrum,
    raise_if_frame_empty,
    require_absorption,
    settle_edge,
)
from napari_xanes.maps.fitting.edge_fit import EdgeFit
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

Range = tuple[float, float]


def _load_if_any(value: Any) -> Any:
    return load_references(value) if value else None


Calibration = Annotated[Any, BeforeValidator(_load_if_any), Param(kind="calibration", auto="not calibrated")]
"""References with valences, or None."""


def _settle(
    stack: SpectralStack,
    *,
    energy: Range | None,
    e0: float | None,
    pre: Range | None,
    post: Range | None,
    min_jump: float | None,
    progress: Progress | None = None,
    **_: Any,
) -> Mapping[str, Any]:
    """E0, ranges, smallest jump and where to search, as the data decide them."""
    require_absorption(stack, "edge_energy", normalized=True)
    edge, least = settle_edge(stack, e0, pre, post, min_jump, progress=progress)
    return {"e0": edge.e0, "pre": edge.pre, "post": edge.post, "min_jump": least, "energy": energy or _search(edge)}


def _search(edge: EdgeLines) -> Range:
    """From somewhat below E0 (within the pre-edge line's end) to where the white line has surely passed."""
    low = max(edge.e0 - 20.0, edge.e0 + edge.pre[1])
    high = min(edge.e0 + 40.0, edge.e0 + edge.post[0])
    inside = (edge.energy >= low) & (edge.energy <= high)
    if inside.sum() < 5:
        near = np.sort(np.abs(edge.energy - edge.e0).argsort()[: min(7, edge.energy.size)])
        return float(edge.energy[near[0]]), float(edge.energy[near[-1]])
    return low, high


@method(looks_at="pixel", fit=_settle)
def edge_energy(
    stack: SpectralStack,
    /,
    *,
    energy: Annotated[Range | None, Param(unit="eV", ge=0, label="search range", auto="around E0")] = None,
    level: Annotated[float, Param(ge=0.05, le=0.95, step=0.05)] = 0.5,
    references: Calibration = None,
    e0: Annotated[float | None, Param(unit="eV", ge=0, label="E0", auto="steepest rise")] = None,
    pre: Annotated[Range | None, Param(unit="eV from E0", label="pre-edge", auto="from the energies")] = None,
    post: Annotated[Range | None, Param(unit="eV from E0", label="post-edge", auto="from the energies")] = None,
    min_jump: Annotated[float | None, Param(ge=0, label="smallest jump", auto="4 sigma of the noise")] = None,
    progress: Progress | None = None,
) -> MapSet:
    """Edge energy and white line of each pixel, and the valence where references calibrate it.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth or fluorescence, which is normalized on the way as by `normalize_edge`; or normalized absorption.
    energy : tuple of float, optional
        Range in which edge and white line are searched, in eV.
    level : float
        Fraction of the edge step whose energy is the edge energy; one half by custom.
    references : list of Spectrum, or files, optional
        At least two references with valences. A straight line through their own edge energies turns energy into
        valence.
    e0 : float, optional
        Energy of the edge in eV, where both lines are compared; found as the steepest rise of the mean spectrum.
    pre : tuple of float, optional
        Range of the pre-edge line, in eV from E0.
    post : tuple of float, optional
        Range of the post-edge line, in eV from E0.
    min_jump : float, optional
        Pixels with a smaller edge jump are NaN. In the unit of the stack.

    Returns
    -------
    MapSet
        ``edge_energy``, the last crossing of `level` below the maximum, linearly between two energies;
        ``derivative_maximum``, the vertex of a parabola through the three-point slopes around the steepest;
        ``white_line``, the vertex of a parabola through the highest point and its neighbours (all eV); ``edge_jump``;
        and ``valence`` if calibrated. NaN, and masked, where the jump is too small, a value is missing, or the feature
        lies at an end of the range.

    Raises
    ------
    ValueError
        If the stack is not absorption, there is no edge, fewer than five energies lie in the search range, or the
        references can't calibrate.

    Notes
    -----
    Standard errors are those of first-order propagation of the noise of the pre-edge residuals (both lines where the
    pre-edge has fewer than four points). They hold for one noisy spectrum around the right maximum; where noise moves
    the maximum to another point the scatter is larger. The edge energy of a mixture of edges further apart than they
    are wide lies nearer to the lower one than its composition says; fit references there.

    Examples
    --------
    >>> axis = np.arange(8280.0, 8450.0)
    >>> data = np.tile(0.5 + np.arctan((axis - 8343.25) / 2)[:, None, None] / np.pi, (1, 2, 2))
    >>> maps = edge_energy(SpectralStack(data, axis, "optical_depth"))
    >>> round(float(maps["edge_energy"].data[0, 0]), 1), round(float(maps["derivative_maximum"].data[0, 0]), 1)
    (8343.3, 8343.2)
    """
    require_absorption(stack, "edge_energy", normalized=True)
    assert e0 is not None
    assert pre is not None
    assert post is not None
    assert energy is not None
    edge = EdgeLines(stack.energy, e0, pre, post)
    fit = EdgeFit(edge, stack, energy, level, float(min_jump or 0.0))
    line = None if references is None else _calibration(references, energy, level)
    blocks.over_pixels(fit.block, stack.data, progress=progress, message="edge energies")
    if not fit.good.any():
        raise_if_frame_empty(stack)
    shape = stack.shape[1:]
    maps = {
        name: ParameterMap(values.reshape(shape), "eV", sigma.reshape(shape))
        for name, (values, sigma) in fit.energies.items()
    }
    mask = fit.good.reshape(shape)
    maps["edge_jump"] = ParameterMap(fit.jump.reshape(shape), stack.unit, fit.jump_sigma.reshape(shape), mask)
    metadata: dict[str, Any] = {"name": stack.name, "warnings": _doubts(stack, fit)}
    if line is not None:
        at = maps["edge_energy"]
        assert at.sigma is not None
        valence = line["at"] + line["per_eV"] * (at.data.astype(np.float64) - line["energy"])
        sigma = np.hypot(line["per_eV"] * at.sigma, line["scatter"])
        maps["valence"] = ParameterMap(valence, "1", sigma, at.mask)
        metadata["calibration"] = line
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)


def _doubts(stack: SpectralStack, fit: EdgeFit) -> list[str]:
    """What a user should hear: pixels with signal whose edge could not be found."""
    lost = int((fit.good & ~np.isfinite(fit.energies["edge_energy"][0])).sum())
    if lost <= 0.05 * max(1, int(fit.good.sum())):
        return []
    low, high = fit.searched
    return [
        f"{lost} of {int(fit.good.sum())} pixels with an edge do not cross the level between {low:g} and {high:g} eV"
    ]


def _calibration(references: list[Spectrum], energy: Range, level: float) -> dict[str, Any]:
    """The line from edge energy to valence through the references' own edge energies."""
    known = [reference for reference in references if reference.valence is not None]
    if len(known) < 2:
        raise ValueError(
            f"a calibration needs at least two references with valences, but {len(known)} of {len(references)} have "
            "one; give the others theirs, or leave references out"
        )
    at = np.array([_edge_of(reference, energy, level) for reference in known])
    charges = np.array([reference.valence for reference in known], dtype=np.float64)
    centre = at.mean()
    spread = float(np.sum((at - centre) ** 2))
    if spread < 1e-4:
        raise ValueError(
            f"the edges of {', '.join(s.name for s in known)} lie at the same energy ({centre:.2f} eV), "
            "so they can't tell valences apart"
        )
    per_ev = float(np.sum((at - centre) * charges) / spread)
    residual = charges - charges.mean() - per_ev * (at - centre)
    scatter = float(np.sqrt(np.sum(residual**2) / (len(known) - 2))) if len(known) > 2 else 0.0
    return {
        "energy": float(centre),
        "at": float(charges.mean()),
        "per_eV": per_ev,
        "scatter": scatter,
        "references": {reference.name: float(e) for reference, e in zip(known, at, strict=True)},
    }


def _edge_of(reference: Spectrum, energy: Range, level: float) -> float:
    """The edge energy of a reference, found as in a pixel."""
    normalized = normalize_spectrum(reference)
    e0 = normalized.metadata["e0"]
    if reference.metadata.get("normalized") is False:
        reference = normalized
    stack = SpectralStack(reference.mu[:, None, None], reference.energy, "normalized")
    fit = EdgeFit(EdgeLines(stack.energy, e0, *default_ranges(stack.energy, e0)), stack, energy, level, 0.0)
    fit.block(stack.data[:, :, 0], slice(0, 1))
    found = float(fit.energies["edge_energy"][0][0])
    if not np.isfinite(found):
        raise ValueError(
            f"reference {reference.name!r} does not cross {level:g} of its edge step between {energy[0]:g} and "
            f"{energy[1]:g} eV; widen the search range or leave it out"
        )
    return found
