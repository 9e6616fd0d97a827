"""`components`: the spectra that pixels share, found without references, and their amounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block
from napari_xanes.edge import Range, raise_if_frame_empty
from napari_xanes.exploring.basis import Basis, ComponentBasis
from napari_xanes.exploring.factors import MOST
from napari_xanes.exploring.faults import are_single
from napari_xanes.exploring.stacks import at_energies_of, doubts_of, find_basis, within
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.region_means import SHARED_ENERGIES
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import counted, first_few, one_or_more

_FEW_PIXELS = 4.0
"""A component that no more pixels than this carry is a spot or a faulty pixel."""

_MOST_NAMED = 5

_AT_ONCE = 2048
"""So many pixels and what is made of them fit into the cache."""


def _fit_state(stack: SpectralStack, *, count: int | None, energy: Range | None, basis: Any) -> Mapping[str, Any]:
    """Find the components from the whole stack."""
    return {"basis": basis or find_basis(stack, "components", count, energy)}


@method(looks_at="pixel", fit=_fit_state)
def components(
    stack: SpectralStack,
    /,
    *,
    count: Annotated[int | None, Param(ge=1, le=MOST, auto="those above the noise")] = None,
    energy: Annotated[Range | None, Param(unit="eV", ge=0, auto="all")] = None,
    basis: Basis = None,
    progress: Progress | None = None,
) -> MapSet:
    """Principal components in units of the noise: how many spectra pixels share, which, and how much of each.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence, normalized or scaled absorption.
    count : int, optional
        Number of components; by default those that are larger than noise makes them by chance, at least one.
    energy : tuple of float, optional
        Range of energies to use in eV, both ends included.
    basis : ComponentBasis, optional
        Components that an earlier run has found, at the same energies: the scores of stacks can then be compared.

    Returns
    -------
    MapSet
        ``score_1`` ..., the amount of each component in the unit of the stack, and ``chi_square``, reduced, of what the
        components leave over. ``metadata["spectra"]`` holds the components as spectra with their errors, strongest
        first; their root mean square is 1 and their largest value is positive. ``metadata["explained"]`` holds their
        shares in what is more than noise. For a scree plot, ``metadata["eigenvalues"]`` holds the mean squares along
        all components in units of the noise, and ``metadata["limit"]`` the largest one that noise has by chance.

    Raises
    ------
    ValueError
        If the stack is no absorption or has too few energies, no pixels hold values at all energies, or a basis is of
        other energies.

    Notes
    -----
    Nothing is subtracted first, so the number of components is that of the spectra in the stack, if their amounts vary
    independently. Patterns of beam and detector count as spectra, too.

    Where photons are known, they give the noise. Else noise and number are found together by factor analysis (Lawley,
    Proc. R. Soc. Edinb. 60, 64, 1940), and the limit by parallel analysis (Horn, Psychometrika 30, 179, 1965) with
    the number of pixels that have noise of their own. Errors of scores follow from the photons, from the errors of a
    denoised stack, or from what the components leave over in the pixel.

    Examples
    --------
    >>> energy = np.linspace(8330, 8400, 30)
    >>> amounts = np.random.default_rng(0).uniform(0, 1, (2, 40, 40))
    >>> spectra = np.stack([np.arctan(energy - 8343), np.arctan(energy - 8347)]) + 1.5
    >>> noise = 0.01 * np.random.default_rng(1).standard_normal((30, 40, 40))
    >>> stack = SpectralStack(np.tensordot(spectra.T, amounts, 1) + noise, energy, "optical_depth")
    >>> list(components(stack))
    ['score_1', 'score_2', 'chi_square']
    """
    found = basis or find_basis(stack, "components", count, energy, part(progress, 0.0, 0.5))
    stack = at_energies_of(found, within(stack, "components", energy))
    scores = _Scores(stack, found)
    blocks.over_pixels(scores.block, stack.data, progress=part(progress, 0.5, 1.0), message="scores")
    if not scores.finite.any():
        raise_if_frame_empty(stack)
    return scores.maps()


class _Scores:
    """Scores of a stack along a basis, block after block."""

    def __init__(self, stack: SpectralStack, basis: ComponentBasis) -> None:
        self.stack, self.basis, self._noise = stack, basis, stack.noise
        count, n_pixels = len(basis.spectra), int(np.prod(stack.shape[1:]))
        self.values, self.sigma = (np.empty((count, n_pixels), np.float32) for _ in range(2))
        self.chi_square, self.finite = np.empty(n_pixels, np.float32), np.zeros(n_pixels, dtype=bool)
        whitened = basis.spectra / basis.noise
        self._inverse = np.linalg.pinv(whitened.T) / basis.noise
        self._per_noise = np.sqrt((self._inverse**2) @ basis.noise**2)
        self._freedom = max(1, basis.energy.size - count)
        self._onto, self._spectra = self._inverse.astype(np.float32), basis.spectra.T.astype(np.float32)
        self._per_value = (1 / basis.noise[:, None]).astype(np.float32)

    def block(self, block: Block, pixels: slice) -> None:
        """Store the scores of a block (E, P)."""
        for start in range(0, block.shape[1], _AT_ONCE):
            few = block[:, start : start + _AT_ONCE].astype(np.float32, copy=False)
            self._store(few, slice(pixels.start + start, pixels.start + start + few.shape[1]))

    def _store(self, values: Block, pixels: slice) -> None:
        with np.errstate(all="ignore"):
            scores = self._onto @ values
            residual = self._spectra @ scores
            np.subtract(values, residual, out=residual)
            # Finite numbers have a finite sum; where they do not, they are looked at one by one.
            finite = np.isfinite(residual.sum(axis=0))
            if not finite.all():
                finite = np.isfinite(residual).all(axis=0)
            variance, chi_square = self._errors(values, residual, pixels)
            np.sqrt(variance, out=self.sigma[:, pixels])
        if not finite.all():
            scores[:, ~finite], chi_square[~finite] = np.nan, np.nan
        self.values[:, pixels], self.chi_square[pixels], self.finite[pixels] = scores, chi_square, finite

    def _errors(self, values: Block, residual: Block, pixels: slice) -> tuple[Block, Block]:
        """Return the variances of scores (K, P) and the reduced chi square (P,) of a block; the residual is changed."""
        weights = self._inverse.T
        if isinstance(self._noise, AmountNoise):
            return (self._noise.sources(weights, pixels) ** 2).sum(axis=1), np.full(values.shape[1], np.nan)
        if isinstance(self._noise, PhotonNoise):
            own = np.broadcast_to(self._noise.variance(values, pixels), values.shape)
            chi_square = (residual**2 / own).sum(axis=0) / self._freedom
            if self._noise.flats is not None:
                own = own - self._noise.shared_variance(pixels)
            shared = (self._noise.sources(weights, pixels) ** 2).sum(axis=1)
            return ((weights**2).T @ own + shared) * np.maximum(chi_square, 1), chi_square
        residual *= self._per_value
        chi_square = np.einsum("ep,ep->p", residual, residual) / np.float32(self._freedom)
        return self._per_noise[:, None] ** 2 * chi_square, chi_square

    def maps(self) -> MapSet:
        """Return the scores as maps."""
        stack, basis, shape = self.stack, self.basis, self.stack.shape[1:]
        mask = self.finite.reshape(shape)
        rows = enumerate(zip(self.values, self.sigma, strict=True), start=1)
        warnings = [*self._few_pixels(), *doubts_of(stack, basis)]
        maps = {
            f"score_{number}": ParameterMap(values.reshape(shape), stack.unit, sigma.reshape(shape), mask)
            for number, (values, sigma) in rows
        }
        if stack.metadata.get(SHARED_ENERGIES) and stack.noise is None:
            maps = {name: ParameterMap(one.data, one.unit, np.full(shape, np.nan), mask) for name, one in maps.items()}
        if not isinstance(self._noise, AmountNoise):
            maps["chi_square"] = ParameterMap(self.chi_square.reshape(shape), "1", mask=mask, companion="fit")
        metadata = {
            "name": stack.name,
            "warnings": warnings,
            "spectra": basis.named(),
            "explained": basis.explained.tolist(),
            "eigenvalues": basis.eigenvalues.tolist(),
            "limit": basis.limit,
        }
        return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)

    def _few_pixels(self) -> list[str]:
        """Say which components only a few pixels carry, or single ones."""
        texts, single, all_finite = [], list[str](), bool(self.finite.all())
        for number, scores in enumerate(self.values, start=1):
            finite = scores if all_finite else scores[self.finite]
            # Of any size, without the squares of enormous numbers.
            largest = max(float(finite.max(initial=0)), -float(finite.min(initial=0)), float(np.finfo(np.float32).tiny))
            squares = np.square(finite / largest)
            n = float(squares.sum()) ** 2 / max(float(squares @ squares), np.finfo(float).tiny)
            if n < min(_FEW_PIXELS, self.finite.sum() / 2):
                pixels = counted(max(1, round(n)), "pixel carries", "pixels carry")
                texts.append(f"only about {pixels} component {number}: a spot, or faulty pixels (see repair)")
            elif are_single((np.abs(scores) > 0.5 * largest).reshape(self.stack.shape[1:])):
                single.append(str(number))
        if single:
            names = first_few(single, _MOST_NAMED)
            texts.append(
                f"{one_or_more(len(single), 'component', 'components')} {names}: single pixels carry "
                f"{one_or_more(len(single), 'it', 'them')}, as hot and dead pixels and zingers do; run repair first"
            )
        return texts
