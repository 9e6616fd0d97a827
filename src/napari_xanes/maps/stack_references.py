"""`search_references` of stacks: which references of a library each pixel or region is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block
from napari_xanes.edge import Range, raise_if_frame_empty, require_absorption
from napari_xanes.maps.fitting.mean_spectra import means_of
from napari_xanes.maps.reference_search import MOST, Background, background_columns, compared_range, search
from napari_xanes.maps.searching.library import LibraryToSearch, SpectraLibrary
from napari_xanes.maps.searching.stack_search import (
    NOT_IN_LIBRARY,
    FoundArgument,
    PixelSearch,
    StackReferences,
    described,
    most_likely,
    targets_of,
    unlike_tiles,
)
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.region_labels import Regions, as_labels
from napari_xanes.registry import estimated, method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_TILES = 6
"""So many tiles are searched for references beside the mean of the image."""


def _fit_state(
    stack: SpectralStack,
    *,
    library: Any,
    regions: Any,
    max_components: int,
    shift: float,
    energy: Range | None,
    background: Background,
    tolerance: float,
    found: Any,
) -> Mapping[str, Any]:
    """Find references in mean spectra of the whole stack."""
    if found is not None:
        return {"found": found}
    stack = _measured(stack)
    labels = None if regions is None else as_labels(regions, stack.shape[1:])
    raise_if_frame_empty(stack)
    whole = means_of(stack, slice(None), labels)
    mean = Spectrum("mean", stack.energy, whole.spectra[:, 0], metadata=_absorber(stack))
    low, high = compared_range(mean, library, shift, energy)
    inside = np.flatnonzero((stack.energy >= low) & (stack.energy <= high))
    if inside.size < MOST + 8:
        raise ValueError(
            f"{stack.name!r} has {inside.size} energies in {low:g} to {high:g} eV; a search takes at least {MOST + 8}: "
            "give a wider energy range"
        )
    return {"found": _searched(stack, library, whole, inside, max_components, shift, background, tolerance, labels)}


def _searched(
    stack: SpectralStack,
    library: SpectraLibrary,
    whole: Any,
    inside: Any,
    max_components: int,
    shift: float,
    background: Background,
    tolerance: float,
    labels: Any,
) -> StackReferences:
    axis = stack.energy[inside]
    with blocks.single_threaded_blas():
        columns, warnings = library.columns(axis, shift)
        names, spectra, sigma = list(whole.names), whole.spectra[inside], whole.sigma
        if labels is None:
            tiles = whole.tiles[inside]
            chosen = unlike_tiles(tiles, background_columns(axis, background), _TILES)
            spectra = np.concatenate([spectra, tiles[:, chosen]], axis=1)
            names += [f"tile {number + 1}" for number in range(len(chosen))]
        results = []
        for i, name in enumerate(names):
            own = None if sigma is None or i >= sigma.shape[1] else sigma[inside, i]
            one = Spectrum(name, axis, spectra[:, i], sigma=own)
            try:
                results.append(search(columns, one, slice(None), max_components, background, tolerance, []))
            except ValueError as error:
                warnings.append(f"{name}: {error}")
        if not results:
            raise ValueError(f"no mean spectrum of {stack.name!r} fits the library; {warnings[-1]}")
        best = next((r for r in results if r.in_library), results[0])
        order = most_likely(results)
        rows = np.array([columns.names.index(name) for name in order])
        shift = best[0].shift
        all_at_best, _ = columns.at(np.arange(len(columns.names)), np.full(len(columns.names), shift))
        beside = background_columns(axis, background)
        targets = targets_of(whole.tiles[inside], all_at_best, columns.names, beside, best[0].names)
    told = dict.fromkeys(text for result in results for text in result.warnings)
    return StackReferences(
        axis, order, all_at_best[rows], shift, [described(result) for result in results], targets, [*warnings, *told]
    )


def _measured(stack: SpectralStack) -> SpectralStack:
    require_absorption(stack, "search_references", normalized=True, scaled=True)
    return stack.measured()


def _absorber(stack: SpectralStack) -> dict[str, Any]:
    return {key: stack.metadata[key] for key in ("element", "edge") if key in stack.metadata}


@method(looks_at="pixel", fit=_fit_state)
def search_references(
    stack: SpectralStack,
    /,
    *,
    library: LibraryToSearch,
    regions: Annotated[Regions, Param(kind="regions", auto="each pixel")] = None,
    max_components: Annotated[int, Param(ge=1, le=MOST, label="most references")] = MOST,
    shift: Annotated[float, Param(unit="eV", ge=0, le=15, step=0.5, label="largest shift")] = 2.0,
    energy: Annotated[Range | None, Param(unit="eV", ge=0, auto="around the edge")] = None,
    background: Background = "linear",
    tolerance: Annotated[float, Param(ge=0, le=1, step=0.005)] = 0.02,
    found: FoundArgument = None,
    progress: Progress | None = None,
) -> MapSet:
    """Which references of a library each pixel or region is made of, and how sure that is.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence, normalized or scaled absorption.
    library : SpectraLibrary, path, str or list of Spectrum
        As `napari_xanes.search_references` takes it.
    regions : array of int, list of masks or boxes, optional
        Regions that get one answer each, from their mean spectra; by default each pixel has its own.
    max_components : int
        Largest number of references in a combination.
    shift : float
        By how many eV at most the energies of the stack may lie above or below those of the library.
    energy : tuple of float, optional
        Range of energies to compare in eV; by default as for one spectrum.
    background : {"linear", "constant", "none"}
        What is fitted beside the references.
    tolerance : float
        Misfit, as a share of the edge jump, by which measurements of one substance may differ.
    found : StackReferences, optional
        What an earlier run has found: its references are told apart in this stack.

    Returns
    -------
    MapSet
        ``answer``, labels such as "Fe2O3 + FeOOH" or "not in the library"; ``confidence``, the probability of this
        combination among those that were compared; ``misfit``, what it leaves over beyond noise as a share of the edge
        jump. ``metadata["answers"]`` holds what was found for each mean spectrum, in numbers and words, with fits at
        ``metadata["energy"]``; ``metadata["targets"]`` which spectra of the library can be there at all.

    Raises
    ------
    ValueError
        If the stack is no absorption, the library is of another edge, or energies are too few.

    Notes
    -----
    The library is searched for the mean spectrum and for those of six tiles that differ most, or of regions. The six
    references that these answers need most are compared in each pixel, in all combinations, at the shift that the mean
    has, by the Bayesian information criterion with the noise of the pixel. A reference that no mean spectrum shows is
    not found in pixels; where no mean spectrum is in the library, no pixel is. Whether a spectrum of the library can be
    there at all is a target transformation: it must be a combination of the independent spectra of the tiles
    (`maps.fitting.target_transform`).

    Examples
    --------
    >>> energy = np.linspace(8320, 8400, 60)
    >>> known = [Spectrum(n, np.arange(8300.0, 8420), np.arctan(np.arange(8300.0, 8420) - e0) / np.pi + 0.5)
    ...          for n, e0 in (("two", 8340), ("three", 8344), ("four", 8348))]
    >>> mu = np.repeat(np.stack([known[0].at(energy), known[2].at(energy)], 1)[:, None], 16, 1).repeat(8, 2)
    >>> stack = SpectralStack(mu + 0.01 * np.random.default_rng(0).standard_normal(mu.shape), energy, "optical_depth")
    >>> maps = search_references(stack, library=known)
    >>> [maps["answer"].labels[int(maps["answer"].data[3, x])] for x in (2, 12)]
    ['two', 'four']
    """
    result: StackReferences = estimated("found", found)
    stack = _measured(stack)
    frames = _frames(result, stack)
    shape = stack.shape[1:]
    searcher = PixelSearch(result.columns, background_columns(result.energy, background), max_components, tolerance)
    names = [" + ".join(result.names[row] for row in rows) for rows in searcher.combinations]
    # Noise of single pixels hides what means show: where no mean is in the library, no pixel is.
    is_known = any(answer["in_library"] for answer in result.answers)
    numbers = np.zeros(shape, np.int32).ravel()
    confidence, misfit = (np.full(numbers.size, np.nan, np.float32) for _ in range(2))

    def kernel(block: Block, pixels: slice) -> None:
        values = block[frames]
        good = np.isfinite(values).all(axis=0) & np.isfinite(block).all(axis=0)
        answers = searcher.of(np.where(good, values, 0))
        unknown = (answers.numbers < 0) | ((answers.numbers > 0) & (not is_known))
        numbers[pixels] = np.where(good, np.where(unknown, len(names) + 1, answers.numbers), 0)
        confidence[pixels] = np.where(good, answers.confidence, np.nan)
        misfit[pixels] = np.where(good, answers.misfit, np.nan)

    blocks.over_pixels(kernel, stack.data, progress=progress, message="references of pixels")
    if not np.isfinite(confidence).any():
        raise_if_frame_empty(stack)
    labels = dict(enumerate([*names, NOT_IN_LIBRARY], start=1))
    if regions is not None:
        labels = _of_regions(result, as_labels(regions, shape).ravel(), numbers, confidence, misfit)
    maps = {
        "answer": ParameterMap(numbers.reshape(shape), "1", labels=labels),
        "confidence": ParameterMap(confidence.reshape(shape), "1", companion="answer"),
        "misfit": ParameterMap(misfit.reshape(shape), "1", companion="answer"),
    }
    metadata = {
        "name": stack.name,
        "warnings": list(result.warnings),
        "answers": result.answers,
        "energy": result.energy.tolist(),
        "targets": result.targets,
        "shift": result.shift,
    }
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)


def _frames(found: StackReferences, stack: SpectralStack) -> Any:
    """Return the numbers of the frames that were compared."""
    places = np.searchsorted(stack.energy, found.energy - 1e-3)
    if places.max() >= stack.energy.size or not np.allclose(stack.energy[places], found.energy, rtol=0, atol=2e-3):
        raise ValueError(
            f"references were found at {found.energy.size} energies from {found.energy[0]:g} to "
            f"{found.energy[-1]:g} eV, which {stack.name!r} does not have: interpolate_energy first, or leave found out"
        )
    return places


def _of_regions(found: StackReferences, regions: Any, numbers: Any, confidence: Any, misfit: Any) -> dict[int, str]:
    """Fill in the answer of each region; return the labels."""
    finite = np.isfinite(confidence)
    answers = {answer["spectrum"]: answer for answer in found.answers}
    texts: list[str] = []
    numbers[:], confidence[:], misfit[:] = 0, np.nan, np.nan
    for region in np.unique(regions[regions > 0]).tolist():
        answer = answers.get(f"region {region}")
        if answer is None:
            continue
        text = " + ".join(answer["names"]) if answer["in_library"] else NOT_IN_LIBRARY
        texts += [] if text in texts else [text]
        inside = (regions == region) & finite
        numbers[inside] = texts.index(text) + 1
        confidence[inside], misfit[inside] = answer["probability"], answer["misfit"]
    return dict(enumerate(texts, start=1))
