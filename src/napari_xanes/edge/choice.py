"""Everything about the lines of a spectrum that is not given: ranges, kinds of line, and the error that they make."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge.cross_sections import tabulated_step
from napari_xanes.edge.elements import absorber, own_later_edges
from napari_xanes.edge.forms import AUTOMATIC, PostForm, PreForm
from napari_xanes.edge.lines import EdgeLines
from napari_xanes.edge.other_edges import other_edges
from napari_xanes.edge.ranges import HARD, Range, default_ranges, start_behind

_BETWEEN_RANGES = 0.035
"""About the root mean square difference between jumps of post-edge ranges of 30 to 200 eV and of 50 to 500 eV, as a
share of the jump, in 27 measured K-edge spectra (``benchmarks/edge_lines.py``)."""

_UNCERTAIN_E0 = 2.5e-4
"""Share of E0 by which it depends on noise and on what is called the edge: 2 eV at a K edge of nickel."""


def choose_edge_lines(
    energy: Float64Array,
    mu: Float64Array,
    e0: float,
    pre: Range | None = None,
    post: Range | None = None,
    *,
    element: str | None = None,
    edge: str | None = None,
    left_out: tuple[float, ...] = (),
    mback: bool = False,
    forms: tuple[PreForm, PostForm] = AUTOMATIC,
) -> EdgeLines:
    """Choose the lines of a spectrum.

    Parameters
    ----------
    energy, mu : ndarray, shape (E,)
        Energies in eV, and absorption of little noise.
    e0 : float
        Energy of the edge in eV.
    pre, post : tuple of float, optional
        Ranges in eV from E0; by default those of `default_ranges`, with the element's own later edges and the other
        edges that the spectrum shows.
    element, edge : str, optional
        Whose later edges to expect; by default those of the only tabulated edge that E0 can belong to.
    left_out : tuple of float
        Energies in eV that the lines do not use.
    mback : bool
        Match all energies outside of the edge to tabulated cross sections.
    forms : tuple of str
        Forms of the curves below and above the edge, as `fit_curves` takes them.

    Returns
    -------
    EdgeLines
        Without its error of the jump: see `with_error`.

    Raises
    ------
    ValueError
        If E0 lies outside the energies, too few points lie on one side of it, or it is not clear what to match to.
    """
    if pre is None or post is None:
        own = tuple(distance for _, distance in own_later_edges(e0, element, edge))
        others = other_edges(energy, mu, e0, own)
        default_pre, default_post = default_ranges(energy, e0, own, others, whole=mback)
        pre, post = pre or default_pre, post or default_post
    step = tabulated_step(energy, e0, *absorber(e0, element, edge)) if mback else None
    return EdgeLines(energy, e0, pre, post, left_out=left_out, step=step, forms=forms)


def with_error(
    lines: EdgeLines,
    mu: Float64Array,
    element: str | None = None,
    edge: str | None = None,
    *,
    automatic: bool = True,
) -> EdgeLines:
    """Return the lines with the error of the jump that they make in a spectrum of little noise.

    Of an `automatic` post-edge range in hard X-rays it is at least that between such ranges, and holds how much the
    jump differs where the range moves with E0; a range that is given defines its jump. It is the whole jump where the
    post-edge line does not lie behind an edge of the element that follows closely, as L2 follows L3: then the line
    measures the white line of that edge.
    """
    error = lines.error_in(mu)
    if automatic and lines.e0 > HARD:
        error = float(np.linalg.norm([error, _BETWEEN_RANGES, _error_of_e0(lines, mu)]))
    start = start_behind([distance for _, distance in own_later_edges(lines.e0, element, edge)])
    return replace(lines, model_error=max(error, 1.0) if lines.post[0] < start else error)


def _error_of_e0(lines: EdgeLines, mu: Float64Array) -> float:
    """Return how much the jump of a spectrum differs between energies that E0 may have, as a share of it."""
    spectrum, jumps = mu[:, None], []
    jump = float(lines.measure(spectrum).jump[0])
    for share in (-1.0, -0.5, 0.5, 1.0):
        moved = share * _UNCERTAIN_E0 * lines.e0
        # Only where the post-edge range begins follows E0; the other ends are given by the stack.
        pre = lines.pre[0] - moved, lines.pre[1] - moved
        post = lines.post[0], lines.post[1] - moved
        if lines.step is None and np.sum(lines.energy[lines.frames[1]] >= lines.e0 + moved + post[0]) >= 2:
            jumps.append(float(replace(lines, e0=lines.e0 + moved, pre=pre, post=post).measure(spectrum).jump[0]))
    return float(np.sqrt(np.mean((np.array(jumps) / jump - 1) ** 2))) if jumps and jump > 0 else 0.0
