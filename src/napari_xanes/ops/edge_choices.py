"""What `normalize_edge` learns from a stack or a region of it, and which choices go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from napari_xanes._typing import Float64Array
from napari_xanes.edge import EdgeLines, Range, fit_edge
from napari_xanes.edge.cross_sections import tabulated_step
from napari_xanes.edge.elements import absorber as edge_at
from napari_xanes.edge.forms import AUTOMATIC, PostForm, PreForm
from napari_xanes.edge.shared_slopes import SharedLines
from napari_xanes.ops.edge_jumps import LineFit, gain, given_slopes, slopes_of
from napari_xanes.progress import Progress, part
from napari_xanes.region_labels import LabelImage
from napari_xanes.stack import SpectralStack

Slopes = Literal["per pixel", "shared"]


Learned = tuple[EdgeLines, float, list[float]]
"""Lines, smallest jump, and the numbers of shared slopes."""


def learn_edge(
    stack: SpectralStack,
    *,
    e0: float | None,
    left_out: Sequence[float] | None,
    pre: Range | None,
    post: Range | None,
    min_jump: float | None,
    line_error: float | None,
    shared_noise: float | None,
    absorber: str | None,
    mback: bool,
    forms: tuple[PreForm, PostForm],
    robust: bool,
    slopes: Slopes,
    shared_slopes: list[float] | None,
    progress: Progress | None = None,
) -> Learned:
    """Return the lines of a stack, the smallest jump, and the slopes that all pixels share, if they do."""
    edge, least_jump = fit_edge(
        stack,
        e0,
        pre,
        post,
        min_jump,
        left_out=left_out,
        absorber=absorber,
        mback=mback,
        forms=forms,
        progress=part(progress, 0.0, 0.5 if slopes == "shared" else 1.0),
    )
    found: list[float] = []
    if slopes == "shared":
        found = (
            list(given_slopes(shared_slopes))
            if shared_slopes
            else list(slopes_of(stack, edge, robust=robust, progress=part(progress, 0.5, 1.0)))
        )
        least_jump = least_jump * gain(edge, found) if min_jump is None else least_jump
    model_error = edge.model_error if line_error is None else line_error
    noise = edge.shared_noise if shared_noise is None else shared_noise
    return replace(edge, model_error=model_error, shared_noise=noise), least_jump, found


def check_choices(
    method: str, forms: tuple[PreForm, PostForm], slopes: Slopes, shared_slopes: list[float] | None
) -> None:
    """Refuse forms and shared slopes that the method does not have."""
    mback, (pre_form, post_form) = method == "mback", forms
    if mback and forms != AUTOMATIC:
        raise ValueError(
            f"pre_form = {pre_form!r} and post_form = {post_form!r} are forms of lines, but method = 'mback' matches "
            "tabulated cross sections: leave both automatic"
        )
    if slopes == "shared" and (mback or forms != AUTOMATIC):
        raise ValueError(
            f"slopes = 'shared' are those of lines, which method = {method!r}, pre_form = {pre_form!r} and post_form = "
            f"{post_form!r} do not have: choose lines and automatic forms, or slopes = 'per pixel'"
        )
    if shared_slopes and slopes != "shared":
        raise ValueError(f"shared_slopes = {shared_slopes} are for slopes = 'shared', not {slopes!r}: leave them out")


def check_regions(e0: float | None, regions: LabelImage | list[Any] | None, region_edges: list[float] | None) -> None:
    """Refuse one E0 for several regions, and edges of no regions."""
    if regions is not None and e0 is not None:
        raise ValueError(
            f"e0 = {e0:g} eV holds for all pixels, but each of the regions gets an E0 of its own: leave out e0 or "
            "regions"
        )
    if region_edges and regions is None:
        raise ValueError("region_edges are those of regions, but there are none: give regions, or leave them out")


def line_fit(
    energy: Float64Array,
    e0: float,
    pre: Range,
    post: Range,
    line_error: float,
    shared_noise: float,
    slopes: list[float] | None,
    *,
    left_out: list[float] | None,
    named: tuple[str | None, str | None],
    mback: bool,
    forms: tuple[PreForm, PostForm],
    robust: bool,
) -> LineFit:
    """Return how lines are fitted, from numbers alone."""
    step = tabulated_step(energy, e0, *edge_at(e0, *named)) if mback else None
    edge = EdgeLines(energy, e0, pre, post, line_error, tuple(left_out or ()), step, shared_noise, forms)
    return LineFit(edge, None if slopes is None else SharedLines(edge, given_slopes(slopes)), robust)
