"""`unmix`: non-negative spectra that pixels are mixtures of, found without references, with their ambiguity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from napari_xanes import blocks
from napari_xanes._typing import Block
from napari_xanes.edge import Range, raise_if_frame_empty
from napari_xanes.exploring.faults import are_single, energies_in_words
from napari_xanes.exploring.pure_spectra import PureArgument, PureSpectra
from napari_xanes.exploring.stacks import at_energies_of, within
from napari_xanes.maps.fitting.active_set import ActiveSets
from napari_xanes.maps.fitting.pure_search import Choice, find_pure_spectra
from napari_xanes.maps.fitting.unmixing import MOST, Algorithm, Constraints, Start
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.reference_arguments import load_references
from napari_xanes.region_means import SHARED_ENERGIES
from napari_xanes.registry import estimated, method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import first_few

_MOST_NAMED = 5

ChosenReferences = Annotated[
    Any,
    BeforeValidator(lambda value: None if value is None else load_references(value)),
    Param(kind="references", files=True, auto="none", on_request=True),
]


def _fit_state(
    stack: SpectralStack,
    *,
    count: int | None,
    algorithm: Algorithm,
    start: Start,
    references: list[Spectrum] | None,
    fixed: bool,
    closure: bool,
    smoothness: float | None,
    energy: Range | None,
    seed: int,
    pure: Any,
) -> Mapping[str, Any]:
    """Find the spectra from the whole stack."""
    if pure is not None:
        return {"pure": pure}
    if algorithm == "nmf" and (closure or smoothness or fixed):
        raise ValueError("nmf knows no closure, smoothness or fixed spectra: leave them out, or choose mcr-als")
    if fixed and not references:
        raise ValueError("fixed spectra need references: choose some, or set fixed to no")
    constraints = Constraints(closure, None, len(references or []) if fixed else 0)
    choice = Choice(count, algorithm, start, references or [], constraints, smoothness, seed)
    return {"pure": find_pure_spectra(stack, choice, energy)}


@method(looks_at="pixel", fit=_fit_state)
def unmix(
    stack: SpectralStack,
    /,
    *,
    count: Annotated[int | None, Param(ge=1, le=MOST, auto="as many as components stand out")] = None,
    algorithm: Algorithm = "mcr-als",
    start: Start = "unlike pixels",
    references: ChosenReferences = None,
    fixed: bool = False,
    closure: bool = False,
    smoothness: Annotated[float | None, Param(unit="eV", ge=0, le=20, step=0.1, auto="none")] = None,
    energy: Annotated[Range | None, Param(unit="eV", ge=0, auto="all")] = None,
    seed: Annotated[int, Param(ge=0)] = 0,
    pure: PureArgument = None,
    progress: Progress | None = None,
) -> MapSet:
    """Non-negative spectra and their amounts, without references, and which other spectra fit as well.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence, normalized or scaled absorption.
    count : int, optional
        Number of spectra; by default that of the components that stand out from the noise.
    algorithm : {"mcr-als", "nmf"}
        Alternating least squares in units of the noise, or scikit-learn's NMF, which takes negative values for 0.
    start : {"unlike pixels", "vca", "clusters"}
        Where spectra start: at pixels as unlike as possible, which are pure if pure pixels exist; at the pixels that
        vertex component analysis finds, corners along random directions; or at the means of clusters.
    references : list of Spectrum, optional
        Some of the spectra start from these instead.
    fixed : bool
        Whether the references stay as they are.
    closure : bool
        Whether the amounts of each pixel have the sum 1, as for normalized absorption.
    smoothness : float, optional
        Spectra are averaged over this width in eV.
    energy : tuple of float, optional
        Range of energies to use in eV, both ends included.
    seed : int
        For random numbers: the same seed gives the same result.
    pure : PureSpectra, optional
        Spectra that an earlier run has found, at the same energies.

    Returns
    -------
    MapSet
        ``amount_1`` ... in the unit of the stack: spectra have a mean of 1, except with closure and for fixed ones.
        Companions ``amount_1_low`` and ``amount_1_high``: the range of amounts in the other solutions that give some
        spectrum the most or the least, and ``chi_square``, reduced. ``metadata["spectra"]`` holds the spectra with
        errors, ``metadata["ambiguity"]`` for each ``name``, ``low`` and ``high``: the range of the spectra that fit as
        well, widened by two standard errors; ``metadata["unmix"]`` the ``number`` and how it was found in ``words``.

    Raises
    ------
    ValueError
        If the stack is no absorption, has too few energies, or fewer pixels hold more than noise than there are
        spectra; if constraints contradict each other; if spectra are of other energies.

    Notes
    -----
    Alternating non-negative least squares (Tauler, Chemom. Intell. Lab. Syst. 30, 133, 1995), each half exactly, from
    4000 pixels drawn at random; starting pixels by successive non-negative projection (Gillis, SIAM J. Imaging Sci. 7,
    1420, 2014) or by VCA (Nascimento & Bioucas-Dias, IEEE Trans. Geosci. Remote Sens. 43, 898, 2005). Without closure,
    pure pixels or references, the answer is one of many: a random walk through all non-negative solutions (Lawton &
    Sylvestre, Technometrics 13, 617, 1971) gives their range.

    Examples
    --------
    >>> energy = np.linspace(8330, 8400, 30)
    >>> spectra = np.stack([np.arctan(energy - 8343), np.arctan(energy - 8347)]) + 1.6
    >>> rng = np.random.default_rng(0)
    >>> data = np.tensordot(spectra.T, rng.uniform(0, 1, (2, 40, 40)), 1) + 0.01 * rng.standard_normal((30, 40, 40))
    >>> maps = unmix(SpectralStack(data, energy, "optical_depth"))
    >>> [name for name in maps if not maps[name].companion], maps.metadata["unmix"]["number"]
    (['amount_1', 'amount_2'], 2)
    """
    found = estimated("pure", pure)
    stack = at_energies_of(found, within(stack, "unmix", energy))
    amounts = _Amounts(stack, found, closure)
    blocks.over_pixels(amounts.block, stack.data, progress=progress, message="amounts")
    if not np.isfinite(amounts.chi_square).any():
        raise_if_frame_empty(stack)
    return amounts.maps()


class _Amounts:
    """Amounts of a stack, block after block."""

    def __init__(self, stack: SpectralStack, pure: PureSpectra, closure: bool) -> None:
        self.stack, self.pure = stack, pure
        count, n_pixels = len(pure.names), int(np.prod(stack.shape[1:]))
        self.values, self.sigma, self.low, self.high = (np.empty((count, n_pixels), np.float32) for _ in range(4))
        self.chi_square = np.empty(n_pixels, np.float32)
        self._weights = 1 / pure.noise
        self._design = (pure.spectra * self._weights).T
        q, r = np.linalg.qr(self._design)
        self._onto = q.T * self._weights
        self._r = r
        self._solver = ActiveSets(r, nonnegative=True, sum_to_one=closure)
        self._errors = np.linalg.norm(self._solver.freed()[0], axis=2)
        self._others = np.linalg.pinv(pure.turns)
        self._freedom = max(1, pure.energy.size - count)

    def block(self, block: Block, pixels: slice) -> None:
        """Store the amounts of a block (E, P)."""
        values = block.astype(np.float64)
        finite = np.isfinite(values).all(axis=0)
        values[:, ~finite] = 0
        target = self._onto @ values
        amounts, support = self._solver.solve(target)
        fitted = self._r @ amounts
        squares = self._weights**2 @ (values * values) - np.sum(target**2, axis=0)
        chi_square = np.maximum(squares + np.sum((target - fitted) ** 2, axis=0), 0) / self._freedom
        sigma = self._errors[support].T * np.sqrt(np.maximum(chi_square, 1))
        # The other solutions turn the amounts; what turns negative within the noise is 0.
        turned = np.maximum(self._others @ amounts, 0)
        low, high = np.minimum(amounts, turned.min(axis=0)), np.maximum(amounts, turned.max(axis=0))
        for mine, other in ((self.values, amounts), (self.sigma, sigma), (self.low, low), (self.high, high)):
            mine[:, pixels] = np.where(finite, other, np.nan)
        self.chi_square[pixels] = np.where(finite, chi_square, np.nan)

    def maps(self) -> MapSet:
        """Return the amounts as maps."""
        stack, pure, shape = self.stack, self.pure, self.stack.shape[1:]
        maps = {}
        unknown = bool(stack.metadata.get(SHARED_ENERGIES)) and stack.noise is None
        for i in range(len(pure.names)):
            name = f"amount_{i + 1}"
            sigma = np.full(shape, np.nan) if unknown else self.sigma[i].reshape(shape)
            maps[name] = ParameterMap(self.values[i].reshape(shape), stack.unit, sigma)
            for end, values in (("low", self.low), ("high", self.high)):
                maps[f"{name}_{end}"] = ParameterMap(values[i].reshape(shape), stack.unit, companion=name)
        maps["chi_square"] = ParameterMap(self.chi_square.reshape(shape), "1", companion="fit")
        metadata = {
            "name": stack.name,
            "warnings": self._doubts(),
            "spectra": pure.named(),
            "ambiguity": [
                {"name": name, "energy": pure.energy, "low": low, "high": high}
                for name, low, high in zip(pure.names, pure.low, pure.high, strict=True)
            ],
            "unmix": {"number": len(pure.names), "words": pure.words},
        }
        return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)

    def _doubts(self) -> list[str]:
        """Say in sentences what makes the result doubtful."""
        doubts = [] if "as many as" in self.pure.words else [self.pure.words]
        doubts += energies_in_words(self.pure.energy, self.pure.spectra, self.pure.noise)
        doubts += self._single_pixels()
        typical = float(np.nanmedian(self.chi_square)) if np.isfinite(self.chi_square).any() else 1.0
        if typical > 1.5:
            doubts.append(
                f"chi square is {typical:.1f} in a typical pixel: non-negative amounts of these spectra do not explain "
                "the stack; raise count, or look for what is negative (background, offset)"
            )
        return doubts

    def _single_pixels(self) -> list[str]:
        """Say of which spectra only single pixels hold much."""
        single = []
        for name, amounts in zip(self.pure.names, self.values, strict=True):
            much = np.nan_to_num(amounts) > 0.5 * np.nanmax(amounts, initial=0)
            if are_single(much.reshape(self.stack.shape[1:])):
                single.append(name)
        if not single:
            return []
        return [
            f"only single pixels hold much of {first_few(single, _MOST_NAMED)}, as hot and dead pixels and zingers do; "
            "run repair first"
        ]
