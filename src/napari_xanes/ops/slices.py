"""Volumes slice by slice, for methods that look at images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack


def slices_of(stack: SpectralStack, z: int | slice) -> SpectralStack:
    """A slice of a volume (E, Z, Y, X) as images (E, Y, X), or some slices as a volume, with what belongs to them."""
    return stack.isel(box=(z, slice(None), slice(None)))


def each_slice(
    stack: SpectralStack,
    clean: Callable[[SpectralStack, Progress | None], SpectralStack],
    progress: Progress | None = None,
) -> list[SpectralStack]:
    """The slices of a volume, each cleaned by itself.

    Raises
    ------
    ValueError
        If one can't be cleaned; the message says which.
    """
    done = []
    count = stack.shape[1]
    for z in range(count):
        try:
            done.append(clean(slices_of(stack, z), part(progress, z / count, (z + 1) / count)))
        except ValueError as error:
            raise ValueError(f"slice {z} of {stack.name!r}: {error}") from None
    return done


def put_on_each_other(frames: list[Any]) -> Any:
    """Slices (E, Y, X) as one volume (E, Z, Y, X), lazy if they are."""
    if all(isinstance(one, np.ndarray) for one in frames):
        return np.stack(frames, axis=1)
    import dask.array as da

    return da.stack(frames, axis=1)  # type: ignore[no-untyped-call]


def by_slices(
    stack: SpectralStack,
    clean: Callable[[SpectralStack, Progress | None], SpectralStack],
    progress: Progress | None = None,
) -> SpectralStack:
    """An image stack cleaned, or each slice of a volume; of the slices' reports the sentences stay."""
    if len(stack.shape) == 3:
        return clean(stack, progress)
    done = each_slice(stack, clean, progress)
    about = {"denoise": {"report": {"text": sentences(done)}}, "noise": None}
    return stack.with_data(put_on_each_other([one.data for one in done]), metadata=about)


def sentences(slices: list[SpectralStack]) -> list[str]:
    """What the reports of cleaned slices say; what not all of them say with the numbers of those that do."""
    where: dict[str, list[int]] = {}
    for z, one in enumerate(slices):
        for line in one.metadata["denoise"]["report"]["text"]:
            where.setdefault(line, []).append(z)
    return [line if len(found) == len(slices) else f"{_named(found)}: {line}" for line, found in where.items()]


def _named(numbers: list[int]) -> str:
    """Increasing numbers of slices in words.

    Examples
    --------
    >>> _named([4]), _named([0, 2, 3, 4])
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
