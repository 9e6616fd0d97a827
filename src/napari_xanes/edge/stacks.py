"""What has to be known of a whole stack before its edge can be measured pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.edge.lines import EdgeLines
from napari_xanes.edge.position import Range, default_ranges, find_e0, tabulated_e0
from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack

_SAMPLE_PIXELS = 1 << 14
"""How many spectra are enough to find E0 and the noise of a stack."""


def require_absorption(stack: SpectralStack, method: str, *, normalized: bool) -> None:
    """Check that a stack holds absorption, so that lines and references can be fitted to it.

    Raises
    ------
    ValueError
        If it holds counts or transmission, or is normalized already where that is not wanted.
    """
    if stack.quantity in ("counts", "transmission"):
        raise ValueError(
            f"{method} needs absorption, but {stack.name!r} holds {stack.quantity}: run optical_depth first"
        )
    if stack.quantity == "normalized" and not normalized:
        raise ValueError(f"{stack.name!r} is normalized already; leave {method} out")


def raise_if_frame_empty(stack: SpectralStack) -> None:
    """Raise if a frame holds no finite value, because no pixel has a whole spectrum then.

    Raises
    ------
    ValueError
        Naming the first such frame.
    """
    for i, frame in enumerate(stack.data):
        if not np.isfinite(np.asarray(frame)).any():
            raise ValueError(
                f"frame {i} ({stack.energy[i]:.1f} eV) holds no finite value: drop it with crop(drop_empty=True)"
            )


def settle_edge(
    stack: SpectralStack,
    e0: float | None,
    pre: Range | None,
    post: Range | None,
    min_jump: float | None = None,
    *,
    progress: Progress | None = None,
) -> tuple[EdgeLines, float]:
    """E0, ranges and the smallest jump to trust, from the mean spectrum of a stack's strongest pixels and its noise.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized.
    e0, pre, post, min_jump
        What is given stays as it is. The smallest jump is four times the median standard error of a pixel's jump.
    progress : callable, optional
        Told how much of a lazy stack has been looked through.

    Raises
    ------
    ValueError
        If a frame is empty, no pixel has a whole spectrum, there is no edge, or no pixel has a jump above `min_jump`.
    """
    step = max(1, round(np.prod(stack.shape[1:]) / _SAMPLE_PIXELS))
    step = min(step, stack.shape[-2])
    largest = np.nan
    for start in range(step):
        spectra = _sampled(stack, start, step, part(progress, start / step, (start + 1) / step))
        spectra = spectra[:, np.isfinite(spectra).all(axis=0)]
        if spectra.shape[1] == 0:
            continue
        edge = _edge_of(stack, _strongest(spectra), e0, pre, post)
        lines = edge.measure(spectra)
        least = 4 * float(np.median(lines.sigma)) if min_jump is None else min_jump
        least = least if np.isfinite(least) else 0.0
        if (lines.jump > least).any():
            return edge, least
        largest = float(np.nanmax([largest, lines.jump.max()]))
    if np.isnan(largest):
        raise_if_frame_empty(stack)
        raise ValueError(f"no pixel of {stack.name!r} holds finite values at all energies; crop to where it does")
    raise ValueError(
        f"no pixel of {stack.name!r} has an edge jump above {least:.3g}: the largest is {largest:.3g} at "
        f"E0 = {edge.e0:.1f} eV (pre {edge.pre[0]:g} to {edge.pre[1]:g} eV, post {edge.post[0]:g} to "
        f"{edge.post[1]:g} eV); check these or lower min_jump"
    )


def _sampled(stack: SpectralStack, start: int, step: int, progress: Progress | None) -> NDArray[np.float32]:
    """The spectra (E, P) of every so many rows, of a lazy stack frame by frame."""
    if not stack.is_lazy:
        return np.asarray(stack.data[..., start::step, :], dtype=np.float32).reshape(stack.energy.size, -1)
    found = []
    for i, frame in enumerate(stack.data, start=1):
        found.append(np.asarray(frame[..., start::step, :], dtype=np.float32).ravel())
        if progress is not None:
            progress(i / stack.energy.size, "looking for the edge")
    return np.stack(found)


def _edge_of(
    stack: SpectralStack, mu: Float64Array, e0: float | None, pre: Range | None, post: Range | None
) -> EdgeLines:
    if e0 is None:
        e0 = find_e0(stack.energy, mu, near=tabulated_e0(stack.metadata.get("element"), stack.metadata.get("edge")))
    if pre is None or post is None:
        wide = default_ranges(stack.energy, e0)
        pre, post = pre or wide[0], post or wide[1]
    return EdgeLines(stack.energy, e0, pre, post)


def _strongest(spectra: NDArray[np.float32]) -> Float64Array:
    """The mean of the spectra that rise at least half as much as the steepest of them do."""
    n = spectra.shape[0]
    rise = spectra[n // 2 :].mean(axis=0) - spectra[: max(1, n // 10)].mean(axis=0)
    strong = rise >= 0.5 * np.percentile(rise, 99.5)
    mean: Float64Array = spectra[:, strong if strong.any() else slice(None)].mean(axis=1, dtype=np.float64)
    return mean
