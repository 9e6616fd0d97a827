"""Which lines are fitted below and above an edge: chosen here, once, by the energies alone."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge.forms import Curves, PostForm, PreForm, fit_curves
from napari_xanes.edge.ranges import HARD
from napari_xanes.edge.structure import expected_error

PreLine = Literal["line", "constant"]
PostLine = Literal["line", "step", "cross section"]

_MIN_PRE_SPAN, _MIN_POST_SPAN = 50.0, 70.0
"""From this span (eV) a side has a line of its own. Below, the slope of a line says more about fine structure. Soft
X-rays need a quarter of the first."""

_WHOLE_SPAN, _FADE_SPAN = 150.0, 40.0
"""From this span of the post-edge range on, in eV, its line defines the jump; up to `_FADE_SPAN` less, in part."""


_ADMISSIBLE = 4.0
"""Lines whose expected error is larger than that of the best lines by this factor are not considered."""


class LineWeights(NamedTuple):
    """Lines below and above an edge, as weights of the points in both ranges.

    ``pre`` is a line or a constant. ``post`` is a line; or a ``step``: the pre-edge line plus a jump that decays as
    cross sections do; or a ``cross section``: both sides are fitted together (`match_cross_section`). ``matrix`` (4, E)
    gives, from the points of both ranges, the pre-edge line at E0, its slope, the slope of the post-edge line, and the
    jump. ``error`` is the part of the jump that these lines are expected to be wrong by. Where a user chose other
    forms, ``curves`` are these, and ``matrix`` describes them at E0.
    """

    pre: PreLine | PreForm
    post: PostLine | PostForm
    matrix: Float64Array
    error: float
    curves: Curves | None = None


def line_weights(before: Float64Array, after: Float64Array, pre: PreLine, post: PostLine, decay: float) -> Float64Array:
    """Return the least-squares weights (4, E) of `LineWeights`.

    Parameters
    ----------
    before, after : ndarray, shape (B,), (A,)
        Energies of the two ranges in eV from E0; E = B + A.
    pre, post : str
        The kinds of line.
    decay : float
        Share of the jump by which a step falls per eV.

    Examples
    --------
    >>> before, after = np.array([-40.0, -20]), np.array([40.0, 60])
    >>> round(float(line_weights(before, after, "line", "step", 0.0)[3] @ [1.0, 1, 3, 3]), 9)
    2.0
    """
    n = before.size
    matrix = np.zeros((4, n + after.size))
    if pre == "line":
        matrix[:2, :n] = inverse_of_line(before)
    else:
        matrix[0, :n] = 1 / n
    if post == "line":
        matrix[3, n:], matrix[2, n:] = inverse_of_line(after)
        matrix[3] -= matrix[0]
        return matrix
    step = 1 - decay * after
    share = step / (step @ step)
    matrix[3, n:] = share
    matrix[3] -= share.sum() * matrix[0] + (share @ after) * matrix[1]
    matrix[2] = matrix[1] - decay * matrix[3]
    return matrix


def inverse_of_line(offset: Float64Array) -> Float64Array:
    """Return the weights (2, E) that give a line's value at E0 and its slope per eV."""
    return np.asarray(np.linalg.pinv(np.stack([np.ones_like(offset), offset], axis=1)), dtype=np.float64)


def choose_lines(before: Float64Array, after: Float64Array, e0: float, decay: float) -> LineWeights:
    """Choose the kind of line of each side by how long the ranges are; see `LineWeights`.

    A side has a line of its own if its range spans 50 eV (below the edge; 12.5 eV in soft X-rays) or 70 eV (above it).
    A shorter post-edge range has a step. A shorter pre-edge range has a line or a constant, whichever makes the smaller
    error of the jump for fine structure as measured spectra have it (`expected_error`). Where the ranges span at least
    50 and 150 eV, the jump is what these lines say it is, without such an error.

    Examples
    --------
    >>> choose_lines(np.arange(-100.0, -20), np.arange(30.0, 200), 8333.0, 0.0)[::3]
    ('line', 0.0)
    >>> chosen = choose_lines(np.arange(-20.0, -7), np.arange(20.0, 40), 8333.0, 0.0)
    >>> chosen.pre, chosen.post, round(chosen.error, 1)
    ('constant', 'step', 0.1)
    """
    post: PostLine = "line" if np.ptp(after) >= _MIN_POST_SPAN else "step"
    matrices = {pre: line_weights(before, after, pre, post, decay) for pre in _pre_lines(before, e0)}
    return _best(matrices, post, before, after, e0)


def match_cross_section(before: Float64Array, after: Float64Array, e0: float, step: Float64Array) -> LineWeights:
    """Match both sides to tabulated cross sections together: MBACK, with a line or a constant as background.

    Parameters
    ----------
    before, after, e0
        As in `choose_lines`.
    step : ndarray, shape (A,)
        Tabulated absorption of the edge at the energies of the post-edge range, 1 at E0.

    Returns
    -------
    LineWeights
        Both sides count alike, however many points they have. The slope of the post-edge line is that of a line through
        the background and the step.

    Notes
    -----
    Weng, Waldo & Penner-Hahn, J. Synchrotron Rad. 12, 506 (2005), scale the spectrum to the tables and subtract a
    polynomial; here the tables are scaled to the spectrum, which makes the fit linear and its errors plain, as in the
    variant of Lee et al. (2009). The background has order 1 at most: windows of imaging do not determine more.

    Examples
    --------
    >>> before, after = np.array([-80.0, -50, -20]), np.array([20.0, 40, 60])
    >>> step = np.array([0.99, 0.98, 0.97])
    >>> mu = 0.3 - 1e-3 * np.append(before, after) + 2 * np.append([0, 0, 0], step)
    >>> (match_cross_section(before, after, 8333.0, step).matrix @ mu).round(4).tolist()
    [0.3, -0.001, -0.002, 2.0]
    """
    offset = np.concatenate([before, after])
    share = np.concatenate([np.full(before.size, before.size**-0.5), np.full(after.size, after.size**-0.5)])
    fall = inverse_of_line(after)[1] @ step
    matrices: dict[PreLine, Float64Array] = {}
    for pre in _pre_lines(before, e0):
        columns = [np.ones_like(offset), offset][: 1 + (pre == "line")]
        columns.append(np.concatenate([np.zeros(before.size), step]))
        weights = np.linalg.pinv(np.stack(columns, axis=1) * share[:, None]) * share
        slope = weights[1] if pre == "line" else np.zeros(offset.size)
        matrices[pre] = np.stack([weights[0], slope, slope + fall * weights[-1], weights[-1]])
    return _best(matrices, "cross section", before, after, e0)


def choose_forms(before: Float64Array, after: Float64Array, e0: float, pre: PreForm, post: PostForm) -> LineWeights:
    """Fit curves of given forms; their error is reckoned as that of `choose_lines`."""
    curves = fit_curves(before, after, e0, pre, post)
    matrix = curves.matrix()
    model, _ = expected_error(matrix[3], np.concatenate([before, after]), e0)
    return LineWeights(curves.pre, curves.post, matrix, _share_of_error(before, after, e0) * model, curves)


def _min_pre_span(e0: float) -> float:
    return _MIN_PRE_SPAN if e0 > HARD else _MIN_PRE_SPAN / 4


def _pre_lines(before: Float64Array, e0: float) -> tuple[PreLine, ...]:
    return ("line",) if np.ptp(before) >= _min_pre_span(e0) else ("line", "constant")


def _best(
    matrices: dict[PreLine, Float64Array], post: PostLine, before: Float64Array, after: Float64Array, e0: float
) -> LineWeights:
    """Return the weights that are expected to be least wrong; without error where the ranges are whole."""
    share = _share_of_error(before, after, e0)
    if len(matrices) == 1 and share == 0:
        return LineWeights("line", post, matrices["line"], 0.0)
    offset = np.concatenate([before, after])
    made = []
    for pre, matrix in matrices.items():
        model, total = expected_error(matrix[3], offset, e0)
        made.append((total, LineWeights(pre, post, matrix, share * model)))
    return min(made, key=lambda item: item[0])[1]


def _share_of_error(before: Float64Array, after: Float64Array, e0: float) -> float:
    """Return how much of the expected error counts: none where the ranges are whole, all where they are short."""
    missing = max((_WHOLE_SPAN - np.ptp(after)) / _FADE_SPAN, 2.5 * (1 - np.ptp(before) / _min_pre_span(e0)))
    return float(np.clip(missing, 0, 1))


def spread_of_lines(
    chosen: LineWeights,
    spectrum: Float64Array,
    before: Float64Array,
    after: Float64Array,
    e0: float,
    decay: float,
    noise: float,
) -> float:
    """Return how much the jump of one spectrum differs between the lines that could be fitted, as a share of it.

    Parameters
    ----------
    chosen : LineWeights
        The lines that are fitted.
    spectrum : ndarray, shape (B + A,)
        Absorption at the energies of both ranges.
    before, after, e0, decay
        As in `choose_lines`.
    noise : float
        Noise of the spectrum, whose part is subtracted.

    Returns
    -------
    float
        Root of the mean square difference from the chosen lines, each combination of kinds weighted by the inverse of
        its expected square error; 0 where the ranges leave no choice.
    """
    jump = float(chosen.matrix[3] @ spectrum)
    if chosen.error == 0 or not jump > 0:
        return 0.0
    offset = np.concatenate([before, after])
    model, total = expected_error(chosen.matrix[3], offset, e0)
    squares, weights = [], []
    kinds: list[tuple[PreLine, PostLine]] = [
        ("line", "line"), ("line", "step"), ("constant", "line"), ("constant", "step")
    ]  # fmt: skip
    for pre, post in kinds:
        other = line_weights(before, after, pre, post, decay)[3]
        expected = expected_error(other, offset, e0)[1]
        if expected <= _ADMISSIBLE * total:
            difference = other - chosen.matrix[3]
            squares.append(float(difference @ spectrum) ** 2 - noise**2 * float(difference @ difference))
            weights.append(expected**-2)
    return min(1.0, chosen.error / model) * float(np.sqrt(max(np.average(squares, weights=weights), 0.0))) / jump
