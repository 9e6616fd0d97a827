"""Error models of a stack: counted photons, or the errors of the amounts that a cleaned stack was put together from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from napari_xanes._typing import Block
from napari_xanes.corrections import Box, Frames
from napari_xanes.field_mapping import FieldMapping
from napari_xanes.filled_values import FilledValues

_PER_FRAME = ("n_flat", "flat_exposure", "beam", "flats", "variance_factor", "busy")
"""Fields of `PhotonNoise` that may have one entry per energy."""


@dataclass(frozen=True, eq=False)
class PhotonNoise(FieldMapping):
    """Error model of an optical depth that was measured by counting photons.

    Parameters
    ----------
    i0 : numpy or dask array, shape (E, Y, X), (E, 1, 1) or (1, Y, X); of a volume with an axis Z before Y
        Photons without sample, in the exposure of the sample. An axis of length 1 serves all energies or pixels.
    n_flat : float or ndarray of shape (E,)
        Number of frames that were averaged into a flat; infinite where I0 has no noise.
    flat_exposure : float or ndarray of shape (E,)
        Photons of one frame of the flat over those of `i0`: its exposure over that of the sample.
    read_noise : float
        Standard deviation of a frame without light, in photons.
    beam : ndarray, shape (E,), optional
        Factor on `i0` at each energy.
    flats : ndarray, shape (E, N), optional
        Where energies share flats: the error of the optical depth at each energy that each of N flats causes, relative
        to the error of one flat with `i0` photons (without `beam`). By default each energy has its own flat.
    variance_factor : ndarray, shape (E,), optional
        Factor on the variance at each energy, where neighbours were averaged after the logarithm, as `align` does; the
        bias of the logarithm of few counts is not changed by that.
    busy : float or ndarray of shape (E,), optional
        Dead time over the exposure of a frame, of counts that were corrected for the dead time of the detector.
    paralyzable : bool
        Whether photons that come in the dead time prolong it.
    filled : FilledValues, optional
        Values that were filled in by a model; `SpectralStack.noise` takes them from the stack.

    Notes
    -----
    A frame of N photons has the relative variance ``1/N + (read_noise/N)**2``, and more where counts were missed (see
    `missed_variance`); the variance of the optical depth is the sum of those of sample and flat. The noise of a flat
    that energies share is no noise from one energy to the next: one flat for all energies moves a pixel's spectrum by a
    constant. So `variance` leaves it out, and `sources` returns it as errors of projections.
    """

    kind: str = field(default="poisson", init=False)
    i0: Any
    n_flat: Any = 1
    flat_exposure: Any = 1
    read_noise: float = 0.0
    beam: Any = None
    flats: Any = None
    variance_factor: Any = None
    busy: Any = None
    paralyzable: bool = False
    filled: FilledValues | None = None

    @cached_property
    def _flat_i0(self) -> Any:
        return self.i0.reshape(self.i0.shape[0], -1)

    def _photons(self, pixels: slice) -> Block:
        """Return the photons of some flattened pixels, (E, P), (E, 1), or (1, P)."""
        photons = self._i0_of(pixels)
        return photons if self.beam is None else photons * _column(self.beam)

    def _i0_of(self, pixels: slice) -> Block:
        """Return `i0` of some flattened pixels."""
        photons = self._flat_i0
        return np.asarray(photons if photons.shape[1] == 1 else photons[:, pixels])

    def _relative_variance(self, inverse: Any, exposure: Any = 1.0) -> Any:
        """Return the relative variance of a frame from one over its photons, and its exposure over the sample's."""
        result = inverse + (self.read_noise * inverse) ** 2 if self.read_noise else inverse
        if self.busy is None:
            return result
        return result + missed_variance(inverse, _column(self.busy) / exposure, paralyzable=self.paralyzable)

    def _flat_variance(self, photons: Block) -> Block:
        """Return the relative variance of the flats of `photons` without sample."""
        exposure = _column(self.flat_exposure)
        result: Block = self._relative_variance(1 / (photons * exposure), exposure) / _column(self.n_flat)
        return result

    def variance(self, mu: Block, pixels: slice) -> Block:
        """Return the variance of the optical depth `mu` (E, P) in a slice of flattened pixels.

        The noise of one flat that serves all energies is left out: it is a constant in each spectrum.
        """
        photons = self._photons(pixels)
        result: Block = self._relative_variance(np.exp(mu) / photons)
        factor = 1.0 if self.variance_factor is None else _column(self.variance_factor)
        if self.flats is None:
            result = factor * (result + self._flat_variance(photons))
        else:
            result = factor * result + self.shared_variance(pixels)
        return result if self.filled is None else self.filled.widened(result, pixels)

    def bias(self, mu: Block, pixels: slice) -> Block:
        """Return by how much the logarithm of few counts is too high, (E, P): half the relative variances."""
        photons = self._photons(pixels)
        result: Block = self._relative_variance(np.exp(mu) / photons)
        return 0.5 * (result - (self._flat_variance(photons) if self.flats is None else self.shared_variance(pixels)))

    def sources(self, basis: Block, pixels: slice) -> Block:
        """Return the errors of projections on a basis (E, K) that come from each shared flat, (K, N, P)."""
        shares = np.zeros((len(basis), 0)) if self.flats is None else np.asarray(self.flats)
        result: Block = (basis.T @ shares)[:, :, None] * np.sqrt(self._mean_flat_variance(pixels))
        return result

    def shared_variance(self, pixels: slice, projection: Block | None = None) -> Block:
        """Return the part of `variance` that is not independent from one energy to the next, (E, P).

        With a matrix `projection` (E, E), the variance that `sources` give the spectra after the projection.
        """
        shares = np.zeros((1, 1)) if self.flats is None else np.asarray(self.flats)
        if projection is not None and self.flats is not None:
            shares = projection @ shares
        elif shares.shape[1] == 1:
            shares = np.zeros((1, 1))
        result: Block = (shares**2).sum(axis=1)[:, None] * self._mean_flat_variance(pixels)
        return result

    def _mean_flat_variance(self, pixels: slice) -> Block:
        """Return the relative variance (P,) of a shared flat of `i0` photons."""
        inverse = 1 / self._i0_of(pixels).mean(axis=0)
        one = self if self.busy is None else replace(self, busy=float(np.mean(self.busy)))
        result: Block = one._relative_variance(inverse) / np.mean(self.n_flat)
        return result

    def isel(self, frames: Frames = slice(None), box: Box | None = None) -> PhotonNoise:
        """Return the noise of some frames and pixels, as `SpectralStack.isel` does."""
        i0 = self.i0
        if box is not None:
            i0 = i0[(slice(None), *(_within(index, n) for index, n in zip(box, i0.shape[1:], strict=True)))]
        if i0.shape[0] > 1:
            i0 = i0[frames]
        found = {name: getattr(self, name) for name in _PER_FRAME}
        cut: dict[str, Any] = {
            name: np.asarray(value)[frames] for name, value in found.items() if np.shape(value)[:1] not in ((), (1,))
        }
        if "flats" in cut and cut["flats"].shape == (1, 1):
            # The only energy shares its flat with no other.
            cut |= {"flats": None, "flat_exposure": 1 if self.beam is None else 1 / cut["beam"]}
        return replace(self, i0=i0, filled=self.filled and self.filled.isel(frames, box), **cut)


def missed_variance(inverse: Any, busy: Any, *, paralyzable: bool) -> Any:
    """Return what a correction of dead time adds to the relative variance of counts.

    Parameters
    ----------
    inverse : float or array
        One over the photons in the exposure.
    busy : float or array
        Dead time over the exposure.
    paralyzable : bool
        Whether photons that come in the dead time prolong it.

    Notes
    -----
    Of `n` photons, ``x = n * busy``, a detector that is not paralyzable counts ``n / (1 + x)`` with the variance
    ``n / (1 + x)**3``; a paralyzable one ``n exp(-x)`` with ``n exp(-x) (1 - 2 x exp(-x))`` (Mueller, Nucl. Instrum.
    Methods 112, 47, 1973). Over the square of the slope, that is ``n (1 + x)``, and ``n (exp(x) - 2 x) / (1 - x)**2``:
    the relative variance grows by `busy`, and more near ``x = 1``, where a paralyzable detector counts most.

    Examples
    --------
    >>> missed_variance(1e-3, 1e-4, paralyzable=False)
    0.0001
    """
    if not paralyzable:
        return busy
    x = np.minimum(busy / inverse, 0.99)
    return inverse * ((np.exp(x) - 2 * x) / (1 - x) ** 2 - 1)


def _column(values: Any) -> Any:
    """Return a number as it is, or one value per energy as a column (E, 1)."""
    return float(values) if np.ndim(values) == 0 else np.asarray(values, dtype=np.float32).reshape(-1, 1)


def _within(index: slice | int, length: int) -> slice | int:
    """Return the index of an axis, adapted to an axis of length 1 that serves all pixels."""
    if length > 1:
        return index
    return slice(None) if isinstance(index, slice) else 0


@dataclass(frozen=True, eq=False)
class AmountNoise(FieldMapping):
    """Error model: ``columns @ factors``, one column per independent source of unit variance.

    Parameters
    ----------
    columns : ndarray, shape (E, N)
        The N spectra that the stack is a combination of.
    factors : ndarray, shape (N, M, Y, X); of a volume (N, M, Z, Y, X)
        Error of the amount of each spectrum that comes from each of M independent sources of unit variance.
    """

    kind: str = field(default="amounts", init=False)
    columns: Any
    factors: Any

    @cached_property
    def _flat_factors(self) -> Block:
        factors = np.asarray(self.factors)
        return factors.reshape(*factors.shape[:2], -1)

    def sources(self, basis: Block, pixels: slice) -> Block:
        """Return the errors of projections on a basis (E, K) that come from each source, (K, M, P)."""
        result: Block = np.tensordot(basis.T @ self.columns, self._flat_factors[:, :, pixels], 1)
        return result

    def errors_of(self, response: Any, pixels: Any) -> Any:
        """Return the errors (P, K, M) of values that change by `response` (P, K, E) with the spectra of some pixels."""
        return (response @ self.columns) @ self._flat_factors[:, :, pixels].transpose(2, 0, 1)

    def sigma(self, pixels: slice) -> Block:
        """Return the standard errors of the spectra in a slice of flattened pixels, (E, P)."""
        parts = np.tensordot(self.columns, self._flat_factors[:, :, pixels], 1)
        result: Block = np.sqrt((parts**2).sum(axis=1))
        return result

    def divided_by(self, image: Any) -> AmountNoise:
        """Return the noise of a stack that was divided by an image, (Y, X) or (Z, Y, X), of no error."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return replace(self, factors=np.asarray(self.factors) / image)

    def isel(self, frames: Frames = slice(None), box: Box | None = None) -> AmountNoise:
        """Return the noise of some frames and pixels, as `SpectralStack.isel` does."""
        factors = self.factors if box is None else self.factors[(slice(None), slice(None), *box)]
        return replace(self, columns=self.columns[frames], factors=factors)


Noise = PhotonNoise | AmountNoise


def as_noise(value: Any, shape: tuple[int, ...]) -> Noise | None:
    """Return the error model that a stack's metadata describe.

    Parameters
    ----------
    value : Noise, mapping or None
        ``metadata["noise"]``. A mapping, as files hold it, has ``kind`` and the fields of the class of that kind; the
        photons of ``poisson`` may have the shape of the stack, of an image, or of a spectrum.
    shape : tuple of int
        Shape of the stack's data.

    Raises
    ------
    ValueError
        If the photons have none of these shapes.
    """
    if isinstance(value, AmountNoise):
        return value
    if not isinstance(value, Mapping):
        return None
    if value.get("kind") == "amounts":
        return AmountNoise(np.asarray(value["columns"]), np.asarray(value["factors"]))
    if value.get("kind") != "poisson":
        return None
    i0 = value["i0"] if hasattr(value["i0"], "shape") else np.asarray(value["i0"], dtype=np.float64)
    if i0.shape == shape[1:]:
        i0 = i0.reshape(1, *i0.shape)
    elif i0.shape == shape[:1]:
        i0 = i0.reshape(-1, *(1,) * (len(shape) - 1))
    elif len(i0.shape) != len(shape) or any(n not in (1, m) for n, m in zip(i0.shape, shape, strict=True)):
        raise ValueError(f"the photons of the noise have shape {i0.shape}, the stack {shape}; give one for each frame")
    known = {field.name: value[field.name] for field in fields(PhotonNoise) if field.init and field.name in value}
    return PhotonNoise(**known | {"i0": i0, "filled": None})


def join_slices(slices: Sequence[Noise | None]) -> Noise | None:
    """Return the error model of a volume from those of its slices; None unless all are of one kind."""

    def stacked(parts: list[Any]) -> Block:
        return np.stack([np.asarray(part) for part in parts], axis=-3)

    photons = [noise for noise in slices if isinstance(noise, PhotonNoise)]
    amounts = [noise for noise in slices if isinstance(noise, AmountNoise)]
    if len(photons) == len(slices):
        return replace(photons[0], i0=stacked([noise.i0 for noise in photons]), filled=None)
    if len(amounts) == len(slices):
        return replace(amounts[0], factors=stacked([noise.factors for noise in amounts]))
    return None
