"""`edge_energy`: half-step energy, steepest rise and white line of each pixel's edge."""

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
    fit_edge,
    normalize_spectrum,
    raise_if_frame_empty,
    require_absorption,
)
from napari_xanes.maps.fitting.edge_fit import EdgeFit
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

Range = tuple[float, float]

_MIN_SQUARES = 1e-4
"""Edges of references with a smaller sum of squared distances from their mean (eV²) are taken as equal."""


def _load_optional_references(value: Any) -> Any:
    return load_references(value) if value else None


Calibration = Annotated[
    Any, BeforeValidator(_load_optional_references), Param(kind="calibration", auto="not calibrated")
]
"""References with valences, or None."""


def _fit_state(
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
    """Estimate E0, the ranges, the smallest jump and the search range that were left as None."""
    require_absorption(stack, "edge_energy", normalized=True)
    edge, min_jump = fit_edge(stack, e0, pre, post, min_jump, progress=progress)
    state = {"e0": edge.e0, "pre": edge.pre, "post": edge.post, "min_jump": min_jump}
    return {**state, "energy": energy or _search_range(edge)}


def _search_range(edge: EdgeLines) -> Range:
    """The search range in eV: from 20 eV below E0 to 40 eV above, but not into the ranges of the lines."""
    low = max(edge.e0 - 20.0, edge.e0 + edge.pre[1])
    high = min(edge.e0 + 40.0, edge.e0 + edge.post[0])
    inside = (edge.energy >= low) & (edge.energy <= high)
    if inside.sum() < 5:
        nearest = np.sort(np.abs(edge.energy - edge.e0).argsort()[: min(7, edge.energy.size)])
        return float(edge.energy[nearest[0]]), float(edge.energy[nearest[-1]])
    return low, high


@method(looks_at="pixel", fit=_fit_state)
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
    """Edge energy and white line of each pixel, and the valence if references calibrate it.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth or fluorescence, which is normalized first as by `normalize_edge`, or normalized absorption.
    energy : tuple of float, optional
        Range in eV that is searched for edge and white line.
    level : float
        Fraction of the edge step that defines the edge energy; usually one half.
    references : list of Spectrum, or files, optional
        At least two references with valences. A straight line through their own edge energies converts energy to
        valence.
    e0 : float, optional
        Energy of the edge in eV, where both lines are compared; by default the steepest rise of the mean spectrum.
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
        and ``valence`` if calibrated. A pixel is NaN and masked if its jump is too small, a value is missing, or the
        feature lies at an end of the range.

    Raises
    ------
    ValueError
        If the stack is not absorption, there is no edge, fewer than five energies lie in the search range, or the
        references do not define a calibration line.

    Notes
    -----
    Standard errors are those of first-order propagation of the noise, which is measured by the residuals of the
    pre-edge line (of both lines where the pre-edge has fewer than four points). Where noise moves the maximum to
    another point, the scatter is larger than the standard error. In a mixture of two edges that are further apart than
    they are wide, the edge energy lies nearer to the lower edge than the composition says: use `fit_references` there.

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
    calibration = None if references is None else _calibration(references, energy, level)
    blocks.over_pixels(fit.block, stack.data, progress=progress, message="edge energies")
    if not fit.good.any():
        raise_if_frame_empty(stack)
    shape = stack.shape[1:]
    maps = {
        name: ParameterMap(values.reshape(shape), "eV", sigma.reshape(shape))
        for name, (values, sigma) in fit.energies.items()
    }
    good = fit.good.reshape(shape)
    maps["edge_jump"] = ParameterMap(fit.jump.reshape(shape), stack.unit, fit.jump_sigma.reshape(shape), good)
    metadata: dict[str, Any] = {"name": stack.name, "warnings": _warnings(fit)}
    if calibration is not None:
        maps["valence"] = _valence(maps["edge_energy"], calibration)
        metadata["calibration"] = calibration
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)


def _valence(edge_energies: ParameterMap, calibration: Mapping[str, Any]) -> ParameterMap:
    """The valence of each edge energy on the calibration line."""
    assert edge_energies.sigma is not None
    per_ev = calibration["per_eV"]
    valence = calibration["at"] + per_ev * (edge_energies.data.astype(np.float64) - calibration["energy"])
    sigma = np.hypot(per_ev * edge_energies.sigma, calibration["scatter"])
    return ParameterMap(valence, "1", sigma, edge_energies.mask)


def _warnings(fit: EdgeFit) -> list[str]:
    """Say how many pixels have a jump but no edge energy, if they are more than a few."""
    n_good = int(fit.good.sum())
    n_without = int((fit.good & ~np.isfinite(fit.energies["edge_energy"][0])).sum())
    if n_without <= 0.05 * max(1, n_good):
        return []
    low, high = fit.searched
    return [f"{n_without} of {n_good} pixels with an edge do not cross the level between {low:g} and {high:g} eV"]


def _calibration(references: list[Spectrum], energy: Range, level: float) -> dict[str, Any]:
    """Fit a straight line to the valences of the references over their own edge energies.

    Returns
    -------
    dict
        ``at``, the mean valence, at the mean edge ``energy`` (eV); the slope ``per_eV``; ``scatter``, the standard
        deviation of the valences about the line; and the edge energy of each of the ``references``.
    """
    with_valence = [reference for reference in references if reference.valence is not None]
    if len(with_valence) < 2:
        raise ValueError(
            f"a calibration needs at least two references with valences, but {len(with_valence)} of {len(references)} "
            "have one; give the others their valence, or leave references out"
        )
    edges = np.array([_edge_of(reference, energy, level) for reference in with_valence])
    valences = np.array([reference.valence for reference in with_valence], dtype=np.float64)
    distance = edges - edges.mean()
    squares = float(np.sum(distance**2))
    if squares < _MIN_SQUARES:
        raise ValueError(
            f"the edges of {', '.join(reference.name for reference in with_valence)} lie at the same energy "
            f"({edges.mean():.2f} eV), so they can't tell valences apart: choose references with different edges"
        )
    per_ev = float(np.sum(distance * valences) / squares)
    residual = valences - valences.mean() - per_ev * distance
    freedom = len(with_valence) - 2
    return {
        "energy": float(edges.mean()),
        "at": float(valences.mean()),
        "per_eV": per_ev,
        "scatter": float(np.sqrt(np.sum(residual**2) / freedom)) if freedom else 0.0,
        "references": {reference.name: float(edge) for reference, edge in zip(with_valence, edges, strict=True)},
    }


def _edge_of(reference: Spectrum, energy: Range, level: float) -> float:
    """The edge energy of a reference in eV, computed as for a pixel."""
    normalized = normalize_spectrum(reference)
    e0 = normalized.metadata["e0"]
    if reference.metadata.get("normalized") is False:
        reference = normalized
    stack = SpectralStack(reference.mu[:, None, None], reference.energy, "normalized")
    fit = EdgeFit(EdgeLines(stack.energy, e0, *default_ranges(stack.energy, e0)), stack, energy, level, 0.0)
    fit.block(stack.data[:, :, 0], slice(0, 1))
    edge = float(fit.energies["edge_energy"][0][0])
    if not np.isfinite(edge):
        raise ValueError(
            f"reference {reference.name!r} does not cross {level:g} of its edge step between {energy[0]:g} and "
            f"{energy[1]:g} eV; widen the search range or leave this reference out"
        )
    return edge
