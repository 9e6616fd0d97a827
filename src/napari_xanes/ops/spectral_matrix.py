"""Multiply every spectrum of a stack by the same sparse matrix, frame by frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.corrections import INTERPOLATED, PER_FRAME
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.filled_values import KEY as FILLED
from napari_xanes.noise import AmountNoise
from napari_xanes.progress import Progress
from napari_xanes.region_means import SHARED_ENERGIES
from napari_xanes.stack import SpectralStack


def multiply_spectra(
    stack: SpectralStack,
    matrix: Float64Array,
    energy: Float64Array,
    *,
    progress: Progress | None = None,
    message: str = "",
    **changes: Any,
) -> SpectralStack:
    """Return the stack ``matrix @ spectra``.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption: of counts, the flats would have to follow.
    matrix : ndarray, shape (F, E)
        Weights of the old frames in each new frame. Frames of weight 0 are not read.
    energy : ndarray, shape (F,)
        Energies of the new frames in eV.
    progress : callable, optional
        Called with the fraction of frames that are done.
    message : str
        Text for `progress`.
    **changes
        Other fields of the stack to change, as in `SpectralStack.with_data`.

    Returns
    -------
    SpectralStack
        float32; lazy if the stack is. Known errors of amounts are carried along, and which values were filled in;
        photon noise is not, because new frames share it: ``metadata["energies_share_noise"]`` says so. A frame counts
        as interpolated if half of its weights or more are of frames that were.

    Raises
    ------
    ValueError
        If the stack holds counts or transmission, or a frame of a stack in memory holds no finite value.
    """
    if stack.quantity in ("counts", "transmission"):
        raise ValueError(
            f"{stack.name!r} holds {stack.quantity}, which follow the beam from energy to energy: run optical_depth "
            "first"
        )
    if stack.is_lazy:
        import dask.array as da

        data = da.stack([_combined(stack.data, row) for row in matrix])  # type: ignore[no-untyped-call]
    else:
        raise_if_frame_empty(stack)
        data = np.empty((len(matrix), *stack.shape[1:]), dtype=np.float32)
        for i, row in enumerate(matrix):
            data[i] = _combined(stack.data, row)
            if progress is not None:
                progress((i + 1) / len(matrix), message)
    noise = stack.noise
    carried = replace(noise, columns=matrix @ noise.columns) if isinstance(noise, AmountNoise) else None
    dropped = {*PER_FRAME, *dict(stack.corrections), "noise"}
    if not np.array_equal(energy, stack.energy):
        # Results of a step that belong to the old frames could not be cut together with the new ones.
        dropped |= {name for name, value in stack.metadata.items() if hasattr(value, "isel")}
    metadata = {name: value for name, value in stack.metadata.items() if name not in dropped}
    metadata |= _not_measured(stack, matrix, same=np.array_equal(energy, stack.energy))
    metadata |= changes.pop("metadata", {})
    if carried is not None:
        metadata["noise"] = carried
    elif (np.count_nonzero(matrix, axis=0) > 1).any():
        metadata[SHARED_ENERGIES] = True
    return replace(stack, data=data, energy=energy, metadata=metadata, **changes)


def _not_measured(stack: SpectralStack, matrix: Float64Array, *, same: bool) -> dict[str, Any]:
    """Return which values of the product were filled in, and which frames interpolated, as metadata."""
    known: dict[str, Any] = {} if stack.filled is None else {FILLED: stack.filled.multiplied(matrix)}
    interpolated = stack.interpolated
    if interpolated.any():
        weights = np.abs(matrix)
        mostly = weights @ interpolated >= 0.5 * weights.sum(axis=1)
        known[INTERPOLATED] = mostly | interpolated if same else mostly
    return known


def _combined(frames: Any, weights: Float64Array) -> Any:
    """Return the weighted sum of frames, float32."""
    used = np.flatnonzero(weights)
    total = frames[used[0]].astype(np.float32) * np.float32(weights[used[0]])
    for i in used[1:]:
        total = total + frames[i].astype(np.float32) * np.float32(weights[i])
    return total
