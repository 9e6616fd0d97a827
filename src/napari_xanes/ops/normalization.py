"""Edge-step normalization: each pixel's spectrum goes from 0 below the edge to 1 above it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np

from napari_xanes.edge import EdgeLines, Range, fit_edge, raise_if_frame_empty, require_absorption
from napari_xanes.edge.cross_sections import tabulated_step
from napari_xanes.edge.elements import absorber as edge_at
from napari_xanes.edge.elements import named_absorber
from napari_xanes.edge.forms import AUTOMATIC, PostForm, PreForm
from napari_xanes.edge.shared_slopes import SharedLines
from napari_xanes.noise import AmountNoise
from napari_xanes.ops.edge_jumps import (
    EdgeJumps,
    LineFit,
    gain,
    given_slopes,
    normalize_lazily,
    normalize_now,
    slopes_of,
)
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.registry import estimated, method
from napari_xanes.stack import SpectralStack

Slopes = Literal["per pixel", "shared"]


def _fit(
    stack: SpectralStack,
    *,
    e0: float | None,
    pre: Range | None,
    post: Range | None,
    min_jump: float | None,
    left_out: list[float] | None,
    line_error: float | None,
    shared_noise: float | None,
    method: str,
    absorber: str | None,
    pre_form: PreForm,
    post_form: PostForm,
    robust: bool,
    slopes: Slopes,
    shared_slopes: list[float] | None,
    progress: Progress | None = None,
    **_: Any,
) -> Mapping[str, Any]:
    """Estimate E0, the ranges, their error, the smallest jump and the spoiled frames where they are not given."""
    require_absorption(stack, "normalize_edge", normalized=False)
    mback, forms = method == "mback", (pre_form, post_form)
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
    if slopes == "shared":
        found = (
            list(given_slopes(shared_slopes))
            if shared_slopes
            else list(slopes_of(stack, edge, robust=robust, progress=part(progress, 0.5, 1.0)))
        )
        least_jump = least_jump * gain(edge, found) if min_jump is None else least_jump
    named = {"absorber": " ".join(edge_at(edge.e0, *named_absorber(absorber, stack.metadata)))} if mback else {}
    return {
        **named,
        "e0": edge.e0,
        "pre": edge.pre,
        "post": edge.post,
        "min_jump": least_jump,
        "left_out": list(edge.left_out),
        "line_error": edge.model_error if line_error is None else line_error,
        "shared_noise": edge.shared_noise if shared_noise is None else shared_noise,
        **({"shared_slopes": found} if slopes == "shared" else {}),
    }


@method(looks_at="pixel", fit=_fit)
def normalize_edge(
    stack: SpectralStack,
    /,
    *,
    e0: Annotated[float | None, Param(unit="eV", ge=0, label="E0", auto="steepest rise")] = None,
    pre: Annotated[Range | None, Param(unit="eV from E0", label="pre-edge", auto="from the energies")] = None,
    post: Annotated[Range | None, Param(unit="eV from E0", label="post-edge", auto="from the energies")] = None,
    pre_form: Annotated[PreForm, Param(label="pre-edge form")] = "automatic",
    post_form: Annotated[PostForm, Param(label="post-edge form")] = "automatic",
    slopes: Slopes = "per pixel",
    robust: Annotated[bool, Param(label="robust lines")] = False,
    method: Literal["lines", "mback"] = "lines",
    absorber: Annotated[str | None, Param(auto="from metadata")] = None,
    flatten: bool = False,
    min_jump: Annotated[float | None, Param(ge=0, label="smallest jump", auto="4 sigma")] = None,
    left_out: Annotated[list[float] | None, Param(unit="eV", label="frames left out", auto="spoiled frames")] = None,
    line_error: Annotated[float | None, Param(ge=0, label="error of the lines", auto="by the ranges")] = None,
    shared_noise: Annotated[float | None, Param(ge=0, label="noise shared by pixels", auto="measured")] = None,
    shared_slopes: Annotated[list[float] | None, Param(label="shared slopes", auto="from all pixels")] = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Normalized absorption, (mu - pre-edge line) / edge jump, pixel by pixel.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth or fluorescence.
    e0 : float, optional
        Energy of the edge in eV, the same for all pixels; by default the steepest rise of the mean spectrum.
    pre : tuple of float, optional
        Range of the pre-edge line, in eV from E0: (-60, -15), for example.
    post : tuple of float, optional
        Range of the post-edge line, in eV from E0: (30, 110), for example. Ranges are chosen so that they do not reach
        over other edges.
    pre_form : {"automatic", "constant", "line", "quadratic", "Victoreen"}
        Form of the pre-edge curve. Automatic is a line, or a constant or a step as the ranges allow (`choose_lines`);
        beside a post-edge form that is given, it is a line.
    post_form : {"automatic", "constant", "line", "quadratic"}
        Form of what is fitted above the pre-edge curve behind the edge, as in Athena, whose default on long ranges is
        quadratic. Automatic likewise.
    slopes : {"per pixel", "shared"}
        Each pixel has lines with slopes of its own; or all share ``constant + per_jump * edge jump``, and a pixel has
        only a level and a jump, with a smaller error, if it is of the same kind as the others.
    robust : bool
        Give values far from the lines less weight or none: glitches and diffraction peaks of single pixels.
    method : {"lines", "mback"}
        Lines on both sides; or the element's tabulated cross sections plus a line, matched to all energies outside of
        the edge together (MBACK).
    absorber : str, optional
        Element and edge, such as "Fe K". By default as the metadata say (``element``, ``edge``), or else the only
        tabulated K or L3 edge that E0 fits.
    flatten : bool
        Remove the slope of the post-edge line above E0, as Athena does.
    min_jump : float, optional
        Pixels with a smaller edge jump become NaN: divided by a jump of about zero, they would be noise. In the unit
        of the stack; by default four times the standard error that noise makes.
    left_out : list of float, optional
        Energies of frames in eV that E0 and the lines do not use; by default frames that stand alone against their
        neighbours in all pixels.
    line_error : float, optional
        Error of the edge jump, as a share of it, because spectra are not lines. By default what the ranges make on
        measured spectra, and the spread between the lines that could be fitted; 0 on whole ranges, from 50 eV below
        and 150 eV above the edge on.
    shared_noise : float, optional
        Standard deviation of the noise that all pixels share at an energy, in the unit of the stack, such as the
        flicker of the beam since the flats. By default what the residuals of the lines have in common.
    shared_slopes : list of float, optional
        Slope of the pre-edge line per eV that does not grow with the jump, slope per jump, difference of the post-edge
        slope from it per jump, and how much pixels differ. By default from all pixels.

    Returns
    -------
    SpectralStack
        float32, quantity "normalized". ``metadata["edge_jump"]`` is a ParameterMap of the jump with its standard error
        (from the residuals of the pre-edge line, `shared_noise` and `line_error`) and the mask of the pixels that were
        normalized; ``metadata["edge_lines"]`` says which lines were fitted and how, ``metadata["warnings"]`` what a
        user should know.

    Raises
    ------
    ValueError
        If the stack does not hold absorption, is normalized already, has no edge in range, or has no pixel with a jump
        above `min_jump`.

    Examples
    --------
    >>> energy = np.arange(8280.0, 8450.0, 2.0)
    >>> data = np.tile(0.2 + 0.5 * (energy > 8343)[:, None, None], (1, 2, 2)).astype(np.float32)
    >>> normalized = normalize_edge(SpectralStack(data, energy, "optical_depth"))
    >>> normalized.data[[0, -1], 0, 0].round(4).tolist(), round(float(normalized.metadata["edge_jump"].data[0, 0]), 4)
    ([0.0, 1.0], 0.5)
    """
    require_absorption(stack, "normalize_edge", normalized=False)
    e0 = estimated("e0", e0)
    pre = estimated("pre", pre)
    post = estimated("post", post)
    named = named_absorber(absorber, stack.metadata)
    step = tabulated_step(stack.energy, e0, *edge_at(e0, *named)) if method == "mback" else None
    forms = pre_form, post_form
    left = tuple(left_out or ())
    edge = EdgeLines(stack.energy, e0, pre, post, line_error or 0.0, left, step, shared_noise or 0.0, forms)
    shared = None
    if slopes == "shared":
        shared = SharedLines(edge, given_slopes(estimated("shared_slopes", shared_slopes)))
    result = EdgeJumps(LineFit(edge, shared, robust), float(min_jump or 0.0), int(np.prod(stack.shape[1:])))
    if stack.is_lazy:
        data = normalize_lazily(stack, edge, result.measure, flatten=flatten, progress=progress)
    else:
        data = normalize_now(stack, edge, result.measure, flatten=flatten, progress=progress)
    if not result.mask.any():
        raise_if_frame_empty(stack)
    told = result.metadata(stack, *named)
    if isinstance(stack.noise, AmountNoise):
        told["noise"] = stack.noise.divided_by(told["edge_jump"].data)
    return stack.with_data(data, quantity="normalized", metadata=told)
