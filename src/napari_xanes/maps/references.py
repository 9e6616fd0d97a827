"""Linear combination of reference spectra, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np

from napari_xanes import blocks
from napari_xanes.arguments import References
from napari_xanes.edge import raise_if_frame_empty, require_absorption
from napari_xanes.maps.fitting.linear_fit import Design, LinearFit, prepare
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

Range = tuple[float, float]
When = Literal["auto", "always", "never"]


def _settle(
    stack: SpectralStack, *, references: list[Spectrum], energy: Range | None, **others: Any
) -> Mapping[str, Any]:
    """The energies that all references cover."""
    require_absorption(stack, "fit_references", normalized=True)
    design = prepare(stack, references, energy, **{name: others[name] for name in _DESIGN})
    used = design.energy
    return {"energy": (float(used[0]), float(used[-1]))}


_DESIGN = ("constant", "slope", "nonnegative", "sum_to_one", "normalize_references")


@method(looks_at="pixel", fit=_settle)
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
    progress: Progress | None = None,
) -> MapSet:
    """Amount of each reference in each pixel, the mean valence, and their standard errors.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized absorption.
    references : list of Spectrum, or files
        Spectra to combine, interpolated linearly onto the stack's energies. At most ten when non-negative.
    constant : bool
        Fit a constant background too, of either sign.
    slope : bool
        Fit a background linear in energy too, of either sign.
    nonnegative : bool
        Bind the coefficients of the references to be at least 0; the fit is the exact optimum.
    sum_to_one : bool
        Bind them to sum to 1, for normalized stacks.
    fractions : bool
        Give each coefficient divided by their sum, instead of the coefficient in the stack's unit.
    energy : tuple of float, optional
        Range of energies to fit in eV, both ends included.
    min_jump : float, optional
        Pixels whose edge jump (sum of coefficients) is not larger are masked. In the unit of the stack; by default
        five times the pixel's own standard error.
    normalize_references : {"auto", "always", "never"}
        Normalize references to an edge jump of 1 first: with "auto", those whose metadata say that they are not.

    Returns
    -------
    MapSet
        One map per reference, named after it; ``edge_jump``, their sum; ``valence``, the mean of the references'
        valences weighted by the coefficients; ``dominant``, the reference with the largest one; ``residual_rms``;
        ``chi_square``, reduced; and ``constant``, ``slope`` (per eV, 0 at the middle energy) as far as fitted. Pixels
        with NaN have NaN everywhere; in pixels with too small a jump the coefficients stay, masked, and valence and
        dominant are empty.

    Raises
    ------
    ValueError
        If the stack is not absorption, a reference does not reach it, too few energies are left, references can't be
        told apart, or a reference is named as one of the other maps.

    Notes
    -----
    Standard errors follow from the noise of the data. An optical depth with the photons counted
    (``metadata["noise"]``, see `optical_depth`) has the variance ``(exp(mu) + 1/n_flat) / i0``, and the errors are
    those of an unweighted fit to such data, ``(A'A)^-1 A'VA (A'A)^-1``. Otherwise the variance is that of the pixel's
    residuals, misfit included. A coefficient above 0 has its error among those that are above 0; one at 0 has the
    error that it would have if it alone were added. Fractions and valence take the error of the fit without bounds, so
    that a pure pixel is not given an error of zero.

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
    require_absorption(stack, "fit_references", normalized=True)
    design = prepare(
        stack,
        references,
        energy,
        constant=constant,
        slope=slope,
        nonnegative=nonnegative,
        sum_to_one=sum_to_one,
        normalize_references=normalize_references,
    )
    fit = LinearFit(design, stack, fractions=fractions, min_jump=min_jump)
    blocks.over_pixels(fit.block, stack.data, progress=progress, message="reference fit")
    if not fit.finite.any():
        raise_if_frame_empty(stack)
    return _maps(stack, design, fit)


def _maps(stack: SpectralStack, design: Design, fit: LinearFit) -> MapSet:
    """The filled arrays as maps."""
    shape, unit, names = stack.shape[1:], stack.unit, design.names
    mask = fit.good.reshape(shape)

    def one(values: Any, unit: str, sigma: Any = None, mask: Any = mask, **more: Any) -> ParameterMap:
        sigma = None if sigma is None else sigma.reshape(shape)
        return ParameterMap(values.reshape(shape), unit, sigma, mask, **more)

    shown_unit = "1" if fit.fractions else unit
    maps = {name: one(fit.shown[i], shown_unit, fit.shown_sigma[i]) for i, name in enumerate(names)}
    maps["edge_jump"] = one(fit.jump, unit, fit.jump_sigma)
    if design.with_valence.any():
        maps["valence"] = one(fit.valence, "1", fit.valence_sigma, mask & np.isfinite(fit.valence).reshape(shape))
    maps["dominant"] = one(fit.dominant, "1", labels=dict(enumerate(names, start=1)))
    maps["residual_rms"] = one(fit.rms, unit, companion="fit")
    maps["chi_square"] = one(
        fit.chi_square, "1", mask=mask & np.isfinite(fit.chi_square).reshape(shape), companion="fit"
    )
    for i, name in enumerate(design.backgrounds):
        maps[name] = one(fit.background[i], {"constant": unit, "slope": f"{unit}/eV"}[name], companion="fit")
    warnings = list(design.warnings)
    if fit.finite.any() and not fit.good.any():
        least = "five times its error" if fit.min_jump is None else f"{fit.min_jump:g}"
        largest = float(np.nanmax(fit.jump))
        warnings.append(f"no pixel has an edge jump above {least} (the largest is {largest:.3g}), so all are masked")
    metadata = {
        "name": stack.name,
        "warnings": warnings,
        "fit": {
            "energy": design.energy,
            "design": design.matrix,
            "names": [*names, *design.backgrounds],
            "fractions": fit.fractions,
        },
    }
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)


def fitted_spectrum(maps: MapSet, index: tuple[int, ...]) -> Spectrum:
    """The fit of one pixel, to draw over its measured spectrum.

    Parameters
    ----------
    maps : MapSet
        What `fit_references` gave.
    index : tuple of int
        Pixel, (y, x) or (z, y, x).

    Returns
    -------
    Spectrum
        On the energies that were fitted, NaN where the pixel has no fit.

    Raises
    ------
    ValueError
        If the maps were not made by `fit_references`.

    Examples
    --------
    >>> energy = np.linspace(8330, 8400, 30)
    >>> stack = SpectralStack(np.arctan(energy - 8343)[:, None, None], energy, "optical_depth")
    >>> maps = fit_references(stack, references=[Spectrum("Ni", energy, stack.data[:, 0, 0])])
    >>> bool(np.allclose(fitted_spectrum(maps, (0, 0)).mu, stack.data[:, 0, 0]))
    True
    """
    fit = maps.metadata.get("fit")
    if not isinstance(fit, Mapping) or "design" not in fit:
        raise ValueError(f"{maps!r} holds no fit of references; run fit_references first")
    coefficients = np.array([maps[name].data[index] for name in fit["names"]], dtype=np.float64)
    if fit["fractions"]:
        n_references = len([name for name in fit["names"] if maps[name].companion != "fit"])
        coefficients[:n_references] *= float(maps["edge_jump"].data[index])
    return Spectrum("fit", fit["energy"], np.asarray(fit["design"]) @ coefficients)
