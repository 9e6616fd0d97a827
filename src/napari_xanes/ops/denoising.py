"""The stack without what the beam, the detector and the counting added to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isqrt
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator

from napari_xanes.arguments import load_references
from napari_xanes.denoising.background.search import plausible_background
from napari_xanes.denoising.bands import mixed, put_together
from napari_xanes.denoising.design_matrix import Design, design_of, learned_design
from napari_xanes.denoising.energy_offset import REACH, Offset, find_offset, spread_of_offset
from napari_xanes.denoising.network.cleaning import device_of, load_network
from napari_xanes.denoising.pipeline import Cleaned, clean, parts
from napari_xanes.denoising.report import companions, noise_of
from napari_xanes.denoising.survey import Look, look, with_design
from napari_xanes.edge import normalize_spectrum, require_absorption
from napari_xanes.noise import AmountNoise, join_slices
from napari_xanes.ops.absorbance import optical_depth
from napari_xanes.ops.slices import each_slice, put_on_each_other, sentences, slices_of
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.registry import method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

OptionalReferences = Annotated[
    Any,
    BeforeValidator(lambda value: None if value is None else load_references(value)),
    Param(kind="references", auto="learned from the stack"),
]

_LEAST_ENERGIES = 8
_ENOUGH = 256 * 256  # pixels to find the offset of references from
_CERTAIN, _EXPLAINED = 0.25, 6.0
"""Offsets of references up to this, in eV, may come from what the model leaves out, and are not corrected; nor are any
where even then the residuals of squares of pixels have this many times the power of the noise."""


def _settle(
    stack: SpectralStack,
    *,
    references: list[Spectrum] | None,
    reference_offset: float | None,
    background: str,
    progress: Progress | None = None,
    **_: Any,
) -> Mapping[str, Any]:
    """By how much the references are off, where the data tell."""
    require_cleanable(stack, references)
    if references is None or reference_offset is not None:
        return {"reference_offset": reference_offset or 0.0}
    image = stack if len(stack.shape) == 3 else slices_of(stack, stack.shape[1] // 2)
    seen = look(_absorption(_thinned(image)), progress)
    ready = _normalized(references)
    found = _offset(seen, ready, background == "auto", 0.0)
    if abs(found.value) > _CERTAIN:
        # A shift leaves spectra that look like patterns; once it is nearly right, it leaves few.
        found = _offset(seen, ready, background == "auto", found.value)
    certain = _CERTAIN < abs(found.value) < REACH - 0.05 and found.chi_square < _EXPLAINED
    return {"reference_offset": found.value if certain else 0.0}


def _thinned(stack: SpectralStack) -> SpectralStack:
    """Every so many rows and columns of a large image: enough to see by how much references are off."""
    step = isqrt(stack.shape[1] * stack.shape[2] // _ENOUGH)
    if step < 2:
        return stack
    return stack.isel(box=(slice(None, None, step), slice(None, None, step)))


def _offset(seen: Look, references: list[Spectrum], background: bool, start: float) -> Offset:
    """Where the references fit best once the beam's patterns, as the air shows them, are taken away."""
    energy, weight = seen.measured.stack.energy, seen.measured.weight
    design = design_of(references, energy, weight, start)
    seen, _, has_air = with_design(seen, design)
    squares, sample = seen.squares, seen.squares.sample
    patterns = plausible_background(squares, design, from_sample=False) if has_air and background else None
    if patterns is not None:
        sample = sample - patterns.on_squares()
    moments = np.einsum("eyx,fyx,yx->ef", sample, sample, squares.sample_precision, optimize=True)
    return find_offset(moments / (squares.sample_precision > 0).sum(), references, energy, weight)


def require_cleanable(stack: SpectralStack, references: list[Spectrum] | None) -> None:
    """Refuse what `denoise` can't work on; nothing of the stack's data is looked at.

    Raises
    ------
    ValueError
        As `denoise`: denoised already, no absorption, too few energies, a volume without references, or references
        that do not cover the energies.
    """
    if stack.quantity not in ("counts", "transmission"):
        require_absorption(stack, "denoise", normalized=True)
    if stack.energy.size < _LEAST_ENERGIES:
        raise ValueError(
            f"denoise needs at least {_LEAST_ENERGIES} energies to tell signal from noise; {stack.name!r} has "
            f"{stack.energy.size}"
        )
    if isinstance(stack.noise, AmountNoise):
        raise ValueError(f"{stack.name!r} is denoised already; denoise what it was made from")
    if len(stack.shape) == 4 and references is None:
        raise ValueError(f"slices of {stack.name!r} would each learn spectra of their own: give references")
    for one in references or ():
        low, high = one.energy[0] - REACH, one.energy[-1] + REACH
        if stack.energy[0] < low or stack.energy[-1] > high:
            raise ValueError(
                f"reference {one.name!r} covers {one.energy[0]:g} to {one.energy[-1]:g} eV, the stack "
                f"{stack.energy[0]:g} to {stack.energy[-1]:g} eV: crop the stack to what all references cover"
            )


def _normalized(references: list[Spectrum]) -> list[Spectrum]:
    return [normalize_spectrum(one) if one.metadata.get("normalized") is False else one for one in references]


def _absorption(stack: SpectralStack) -> SpectralStack:
    return optical_depth(stack) if stack.quantity in ("counts", "transmission") else stack


@method(looks_at="stack", fit=_settle)
def denoise(
    stack: SpectralStack,
    /,
    *,
    references: OptionalReferences = None,
    background: Literal["auto", "none"] = "auto",
    noise: Literal["auto", "tv", "network", "none"] = "auto",
    adapt: bool = False,
    keep_new: bool = True,
    reference_offset: Annotated[float | None, Param(unit="eV", ge=-5, le=5, step=0.1, auto="from the data")] = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    seed: Annotated[int, Param(ge=0, le=2**31)] = 0,
    progress: Progress | None = None,
) -> SpectralStack:
    """Absorption without beam background and noise: in each pixel a combination of spectra, and what is new.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts with what corrects them, or optical depth, fluorescence or normalized absorption. Slices of a volume are
        cleaned one by one.
    references : list of Spectrum, or files, optional
        Spectra that the sample is made of. Without them up to six are learned from the stack.
    background : {"auto", "none"}
        Whether to remove patterns of the beam that changed between sample and flat. They are told from the sample by
        its empty area; without one they stay, and the report says so.
    noise : {"auto", "tv", "network", "none"}
        What cleans the maps of the fractions: the trained network ("auto" too), or total variation guided by the
        absorption, which was never trained on anything. "none" only removes the background.
    adapt : bool
        Adapt the network to this stack first: one half of the energies must foretell the other. The adapted network is
        only taken if it does so better in places that it has not seen.
    keep_new : bool
        Look for spectra that the references do not explain, and keep them at full amplitude.
    reference_offset : float, optional
        By how much the references lie too low, in eV. Found from the data, and corrected for when it is certain.
    device : {"auto", "cpu", "cuda"}
        Where the network computes.
    seed : int
        Of what is random in the adaptation.

    Returns
    -------
    SpectralStack
        float32 absorption. ``metadata["denoise"]`` holds ``fractions`` and ``fraction_sigma`` (K, Y, X), ``names`` of
        the references, ``edge_jump`` and ``edge_jump_sigma``, ``background`` (what was taken away but noise, as a dask
        array (E, Y, X)), ``novelty`` (significance of what is new, in standard errors), ``novel`` (list of spectra with
        their maps), and ``report``: numbers, and ``text`` for people.

    Raises
    ------
    ValueError
        If the stack is denoised already, there are fewer than eight energies, a reference does not cover the stack or
        can't be told from the others, or no pixel is usable.

    Notes
    -----
    After Li et al., npj Comput. Mater. 10 (2024), 10.1038/s41524-024-01313-7: what is cleaned is a combination of
    spectra. The background is found by kriging, the maps of fractions are cleaned in units of what the photons tell
    about them, and what does not fit is tested on squares that it was not learned from.

    Examples
    --------
    >>> from napari_xanes.sample import nmc_ni_k
    >>> sample = nmc_ni_k(size=48, photons=500)
    >>> clean = denoise(sample.stack, references=sample.stack.metadata["references"], noise="tv")
    >>> clean.quantity, clean.metadata["denoise"]["fractions"].shape
    ('optical_depth', (2, 48, 48))
    """
    assert reference_offset is not None
    require_cleanable(stack, references)
    if len(stack.shape) == 4:
        return _slice_by_slice(
            stack, progress, references=references, background=background, noise=noise, adapt=adapt, keep_new=keep_new,
            reference_offset=reference_offset, device=device, seed=seed,
        )  # fmt: skip
    absorption = _absorption(stack)
    seen = look(absorption, part(progress, 0.0, 0.15))
    ready = _normalized(references) if references else []
    weight, where = seen.measured.weight, device_of(device)
    design = design_of(ready, stack.energy, weight, reference_offset) if ready else learned_design(
        seen.squares, stack.energy, weight
    )  # fmt: skip
    seen, offset, has_air = with_design(seen, design)
    cleaned = clean(
        seen,
        design,
        offset,
        has_air=has_air,
        background=background == "auto",
        network=load_network(where) if noise in ("auto", "network") else None,
        adapt=adapt,
        keep_new=keep_new,
        device=where,
        seed=seed,
        progress=part(progress, 0.15, 0.9),
    )
    if reference_offset and len(ready) > 1:
        unsure = spread_of_offset(cleaned.fractions.astype(np.float64), ready, design, stack.energy, reference_offset)
        cleaned = replace(cleaned, fraction_sigma=np.hypot(cleaned.fraction_sigma, unsure).astype(np.float32))
    how = {"tv": "guided total variation", "none": "nothing"}.get(noise, "the trained network")
    about = companions(cleaned, design, [one.name for one in ready], reference_offset, seen, how)
    about["report"]["device"] = where
    if noise == "none":
        left = (absorption.data - about["background"]).astype(np.float32)
        return absorption.with_data(left if stack.is_lazy else left.compute(), metadata={"denoise": about})
    data = _filled(absorption, stack, cleaned, design, part(progress, 0.9, 1.0))
    return absorption.with_data(data, metadata={"denoise": about, "noise": noise_of(cleaned, design)})


def _filled(
    absorption: SpectralStack,
    stack: SpectralStack,
    cleaned: Cleaned,
    design: Design,
    progress: Progress | None,
) -> Any:
    """The new frames: computed on demand if the stack is lazy, else in the memory of what was made from it."""
    columns, maps = parts(cleaned, design)
    if stack.is_lazy:
        return mixed(columns, maps)
    out = np.empty(absorption.shape, np.float32) if absorption is stack else absorption.data
    return put_together(columns, maps, out, progress)


def _slice_by_slice(stack: SpectralStack, progress: Progress | None, **parameters: Any) -> SpectralStack:
    """Clean each slice of a volume (E, Z, Y, X) and put them on each other."""
    done = each_slice(stack, lambda one, told: denoise.function(one, progress=told, **parameters), progress)
    data = put_on_each_other([one.data for one in done])
    slices = [one.metadata["denoise"] for one in done]
    about = {**slices[0], **{name: np.stack([one[name] for one in slices], axis=-3) for name in _MAPS}}
    about["background"] = put_on_each_other([one["background"] for one in slices])
    about["novel"] = []  # each slice has directions of its own
    counted = {name: sum(one["report"][name] for one in slices) for name in _COUNTS}
    about["report"] = {**slices[0]["report"], **counted, "text": sentences(done)}
    errors = join_slices([one.noise for one in done])
    return stack.with_data(data, quantity=done[0].quantity, metadata={"denoise": about, "noise": errors})


_COUNTS = ("new_features", "new_places", "unexplained_places")
_MAPS = ("fractions", "fraction_sigma", "edge_jump", "edge_jump_sigma", "novelty")
