"""`complete_sparse`: all energies of pixels of which only some were measured, with errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block, Float32Array, Float64Array
from napari_xanes.arguments import References
from napari_xanes.edge import raise_if_frame_empty, require_absorption
from napari_xanes.exploring.sparse_learning import Sparse, learn_sparse
from napari_xanes.exploring.sparse_model import SparseModel, SparseModelArgument, amounts_of
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import estimated, method, with_warnings
from napari_xanes.spectrum import Spectrum
from napari_xanes.spreading import spread
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import counted

_PIXELS = 8192
"""So many pixels teach the spectra."""

_FEWEST = 30
"""Fewer pixels with values teach none."""

_KNOWN = 0.5
"""A pixel whose spectrum is left with more than this share of the variance among pixels is not known."""

_UNSURE = 0.3
"""A pixel whose amount of the mean spectrum has a larger error, in units of a thick pixel's, is not known either."""

_OFF = 1.5
"""A model is told to be wrong if values that it does not know are off by so many times what it expects."""


def _fit_state(
    stack: SpectralStack, *, references: list[Spectrum] | None, components: int | None, model: Any
) -> Mapping[str, Any]:
    """Learn the spectra from some pixels of the stack."""
    stack = _checked(stack)
    return {"model": model or _learned(stack, references, components)}


def _checked(stack: SpectralStack) -> SpectralStack:
    require_absorption(stack, "complete_sparse", normalized=True, scaled=True)
    if isinstance(stack.noise, AmountNoise):
        raise ValueError(f"{stack.name!r} is a model already: complete_sparse takes what was measured")
    raise_if_frame_empty(stack)
    return stack


def _learned(stack: SpectralStack, references: list[Spectrum] | None, components: int | None) -> SparseModel:
    n_energies, n_pixels = stack.energy.size, int(np.prod(stack.shape[1:]))
    chosen = spread(n_pixels, _PIXELS)
    values = np.empty((n_energies, chosen.size))

    def take(block: Block, pixels: slice) -> None:
        here = slice(*np.searchsorted(chosen, (pixels.start, pixels.stop)))
        values[:, here] = block[:, chosen[here] - pixels.start]

    blocks.over_pixels(take, stack.data)
    measured = np.isfinite(values)
    there = measured.any(axis=0)
    values, measured, chosen = values[:, there], measured[:, there], chosen[there]
    if chosen.size < _FEWEST:
        raise ValueError(
            f"{chosen.size} pixels of {stack.name!r} have values, but spectra are learned from at least {_FEWEST}: "
            "measure more of the sample, or crop less"
        )
    if not np.ptp(values[measured]) > 0:
        raise ValueError(f"all values of {stack.name!r} are the same: they hold no spectrum; choose another stack")
    known = None if not references else _known_spectra(stack, references)
    with blocks.single_threaded_blas():
        sparse = Sparse(np.where(measured, values, 0), measured, np.ones_like(values))
        if isinstance(stack.noise, PhotonNoise):
            # The noise of a value follows from what it is without noise: the smooth fit tells it, not the value.
            first = learn_sparse(stack.energy, sparse, known, components)
            fit = first.spectra.T @ amounts_of(first, values, np.ones_like(values)).mean.T
            sparse = sparse._replace(variance=_variance(stack.noise, fit, chosen))
        return learn_sparse(stack.energy, sparse, known, components)


def _known_spectra(stack: SpectralStack, references: list[Spectrum]) -> Float64Array:
    """Return references and a line (E, F) at the energies of a stack."""
    axis = stack.energy
    columns = []
    for reference in references:
        column = reference.at(axis)
        if not np.isfinite(column).all():
            raise ValueError(
                f"reference {reference.name!r} has no value at {axis[~np.isfinite(column)][0]:g} eV: crop the stack to "
                "the energies of its references, or leave them out"
            )
        columns.append(column)
    middle = (axis - axis.mean()) / max(float(np.ptp(axis)), 1e-300)
    return np.column_stack([*columns, np.ones_like(axis), middle])


def _variance(noise: PhotonNoise, mu: Float64Array, pixels: Any) -> Float64Array:
    return np.asarray(noise.variance(mu, pixels), dtype=np.float64)


@method(looks_at="pixel", fit=_fit_state)
def complete_sparse(
    stack: SpectralStack,
    /,
    *,
    references: Annotated[References | None, Param(kind="references", files=True, on_request=True)] = None,
    components: Annotated[int | None, Param(ge=1, le=6, label="spectra", auto="that predict best")] = None,
    model: SparseModelArgument = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Complete a sparse scan, of which each energy was measured in a part of the pixels.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption, NaN where nothing was measured. Pixels should differ in which energies they have.
    references : list of Spectrum, or files, optional
        Spectra that the sample consists of: they and a straight line are taken as known, and others are learned beside
        them only if they predict what was measured better.
    components : int, optional
        Number of spectra that are learned; by default as many as predict best values that were left out.
    model : SparseModel, optional
        What an earlier run has learned.

    Returns
    -------
    SpectralStack
        float32, every value from the model, with the errors of its amounts as noise, which fits use. NaN in pixels
        that cannot be known: what was measured of them leaves more than half of the variance among pixels.
        ``metadata["complete_sparse"]`` says what was measured, masked, and how well values that were left out are
        predicted.

    Raises
    ------
    ValueError
        If the stack is no absorption or a model already, a frame is empty, or too few pixels have values.

    Notes
    -----
    Values are ``W x`` with noise: a few spectra `W`, and amounts `x` with a normal prior that all pixels share (see
    `exploring.sparse_model`). Errors are those of the amounts given what was measured of a pixel: the less, the closer
    to the mean of the sample it is taken to be, and the wider its error. A substance that is in few pixels only can be
    missed; pixels whose values lie too far from the model get wider errors. Errors hold with references: spectra that
    were learned have none, and a difference between pixels that is too weak to be learned is missing.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> energy, amount = np.linspace(8320, 8400, 30), rng.uniform(0.2, 1, (40, 40))
    >>> edge = np.arctan(energy - 8345) + 1.6
    >>> data = edge[:, None, None] * amount + 0.02 * rng.standard_normal((30, 40, 40))
    >>> data[rng.random(data.shape) > 0.2] = np.nan
    >>> scan = SpectralStack(data, energy, "optical_depth")
    >>> whole = complete_sparse(scan, references=[Spectrum("edge", energy, edge)], components=1)
    >>> round(whole.metadata["complete_sparse"]["measured"], 1), whole.noise.kind
    (0.2, 'amounts')
    """
    found: SparseModel = estimated("model", model)
    stack = _checked(stack)
    if found.energy.shape != stack.energy.shape or not np.allclose(found.energy, stack.energy, rtol=0, atol=1e-3):
        raise ValueError(
            f"the model was learned on {found.energy.size} energies, which {stack.name!r} does not have: leave it out"
        )
    completed = _Completed(found, stack, with_references=bool(references))
    blocks.over_pixels(completed.block, stack.data, progress=progress, message="completing")
    metadata = {**stack.metadata, "noise": completed.noise(), "complete_sparse": completed.report()}
    return stack.with_data(completed.data(), metadata=with_warnings(metadata, completed.warnings()))


class _Completed:
    """Amounts of the pixels of a stack, with their errors."""

    def __init__(self, model: SparseModel, stack: SpectralStack, *, with_references: bool) -> None:
        self._model, self._stack, self._with_references = model, stack, with_references
        n_pixels, k = int(np.prod(stack.shape[1:])), model.mean.size
        self._amounts = np.empty((k, n_pixels), np.float32)
        self._factors = np.empty((k, k, n_pixels), np.float32)
        self._counts = np.zeros(n_pixels, np.int32)
        self._pairs = (model.spectra @ model.spectra.T).ravel()
        # How much pixels of size 1 differ from nothing: what a pixel without values could be.
        self._before = float(self._pairs @ (model.covariance + np.outer(model.mean, model.mean)).ravel())

    def block(self, block: Block, pixels: slice) -> None:
        """Complete a block (E, P)."""
        model, noise = self._model, self._stack.noise
        found = amounts_of(model, block, np.ones(block.shape))
        if isinstance(noise, PhotonNoise):
            fit = model.spectra.T @ found.mean.T
            found = amounts_of(model, block, _variance(noise, fit, pixels))
        covariance = found.covariance * found.odd[:, None, None]
        left = covariance.reshape(len(covariance), -1) @ self._pairs
        known = (left <= _KNOWN * np.maximum(found.size, 1) ** 2 * self._before) & (found.size_error <= _UNSURE)
        self._amounts[:, pixels] = np.where(known, found.mean.T, np.nan)
        factors = np.linalg.cholesky(covariance).transpose(1, 2, 0)
        self._factors[:, :, pixels] = np.where(known, factors, np.nan)
        self._counts[pixels] = np.isfinite(block).sum(axis=0)

    def data(self) -> Any:
        """Return the completed stack, lazy if the measured one is."""
        shape, spectra = self._stack.shape, self._model.spectra.astype(np.float32)
        images = self._amounts.reshape(-1, *shape[1:])
        if not self._stack.is_lazy:
            whole: Float32Array = np.tensordot(spectra, images, (0, 0))
            return whole
        import dask.array as da

        row = blocks.rows_per_slab(shape)
        lazy = da.from_array(images, chunks=(-1, row, *(-1 for _ in shape[2:])))  # type: ignore[no-untyped-call]
        return da.tensordot(da.from_array(spectra, chunks=(-1, 1)), lazy, (0, 0))  # type: ignore[no-untyped-call]

    def noise(self) -> AmountNoise:
        """Return the errors of the amounts."""
        k = self._model.mean.size
        return AmountNoise(self._model.spectra.T, self._factors.reshape(k, k, *self._stack.shape[1:]))

    def report(self) -> dict[str, Any]:
        """Return what was measured and found, in plain values."""
        n_energies = self._stack.energy.size
        return {
            "spectra": self._model.mean.size,
            "measured": float(self._counts.mean() / n_energies),
            "masked": float(np.isnan(self._amounts[0]).mean()),
            "left_out_error": self._model.error,
            "left_out_expected": self._model.expected,
            "unit": self._stack.unit,
        }

    def warnings(self) -> list[str]:
        """Return what a user should know."""
        model, report = self._model, self.report()
        texts = [
            f"{100 * report['measured']:.2g} % of the values were measured, and all are from a model of "
            f"{counted(model.mean.size, 'spectrum', 'spectra')}: what is in few pixels only can be missing"
        ]
        if not self._with_references:
            texts.append(
                "the spectra were learned without references: what they do not describe has no error. Give the "
                "references that the map will be made of"
            )
        if model.error > _OFF * model.expected:
            texts.append(
                f"the model predicts values that were left out to {model.error:.2g} {self._stack.unit}, not "
                f"{model.expected:.2g} as it expects: errors are too small; leave references out, or align first"
            )
        return texts
