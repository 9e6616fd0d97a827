"""The absorption edge: where it lies, the lines below and above it, and the step between them.

Formulas follow the pre-edge and post-edge normalization of Athena (Ravel & Newville, J. Synchrotron Rad. 12, 537,
2005), with straight lines on both sides. Ranges are in eV relative to E0, as there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes.spectrum import Spectrum, checked_energy
from napari_xanes.stack import SpectralStack

Range = tuple[float, float]
Floats = NDArray[np.float64]

_HARD = 2000.0
"""Above this energy, in eV, edges are steps with a white line on top; below, they are lines over a small step."""

_SAMPLE_PIXELS = 1 << 14
"""How many spectra are enough to find E0 and the noise of a stack."""


class Normalized(NamedTuple):
    """A normalized spectrum (E,) and what normalized it: its jump, E0 in eV, ranges in eV from E0."""

    mu: Floats
    jump: float
    e0: float
    pre: Range
    post: Range


def tabulated_e0(element: str | None, edge: str | None = None) -> float | None:
    """The tabulated energy of an edge in eV, None where it is not known.

    Parameters
    ----------
    element : str
        Symbol, such as ``"Ni"``.
    edge : str, optional
        ``"K"`` (default), ``"L3"`` ...

    Examples
    --------
    >>> tabulated_e0("Ni")
    8333.0
    """
    import xraydb

    try:
        return float(xraydb.xray_edge(element, edge or "K").energy)
    except (ValueError, AttributeError, KeyError, TypeError):
        return None


def three_point_slope(energy: Floats) -> tuple[Floats, Floats, Floats]:
    """Weights of the left, middle and right neighbour in the slope of the parabola through three points.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Energies, evenly spaced or not.

    Returns
    -------
    tuple of ndarray, shape (E - 2,)
        ``left * y[:-2] + middle * y[1:-1] + right * y[2:]`` is the slope at ``energy[1:-1]``.
    """
    before, after = np.diff(energy)[:-1], np.diff(energy)[1:]
    left = -after / (before * (before + after))
    right = before / (after * (before + after))
    return left, -(left + right), right


def find_e0(energy: ArrayLike, mu: ArrayLike, *, near: float | None = None) -> float:
    """The energy of the steepest rise, which is what beamlines call E0.

    The slope is smoothed over about 1 eV at a K edge (0.3 eV at soft X-rays) against noise. Above 2 keV a rise that is
    mostly undone within 25 eV, as that of a pre-edge peak, is passed over for one that stays, if that is at least a
    fifth as steep; soft X-ray L edges are such peaks themselves. The position is then refined by a parabola through
    the three-point slopes around it.

    Parameters
    ----------
    energy : array_like, shape (E,)
        Photon energies in eV, strictly increasing.
    mu : array_like, shape (E,)
        Absorption in any unit; values that are not finite are left out.
    near : float, optional
        Look only within 30 eV of this energy (a tabulated one), if the data reach it.

    Returns
    -------
    float
        E0 in eV.

    Raises
    ------
    ValueError
        If fewer than five values are finite, or nothing rises.

    Examples
    --------
    >>> energy = np.arange(8300.0, 8400.0)
    >>> round(find_e0(energy, np.arctan((energy - 8343.4) / 2)), 1)
    8343.4
    """
    from scipy.ndimage import gaussian_filter1d, minimum_filter1d

    axis, values = checked_energy(energy, what="find_e0"), np.asarray(mu, dtype=np.float64)
    finite = np.isfinite(values)
    axis, values = axis[finite], values[finite]
    if axis.size < 5:
        raise ValueError(f"E0 can't be found from {axis.size} finite values; at least 5 are needed: give e0 in eV")
    width = float(np.clip(1.2e-4 * axis.mean(), 0.3, 1.2))
    step = width / 6
    grid = np.arange(axis[0], axis[-1] + step, step)
    drawn = np.interp(grid, axis, values)
    level, slope = (gaussian_filter1d(drawn, width / step, order=order, mode="nearest") for order in (0, 1))
    inside = (grid > axis[0] + width) & (grid < axis[-1] - width)
    if near is not None and (inside & (np.abs(grid - near) < 30)).any():
        inside &= np.abs(grid - near) < 30
    if not inside.any() or not slope[inside].max() > 0:
        raise ValueError(
            f"nothing rises between {axis[0]:g} and {axis[-1]:g} eV, so there is no edge to find: give e0 in eV"
        )
    chosen = inside
    if axis[0] > _HARD:
        bends = inside & (slope >= np.roll(slope, 1)) & (slope >= np.roll(slope, -1))
        reach = int(25 / step)
        foot = minimum_filter1d(level, reach, origin=(reach - 1) // 2)
        later = minimum_filter1d(level, reach, origin=-(reach // 2))
        stays = bends & (slope > 0.2 * slope[inside].max()) & (later - foot >= 0.6 * (level - foot))
        chosen = stays if stays.any() else inside
    coarse = float(grid[chosen][slope[chosen].argmax()])
    return _refined(axis, values, coarse, 1.5 * width)


def _refined(axis: Floats, values: Floats, coarse: float, reach: float) -> float:
    """The maximum of the three-point slope within `reach` of `coarse`, by a parabola where it has neighbours."""
    left, middle, right = three_point_slope(axis)
    slope, at = left * values[:-2] + middle * values[1:-1] + right * values[2:], axis[1:-1]
    slope = np.convolve(np.pad(slope, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    close = np.flatnonzero(np.abs(at - coarse) <= reach)
    if close.size == 0:
        return coarse
    i = int(close[slope[close].argmax()])
    if not 0 < i < at.size - 1:
        return float(at[i])
    a, b, _ = np.polyfit(at[i - 1 : i + 2] - at[i], slope[i - 1 : i + 2], 2)
    shift = -b / (2 * a) if a < 0 else 0.0
    return float(np.clip(at[i] + shift, at[i - 1], at[i + 1]))


def default_ranges(energy: ArrayLike, e0: float) -> tuple[Range, Range]:
    """Where to fit the pre-edge and post-edge lines, in eV relative to E0, from what the energy axis offers.

    Parameters
    ----------
    energy : array_like, shape (E,)
        Photon energies in eV, strictly increasing.
    e0 : float
        Energy of the edge in eV.

    Returns
    -------
    pre, post : tuple of float
        At a hard X-ray edge from 150 (or all there is) to 15 eV below, and from 30 to 200 eV above; closer where the
        axis is shorter, as at L edges. At least two, mostly three, points each.

    Raises
    ------
    ValueError
        If E0 lies outside the axis, or fewer than two points lie on one side of it.

    Examples
    --------
    >>> default_ranges(np.arange(8280.0, 8455.0, 5.0), 8343.0)
    ((-63.0, -15.0), (30.0, 107.0))
    """
    axis = checked_energy(energy, what="default_ranges")
    if not axis[0] < e0 < axis[-1]:
        raise ValueError(
            f"E0 = {e0:g} eV lies outside the energies {axis[0]:g} to {axis[-1]:g} eV; give e0 in this range, in eV"
        )
    below, above = axis[axis < e0] - e0, axis[axis > e0] - e0
    for points, side, name in ((below, "below", "pre"), (above, "above", "post")):
        if points.size < 2:
            raise ValueError(
                f"{points.size} of the energies {axis[0]:g} to {axis[-1]:g} eV lie {side} E0 = {e0:g} eV, but "
                f"the {name}-edge line needs at least 2: measure more points there, give another e0, or do without it"
            )
    pre = (max(float(below[0]), -150.0), -min(15.0, -0.35 * float(below[0])))
    post = (min(30.0, 0.65 * float(above[-1])), min(float(above[-1]), 200.0))
    if np.sum((below >= pre[0]) & (below <= pre[1])) < 3:
        pre = (float(below[0]), float(below[min(2, below.size - 2)]) if below.size > 2 else float(below[-1]))
    if np.sum((above >= post[0]) & (above <= post[1])) < 3:
        post = (float(above[-min(3, max(2, above.size - 1))]), float(above[-1]))
    return pre, post


@dataclass(frozen=True)
class EdgeLines:
    """The lines below and above an edge, ready to be fitted to many spectra at once.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Photon energies in eV.
    e0 : float
        Energy of the edge in eV.
    pre, post : tuple of float
        Ranges of the lines in eV relative to E0, ends included.

    Raises
    ------
    ValueError
        If fewer than two energies lie in a range.

    Examples
    --------
    >>> energy = np.array([8300.0, 8320, 8340, 8380, 8400])
    >>> lines = EdgeLines(energy, 8340.0, (-40, -20), (40, 60))
    >>> lines.measure(np.array([[1.0], [1], [2], [3], [3]])).jump
    array([2.])
    """

    energy: Floats
    e0: float
    pre: Range
    post: Range

    def __post_init__(self) -> None:
        for name in ("pre", "post"):
            low, high = getattr(self, name)
            found = self.energy[self._within((low, high))].size
            if found < 2:
                raise ValueError(
                    f"{name} = {low:g} to {high:g} eV from E0 = {self.e0:g} eV holds {found} of the stack's energies "
                    f"({self.energy[0]:g} to {self.energy[-1]:g} eV), but a line needs at least 2: widen {name}, "
                    "which counts from E0"
                )

    def _within(self, limits: Range) -> slice:
        low, high = np.searchsorted(self.energy, (self.e0 + limits[0] - 1e-6, self.e0 + limits[1] + 1e-6))
        return slice(int(low), int(high))

    @cached_property
    def _sides(self) -> list[tuple[slice, Floats, Floats]]:
        """Per side its frames, its design (n, 2) of value at E0 and slope, and the weights (2, n) that fit it."""
        sides = []
        for limits in (self.pre, self.post):
            frames = self._within(limits)
            offset = self.energy[frames] - self.e0
            design = np.stack([np.ones_like(offset), offset], axis=1)
            sides.append((frames, design, np.asarray(np.linalg.pinv(design), dtype=np.float64)))
        return sides

    @cached_property
    def variances(self) -> tuple[float, float]:
        """Variance of the pre-edge and the post-edge line at E0, for noise of variance 1."""
        first, second = (float(np.sum(weights[0] ** 2)) for _, _, weights in self._sides)
        return first, second

    def measure(self, block: NDArray[Any]) -> Lines:
        """Fit both lines to each spectrum.

        Parameters
        ----------
        block : ndarray, shape (E, P)
            Spectra in columns; one with NaN in a range gets NaN.

        Returns
        -------
        Lines
            Float64. The noise is that of the residuals of the pre-edge line, where it has four points, else of both.
        """
        fits: list[Floats] = []
        squares: list[Floats] = []
        free: list[int] = []
        for frames, design, weights in self._sides:
            values = block[frames].astype(np.float64)
            fit = weights @ values
            fits.append(fit)
            if not squares or free[0] < 2:
                values -= design @ fit
                squares.append(np.einsum("ep,ep->p", values, values))
                free.append(values.shape[0] - 2)
        freedom = sum(free)
        noise = np.sqrt(sum(squares) / freedom) if freedom else np.full(block.shape[1], np.nan)
        (low, low_slope), (high, high_slope) = fits
        jump = high - low
        return Lines(low, low_slope, high_slope, jump, noise, noise * np.sqrt(sum(self.variances)))

    def normalize(self, block: NDArray[Any], lines: Lines, *, flatten: bool = False) -> NDArray[np.float32]:
        """``(mu - pre) / jump``; flattened, the post-edge line's slope is taken out above E0.

        Parameters
        ----------
        block : ndarray, shape (E, P)
            Spectra in columns.
        lines : Lines
            What `measure` found; a jump of NaN gives a spectrum of NaN.
        flatten : bool
            Flatten as Athena does.
        """
        scale = 1 / lines.jump
        offset = (self.energy - self.e0).astype(np.float32)
        design = np.stack([np.ones_like(offset), offset, np.zeros_like(offset)], axis=1)
        if flatten:
            above = offset > 0
            design[above, 2], design[above, 1] = offset[above], 0
        line = np.stack([lines.low, lines.low_slope, lines.high_slope])
        terms = 3 if flatten else 2
        out: NDArray[np.float32] = np.multiply(block, scale.astype(np.float32), dtype=np.float32)
        out -= design[:, :terms] @ (line[:terms] * scale).astype(np.float32)
        return out


class Lines(NamedTuple):
    """What `EdgeLines.measure` finds, all (P,): the pre-edge line at E0, slopes per eV, jump, noise and jump's
    sigma."""

    low: Floats
    low_slope: Floats
    high_slope: Floats
    jump: Floats
    noise: Floats
    sigma: Floats


def normalize_mu(
    energy: ArrayLike,
    mu: ArrayLike,
    e0: float | None = None,
    pre: Range | None = None,
    post: Range | None = None,
    *,
    flatten: bool = False,
    near: float | None = None,
) -> Normalized:
    """Normalize one spectrum to 0 below and 1 above its edge.

    Parameters
    ----------
    energy, mu : array_like, shape (E,)
        Photon energies in eV and absorption.
    e0 : float, optional
        Energy of the edge in eV; found by `find_e0`.
    pre, post : tuple of float, optional
        Ranges of the two lines in eV relative to E0; see `default_ranges`.
    flatten : bool
        Take the slope of the post-edge line out.
    near : float, optional
        Where `find_e0` looks.

    Raises
    ------
    ValueError
        If there is no edge, too few points on a side of it, or the jump is not positive.

    Examples
    --------
    >>> energy = np.arange(8280.0, 8450.0)
    >>> made = normalize_mu(energy, 3 + 2 * (energy > 8343), e0=8343)
    >>> round(made.jump, 6), made.mu.round(6)[[0, -1]].tolist()
    (2.0, [0.0, 1.0])
    """
    axis, values = checked_energy(energy, what="normalize_mu"), np.asarray(mu, dtype=np.float64)
    e0 = find_e0(axis, values, near=near) if e0 is None else float(e0)
    wide = default_ranges(axis, e0) if pre is None or post is None else (pre, post)
    edge = EdgeLines(axis, e0, pre or wide[0], post or wide[1])
    lines = edge.measure(values[:, None])
    jump = float(lines.jump[0])
    if not jump > 0:
        raise ValueError(
            f"the step at E0 = {e0:g} eV is {jump:.3g}, so there is nothing to normalize to; "
            f"check e0 and the ranges pre = {edge.pre}, post = {edge.post}"
        )
    offset = axis - e0
    slope = np.where(flatten & (offset > 0), lines.high_slope[0], lines.low_slope[0])
    return Normalized((values - lines.low[0] - slope * offset) / jump, jump, e0, edge.pre, edge.post)


def normalize_spectrum(
    spectrum: Spectrum, *, e0: float | None = None, pre: Range | None = None, post: Range | None = None
) -> Spectrum:
    """The spectrum normalized by `normalize_mu`, with ``normalized``, ``e0`` and ``edge_jump`` in its metadata.

    Raises
    ------
    ValueError
        As in `normalize_mu`; the message names the spectrum.

    Examples
    --------
    >>> energy = np.arange(8280.0, 8450.0)
    >>> normalize_spectrum(Spectrum("Ni", energy, 2.0 * (energy > 8343))).metadata["edge_jump"]
    2.0
    """
    near = tabulated_e0(spectrum.metadata.get("element"), spectrum.metadata.get("edge"))
    try:
        made = normalize_mu(spectrum.energy, spectrum.mu, e0, pre, post, near=near)
    except ValueError as error:
        raise ValueError(f"spectrum {spectrum.name!r}: {error}") from None
    metadata = {**spectrum.metadata, "normalized": True, "e0": made.e0, "edge_jump": round(made.jump, 12)}
    sigma = None if spectrum.sigma is None else spectrum.sigma / made.jump
    return replace(spectrum, mu=made.mu, sigma=sigma, metadata=metadata)


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
    stack: SpectralStack, e0: float | None, pre: Range | None, post: Range | None, min_jump: float | None = None
) -> tuple[EdgeLines, float]:
    """E0, ranges and the smallest jump to trust, from the mean spectrum of a stack's strongest pixels and its noise.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized.
    e0, pre, post, min_jump
        What is given stays as it is. The smallest jump is four times the median standard error of a pixel's jump.

    Raises
    ------
    ValueError
        If a frame is empty, no pixel has a whole spectrum, there is no edge, or no pixel has a jump above `min_jump`.
    """
    step = max(1, round(np.prod(stack.shape[1:]) / _SAMPLE_PIXELS))
    step = min(step, stack.shape[-2])
    largest = np.nan
    for start in range(step):
        spectra = np.asarray(stack.data[..., start::step, :], dtype=np.float32).reshape(stack.energy.size, -1)
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


def _edge_of(stack: SpectralStack, mu: Floats, e0: float | None, pre: Range | None, post: Range | None) -> EdgeLines:
    if e0 is None:
        e0 = find_e0(stack.energy, mu, near=tabulated_e0(stack.metadata.get("element"), stack.metadata.get("edge")))
    if pre is None or post is None:
        wide = default_ranges(stack.energy, e0)
        pre, post = pre or wide[0], post or wide[1]
    return EdgeLines(stack.energy, e0, pre, post)


def _strongest(spectra: NDArray[np.float32]) -> Floats:
    """The mean of the spectra that rise at least half as much as the steepest of them do."""
    n = spectra.shape[0]
    rise = spectra[n // 2 :].mean(axis=0) - spectra[: max(1, n // 10)].mean(axis=0)
    strong = rise >= 0.5 * np.percentile(rise, 99.5)
    mean: Floats = spectra[:, strong if strong.any() else slice(None)].mean(axis=1, dtype=np.float64)
    return mean
