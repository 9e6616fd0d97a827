"""Values of a library between the points of its axis, broadened by the instrument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.theory.library.conventions import AXIS_STEP

if TYPE_CHECKING:
    from scipy.sparse import csc_array

_FWHM = 2 * np.sqrt(2 * np.log(2))

_REACH = 8.0
"""Standard deviations to which a Gaussian is followed; what lies beyond is below 1e-13 of it."""


def weights_at(axis: Float64Array, energy: Float64Array, fwhm: float) -> csc_array:
    """Return the weights of the points of a library's axis in its values at some energies.

    Only points near an energy count, so a long axis costs no more than a short one.

    Parameters
    ----------
    axis : ndarray, shape (R,)
        Energies in eV in steps of `AXIS_STEP`.
    energy : ndarray, shape (E,)
        Energies in eV.
    fwhm : float
        Full width of a Gaussian in eV; below two steps values are interpolated without it.

    Returns
    -------
    csc_array, shape (R, E)
        float32; all 0 beyond the axis.
    """
    from scipy.sparse import csc_array

    sigma = fwhm / _FWHM
    is_narrow = fwhm < 2 * AXIS_STEP
    reach = 1 if is_narrow else int(np.ceil(_REACH * sigma / AXIS_STEP))
    step = (axis[-1] - axis[0]) / (axis.size - 1)
    point = np.rint((energy - axis[0]) / step).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    row = np.clip(point, 0, axis.size - 1)
    distance = energy[:, None] - axis[row]
    # The sum over the points is the convolution integral: the samples are band-limited far below 1 / AXIS_STEP.
    weight = np.maximum(0.0, 1 - np.abs(distance) / AXIS_STEP) if is_narrow else np.exp(-0.5 * (distance / sigma) ** 2)
    weight[point != row] = 0.0
    if not is_narrow:
        # At the ends of the axis a part of it is missing; a spectrum that does not end at 0 must not drop there.
        inside = (energy >= axis[0] - AXIS_STEP / 2) & (energy <= axis[-1] + AXIS_STEP / 2)
        weight *= np.where(inside, 1 / np.maximum(weight.sum(axis=1), 1e-300), 0.0)[:, None]
    ends = np.arange(energy.size + 1) * point.shape[1]
    return csc_array((weight.ravel().astype(np.float32), row.ravel(), ends), shape=(axis.size, energy.size))
