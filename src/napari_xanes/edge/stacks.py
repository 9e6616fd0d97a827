"""Edge parameters that are estimated from a whole stack before its edge is measured pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.computing import frames_of
from napari_xanes.corrections import frames_where
from napari_xanes.edge.choice import choose_edge_lines, with_error
from napari_xanes.edge.elements import named_absorber, tabulated_e0
from napari_xanes.edge.forms import AUTOMATIC, PostForm, PreForm
from napari_xanes.edge.lines import EdgeLines
from napari_xanes.edge.position import find_e0
from napari_xanes.edge.ranges import Range, is_left_out
from napari_xanes.edge.shared_noise import shared_noise
from napari_xanes.edge.spoiled import spoiled_frames
from napari_xanes.progress import Progress, part
from napari_xanes.scaling import as_scaling
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import one_or_more

_TWIN = 0.2
"""Two energies are one if their distance is less than this share of the steps before and behind."""

_SAMPLE_PIXELS = 1 << 14
"""Number of spectra from which E0 and the noise of a stack are estimated."""


def require_absorption(stack: SpectralStack, method: str, *, normalized: bool, scaled: bool = False) -> None:
    """Check that a stack holds absorption, so that lines and references can be fitted to it.

    Raises
    ------
    ValueError
        If the stack holds counts, transmission or slopes; is normalized and `normalized` is False; or is divided by
        something else than its edge jump (`ops.normalize`) and `scaled` is False.
    """
    if stack.quantity in ("counts", "transmission"):
        raise ValueError(
            f"{method} needs absorption, but {stack.name!r} holds {stack.quantity}: run optical_depth first"
        )
    if stack.quantity == "derivative":
        raise ValueError(f"{method} needs absorption, but {stack.name!r} holds slopes: use the stack before derivative")
    if stack.quantity == "scaled" and not scaled:
        by = as_scaling(stack.metadata.get("scaling"))
        raise ValueError(
            f"{method} needs optical depth or fluorescence{' or an edge jump of 1' if normalized else ''}, but each "
            f"spectrum of {stack.name!r} is divided by its {by or 'own scale'}: use the stack before normalize"
        )
    if stack.quantity == "normalized" and not normalized:
        raise ValueError(f"{stack.name!r} is normalized already; {method} needs a stack that is not")


def raise_if_frame_empty(stack: SpectralStack) -> None:
    """Raise an error if a frame holds no finite value, because then no pixel has a complete spectrum.

    Raises
    ------
    ValueError
        Naming the first such frame.
    """
    for i, frame in enumerate(frames_of(stack.data)):
        if not np.isfinite(frame).any():
            raise ValueError(
                f"frame {i} ({stack.energy[i]:.1f} eV) holds no finite value: drop it with drop_frames, or with "
                "crop(drop_empty=True)"
            )


def with_distinct_energies(stack: SpectralStack) -> tuple[SpectralStack, list[str]]:
    """Leave out energies that lie next to the one before: their slope would be noise over next to nothing.

    Returns
    -------
    SpectralStack, list of str
        The same stack where all energies are apart; and what was left out, in words.

    Examples
    --------
    >>> stack = SpectralStack(np.ones((5, 1, 1)), [8340.0, 8341, 8342, 8342.0002, 8343])
    >>> apart, told = with_distinct_energies(stack)
    >>> apart.energy.tolist(), told[0].split(":")[1]
    ([8340.0, 8341.0, 8342.0, 8343.0], ' only the one before is used')
    """
    gaps = np.diff(stack.energy)
    beside = np.pad(gaps, 1, constant_values=np.inf)
    with_next = gaps < _TWIN * np.minimum(beside[:-2], beside[2:])
    if gaps.size < 2 or not with_next.any():
        return stack, []
    first = np.append(True, ~with_next)
    return stack.isel(frames_where(first)), [
        f"{with_next.sum()} of {first.size} energies {one_or_more(int(with_next.sum()), 'is', 'are')} nearer to the "
        "one before than a fifth of the steps beside: only the one before is used"
    ]


def fit_edge(
    stack: SpectralStack,
    e0: float | None,
    pre: Range | None,
    post: Range | None,
    min_jump: float | None = None,
    *,
    left_out: Sequence[float] | None = None,
    absorber: str | None = None,
    mback: bool = False,
    forms: tuple[PreForm, PostForm] = AUTOMATIC,
    progress: Progress | None = None,
) -> tuple[EdgeLines, float]:
    """Estimate E0, the ranges and the smallest jump from a stack's strongest pixels and their noise.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized.
    e0, pre, post, min_jump, left_out
        Values that are given are kept. The smallest jump is four times the median standard error of a pixel's jump, as
        far as it comes from noise; the energies that are left out are those of spoiled frames.
    absorber : str, optional
        Element and edge, such as "Fe K"; by default as the metadata say.
    mback : bool
        Match to tabulated cross sections (`tabulated_step`).
    forms : tuple of str
        Forms of the curves below and above the edge (`fit_curves`).
    progress : callable, optional
        Called with the fraction of a lazy stack that has been read.

    Returns
    -------
    EdgeLines, float
        E0, the ranges, the error of the lines and the noise that all pixels share; and the smallest jump.

    Raises
    ------
    ValueError
        If a frame is empty, no pixel has a complete spectrum, there is no edge, or no jump is above `min_jump`.
    """
    named = named_absorber(absorber, stack.metadata)
    step = max(1, round(np.prod(stack.shape[1:]) / _SAMPLE_PIXELS))
    step = min(step, stack.shape[-2])
    largest = np.nan
    for start in range(step):
        spectra = _sampled(stack, start, step, part(progress, start / step, (start + 1) / step))
        spectra = _finite(spectra)
        if spectra.shape[1] == 0:
            continue
        edge = _edge_of(stack, spectra, (e0, pre, post), left_out, named, mback=mback, forms=forms)
        lines = edge.measure(spectra)
        edge = replace(edge, shared_noise=shared_noise(edge, spectra, lines))
        least_jump = 4 * float(np.median(edge.error_by(lines.noise))) if min_jump is None else min_jump
        least_jump = least_jump if np.isfinite(least_jump) else 0.0
        if (lines.jump > least_jump).any():
            return edge, least_jump
        largest = float(np.nanmax([largest, lines.jump.max()]))
    if np.isnan(largest):
        raise_if_frame_empty(stack)
        raise ValueError(f"no pixel of {stack.name!r} holds finite values at all energies; crop to where it does")
    raise ValueError(
        f"no pixel of {stack.name!r} has an edge jump above {least_jump:.3g}: the largest is {largest:.3g} at "
        f"E0 = {edge.e0:.1f} eV (pre {edge.pre[0]:g} to {edge.pre[1]:g} eV, post {edge.post[0]:g} to "
        f"{edge.post[1]:g} eV); check these or lower min_jump"
    )


def _sampled(stack: SpectralStack, start: int, step: int, progress: Progress | None) -> NDArray[np.float32]:
    """Return the spectra (E, P) of every `step`-th row; a lazy stack is read frame by frame."""
    if not stack.is_lazy:
        return np.asarray(stack.data[..., start::step, :], dtype=np.float32).reshape(stack.energy.size, -1)
    frames = []
    for i, frame in enumerate(frames_of(stack.data[..., start::step, :]), start=1):
        frames.append(frame.astype(np.float32).ravel())
        if progress is not None:
            progress(i / stack.energy.size, "looking for the edge")
    return np.stack(frames)


def _finite(spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the spectra (E, P) without missing values."""
    finite = np.isfinite(spectra.sum(axis=0, dtype=np.float64))
    return spectra if finite.all() else spectra.compress(finite, axis=1)


def _edge_of(
    stack: SpectralStack,
    spectra: NDArray[np.float32],
    given: tuple[float | None, Range | None, Range | None],
    left_out: Sequence[float] | None,
    absorber: tuple[str | None, str | None],
    *,
    mback: bool,
    forms: tuple[PreForm, PostForm],
) -> EdgeLines:
    """Return the lines of a sample of spectra (E, P), with what is not given (E0, pre, post) estimated."""
    e0, pre, post = given
    element, shell = absorber
    strong, weak = _strong_and_weak(spectra)
    good = ~is_left_out(stack.energy, left_out or ())
    found = _e0(stack.energy[good], strong[good], e0, element, shell)
    if left_out is None:
        good = ~spoiled_frames(stack.energy, strong, weak, found)
        found = found if good.all() else _e0(stack.energy[good], strong[good], e0, element, shell)
    if not good.all():
        strong, _ = _strong_and_weak(spectra[good])
        strong = np.interp(stack.energy, stack.energy[good], strong)
    energies = tuple(float(energy) for energy in stack.energy[~good])
    lines = choose_edge_lines(
        stack.energy, strong, found, pre, post, element=element, edge=shell, left_out=energies, mback=mback, forms=forms
    )
    return with_error(lines, strong, element, shell, automatic=post is None)


def _e0(energy: Float64Array, mu: Float64Array, e0: float | None, element: str | None, edge: str | None) -> float:
    return find_e0(energy, mu, near=tabulated_e0(element, edge)) if e0 is None else e0


def _strong_and_weak(spectra: NDArray[np.float32]) -> tuple[Float64Array, Float64Array | None]:
    """Return the mean of the spectra that rise at least half as much as the strongest ones, and of those that do not.

    The second is None where all rise.
    """
    n = spectra.shape[0]
    rise = spectra[n // 2 :].mean(axis=0) - np.median(spectra[: max(1, n // 10)], axis=0)
    least, most = np.percentile(rise, (1, 99.5))
    strong, weak = rise >= 0.5 * most, rise < least + 0.2 * (most - least)
    mean: Float64Array = spectra[:, strong if strong.any() else slice(None)].mean(axis=1, dtype=np.float64)
    if not weak.any() or most - least <= 0.5 * most:
        return mean, None
    return mean, spectra[:, weak].mean(axis=1, dtype=np.float64)
