"""Denoise absorption: remove the noise of counting and the background of beam and detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import wraps
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator

from napari_xanes._typing import Block
from napari_xanes.blocks import on_threads, rows_per_slab, slabs
from napari_xanes.denoising.energy_offset import MAX_OFFSET, detect_energy_offset
from napari_xanes.denoising.one_thread import one_thread_each
from napari_xanes.denoising.result import as_denoising_result
from napari_xanes.denoising.survey import survey_stack
from napari_xanes.edge import require_absorption
from napari_xanes.noise import AmountNoise
from napari_xanes.on_demand import reader_of, reads_rows_alone
from napari_xanes.ops.denoising_images import as_absorption, denoise_image, denoise_slices, normalized_references
from napari_xanes.ops.slices import slices_of
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.reference_arguments import load_references
from napari_xanes.registry import Method, method
from napari_xanes.spectrum import Spectrum
from napari_xanes.spreading import pixel_step
from napari_xanes.stack import SpectralStack

OptionalReferences = Annotated[
    Any,
    BeforeValidator(lambda value: None if value is None else load_references(value)),
    Param(kind="references", auto="learned from the stack", files=True),
]

MIN_ENERGIES = 8
_ENOUGH_PIXELS = 256 * 256
"""Number of pixels that suffice to find the offset of references."""

_PREVIEW = (
    "This is a preview: the errors are the expected ones, not calibrated on energies that are held out, and new "
    "features were not looked for."
)


def _fit_state(
    stack: SpectralStack,
    *,
    references: list[Spectrum] | None,
    reference_offset: float | None,
    background: str,
    progress: Progress | None = None,
    **_: Any,
) -> Mapping[str, Any]:
    """Find by how much the references are off, if that is not given."""
    require_denoisable(stack, references)
    if references is None or reference_offset is not None:
        return {"reference_offset": reference_offset or 0.0}
    image = stack if len(stack.shape) == 3 else slices_of(stack, stack.shape[1] // 2)
    with one_thread_each():
        survey = survey_stack(as_absorption(_subsampled(image)), progress)
        offset = detect_energy_offset(survey, normalized_references(references), background=background == "auto")
    return {"reference_offset": offset}


def _subsampled(stack: SpectralStack) -> SpectralStack:
    """Return every n-th row and column of a large image: enough to find the offset of references."""
    step = pixel_step(stack.shape, _ENOUGH_PIXELS)
    if step < 2:
        return stack
    some = stack.isel(box=(slice(None, None, step), slice(None, None, step)))
    return some.with_data(_read_some(stack.data, step)) if stack.is_lazy else some


def _read_some(data: Any, step: int) -> Block:
    """Return every n-th row and column of a dask array (E, Y, X), read once: these rows alone, if it can be."""
    rows = range(0, data.shape[1], step)
    out = np.empty((len(data), len(rows), -(-data.shape[2] // step)), data.dtype)
    if not reads_rows_alone(data):
        for covered, slab in slabs(data, max(1, rows_per_slab(data.shape) // step) * step):
            few = slab[:, ::step, ::step]
            out[:, covered.start // step :][:, : few.shape[1]] = few
        return out
    read = reader_of(data)

    def load(number: int) -> float:
        row = rows[number]
        out[:, number] = read(slice(0, len(data)), slice(row, row + 1))[:, 0, ::step]
        return 0.0

    on_threads(load, range(len(rows)))
    return out


def require_denoisable(stack: SpectralStack, references: list[Spectrum] | None) -> None:
    """Refuse stacks that `denoise` can't work on; the data of the stack are not read.

    Raises
    ------
    ValueError
        As `denoise`: denoised already, no absorption, too few energies, a volume without references, or references
        that do not cover the energies.
    """
    if stack.quantity not in ("counts", "transmission"):
        require_absorption(stack, "denoise", normalized=True)
    if stack.energy.size < MIN_ENERGIES:
        raise ValueError(
            f"denoise needs at least {MIN_ENERGIES} energies to tell signal from noise; {stack.name!r} has "
            f"{stack.energy.size}"
        )
    if isinstance(stack.noise, AmountNoise):
        raise ValueError(f"{stack.name!r} is denoised already; denoise the stack that it was made from")
    if len(stack.shape) == 4 and references is None:
        raise ValueError(f"slices of {stack.name!r} would each learn spectra of their own: give references")
    for reference in references or ():
        low, high = reference.energy[0] - MAX_OFFSET, reference.energy[-1] + MAX_OFFSET
        if stack.energy[0] < low or stack.energy[-1] > high:
            raise ValueError(
                f"reference {reference.name!r} covers {reference.energy[0]:g} to {reference.energy[-1]:g} eV, the "
                f"stack {stack.energy[0]:g} to {stack.energy[-1]:g} eV: crop the stack to what all references cover"
            )


@method(looks_at="stack", fit=_fit_state)
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
    """Absorption without beam background and noise: in each pixel a combination of spectra, and new features.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts with their flats or I0, or optical depth, fluorescence or normalized absorption. Slices of a volume are
        cleaned one by one.
    references : list of Spectrum, or files, optional
        Spectra that the sample is made of. Without them up to six are learned from the stack.
    background : {"auto", "none"}
        Whether to remove patterns of the beam that changed between sample and flat. The empty area of the sample shows
        them; without an empty area they stay, and the report says so.
    noise : {"auto", "tv", "network", "none"}
        Method that cleans the maps of the fractions: the trained network ("auto" and "network"), or total variation
        guided by the absorption, which needs no training ("tv"). "none" only removes the background.
    adapt : bool
        Fine-tune the network on this stack: predict one half of the energies from the other half; keep the result only
        if the held-out error falls.
    keep_new : bool
        Look for spectra that the references do not explain, and keep them at full amplitude.
    reference_offset : float, optional
        By how much the references lie too low, in eV. Estimated from the data, and corrected if it is certain.
    device : {"auto", "cpu", "cuda"}
        Device of the network.
    seed : int
        Seed of the fine-tuning.

    Returns
    -------
    SpectralStack
        float32 absorption. ``metadata["denoise"]`` holds ``fractions`` and ``fraction_sigma`` (K, Y, X), ``names`` of
        the references, ``edge_jump`` and ``edge_jump_sigma``, ``background`` (the removed absorption except noise, as a
        dask array (E, Y, X)), ``novelty`` (significance of new features, in standard errors), ``novel`` (list of
        spectra with their maps), and ``report``: numbers, and ``text`` for people.

    Raises
    ------
    ValueError
        If the stack is denoised already, there are fewer than eight energies, a reference does not cover the stack or
        can't be told from the others, or no pixel is usable.

    Notes
    -----
    After Li et al., npj Comput. Mater. 10 (2024), 10.1038/s41524-024-01313-7: each pixel is cleaned as a combination of
    spectra. The background is found by kriging. The maps of fractions are cleaned in units of their photon noise.
    Residuals count as new features if squares of pixels confirm them that they were not learned from.

    Examples
    --------
    >>> from napari_xanes.sample import nmc_ni_k
    >>> sample = nmc_ni_k(size=48, photons=500)
    >>> clean = denoise(sample.stack, references=sample.stack.metadata["references"], noise="tv")
    >>> clean.quantity, clean.metadata["denoise"]["fractions"].shape
    ('optical_depth', (2, 48, 48))
    """
    require_denoisable(stack, references)
    return _denoised(
        stack,
        references=references,
        background=background,
        noise=noise,
        adapt=adapt,
        keep_new=keep_new,
        reference_offset=reference_offset or 0.0,
        device=device,
        seed=seed,
        progress=progress,
    )


def _denoised(stack: SpectralStack, **parameters: Any) -> SpectralStack:
    clean = denoise_image if len(stack.shape) == 3 else denoise_slices
    with one_thread_each():
        return clean(stack, **parameters)


@wraps(denoise.function)
def _quickly(stack: SpectralStack, /, *, reference_offset: float | None, **parameters: Any) -> SpectralStack:
    require_denoisable(stack, parameters["references"])
    parameters |= {"adapt": False, "keep_new": False, "calibrated": False}
    cleaned = _denoised(stack, reference_offset=reference_offset, **parameters)
    result = as_denoising_result(cleaned.metadata["denoise"])
    report = replace(result.report, text=[_PREVIEW, *result.report.text])
    return cleaned.with_data(cleaned.data, metadata={"denoise": replace(result, report=report)})


def _fit_quickly(stack: SpectralStack, **parameters: Any) -> Mapping[str, Any]:
    """Leave the offset of a small image to its cleaning, which surveys all of it anyway."""
    return (
        {} if len(stack.shape) == 3 and pixel_step(stack.shape, _ENOUGH_PIXELS) < 2 else _fit_state(stack, **parameters)
    )


preview_denoise = Method(_quickly, "stack", _fit_quickly)
"""`denoise` for a look at a small part, in half the time; it takes the same parameters.

The maps are cleaned alike, but their errors are not calibrated on energies that are held out, and there is no search
for new features. The report says so.
"""
