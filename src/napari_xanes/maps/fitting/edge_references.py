"""References of an edge calibration on the stack's own energies, within its own lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge import EdgeLines, normalize_spectrum
from napari_xanes.edge.cross_sections import tabulated_step
from napari_xanes.edge.elements import absorber, named_absorber
from napari_xanes.history import Step
from napari_xanes.spectrum import Spectrum, check_grid
from napari_xanes.stack import SpectralStack

_ROUNDING = 1e-6
"""Differences of energies, in eV, that come from rounding."""


def usable(references: Sequence[Spectrum]) -> list[Spectrum]:
    """Return the references that have a valence.

    Raises
    ------
    ValueError
        If fewer than two have one.
    """
    with_valence = [reference for reference in references if reference.valence is not None]
    if len(with_valence) < 2:
        raise ValueError(
            f"a calibration needs at least two references with valences, but {len(with_valence)} of {len(references)} "
            "have one; give the others their valence, or leave references out"
        )
    return with_valence


def covered(edge: EdgeLines, references: Sequence[Spectrum], *, pre_given: bool, post_given: bool) -> EdgeLines:
    """Return lines within what all references cover, so that pixels and references can have the same lines.

    Parameters
    ----------
    edge : EdgeLines
        The lines of the stack.
    references : sequence of Spectrum
        References, of which those with a valence count.
    pre_given, post_given : bool
        Whether a range was chosen and must stay.

    Raises
    ------
    ValueError
        If a reference does not cover a range that must stay, or fewer than two energies of another.
    """
    ranges = {"pre": edge.pre, "post": edge.post}
    for name, given in (("pre", pre_given), ("post", post_given)):
        first, last = ranges[name]
        low, high = first, last
        for reference in usable(references):
            low, high = (
                max(low, float(reference.energy[0]) - edge.e0),
                min(high, float(reference.energy[-1]) - edge.e0),
            )
            count = int(((edge.energy >= edge.e0 + low) & (edge.energy <= edge.e0 + high)).sum())
            lost = low > first + _ROUNDING or high < last - _ROUNDING
            if (lost and given) or count < 2:
                raise ValueError(
                    f"reference {reference.name!r} covers {reference.energy[0]:g} to {reference.energy[-1]:g} eV, but "
                    f"the {name}-edge line of the stack goes from {edge.e0 + first:g} to {edge.e0 + last:g} eV, and "
                    f"pixels and references need the same lines: choose {name} within what both cover, or leave this "
                    "reference out"
                )
        ranges[name] = low, high
    return replace(edge, pre=ranges["pre"], post=ranges["post"])


def on_axis(axis: Float64Array, references: Sequence[Spectrum]) -> Float64Array:
    """Return references per atom on other energies, (E, N).

    Each is divided by the jump between its own lines, on its own energies, so that a reference on any scale and with
    any straight background gives the same. A piecewise cubic that keeps the order of its points (PCHIP; Fritsch &
    Carlson, SIAM J. Numer. Anal. 17, 238, 1980) interpolates. Beyond its own range, a reference keeps its last value;
    no line lies there (`covered`).

    Parameters
    ----------
    axis : ndarray, shape (E,)
        Energies in eV.
    references : sequence of Spectrum
        The references.

    Raises
    ------
    ValueError
        If a reference has no step at the edge.
    """
    from scipy.interpolate import PchipInterpolator

    columns = []
    for reference in references:
        finite = np.isfinite(reference.mu)
        own = replace(reference, energy=reference.energy[finite], mu=reference.mu[finite], sigma=None)
        one = normalize_spectrum(own)
        columns.append(PchipInterpolator(one.energy, one.mu)(np.clip(axis, one.energy[0], one.energy[-1])))
    return np.stack(columns, axis=1)


def normalization_of(stack: SpectralStack) -> Step | None:
    """Return the step that normalized a stack here, None if there is none."""
    steps = [step for step in stack.history if step.name == "normalize_edge"]
    return steps[-1] if steps and stack.quantity == "normalized" else None


def is_flattened(stack: SpectralStack) -> bool:
    """Return whether the slope of the post-edge line was removed from a stack."""
    step = normalization_of(stack)
    return step is not None and bool(step.parameters.get("flatten"))


def lines_of(stack: SpectralStack, edge: EdgeLines) -> EdgeLines:
    """Return the lines that normalized a stack, or those that will.

    The lines of a stack that was cropped since lie on more energies than its own.
    """
    step = normalization_of(stack)
    if step is None or step.state is None:
        return edge
    e0, pre, post = float(step.state["e0"]), tuple(step.state["pre"]), tuple(step.state["post"])
    axis = stack.energy
    if e0 + pre[0] < axis[0] or e0 + post[1] > axis[-1]:
        check_grid(e0 + pre[0], e0 + post[1], 1.0, what="the lines of the normalization")
        axis = np.union1d(axis, np.arange(e0 + pre[0], e0 + post[1] + 1, 1.0))
    left_out = tuple(step.state.get("left_out") or ())
    forms = tuple(step.parameters.get(name, "automatic") for name in ("pre_form", "post_form"))
    named = named_absorber(step.state.get("absorber"), stack.metadata)
    table = tabulated_step(axis, e0, *absorber(e0, *named)) if step.parameters.get("method") == "mback" else None
    return EdgeLines(axis, e0, pre, post, left_out=left_out, step=table, forms=forms)
