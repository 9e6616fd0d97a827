"""Apply methods for images to volumes, slice by slice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_xanes.denoising.result import DenoisingReport, DenoisingResult, denoising_result
from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack


def slices_of(stack: SpectralStack, z: int | slice) -> SpectralStack:
    """Return a slice of a volume (E, Z, Y, X) as images (E, Y, X), or several slices as a volume."""
    return stack.isel(box=(z, slice(None), slice(None)))


def each_slice(
    stack: SpectralStack,
    clean: Callable[[SpectralStack, Progress | None], SpectralStack],
    progress: Progress | None = None,
) -> list[SpectralStack]:
    """Clean each slice of a volume by itself.

    Raises
    ------
    ValueError
        If a slice can't be cleaned; the message names the slice.
    """
    cleaned = []
    count = stack.shape[1]
    for z in range(count):
        try:
            cleaned.append(clean(slices_of(stack, z), part(progress, z / count, (z + 1) / count)))
        except ValueError as error:
            raise ValueError(f"slice {z} of {stack.name!r}: {error}") from None
    return cleaned


def stack_slices(frames: list[Any]) -> Any:
    """Return slices (E, Y, X) as one volume (E, Z, Y, X); it is lazy if a slice is."""
    if all(isinstance(images, np.ndarray) for images in frames):
        return np.stack(frames, axis=1)
    import dask.array as da

    return da.stack(frames, axis=1)  # type: ignore[no-untyped-call]


def by_slices(
    stack: SpectralStack,
    clean: Callable[[SpectralStack, Progress | None], SpectralStack],
    progress: Progress | None = None,
) -> SpectralStack:
    """Clean a stack of images, or each slice of a volume; of the reports of slices only the sentences are kept."""
    if len(stack.shape) == 3:
        return clean(stack, progress)
    slices = each_slice(stack, clean, progress)
    result = DenoisingResult(report=DenoisingReport(joined_sentences(reported_sentences(slices))))
    data = stack_slices([cleaned.data for cleaned in slices])
    return stack.with_data(data, metadata={"denoise": result, "noise": None})


def reported_sentences(slices: list[SpectralStack]) -> list[list[str]]:
    """Return the sentences of the report of each slice."""
    results = [denoising_result(cleaned) for cleaned in slices]
    return [result.report.text if result else [] for result in results]


def joined_sentences(slices: list[list[str]]) -> list[str]:
    """Return the sentences of all slices; one that some slices lack begins with the numbers of the others."""
    numbers: dict[str, list[int]] = {}
    for z, sentences in enumerate(slices):
        for sentence in sentences:
            numbers.setdefault(sentence, []).append(z)
    return [
        sentence if len(present) == len(slices) else f"{_numbers_text(present)}: {sentence}"
        for sentence, present in numbers.items()
    ]


def _numbers_text(numbers: list[int]) -> str:
    """Return increasing numbers of slices in words.

    Examples
    --------
    >>> _numbers_text([4]), _numbers_text([0, 2, 3, 4])
    ('slice 4', 'slices 0, 2-4')
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    return f"{'slice' if len(numbers) == 1 else 'slices'} {', '.join(texts)}"
