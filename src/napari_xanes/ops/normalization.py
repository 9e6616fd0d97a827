"""Edge-step normalization: every pixel's spectrum from 0 below the edge to 1 above it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes.edge import EdgeLines, Lines, raise_if_frame_empty, require_absorption, settle_edge
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack

Range = tuple[float, float]


def _settle(
    stack: SpectralStack,
    *,
    e0: float | None,
    pre: Range | None,
    post: Range | None,
    min_jump: float | None,
    progress: Progress | None = None,
    **_: Any,
) -> Mapping[str, Any]:
    """E0, ranges and the smallest jump, as the data decide them."""
    require_absorption(stack, "normalize_edge", normalized=False)
    edge, least = settle_edge(stack, e0, pre, post, min_jump, progress=progress)
    return {"e0": edge.e0, "pre": edge.pre, "post": edge.post, "min_jump": least}


@method(looks_at="pixel", fit=_settle)
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
        Energy of the edge in eV, one for all pixels; found as the steepest rise of the mean spectrum.
    pre : tuple of float, optional
        Range of the pre-edge line, in eV from E0: (-60, -15), for example.
    post : tuple of float, optional
        Range of the post-edge line, in eV from E0: (30, 110), for example.
    flatten : bool
        Take the slope of the post-edge line out above E0, as Athena does.
    min_jump : float, optional
        Pixels with a smaller edge jump become NaN, because noise divided by nothing is no spectrum. In the unit of the
        stack.

    Returns
    -------
    SpectralStack
        float32, quantity "normalized". ``metadata["edge_jump"]`` is a ParameterMap of the jump with its standard error
        (from the residuals of the pre-edge line) and the mask of the pixels that were normalized.

    Raises
    ------
    ValueError
        If the stack is not absorption, is normalized already, has no edge in range, or nothing in it passes `min_jump`.

    Examples
    --------
    >>> energy = np.arange(8280.0, 8450.0, 2.0)
    >>> data = np.tile(0.2 + 0.5 * (energy > 8343)[:, None, None], (1, 2, 2)).astype(np.float32)
    >>> made = normalize_edge(SpectralStack(data, energy, "optical_depth"))
    >>> made.data[[0, -1], 0, 0].round(4).tolist(), round(float(made.metadata["edge_jump"].data[0, 0]), 4)
    ([0.0, 1.0], 0.5)
    """
    require_absorption(stack, "normalize_edge", normalized=False)
    assert e0 is not None
    assert pre is not None
    assert post is not None
    edge, least = EdgeLines(stack.energy, e0, pre, post), float(min_jump or 0.0)
    n_pixels = int(np.prod(stack.shape[1:]))
    jump, sigma = (np.full(n_pixels, np.nan, dtype=np.float32) for _ in range(2))
    mask = np.zeros(n_pixels, dtype=bool)

    def measure(block: NDArray[Any], pixels: slice) -> Lines:
        with np.errstate(invalid="ignore", over="ignore"):
            lines = edge.measure(block)
            mask[pixels] = np.isfinite(block.sum(axis=0, dtype=np.float32)) & (lines.jump > least)
        jump[pixels], sigma[pixels] = np.where(mask[pixels], lines.jump, np.nan), lines.sigma
        return lines._replace(jump=np.where(mask[pixels], lines.jump, np.nan))

    if stack.is_lazy:
        data = _later(stack, edge, measure, flatten=flatten, progress=progress)
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


def _later(
    stack: SpectralStack,
    edge: EdgeLines,
    measure: Callable[[NDArray[Any], slice], Lines],
    *,
    flatten: bool,
    progress: Progress | None,
) -> Any:
    """The normalized data of a lazy stack: the lines are measured now, so that one frame can be normalized alone."""
    kept = np.empty((4, int(np.prod(stack.shape[1:]))), dtype=np.float32)

    def note(block: NDArray[Any], pixels: slice) -> None:
        lines = measure(block, pixels)
        kept[:, pixels] = lines.low, lines.low_slope, lines.high_slope, lines.jump

    def normalize(block: NDArray[Any], frames: slice, pixels: slice) -> NDArray[np.float32]:
        low, low_slope, high_slope, jump = kept[:, pixels].astype(np.float64)
        unasked = np.empty(0)
        lines = Lines(low, low_slope, high_slope, jump, noise=unasked, sigma=unasked)
        return edge.normalize(block, lines, flatten=flatten, frames=frames)

    blocks.over_pixels(note, stack.data, progress=progress, message="edge normalization")
    return blocks.transform_frames(normalize, stack.data)
