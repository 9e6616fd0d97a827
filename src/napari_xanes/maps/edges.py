"""`edge_energy`: half-step energy, steepest rise and white line of each pixel's edge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from napari_xanes import blocks
from napari_xanes.beam_jumps import told_about_lazy_drift
from napari_xanes.edge import (
    EdgeLines,
    Range,
    fit_edge,
    on_selection,
    raise_if_frame_empty,
    require_absorption,
    with_distinct_energies,
)
from napari_xanes.hidden_noise import on_hidden_noise
from napari_xanes.maps.fitting.edge_doubts import axis_shift_of, disagreement_of, fit_near_edge
from napari_xanes.maps.fitting.edge_fit import EdgeFit
from napari_xanes.maps.fitting.edge_learning import learn_trials
from napari_xanes.maps.fitting.edge_references import covered
from napari_xanes.maps.fitting.edge_scales import Scales, estimate_scales, sample_of
from napari_xanes.maps.fitting.edge_trials import Trials
from napari_xanes.maps.fitting.edge_valence import calibration_of, valence_map
from napari_xanes.maps.fitting.edge_words import on_lines, on_missing, on_other_lines
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.reference_arguments import load_references
from napari_xanes.registry import estimated, method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack


def _load_optional_references(value: Any) -> Any:
    return load_references(value) if value else None


References = Annotated[
    Any, BeforeValidator(_load_optional_references), Param(kind="calibration", auto="not calibrated", files=True)
]
"""References with valences, or None."""


# The products are small: threads would wait for each other longer than they work.
@blocks.single_threaded_blas()
def _fit_state(
    stack: SpectralStack,
    *,
    energy: Range | None,
    level: float,
    references: list[Spectrum] | None,
    e0: float | None,
    pre: Range | None,
    post: Range | None,
    min_jump: float | None,
    smooth: float | None,
    noise: float | None,
    shift: list[float] | None,
    trials: list[float] | None,
    left_out: list[float] | None,
    line_error: float | None,
    shared_noise: float | None,
    axis_shift: float | None,
    disagreement: float | None,
    progress: Progress | None = None,
) -> Mapping[str, Any]:
    """Estimate E0, the ranges, the smallest jump and the search range that were left as None."""
    require_absorption(stack, "edge_energy", normalized=True)
    stack = stack.measured()
    stack, _ = with_distinct_energies(stack)
    edge, min_jump = fit_edge(stack, e0, pre, post, min_jump, left_out=left_out, progress=progress)
    if references is not None:
        edge = covered(edge, references, pre_given=pre is not None, post_given=post is not None)
    state = {
        "e0": edge.e0,
        "pre": edge.pre,
        "post": edge.post,
        "min_jump": min_jump,
        "left_out": list(edge.left_out),
        "line_error": edge.model_error if line_error is None else line_error,
        "shared_noise": edge.shared_noise if shared_noise is None else shared_noise,
    }
    energy = energy or _search_range(edge)
    sample = sample_of(stack)
    scales = estimate_scales(sample, edge, energy, level, min_jump, Scales(noise, smooth, shift))
    if trials is None:
        learned = learn_trials(sample, edge, energy, level, min_jump, scales)
        trials = [] if learned is None else learned.to_numbers()
    if references is not None:
        design = fit_near_edge(stack, references, edge.e0)
        axis_shift = axis_shift_of(stack, sample, edge, design) if axis_shift is None else axis_shift
        if disagreement is None:
            fit = EdgeFit(edge, sample, energy, level, min_jump, scales.smooth or 0.0, scales.noise, scales.shift)
            calibration = calibration_of(stack, references, edge, fit, level)
            disagreement = disagreement_of(sample, design, edge, fit, calibration, min_jump, axis_shift)
        state |= {"axis_shift": axis_shift, "disagreement": disagreement}
    return {**state, "energy": energy, **scales._asdict(), "trials": trials}


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
    references: References = None,
    e0: Annotated[float | None, Param(unit="eV", ge=0, label="E0", auto="steepest rise")] = None,
    pre: Annotated[Range | None, Param(unit="eV from E0", label="pre-edge", auto="from the energies")] = None,
    post: Annotated[Range | None, Param(unit="eV from E0", label="post-edge", auto="from the energies")] = None,
    min_jump: Annotated[float | None, Param(ge=0, label="smallest jump", auto="4 sigma")] = None,
    smooth: Annotated[float | None, Param(unit="eV", ge=0, label="smoothing", auto="from the noise")] = None,
    shift: Annotated[list[float] | None, Param(unit="eV", label="shift of smoothing", auto="measured")] = None,
    noise: Annotated[float | None, Param(ge=0, auto="measured")] = None,
    trials: Annotated[list[float] | None, Param(label="errors of trials", auto="learned")] = None,
    left_out: Annotated[list[float] | None, Param(unit="eV", label="frames left out", auto="spoiled frames")] = None,
    line_error: Annotated[float | None, Param(ge=0, label="error of the lines", auto="by the ranges")] = None,
    shared_noise: Annotated[float | None, Param(ge=0, label="noise shared by pixels", auto="measured")] = None,
    axis_shift: Annotated[float | None, Param(unit="eV", label="shift of the energy axis", auto="measured")] = None,
    disagreement: Annotated[float | None, Param(label="disagreement with mixtures", auto="measured")] = None,
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
        At least two references with valences. They and mixtures of them are processed as pixels are (energies, lines,
        search range, level), and a curve through their edge energies converts energy to valence. Lines that are
        not given end where a reference ends.
    e0 : float, optional
        Energy of the edge in eV, where both lines are compared; by default the steepest rise of the mean spectrum.
    pre : tuple of float, optional
        Range of the pre-edge line, in eV from E0.
    post : tuple of float, optional
        Range of the post-edge line, in eV from E0.
    min_jump : float, optional
        Pixels with a smaller edge jump are NaN. In the unit of the stack.
    smooth : float, optional
        Values and slopes come from parabolas through all points within this distance in eV (Savitzky and Golay). By
        default just as far as the steepest rise needs it to stand out from the noise, 0 where it does without.
    shift : list of float, optional
        Six numbers in eV: how far smoothing moves edge energy, derivative maximum and white line, which is subtracted,
        and the errors of these three. By default from the mean spectrum, and from pixels with low and high edges.
    noise : float, optional
        Factor of the photons' noise where the stack knows that. Where it does not, the standard deviation of an optical
        depth of 0, a fluorescence of 1, or normalized absorption. By default from the residuals of the pre-edge lines.
    trials : list of float, optional
        What trials with the stack's own spectra have shown of the errors, ten numbers for each level of noise: the
        noise of a point as a share of the jump; how far noise moves each of the three energies in eV; their errors in
        eV, apart from a multiple of what is reckoned from the pixel; these three multiples. By default learned.
    left_out : list of float, optional
        Energies of frames in eV that E0 and the lines do not use, as in `normalize_edge`.
    line_error : float, optional
        Error of the edge jump, as a share of it, because spectra are not lines, as in `normalize_edge`.
    shared_noise : float, optional
        Noise that all pixels share at an energy, in the unit of the stack, as in `normalize_edge`.
    axis_shift : float, optional
        By how many eV the stack's energies read too high against those of the references. Nothing is moved, but the
        valence may be off by as much. By default the shift with which mixtures of the references fit the mean spectrum
        best, 0 if it is not clear. Give 0 if both axes are known to agree.
    disagreement : float, optional
        How far the valence by the edge energy is above that of a mixture of the references, in the mean spectrum; the
        valence may be off by as much. By default measured, 0 if it is not sure.

    Returns
    -------
    MapSet
        ``edge_energy``, the last crossing of `level` below the maximum, linearly between two energies;
        ``derivative_maximum``, the vertex of a parabola through the three-point slopes around the steepest;
        ``white_line``, the vertex of a parabola through the highest point and its neighbours (all eV); ``edge_jump``;
        and ``valence`` if calibrated. A pixel is NaN and masked if its jump is too small, a value is missing, or the
        feature lies at an end of the range. A valence beyond those of the references is masked.

    Raises
    ------
    ValueError
        If the stack is not absorption, there is no edge, fewer than five energies lie in the search range, the
        references do not cover the lines, or they have the same edge.

    Notes
    -----
    Standard errors are those of the noise of the points that are used and of both lines: of the photons where they are
    known, else of the residuals of the pre-edge lines. Those of the maxima also hold that noise may have made another
    point the highest. A pixel where another maximum is likely has no value. Trials correct these errors: noise is added
    to spectra of the stack that have none, and what is found is compared with what is true. Where that says that an
    energy is wrong by more than a tenth of the search range, it has no value. That of ``edge_energy`` also holds
    `line_error`, which pixels and references share, so that of the valence does not.

    The calibration curve is exact for each reference and for mixtures of two neighbours. The standard error of the
    valence also holds the scatter of the references about a straight line (from three references on), and a model
    error: how far the valence may be off if the pixel is no such mixture, but a compound with an edge in between, or a
    mixture of references that are not neighbours; at least `disagreement`. `axis_shift` is a part of its own. Prefer
    `fit_references` for mixtures.

    Examples
    --------
    >>> axis = np.arange(8280.0, 8450.0)
    >>> data = np.tile(0.5 + np.arctan((axis - 8343.25) / 2)[:, None, None] / np.pi, (1, 2, 2))
    >>> maps = edge_energy(SpectralStack(data, axis, "optical_depth"))
    >>> round(float(maps["edge_energy"].data[0, 0]), 1), round(float(maps["derivative_maximum"].data[0, 0]), 1)
    (8343.3, 8343.2)
    """
    require_absorption(stack, "edge_energy", normalized=True)
    stack = stack.measured()
    stack, on_twins = with_distinct_energies(stack)
    e0 = estimated("e0", e0)
    pre = estimated("pre", pre)
    post = estimated("post", post)
    energy = estimated("energy", energy)
    edge = EdgeLines(
        stack.energy, e0, pre, post, line_error or 0.0, tuple(left_out or ()), shared_noise=shared_noise or 0.0
    )
    tried = Trials.from_numbers(trials) if trials else None
    fit = EdgeFit(edge, stack, energy, level, float(min_jump or 0.0), float(smooth or 0.0), noise, shift, tried)
    calibration = None if references is None else calibration_of(stack, references, edge, fit, level)
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
    least = float(min_jump or 0.0)
    told = [*on_selection(fit.jump, fit.jump_noise, least, fit.good), *on_hidden_noise(stack)]
    told += [*told_about_lazy_drift(stack), *fit.depths.told(stack)]
    metadata: dict[str, Any] = {
        "name": stack.name,
        "warnings": [*on_twins, *on_lines(stack, edge, fit.mean), *on_missing(fit, tried), *told],
    }
    if calibration is not None:
        doubts = float(axis_shift or 0.0), float(disagreement or 0.0)
        maps["valence"], told = valence_map(maps["edge_energy"], calibration, *doubts)
        metadata["calibration"] = calibration.to_plain()
        metadata["warnings"] += [*told, *on_other_lines(stack, fit)]
    # Lines that are wrong move pixels and references alike, so this is no part of the valence's error.
    edges, sigma = fit.energies["edge_energy"]
    maps["edge_energy"] = ParameterMap(edges.reshape(shape), "eV", np.hypot(sigma, fit.by_lines).reshape(shape))
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)
