"""Edge-step normalization: each pixel's spectrum goes from 0 below the edge to 1 above it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np

from napari_xanes.beam_jumps import told_about_lazy_drift
from napari_xanes.edge import Range, raise_if_frame_empty, require_absorption, tabulated_e0
from napari_xanes.edge.elements import absorber as edge_at
from napari_xanes.edge.elements import named_absorber
from napari_xanes.edge.forms import PostForm, PreForm
from napari_xanes.noise import AmountNoise
from napari_xanes.ops.edge_choices import Learned, Slopes, check_choices, check_regions, learn_edge, line_fit
from napari_xanes.ops.edge_jumps import EdgeJumps, normalized
from napari_xanes.ops.edge_regions import (
    RegionEdge,
    RegionJumps,
    own_edge,
    region_edges_of,
    samples_of,
)
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.region_labels import LabelImage, Regions, as_labels
from napari_xanes.registry import estimated, method
from napari_xanes.stack import SpectralStack


def _fit(
    stack: SpectralStack,
    *,
    e0: float | None,
    left_out: list[float] | None,
    method: str,
    absorber: str | None,
    pre_form: PreForm,
    post_form: PostForm,
    slopes: Slopes,
    shared_slopes: list[float] | None,
    regions: LabelImage | list[Any] | None,
    region_edges: list[float] | None,
    flatten: bool,
    progress: Progress | None = None,
    **options: Any,
) -> Mapping[str, Any]:
    """Estimate E0, the ranges, their error, the smallest jump and the spoiled frames where they are not given."""
    require_absorption(stack, "normalize_edge", normalized=False)
    check_choices(method, (pre_form, post_form), slopes, shared_slopes)
    check_regions(e0, regions, region_edges)
    mback, forms = method == "mback", (pre_form, post_form)
    learn: Callable[..., Learned] = partial(
        learn_edge, absorber=absorber, mback=mback, forms=forms, slopes=slopes, shared_slopes=shared_slopes, **options
    )
    labels = None if regions is None else as_labels(regions, stack.shape[1:])
    share = 1.0 if labels is None else 0.5
    edge, least_jump, found = learn(stack, e0=e0, left_out=left_out, progress=part(progress, 0.0, share))
    state: dict[str, Any] = {
        "e0": edge.e0,
        "pre": edge.pre,
        "post": edge.post,
        "min_jump": least_jump,
        "left_out": list(edge.left_out),
        "line_error": edge.model_error,
        "shared_noise": edge.shared_noise,
        **({"shared_slopes": found} if slopes == "shared" else {}),
    }
    element, shell = named_absorber(absorber, stack.metadata)
    if mback:
        state["absorber"] = " ".join(edge_at(edge.e0, element, shell))
    if labels is not None:
        whole = RegionEdge.of(edge, least_jump, found, own=False, error=0.0)
        own = partial(learn, e0=None, left_out=edge.left_out)
        samples = samples_of(stack, labels, part(progress, share, 1.0))
        edges = [own_edge(sample, own, whole, tabulated_e0(element, shell)) for sample in samples]
        state["region_edges"] = region_edges or [number for each in edges for number in each.numbers()]
    return state


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
    regions: Annotated[Regions, Param(kind="regions", label="regions of own E0", auto="one for all")] = None,
    min_jump: Annotated[float | None, Param(ge=0, label="smallest jump", auto="4 sigma")] = None,
    left_out: Annotated[list[float] | None, Param(unit="eV", label="frames left out", auto="spoiled frames")] = None,
    line_error: Annotated[float | None, Param(ge=0, label="error of the lines", auto="by the ranges")] = None,
    shared_noise: Annotated[float | None, Param(ge=0, label="noise shared by pixels", auto="measured")] = None,
    shared_slopes: Annotated[list[float] | None, Param(label="shared slopes", auto="from all pixels")] = None,
    region_edges: Annotated[list[float] | None, Param(label="edges of regions", auto="from the regions")] = None,
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
        "per pixel": lines with slopes of its own in each pixel. "shared": all pixels share their slopes,
        ``constant + per_jump * edge jump``, so that each has only a level and a jump of its own. Its error is smaller;
        it holds for pixels of one kind.
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
    regions : array of int, list of masks or boxes, optional
        Regions that get E0, ranges, errors, smallest jump and shared slopes of their own: a label image of shape
        (Y, X) or (Z, Y, X), or a list of masks and boxes (y0, y1, x0, x1) that do not overlap. The rest of the image is
        one more region (label 0). Regions of fewer than 8 pixels or without a clear edge take those of the stack.
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
    region_edges : list of float, optional
        Ten numbers for each region with pixels, in order of the labels, the rest of the image (0) first: 1 if the edge
        is its own or 0 if it is that of the stack; E0 and its standard error; from where to where both ranges reach
        from E0; smallest jump, `line_error` and `shared_noise`; with shared slopes also these four. By default from
        up to 16384 pixels of each region.

    Returns
    -------
    SpectralStack
        float32, quantity "normalized". ``metadata["edge_jump"]`` is a ParameterMap of the jump with its standard error
        (from the residuals of the pre-edge line, `shared_noise` and `line_error`) and the mask of the pixels that were
        normalized; ``metadata["edge_lines"]`` says which lines were fitted and how (``["regions"]``: in each region,
        with E0 and its error), ``metadata["warnings"]`` what a user should know.

    Raises
    ------
    ValueError
        If the stack does not hold absorption, is normalized already, has no edge in range, or has no pixel with a jump
        above `min_jump`; if regions overlap, do not fit the image, or are given together with `e0`.

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
    shared = estimated("shared_slopes", shared_slopes) if slopes == "shared" else None
    fit_of = partial(
        line_fit,
        stack.energy,
        left_out=left_out,
        named=named,
        mback=method == "mback",
        forms=(pre_form, post_form),
        robust=robust,
    )
    fit = fit_of(e0, pre, post, line_error or 0.0, shared_noise or 0.0, shared)
    jumps = EdgeJumps(fit, float(min_jump or 0.0), int(np.prod(stack.shape[1:])) if regions is None else 0)
    if regions is None:
        data = normalized(stack, jumps, flatten=flatten, progress=progress)
        mask, told = jumps.mask, jumps.metadata(stack, *named)
    else:
        labels = as_labels(regions, stack.shape[1:])
        numbers = estimated("region_edges", region_edges)
        edges = region_edges_of(numbers, np.unique(labels).size, len(shared or ()))
        parts = RegionJumps(labels, edges, lambda edge, count: edge.jumps(fit_of, count))
        data = normalized(stack, parts, flatten=flatten, progress=progress)
        mask, told = parts.gathered("mask"), parts.metadata(stack, *named)
        told["edge_lines"] = {**jumps.report(*named)[0], **told["edge_lines"]}
    if not mask.any():
        raise_if_frame_empty(stack)
    if isinstance(stack.noise, AmountNoise):
        told["noise"] = stack.noise.divided_by(told["edge_jump"].data)
    told["warnings"] = [*told["warnings"], *told_about_lazy_drift(stack)]
    return stack.with_data(data, quantity="normalized", metadata=told)
