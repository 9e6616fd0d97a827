"""The noise of a stack, where its metadata tell how it was counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.stack import SpectralStack

Block = NDArray[Any]


@dataclass(frozen=True)
class PhotonNoise:
    """Noise of an optical depth from counted photons.

    ``photons(pixels)`` gives the photons without sample for a slice of flattened pixels, to be broadcast to (E, P);
    ``flats`` is one over the number of frames averaged into a flat.
    """

    photons: Callable[[slice], Block] = field(repr=False)
    flats: float

    def variance(self, mu: Block, pixels: slice) -> Block:
        """Variance of an optical depth (E, P)."""
        result: Block = (np.exp(mu) + self.flats) / self.photons(pixels)
        return result

    def bias(self, mu: Block, pixels: slice) -> Block:
        """By how much the logarithm of so few counts comes out too high, (E, P): half the relative variances."""
        result: Block = 0.5 * (np.exp(mu) - self.flats) / self.photons(pixels)
        return result


def photon_noise(stack: SpectralStack, frames: slice = slice(None)) -> PhotonNoise | None:
    """The noise of an optical depth whose photons are known, None where they are not.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X)
        As `optical_depth` made it; its noise is in ``metadata["noise"]``.
    frames : slice
        The energies that the data will have.

    Raises
    ------
    ValueError
        If the photons have neither the shape of the stack, nor of an image, nor of a spectrum.
    """
    noise = stack.metadata.get("noise")
    if stack.quantity != "optical_depth" or not noise or noise.get("kind") != "poisson":
        return None
    photons, flats = noise["i0"], 1 / float(noise.get("n_flat", 1))
    photons = photons if hasattr(photons, "shape") else np.asarray(photons)
    n_energies = stack.energy.size
    if photons.shape == stack.shape:
        spectra = photons.reshape(n_energies, -1)[frames]
        return PhotonNoise(lambda pixels: np.asarray(spectra[:, pixels]), flats)
    if photons.shape == stack.shape[1:]:
        image = np.asarray(photons).reshape(-1)
        return PhotonNoise(lambda pixels: image[pixels], flats)
    if photons.shape[:1] == (n_energies,) and photons.size == n_energies:
        column = np.asarray(photons, dtype=np.float64).reshape(-1, 1)[frames]
        return PhotonNoise(lambda pixels: column, flats)
    raise ValueError(f"the photons of the noise have shape {photons.shape}, the stack {stack.shape}")


@dataclass(frozen=True)
class AmountNoise:
    """Errors of a stack that was put together from a few spectra: those of the spectra's amounts.

    Of the errors at an energy and a pixel, ``columns`` (E, N) @ ``factors(pixels)`` (N, M, P) is the part of each of M
    independent sources with unit variance.
    """

    columns: Block
    factors: Callable[[slice], Block] = field(repr=False)

    def sources(self, basis: Block, pixels: slice) -> Block:
        """The errors of projections on a basis (E, K), as parts of the sources, (K, M, P)."""
        result: Block = np.tensordot(basis.T @ self.columns, self.factors(pixels), 1)
        return result

    def sigma(self, pixels: slice) -> Block:
        """Standard errors of the spectra of some pixels, (E, P)."""
        parts = np.tensordot(self.columns, self.factors(pixels), 1)
        result: Block = np.sqrt((parts**2).sum(axis=1))
        return result


def amount_noise(stack: SpectralStack, frames: slice = slice(None)) -> AmountNoise | None:
    """The noise of a stack that `denoise` made, None for others.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X)
        Its noise is in ``metadata["noise"]``: ``columns`` (E, N) and ``factors`` (N, M, Y, X).
    frames : slice
        The energies that the data will have.
    """
    noise = stack.metadata.get("noise")
    if not noise or noise.get("kind") != "amounts":
        return None
    factors = np.asarray(noise["factors"])
    flat = factors.reshape(*factors.shape[:2], -1)
    return AmountNoise(np.asarray(noise["columns"])[frames], lambda pixels: flat[:, :, pixels])
