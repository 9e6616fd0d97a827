"""Curves below and above an edge whose form a user chooses, as in Athena and Larch."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array

PreForm = Literal["automatic", "constant", "line", "quadratic", "Victoreen"]
PostForm = Literal["automatic", "constant", "line", "quadratic"]

AUTOMATIC: tuple[PreForm, PostForm] = ("automatic", "automatic")

_POWERS = {"constant": 0, "line": 1, "quadratic": 2}


class Curves(NamedTuple):
    """A pre-edge curve, and a polynomial that is added to it above the edge, as weights of the points in both ranges.

    ``weights`` (T, E) gives the coefficients of T functions of energy: those of the pre-edge curve, then those of the
    polynomial, whose first one is the jump. ``pre`` and ``post`` are the forms, ``e0`` the energy of the edge in eV.
    """

    pre: PreForm
    post: PostForm
    e0: float
    weights: Float64Array

    @property
    def n_pre(self) -> int:
        """Number of functions of the pre-edge curve."""
        return self._at_e0(self.pre).size

    def design(self, offset: Float64Array, *, flatten: bool) -> Float64Array:
        """Return the functions (E, T) that are subtracted at energies in eV from E0; flattened, as Athena does."""
        below = _functions(self.pre, offset, self.e0)
        above = _functions(self.post, offset, self.e0)
        above[:, 0] = 0
        return np.hstack([below, above * (flatten & (offset > 0))[:, None]])

    def matrix(self) -> Float64Array:
        """Return the weights (4, E) of ``low``, ``low_slope``, ``high_slope`` and ``jump``, all at E0."""
        n = self.n_pre
        at_e0, slope = self._at_e0(self.pre), self._slope_at_e0(self.pre)
        low, low_slope, jump = at_e0 @ self.weights[:n], slope @ self.weights[:n], self.weights[n]
        rise = self._slope_at_e0(self.post) @ self.weights[n:]
        return np.stack([low, low_slope, low_slope + rise, jump])

    def _at_e0(self, form: PreForm | PostForm) -> Float64Array:
        values: Float64Array = _functions(form, np.zeros(1), self.e0)[0]
        return values

    def _slope_at_e0(self, form: PreForm | PostForm) -> Float64Array:
        values: Float64Array = np.diff(_functions(form, np.array([-0.01, 0.01]), self.e0), axis=0)[0] / 0.02
        return values


def fit_curves(before: Float64Array, after: Float64Array, e0: float, pre: PreForm, post: PostForm) -> Curves:
    """Return curves of chosen forms, by least squares.

    Parameters
    ----------
    before, after : ndarray, shape (B,), (A,)
        Energies of the two ranges in eV from E0; E = B + A.
    e0 : float
        Energy of the edge in eV.
    pre : {"automatic", "constant", "line", "quadratic", "Victoreen"}
        Form of the pre-edge curve. A Victoreen curve is ``a E^-3 + b E^-4``, with points weighted by E^4: a line
        through the spectrum times E^4, as in Larch with ``nvict=4``. Automatic is a line.
    post : {"automatic", "constant", "line", "quadratic"}
        Form of the polynomial that is fitted to what lies above the pre-edge curve. Automatic is a line.

    Raises
    ------
    ValueError
        If a range holds fewer energies than its curve has coefficients.

    Notes
    -----
    The formulas are those of Athena (Ravel & Newville, J. Synchrotron Rad. 12, 537, 2005); the Victoreen curve is that
    of the International Tables for X-ray Crystallography III.

    Examples
    --------
    >>> before, after = np.arange(-90.0, -20, 10), np.arange(30.0, 130, 10)
    >>> mu = np.append(1 - 1e-3 * before, 3 - 1e-3 * after + 1e-5 * after**2)
    >>> (fit_curves(before, after, 8333.0, "line", "quadratic").matrix() @ mu).round(6).tolist()
    [1.0, -0.001, -0.001, 2.0]
    """
    pre = "line" if pre == "automatic" else pre
    post = "line" if post == "automatic" else post
    below, above = _functions(pre, before, e0), _functions(post, after, e0)
    for name, design, form in (("pre", below, pre), ("post", above, post)):
        if len(design) < design.shape[1]:
            raise ValueError(
                f"the {name}-edge range holds {len(design)} energies, but a {form} curve needs at least "
                f"{design.shape[1]}: widen {name} or choose a simpler {name}_form"
            )
    weight = ((e0 + before) / e0) ** (4 if pre == "Victoreen" else 0)
    of_before = np.linalg.pinv(below * weight[:, None]) * weight
    of_pre = np.hstack([of_before, np.zeros((below.shape[1], after.size))])
    identity = np.hstack([np.zeros((after.size, before.size)), np.eye(after.size)])
    of_post = np.linalg.pinv(above) @ (identity - _functions(pre, after, e0) @ of_pre)
    return Curves(pre, post, e0, np.vstack([of_pre, of_post]))


def _functions(form: PreForm | PostForm, offset: Float64Array, e0: float) -> Float64Array:
    """Return the functions (E, T) of a form at energies in eV from E0, of size 1 at E0 or 100 eV away from it."""
    if form == "Victoreen":
        energy = (e0 + offset) / e0
        return np.stack([energy**-3, energy**-4], axis=1)
    return np.stack([(offset / 100) ** power for power in range(_POWERS[form] + 1)], axis=1)
