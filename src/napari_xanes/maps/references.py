"""`fit_references`: linear combination of reference spectra in each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block
from napari_xanes.arguments import References
from napari_xanes.beam_jumps import told_about_lazy_drift
from napari_xanes.edge import Range, on_selection, raise_if_frame_empty, require_absorption
from napari_xanes.edge.stray_light import DepthSample
from napari_xanes.hidden_noise import on_hidden_noise
from napari_xanes.maps.fitting.design import Design, build_design
from napari_xanes.maps.fitting.error_learning import learn_errors
from napari_xanes.maps.fitting.error_model import ErrorModel, Errors
from napari_xanes.maps.fitting.fit_words import fit_warnings, on_spoiled_frames
from napari_xanes.maps.fitting.linear_fit import LinearFit
from napari_xanes.maps.fitting.result import ReferenceFit, reference_fit
from napari_xanes.noise import AmountNoise
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.region_means import COVARIANCE_LENGTH
from napari_xanes.registry import method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

When = Literal["auto", "always", "never", "as the stack"]


_DESIGN = ("constant", "slope", "nonnegative", "sum_to_one", "normalize_references")
"""The parameters of `fit_references` that are those of `build_design`."""


def _fit_state(
    stack: SpectralStack, *, references: list[Spectrum], energy: Range | None, errors: Any, **parameters: Any
) -> Mapping[str, Any]:
    """Find the range of energies that all references cover, and learn noise and misfit from a sample of pixels."""
    require_absorption(stack, "fit_references", normalized=True, scaled=True)
    stack = stack.measured()
    design = build_design(stack, references, energy, **{name: parameters[name] for name in _DESIGN})
    learned = errors or learn_errors(stack, design, parameters["min_jump"])
    return {"energy": (float(design.energy[0]), float(design.energy[-1])), "errors": learned}


@method(looks_at="pixel", fit=_fit_state)
def fit_references(
    stack: SpectralStack,
    /,
    *,
    references: References,
    constant: bool = True,
    slope: bool = True,
    nonnegative: bool = True,
    sum_to_one: bool = False,
    fractions: bool = False,
    energy: Annotated[Range | None, Param(unit="eV", ge=0, auto="all that the references cover")] = None,
    min_jump: Annotated[float | None, Param(ge=0, label="smallest jump", auto="5 sigma")] = None,
    normalize_references: When = "auto",
    energy_sigma: Annotated[float, Param(unit="eV", ge=0, label="error of the energy axis")] = 0.0,
    errors: Errors = None,
    progress: Progress | None = None,
) -> MapSet:
    """Amount of each reference in each pixel, the mean valence, and their standard errors.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized absorption.
    references : list of Spectrum, or files
        Spectra to combine, interpolated onto the stack's energies: linearly, or by Akima's cubics if their steps are
        coarser near the edge. At most ten if non-negative.
    constant : bool
        Fit a constant background of either sign.
    slope : bool
        Fit a background that is linear in energy, of either sign.
    nonnegative : bool
        Require that the coefficients of the references are at least 0. The fit is the exact optimum.
    sum_to_one : bool
        Require that the coefficients sum to 1; for normalized stacks.
    fractions : bool
        Return each coefficient divided by their sum, instead of the coefficient in the stack's unit.
    energy : tuple of float, optional
        Range of energies to fit in eV, both ends included.
    min_jump : float, optional
        Pixels whose edge jump (sum of coefficients) is not larger are masked. In the unit of the stack; by default
        five times the pixel's own standard error.
    normalize_references : {"auto", "always", "never", "as the stack"}
        Normalize references to an edge jump of 1 first; "auto" normalizes those whose metadata say that they are not,
        and those of which nothing is said, if one of them is clearly not.
        "as the stack" divides each by its own area, maximum ... as `normalize` did with the pixels.
    energy_sigma : float
        Standard error in eV of the stack's energy axis against that of the references, which all pixels share.
    errors : ErrorModel, optional
        Noise and misfit of the stack, as an earlier fit has learned them; by default from the residuals of the stack.

    Returns
    -------
    MapSet
        One map per reference, named after it; ``edge_jump``, their sum; ``valence``, the mean of the references'
        valences weighted by the coefficients; ``dominant``, the reference with the largest coefficient;
        ``residual_rms``; ``chi_square``, reduced, but not of denoised stacks, whose residuals say nothing; and
        ``constant`` and ``slope`` (per eV, 0 at the middle energy) if they were fitted. ``metadata`` holds warnings,
        ``residual_spectrum`` (what the residuals of pixels share, for an edge jump of 1 or, if it does not grow with
        the jump, per pixel) and ``covariance_length_pixels`` (see `region_mean`). Pixels with NaN have NaN in all maps.
        In pixels with too small a jump, the coefficients are masked, and valence and dominant are empty.

    Raises
    ------
    ValueError
        If the stack is not absorption, a reference does not overlap with it, too few energies are left, references are
        not independent, or a reference has the name of another map.

    Notes
    -----
    Standard errors follow from the noise of the data, ``(A'A)^-1 A'VA (A'A)^-1``. An optical depth with known photon
    counts (``metadata["noise"]``, see `optical_depth`) has the variance ``(exp(mu) + 1/n_flat) / i0``; residuals that
    are larger than that, in the stack or in a pixel, make it larger. Otherwise residuals give the variance: its profile
    over energies from many pixels, its size from the pixel. What the residuals of many pixels share (tested by
    `pooled_residual`) is no noise: a spectrum of this size may be hidden within the references too. This part of the
    valence's error is the map ``valence_model``, together with `energy_sigma` and with the errors of the edge jumps of
    references that were normalized here.

    Coefficients above 0 have their errors in the fit of those that are above 0, together with what those at 0 may
    change: a coefficient at 0 is spread over the positive tail of its normal distribution, and moves the others with
    it. Errors of sums, fractions and valence follow from the same covariance.

    ``chi_square`` is the sum of squared residuals over the variance and the degrees of freedom. Without known noise
    the variance is half the mean squared difference of neighbouring residuals (von Neumann, Ann. Math. Stat. 12, 367,
    1941): 1 where residuals are white, larger where the misfit has structure.

    Examples
    --------
    >>> energy = np.linspace(8330, 8400, 30)
    >>> a, b = np.arctan(energy - 8343), np.arctan(energy - 8347)
    >>> data = (0.3 * a + 0.1 * b)[:, None, None] + 1
    >>> refs = [Spectrum("Ni2+", energy, a, 2), Spectrum("Ni4+", energy, b, 4)]
    >>> maps = fit_references(SpectralStack(data, energy, "optical_depth"), references=refs)
    >>> round(float(maps["valence"].data[0, 0]), 4), round(float(maps["edge_jump"].data[0, 0]), 4)
    (2.5, 0.4)
    """
    require_absorption(stack, "fit_references", normalized=True, scaled=True)
    stack = stack.measured()
    design = build_design(
        stack,
        references,
        energy,
        constant=constant,
        slope=slope,
        nonnegative=nonnegative,
        sum_to_one=sum_to_one,
        normalize_references=normalize_references,
    )
    model = errors or learn_errors(stack, design, min_jump)
    _check_energies(model, design)
    fit = LinearFit(design, stack, fractions=fractions, min_jump=min_jump, errors=model, energy_sigma=energy_sigma)
    depths = DepthSample(fit.jump.size)

    def work(block: Block, pixels: slice) -> None:
        fit.block(block, pixels)
        depths.add(block, pixels)

    blocks.over_pixels(work, stack.data, progress=progress, message="reference fit")
    if not fit.finite.any():
        raise_if_frame_empty(stack)
    return _maps(stack, design, fit, model, depths)


def _check_energies(model: ErrorModel, design: Design) -> None:
    """Raise an error if a model was learned on other energies."""
    if model.energy.shape != design.energy.shape or not np.allclose(model.energy, design.energy, rtol=0, atol=1e-3):
        (low, high), (first, last) = (axis[[0, -1]] for axis in (model.energy, design.energy))
        raise ValueError(
            f"the error model was learned on {model.energy.size} energies ({low:g} to {high:g} eV), but "
            f"{design.energy.size} are fitted ({first:g} to {last:g} eV): leave errors out"
        )


def _maps(stack: SpectralStack, design: Design, fit: LinearFit, model: ErrorModel, depths: DepthSample) -> MapSet:
    """The arrays of a fit as maps."""
    shape, unit, names = stack.shape[1:], stack.unit, design.names
    good = fit.good.reshape(shape)

    def map_of(values: Any, unit: str, sigma: Any = None, mask: Any = good, **options: Any) -> ParameterMap:
        sigma = None if sigma is None else sigma.reshape(shape)
        return ParameterMap(values.reshape(shape), unit, sigma, mask, **options)

    def good_and_finite(values: Any) -> Any:
        return good & np.isfinite(values).reshape(shape)

    shown_unit = "1" if fit.fractions else unit
    maps = {name: map_of(fit.contributions[i], shown_unit, fit.contribution_sigma[i]) for i, name in enumerate(names)}
    maps["edge_jump"] = map_of(fit.jump, unit, fit.jump_sigma)
    if design.with_valence.any():
        maps["valence"] = map_of(fit.valence, "1", fit.valence_sigma, good_and_finite(fit.valence))
        if fit.errors.has_model or fit.valence_model.any():
            maps["valence_model"] = map_of(fit.valence_model, "1", mask=maps["valence"].mask, companion="valence")
    maps["dominant"] = map_of(fit.dominant, "1", labels=dict(enumerate(names, start=1)))
    maps["residual_rms"] = map_of(fit.rms, unit, companion="fit")
    if not isinstance(stack.noise, AmountNoise):
        # The residuals of a stack that was put together from fractions are rounding errors.
        maps["chi_square"] = map_of(fit.chi_square, "1", mask=good_and_finite(fit.chi_square), companion="fit")
    units = {"constant": unit, "slope": f"{unit}/eV"}
    for i, name in enumerate(design.backgrounds):
        maps[name] = map_of(fit.background[i], units[name], companion="fit")
    # Noise that energies share is measured here, and is part of sigma.
    told = [*on_hidden_noise(stack, energies=False), *told_about_lazy_drift(stack), *depths.told(stack)]
    if fit.min_jump is None:
        told += on_selection(fit.jump, fit.least / 5, fit.least, fit.good)
    metadata: dict[str, Any] = {
        "name": stack.name,
        "warnings": [*design.warnings, *model.warnings, *fit_warnings(fit), *on_spoiled_frames(fit, stack), *told],
        COVARIANCE_LENGTH: model.covariance_length,
        "fit": ReferenceFit(design.energy, design.matrix, [*names, *design.backgrounds], fit.fractions),
    }
    if model.shared.any() or model.local.any():
        shared = model.shared.any()
        metadata["residual_spectrum"] = {
            "energy": model.energy,
            "mu": model.shared if shared else model.local,
            "per_jump": model.shared_per_jump if shared else True,
        }
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)


def fitted_spectrum(maps: MapSet, index: tuple[int, ...]) -> Spectrum:
    """Return the fit of one pixel, to draw over its measured spectrum.

    Parameters
    ----------
    maps : MapSet
        Maps of `fit_references`, or of `match_library` at a K edge.
    index : tuple of int
        Pixel, (y, x) or (z, y, x).

    Returns
    -------
    Spectrum
        On the fitted energies; NaN if the pixel has no fit.

    Raises
    ------
    ValueError
        If the maps hold no such fit.

    Examples
    --------
    >>> energy = np.linspace(8330, 8400, 30)
    >>> stack = SpectralStack(np.arctan(energy - 8343)[:, None, None], energy, "optical_depth")
    >>> maps = fit_references(stack, references=[Spectrum("Ni", energy, stack.data[:, 0, 0])])
    >>> bool(np.allclose(fitted_spectrum(maps, (0, 0)).mu, stack.data[:, 0, 0]))
    True
    """
    fit = reference_fit(maps.metadata)
    if fit is None:
        raise ValueError(f"{maps!r} holds no fit of references; run fit_references first")
    coefficients = np.array([maps[name].data[index] for name in fit.names], dtype=np.float64)
    if fit.fractions:
        n_references = len([name for name in fit.names if maps[name].companion != "fit"])
        coefficients[:n_references] *= float(maps["edge_jump"].data[index])
    return Spectrum("fit", fit.energy, np.asarray(fit.design) @ coefficients)


def shared_residual(maps: MapSet, index: tuple[int, ...]) -> Spectrum | None:
    """Return what the residuals of all pixels share, in the amount of one pixel; None if nothing was found.

    Parameters
    ----------
    maps : MapSet
        Maps of `fit_references`.
    index : tuple of int
        Pixel, (y, x) or (z, y, x).

    Examples
    --------
    >>> energy = np.linspace(8330, 8400, 30)
    >>> stack = SpectralStack(np.arctan(energy - 8343)[:, None, None], energy, "optical_depth")
    >>> maps = fit_references(stack, references=[Spectrum("Ni", energy, stack.data[:, 0, 0])])
    >>> shared_residual(maps, (0, 0)) is None
    True
    """
    shared = maps.metadata.get("residual_spectrum")
    if shared is None:
        return None
    amount = float(maps["edge_jump"].data[index]) if shared["per_jump"] else 1.0
    return Spectrum("residual of all pixels", np.asarray(shared["energy"]), amount * np.asarray(shared["mu"]))
