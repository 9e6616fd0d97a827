"""Results of a denoiser beside the cleaned stack, as ``metadata["denoise"]`` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.corrections import Box, Frames
from napari_xanes.field_mapping import FieldMapping
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_IMAGES = ("fractions", "fraction_sigma", "edge_jump", "edge_jump_sigma", "novelty")
_COUNTS = ("new_features", "new_places", "unexplained_places")


@dataclass(frozen=True, eq=False)
class DenoisingReport(FieldMapping):
    """Sentences for people and the numbers behind them; plain denoisers give ``text`` and ``components`` only.

    Parameters
    ----------
    text : list of str
        Sentences.
    warnings : list of str, optional
        The sentences among them after which a value may be wrong.
    components : int, optional
        Number of principal components.
    background_share : float, optional
        Root mean square of the removed patterns over the mean absorption of the sample.
    background_patterns : int, optional
        Number of patterns of the beam.
    empty_area : bool, optional
        Whether an empty area was found.
    reference_offset_eV : float, optional
        By how much the references were moved up.
    new_features, new_places, unexplained_places : int, optional
        Number of new spectra, of places that hold them, and of places far beyond the noise that were not kept.
    misregistration : bool, optional
        Whether edges of the sample change from frame to frame.
    chi_square : float, optional
        Median squared residual over the noise.
    noise_alike : float, optional
        1 for independent noise of neighbouring pixels, smaller after smoothing.
    fine_structure_share : float, optional
        Share of the sample where measured fractions contradicted the cleaned ones, so that they were kept.
    shared_residual : float, optional
        Root mean square of the residual that the whole sample or large areas share, for an edge jump of 1; 0 if none.
    saturated_share : float, optional
        Share of the flat at its largest value.
    detection_limit : float, optional
        Smallest feature that would be seen in 4 x 4 pixels: root mean square over energies of what the references do
        not explain, over the edge jump.
    spot_limits : list of float, optional
        Share of a missing phase, with another edge than the references, that would be found with 90 % probability in
        one spot of 4, 8 and 16 pixels in diameter.
    photons_known : bool, optional
        Whether the noise follows from counted photons.
    adapted : bool, optional
        Whether an adapted network was used.
    covariance_length_pixels : float, optional
        Pixels in a square of this width share their error: the mean of N pixels has the error of a pixel times this
        number, divided by the root of N.
    device : str, optional
        Device of the network.
    """

    text: list[str]
    warnings: list[str] | None = None
    components: int | None = None
    background_share: float | None = None
    background_patterns: int | None = None
    empty_area: bool | None = None
    reference_offset_eV: float | None = None
    new_features: int | None = None
    new_places: int | None = None
    unexplained_places: int | None = None
    misregistration: bool | None = None
    chi_square: float | None = None
    noise_alike: float | None = None
    fine_structure_share: float | None = None
    shared_residual: float | None = None
    saturated_share: float | None = None
    detection_limit: float | None = None
    spot_limits: list[float] | None = None
    photons_known: bool | None = None
    adapted: bool | None = None
    covariance_length_pixels: float | None = None
    device: str | None = None


@dataclass(frozen=True, eq=False)
class NovelFeature(FieldMapping):
    """A spectrum that the references do not explain, and its amount in every pixel, (Y, X)."""

    spectrum: Spectrum
    map: Float32Array


@dataclass(frozen=True, eq=False)
class DenoisingResult(FieldMapping):
    """What a denoiser found beside the cleaned stack; plain denoisers give a report only.

    Of a volume, all maps have an axis Z before Y.

    Parameters
    ----------
    report : DenoisingReport
        Sentences and numbers.
    names : list of str, optional
        Names of the references; empty if the spectra were learned from the stack.
    fractions, fraction_sigma : ndarray, shape (K, Y, X), optional
        Fraction of each reference and its standard error.
    edge_jump, edge_jump_sigma : ndarray, shape (Y, X), optional
        Edge jump and its standard error.
    background : dask array, shape (E, Y, X), optional
        Absorption that was removed, apart from noise.
    novelty : ndarray, shape (Y, X), optional
        Significance of new features, in standard errors.
    novel : list of NovelFeature, optional
        New features; empty for a volume, whose slices each have their own.
    """

    names: list[str] | None = None
    fractions: Any = None
    fraction_sigma: Any = None
    edge_jump: Any = None
    edge_jump_sigma: Any = None
    background: Any = None
    novelty: Any = None
    novel: list[NovelFeature] | None = None
    report: DenoisingReport = field(default_factory=lambda: DenoisingReport([]))

    def isel(self, frames: Frames = slice(None), box: Box | None = None) -> DenoisingResult:
        """Return the result for some frames and pixels, as `SpectralStack.isel` does."""
        pixels = () if box is None else (..., *box)
        images: dict[str, Any] = {name: self[name][pixels] for name in _IMAGES if name in self}
        background = None if self.background is None else self.background[frames][pixels]
        novel = self.novel and [replace(feature, map=feature.map[pixels]) for feature in self.novel]
        return replace(self, **images, background=background, novel=novel)


def as_denoising_result(value: Mapping[str, Any]) -> DenoisingResult:
    """Return ``metadata["denoise"]`` as a typed value; files hold it as a plain mapping."""
    if isinstance(value, DenoisingResult):
        return value
    fields = {name: item for name, item in value.items() if name in DenoisingResult._names()}
    report = {name: item for name, item in value["report"].items() if name in DenoisingReport._names()}
    novel = [NovelFeature(feature["spectrum"], feature["map"]) for feature in value.get("novel") or ()]
    fields |= {"novel": novel if "novel" in value else None, "report": DenoisingReport(**report)}
    return DenoisingResult(**fields)


def denoising_result(stack: SpectralStack) -> DenoisingResult | None:
    """Return what the denoiser found beside a cleaned stack; None for a stack that was not denoised."""
    value = stack.metadata.get("denoise")
    return None if value is None else as_denoising_result(value)


def join_results(
    slices: list[DenoisingResult], background: Any, text: list[str], warnings: list[str]
) -> DenoisingResult:
    """Return the result for a volume from those of its slices.

    Parameters
    ----------
    slices : list of DenoisingResult
        Results of the slices (Y, X).
    background : array, shape (E, Z, Y, X)
        Removed absorption of all slices.
    text, warnings : list of str
        Sentences for all slices, and the warnings among them.
    """
    first = slices[0]
    counts = {name: sum(result.report[name] for result in slices) for name in _COUNTS}
    images: dict[str, Any] = {name: np.stack([result[name] for result in slices], axis=-3) for name in _IMAGES}
    lengths = [result.report.covariance_length_pixels or 1.0 for result in slices]
    report = replace(first.report, **counts, covariance_length_pixels=max(lengths), text=text, warnings=warnings)
    return replace(first, **images, background=background, novel=[], report=report)
