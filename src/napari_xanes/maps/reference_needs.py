"""`needed_references`: which references a stack or some spectra need, with the test that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes.edge import Range, require_absorption
from napari_xanes.maps.fitting.design import Design, build_design
from napari_xanes.maps.fitting.mean_spectra import Means, means_of
from napari_xanes.maps.fitting.need_tests import NeedTests, can_be_there
from napari_xanes.maps.fitting.target_transform import ACCEPTABLE, UNACCEPTABLE, Target
from napari_xanes.noise import AmountNoise
from napari_xanes.progress import Progress
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_DRAWS = 2
"""The smallest p-value is at most one over it times the level of the test."""


@dataclass(frozen=True)
class ReferenceNeed:
    """Whether a fit needs one reference.

    Parameters
    ----------
    name : str
        Of the reference.
    needed : bool
        The fit without it is worse by more than noise explains, at the level of the test.
    kept : bool
        It is one of the fewest references that are enough: of two that stand for each other, none may be needed, but
        one is kept.
    f : float
        F of the fit without it against the fit with it.
    p_value : float
        Probability of such an F if there is none of it, corrected for the number of spectra.
    bic : float
        Bayesian information criterion of the fit without it minus that with it: above 0 if it is needed.
    amount : float
        Its coefficient in the fit with all references.
    spectrum : str
        Name of the spectrum that needs it most.
    target : Target, optional
        Whether it can be one of the independent spectra of the stack at all; None where that can't be told.
    """

    name: str
    needed: bool
    kept: bool
    f: float
    p_value: float
    bic: float
    amount: float
    spectrum: str
    target: Target | None = None

    @property
    def words(self) -> str:
        """The result as a sentence.

        Examples
        --------
        >>> ReferenceNeed("LiNiO2", False, False, 1.2, 0.3, -2.0, 0.01, "mean").words
        'LiNiO2 is not needed (F = 1.2, p = .3)'
        >>> ReferenceNeed("CoO", False, False, 0.0, 1.0, -4.0, 0.0, "mean").words
        'CoO is not needed (its amount is 0)'
        """
        return f"{self.name}{':' if self.kept and not self.needed else ' is'} {self.answer}"

    @property
    def answer(self) -> str:
        """The result without the name: needed, not needed, or why this can't be told.

        Examples
        --------
        >>> ReferenceNeed("LiNiO2", False, False, 1.2, 0.3, -2.0, 0.01, "mean").answer
        'not needed (F = 1.2, p = .3)'
        >>> ReferenceNeed("NiO", False, True, 1.2, 0.3, -2.0, 0.01, "mean").answer
        'cannot tell: the others can replace it (F = 1.2, p = .3), but not together with them'
        """
        found = f"F = {_short(self.f)}, p = {_probability(self.p_value)}"
        if self.needed:
            text = f"needed ({found})"
        elif self.f == 0:
            text = "not needed (its amount is 0)"
        elif self.kept:
            text = f"cannot tell: the others can replace it ({found}), but not together with them"
        else:
            text = f"not needed ({found})"
        return text + _of_target(self.target)


class NeededReferences(NamedTuple):
    """Which references are needed.

    Parameters
    ----------
    needs : list of ReferenceNeed
        One per reference, in their order.
    n_components : int or None
        Number of independent spectra in the stack beyond noise and background; None where it can't be told.
    warnings : list of str
        What a user should know.
    """

    needs: list[ReferenceNeed]
    n_components: int | None
    warnings: list[str]

    @property
    def kept(self) -> list[str]:
        """Names of the fewest references that are enough."""
        return [need.name for need in self.needs if need.kept]


def needed_references(
    data: SpectralStack | Sequence[Spectrum],
    references: Sequence[Spectrum],
    *,
    regions: ArrayLike | None = None,
    energy: Range | None = None,
    constant: bool = True,
    slope: bool = True,
    nonnegative: bool = True,
    level: float = 0.05,
    n_draws: int = 499,
    seed: int = 0,
    progress: Progress | None = None,
) -> NeededReferences:
    """Test which references are needed to describe a stack, or some spectra.

    Parameters
    ----------
    data : SpectralStack, shape (E, Y, X) or (E, Z, Y, X), or list of Spectrum
        Optical depth, fluorescence or normalized absorption. Of a stack the mean spectrum of all complete pixels is
        tested, and that of each region.
    references : sequence of Spectrum
        At most ten if non-negative.
    regions : array_like of int, shape (Y, X) or (Z, Y, X), optional
        Labels of regions; 0 belongs to none.
    energy : (float, float), optional
        Range in eV; by default all that the references cover.
    constant, slope : bool
        Fit a constant background, and one that is linear in energy.
    nonnegative : bool
        Amounts of references are at least 0.
    level : float
        Share of references that are called needed without being there.
    n_draws : int
        Number of simulated spectra for each reference; the smallest p-value is one over it. At least two per tested
        spectrum and `level`, because p-values are multiplied by the number of tested spectra.
    seed : int
        Seed of the simulated noise.
    progress : callable, optional
        Called with the fraction done and what is tested; may raise `Cancelled`.

    Returns
    -------
    NeededReferences
        Tests of each reference, with sentences.

    Raises
    ------
    ValueError
        If the data are no absorption or were denoised, energies are too few, or references are not independent.

    Notes
    -----
    A reference that is left out raises the sum of squares, and F is that rise over the variance of the residuals, or of
    counted photons where that is larger. Neighbouring energies share noise and misfit; both are taken as autoregressive
    (`maps.fitting.nested_fits`), so a reference has to explain more than the misfit that remains. Of several spectra
    the smallest p-value counts, times their number (Bonferroni).

    Whether a reference can be there at all is a target transformation: it must be a combination of the independent
    spectra of the stack (`maps.fitting.target_transform`). Of a stack with fewer independent spectra than references
    that are needed, this can't be told.

    Examples
    --------
    >>> energy = np.linspace(8330, 8400, 60)
    >>> a, b = np.arctan(energy - 8343), np.arctan((energy - 8347) / 2)
    >>> noise = 0.01 * np.random.default_rng(1).standard_normal(60)
    >>> measured, known = Spectrum("x", energy, a + noise), [Spectrum("a", energy, a), Spectrum("b", energy, b)]
    >>> found = needed_references([measured], known)
    >>> [need.needed for need in found.needs], found.kept
    ([True, False], ['a'])
    """
    stack = _as_stack(data) if not isinstance(data, SpectralStack) else data
    require_absorption(stack, "needed_references", normalized=True, scaled=True)
    if isinstance(stack.noise, AmountNoise):
        raise ValueError(
            f"the noise of {stack.name!r} was removed, so its residuals tell nothing about references: use the stack "
            "before denoising"
        )
    stack = stack.measured()
    design = build_design(
        stack,
        list(references),
        energy,
        constant=constant,
        slope=slope,
        nonnegative=nonnegative,
        sum_to_one=False,
        normalize_references="auto",
    )
    means = _means(data, stack, design, regions)
    # With fewer draws, many spectra could not need a reference however large its F is.
    n_draws = max(n_draws, ceil(_DRAWS * len(means.names) / level))
    tests = NeedTests(design, means, nonnegative=nonnegative, n_draws=n_draws, seed=seed, progress=progress)
    found = tests.of(range(len(design.names)))
    kept = tests.fewest(found, level)
    needed = [result.p_value < level for result, _ in found]
    number, targets = can_be_there(design, means, max(len(kept), 1))
    needs = [
        ReferenceNeed(name, needed[i], i in kept, result.f, result.p_value, result.bic, result.amount, spectrum, target)
        for i, (name, (result, spectrum), target) in enumerate(zip(design.names, found, targets, strict=True))
    ]
    return NeededReferences(needs, number, [*design.warnings, *means.warnings])


def _means(
    data: SpectralStack | Sequence[Spectrum], stack: SpectralStack, design: Design, regions: ArrayLike | None
) -> Means:
    """Return the spectra to test: those that were given, or means of the stack."""
    if isinstance(data, SpectralStack):
        return means_of(stack, design.frames, regions)
    values = np.asarray(stack.data[design.frames], dtype=np.float64).reshape(design.energy.size, -1)
    return Means([spectrum.name for spectrum in data], values, None, values, [])


def _as_stack(spectra: Sequence[Spectrum]) -> SpectralStack:
    """Return spectra as a stack of one row, on the energies that all have."""
    if not spectra:
        raise ValueError("no spectrum to test references on; give at least one")
    energy = spectra[0].energy
    for spectrum in spectra[1:]:
        energy = energy[np.isin(energy, spectrum.energy)]
    values = np.array([spectrum.mu[np.isin(spectrum.energy, energy)] for spectrum in spectra]).T
    good = np.isfinite(values).all(axis=1)
    if not good.any():
        raise ValueError(f"{', '.join(s.name for s in spectra[:4])} share no energies; test them one by one")
    normalized = all(spectrum.metadata.get("normalized") for spectrum in spectra)
    return SpectralStack(values[good][:, None, :], energy[good], "normalized" if normalized else "optical_depth")


def _of_target(target: Target | None) -> str:
    if target is None or target.spoil < ACCEPTABLE:
        return ""
    share = f"{100 * target.outside:.2g} % of it lies outside of what the stack shows, SPOIL {target.spoil:.2g}"
    if target.spoil < UNACCEPTABLE:
        return f"; it may not be what is there ({share})"
    return f"; as it is, it is not there ({share})"


def _short(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{value:.0f}"


def _probability(value: float) -> str:
    """A probability as statistics write it: without the zero before the point.

    Examples
    --------
    >>> _probability(0.3), _probability(0.0021), _probability(1.0)
    ('.3', '.002', '1')
    """
    return "1" if value > 0.995 else f"{value:.1g}".removeprefix("0")
