"""One spectrum, normalized to 0 below and 1 above its edge."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes._typing import Float64Array
from napari_xanes.edge.choice import choose_edge_lines, with_error
from napari_xanes.edge.elements import tabulated_e0
from napari_xanes.edge.lines import EdgeLines
from napari_xanes.edge.position import find_e0
from napari_xanes.edge.ranges import Range
from napari_xanes.spectrum import Spectrum, checked_energy


class Normalized(NamedTuple):
    """A normalized spectrum (E,), its edge jump, E0 in eV, and the ranges of the two lines in eV from E0."""

    mu: Float64Array
    jump: float
    e0: float
    pre: Range
    post: Range


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
        Energy of the edge in eV; by default that of `find_e0`.
    pre, post : tuple of float, optional
        Ranges of the two lines in eV relative to E0; see `default_ranges`.
    flatten : bool
        Remove the slope of the post-edge line.
    near : float, optional
        Tabulated energy for `find_e0`.

    Raises
    ------
    ValueError
        If there is no edge, too few points on one side of it, or the jump is not positive.

    Examples
    --------
    >>> energy = np.arange(8280.0, 8450.0)
    >>> normalized = normalize_mu(energy, 3 + 2 * (energy > 8343), e0=8343)
    >>> round(normalized.jump, 6), normalized.mu.round(6)[[0, -1]].tolist()
    (2.0, [0.0, 1.0])
    """
    axis, values = checked_energy(energy, what="normalize_mu"), np.asarray(mu, dtype=np.float64)
    e0 = find_e0(axis, values, near=near) if e0 is None else float(e0)
    edge = choose_edge_lines(axis, values, e0, pre, post)
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
    """Normalize a spectrum by `normalize_mu`; ``normalized``, ``e0`` and ``edge_jump`` are added to its metadata.

    What is not given is as the spectrum says itself (`Spectrum.with_lines`), and else automatic.

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
    e0, pre, post = _chosen(spectrum, e0, pre, post)
    try:
        normalized = normalize_mu(spectrum.energy, spectrum.mu, e0, pre, post, near=near)
    except ValueError as error:
        raise ValueError(f"spectrum {spectrum.name!r}: {error}") from None
    metadata = {**spectrum.metadata, "normalized": True, "e0": normalized.e0, "edge_jump": round(normalized.jump, 12)}
    sigma = None if spectrum.sigma is None else spectrum.sigma / normalized.jump
    return replace(spectrum, mu=normalized.mu, sigma=sigma, metadata=metadata)


def spectrum_jump_error(spectrum: Spectrum) -> float:
    """Return the standard error of the edge jump by which `normalize_spectrum` divides, as a share of it.

    It is that of the lines (`with_error`), not of noise.

    Raises
    ------
    ValueError
        As in `normalize_mu`.

    Examples
    --------
    >>> energy = np.arange(8280.0, 8450.0)
    >>> 0.02 < spectrum_jump_error(Spectrum("Ni", energy, 3 + 2.0 * (energy > 8343))) < 0.2
    True
    """
    good = np.isfinite(spectrum.mu)
    energy, mu = spectrum.energy[good], spectrum.mu[good]
    near = tabulated_e0(spectrum.metadata.get("element"), spectrum.metadata.get("edge"))
    e0, pre, post = _chosen(spectrum, None, None, None)
    found = normalize_mu(energy, mu, e0, pre, post, near=near)
    lines = EdgeLines(energy, found.e0, found.pre, found.post)
    return with_error(lines, mu, automatic=post is None).model_error


class LinesOfSpectrum(NamedTuple):
    """A spectrum's lines below and above the edge at all its energies (E,), and what it becomes by them."""

    pre: Float64Array
    post: Float64Array
    normalized: Normalized


def lines_of_spectrum(spectrum: Spectrum) -> LinesOfSpectrum:
    """Return the lines by which `normalize_spectrum` normalizes a spectrum, NaN where it has no value.

    Raises
    ------
    ValueError
        As in `normalize_mu`; the message names the spectrum.

    Examples
    --------
    >>> energy = np.arange(8280.0, 8450.0)
    >>> lines = lines_of_spectrum(Spectrum("Ni", energy, 3 + 2.0 * (energy > 8343)))
    >>> lines.pre.round(6)[[0, -1]].tolist(), lines.post.round(6)[[0, -1]].tolist()
    ([3.0, 3.0], [5.0, 5.0])
    """
    good = np.isfinite(spectrum.mu)
    energy, mu = spectrum.energy[good], spectrum.mu[good]
    near = tabulated_e0(spectrum.metadata.get("element"), spectrum.metadata.get("edge"))
    e0, pre, post = _chosen(spectrum, None, None, None)
    try:
        plain = normalize_mu(energy, mu, e0, pre, post, near=near)
        flat = normalize_mu(energy, mu, plain.e0, plain.pre, plain.post, flatten=True)
    except ValueError as error:
        raise ValueError(f"spectrum {spectrum.name!r}: {error}") from None
    # Flattening replaces the slope of the low line by that of the high one above E0.
    above = energy > plain.e0
    slopes = np.polyfit(energy[above], (plain.mu - flat.mu)[above], 1) if above.sum() > 1 else np.zeros(2)
    low, high, values = (np.full(spectrum.mu.shape, np.nan) for _ in range(3))
    low[good] = mu - plain.mu * plain.jump
    high[good] = low[good] + plain.jump * (1 + np.polyval(slopes, energy))
    values[good] = plain.mu
    return LinesOfSpectrum(low, high, plain._replace(mu=values))


def _chosen(
    spectrum: Spectrum, e0: float | None, pre: Range | None, post: Range | None
) -> tuple[float | None, Range | None, Range | None]:
    """Return E0 and ranges as given, or as the spectrum says them."""
    own = spectrum.lines
    own_pre, own_post = ((own[key][0], own[key][1]) if key in own else None for key in ("pre", "post"))
    return own.get("e0") if e0 is None else e0, own_pre if pre is None else pre, own_post if post is None else post
