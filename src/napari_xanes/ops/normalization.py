"""Edge-step normalization: each pixel's spectrum goes from 0 below the edge to 1 above it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes.edge import EdgeLines, Lines, fit_edge, raise_if_frame_empty, require_absorption
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack

Range = tuple[float, float]


def _fit(
    stack: SpectralStack,
    *,
    e0: float | None,
    pre: Range | None,
    post: Range | None,
    min_jump: float | None,
    progress: Progress | None = None,
    **_: Any,
) -> Mapping[str, Any]:
    """Estimate E0, the ranges and the smallest jump from the data where they are not given."""
    require_absorption(stack, "normalize_edge", normalized=False)
    edge, least_jump = fit_edge(stack, e0, pre, post, min_jump, progress=progress)
    return {"e0": edge.e0, "pre": edge.pre, "post": edge.post, "min_jump": least_jump}


@method(looks_at="pixel", fit=_fit)
def normalize_edge(
    stack: SpectralStack,
    /,
    *,
    e0: Annotated[float | None, Param(unit="eV", ge=0, label="E0", auto="steepest rise")] = None,
    pre: Annotated[Range | None, Param(unit="eV from E0", label="pre-edge", auto="from the energies")] = None,
    post: Annotated[Range | None, Param(unit="eV from E0", label="post-edge", auto="from the energies")] = None,
    flatten: bool = False,
    min_jump: Annotated[float | None, Param(ge=0, label="smallest jump", auto="4 sigma of the noise")] = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Normalized absorption, (mu - pre-edge line) / edge jump, pixel by pixel.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth or fluorescence.
    e0 : float, optional
        Energy of the edge in eV, the same for all pixels; by default the steepest rise of the mean spectrum.
    pre : tuple of float, optional
        Range of the pre-edge line, in eV from E0: (-60, -15), for example.
    post : tuple of float, optional
        Range of the post-edge line, in eV from E0: (30, 110), for example.
    flatten : bool
        Remove the slope of the post-edge line above E0, as Athena does.
    min_jump : float, optional
        Pixels with a smaller edge jump become NaN: divided by a jump of about zero, they would be noise. In the unit
        of the stack; by default four times the standard error.

    Returns
    -------
    SpectralStack
        float32, quantity "normalized". ``metadata["edge_jump"]`` is a ParameterMap of the jump with its standard error
        (from the residuals of the pre-edge line) and the mask of the pixels that were normalized.

    Raises
    ------
    ValueError
        If the stack does not hold absorption, is normalized already, has no edge in range, or has no pixel with a jump
        above `min_jump`.

    Examples
    --------
    >>> energy = np.arange(8280.0, 8450.0, 2.0)
    >>> data = np.tile(0.2 + 0.5 * (energy > 8343)[:, None, None], (1, 2, 2)).astype(np.float32)
    >>> normalized = normalize_edge(SpectralStack(data, energy, "optical_depth"))
    >>> normalized.data[[0, -1], 0, 0].round(4).tolist(), round(float(normalized.metadata["edge_jump"].data[0, 0]), 4)
    ([0.0, 1.0], 0.5)
    """
    require_absorption(stack, "normalize_edge", normalized=False)
    assert e0 is not None
    assert pre is not None
    assert post is not None
    edge, least_jump = EdgeLines(stack.energy, e0, pre, post), float(min_jump or 0.0)
    n_pixels = int(np.prod(stack.shape[1:]))
    jump, sigma = (np.full(n_pixels, np.nan, dtype=np.float32) for _ in range(2))
    mask = np.zeros(n_pixels, dtype=bool)

    def measure(block: NDArray[Any], pixels: slice) -> Lines:
        with np.errstate(invalid="ignore", over="ignore"):
            lines = edge.measure(block)
            mask[pixels] = np.isfinite(block.sum(axis=0, dtype=np.float32)) & (lines.jump > least_jump)
        jump[pixels], sigma[pixels] = np.where(mask[pixels], lines.jump, np.nan), lines.sigma
        return lines._replace(jump=np.where(mask[pixels], lines.jump, np.nan))

    if stack.is_lazy:
        data = _normalize_lazily(stack, edge, measure, flatten=flatten, progress=progress)
    else:
        data = blocks.transform(
            lambda block, pixels: edge.normalize(block, measure(block, pixels), flatten=flatten),
            stack.data,
            progress=progress,
            message="edge normalization",
        )
    if not mask.any():
        raise_if_frame_empty(stack)
    shape = stack.shape[1:]
    step = ParameterMap(jump.reshape(shape), stack.unit, sigma.reshape(shape), mask.reshape(shape))
    return stack.with_data(data, quantity="normalized", metadata={"edge_jump": step})


def _normalize_lazily(
    stack: SpectralStack,
    edge: EdgeLines,
    measure: Callable[[NDArray[Any], slice], Lines],
    *,
    flatten: bool,
    progress: Progress | None,
) -> Any:
    """Measure the lines of a lazy stack now, so that later one frame can be normalized alone."""
    coefficients = np.empty((4, int(np.prod(stack.shape[1:]))), dtype=np.float32)

    def store(block: NDArray[Any], pixels: slice) -> None:
        lines = measure(block, pixels)
        coefficients[:, pixels] = lines.low, lines.low_slope, lines.high_slope, lines.jump

    def normalize(block: NDArray[Any], frames: slice, pixels: slice) -> NDArray[np.float32]:
        low, low_slope, high_slope, jump = coefficients[:, pixels].astype(np.float64)
        unused = np.empty(0)
        lines = Lines(low, low_slope, high_slope, jump, noise=unused, sigma=unused)
        return edge.normalize(block, lines, flatten=flatten, frames=frames)

    blocks.over_pixels(store, stack.data, progress=progress, message="edge normalization")
    return blocks.transform_frames(normalize, stack.data)
