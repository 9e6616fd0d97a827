"""Simulate libraries of L2,3 edges over every combination of given parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.progress import Progress, part
from napari_xanes.theory.library.conventions import AXIS_STEP
from napari_xanes.theory.library.model import Library
from napari_xanes.theory.multiplet.atomic import find_ion, parse_ion
from napari_xanes.theory.multiplet.broadening import between_l3_and_l2, broadened
from napari_xanes.theory.multiplet.charge_transfer import ChargeTransfer
from napari_xanes.theory.multiplet.l_edge import l_edge_sticks
from napari_xanes.theory.multiplet.spectra import empirical_offset

AXIS: Float64Array = AXIS_STEP * np.arange(-440, 761, dtype=np.float64)
"""-22 to 38 eV around the difference of the configuration averages. L3 and L2 of every 3d ion lie inside."""

MAX_MEMBERS = 100_000
"""Spectra of the largest library: a recipe of a few lines can ask for any number of combinations."""

MODEL_FLOOR = {3: 0.2, 4: 0.5, 6: 0.5, 9: 0.5}
"""Smallest model error of 10Dq in eV by number of 3d electrons; 0.15 for all others (from MnO). For d3, 10Dq is an
effective splitting, which charge transfer shifts. For Jahn-Teller ions, 0.7 to 2.5 eV fit measured spectra
equally well. For d6, spin-orbit coupling and a distortion of the site shape the edge as much as 10Dq does."""

_LEAST_MODEL = 0.15
_SLATER_ERROR = 0.1
"""Error of the factor on the Slater integrals; measured spectra are fitted best by 0.65 to 0.85."""


@dataclass(frozen=True)
class Grid:
    """Values of the parameters of one ion; the library has a member for every combination.

    Parameters
    ----------
    ion : str
        Such as ``Mn2+``.
    ten_dq : sequence of float
        Crystal field splittings in eV.
    slater_scale, spin_orbit_scale : sequence of float
        Factors on the Slater integrals and on the spin-orbit constant of 2p.
    fields : sequence of (ds, dt)
        Tetragonal fields in eV.
    charge_transfer : sequence of ChargeTransfer or None
        None stands for the crystal field alone.
    offsets : sequence of float, optional
        Photon energy in eV of the zero of the axis, per item of `charge_transfer`; `empirical_offset` by default.
    """

    ion: str
    ten_dq: Sequence[float]
    slater_scale: Sequence[float] = (0.8,)
    spin_orbit_scale: Sequence[float] = (1.0,)
    fields: Sequence[tuple[float, float]] = ((0.0, 0.0),)
    charge_transfer: Sequence[ChargeTransfer | None] = (None,)
    offsets: Sequence[float] | None = None

    @property
    def size(self) -> int:
        """Number of members."""
        axes = (self.ten_dq, self.slater_scale, self.spin_orbit_scale, self.fields, self.charge_transfer)
        return prod(len(values) for values in axes)

    def points(self) -> list[dict[str, Any]]:
        """Return the parameters of each member; 10Dq varies fastest."""
        element, charge = parse_ion(self.ion)
        offsets = self.offsets or [empirical_offset(find_ion(element, charge))] * len(self.charge_transfer)
        combinations = product(
            zip(self.charge_transfer, offsets, strict=True),
            self.fields,
            self.spin_orbit_scale,
            self.slater_scale,
            self.ten_dq,
        )
        return [
            {
                "element": element,
                "charge": charge,
                "ten_dq": float(ten_dq),
                "slater_scale": float(slater),
                "spin_orbit_scale": float(spin_orbit),
                "ds": float(ds),
                "dt": float(dt),
                "charge_transfer": transfer,
                "offset": float(offset),
            }
            for (transfer, offset), (ds, dt), spin_orbit, slater, ten_dq in combinations
        ]


def build_library(
    ions: str | Iterable[str] | Iterable[Grid],
    ten_dq: ArrayLike = (0.6, 0.9, 1.2),
    slater_scale: ArrayLike = 0.8,
    broadening: float | tuple[float, float] = (0.2, 0.4),
    *,
    spin_orbit_scale: ArrayLike = 1.0,
    fields: Sequence[tuple[float, float]] = ((0.0, 0.0),),
    charge_transfer: Sequence[ChargeTransfer | None] = (None,),
    growth: float = 0.0,
    temperature: float = 300.0,
    model_error: bool = True,
    name: str = "built",
    progress: Progress | None = None,
) -> Library:
    """Simulate the L2,3 edges of ions over a grid of parameters.

    Parameters
    ----------
    ions : str, list of str, or list of Grid
        Such as ``["Mn2+", "Mn3+"]``, all over the same grid; or a `Grid` for each, which then replaces `ten_dq`,
        `slater_scale`, `spin_orbit_scale`, `fields` and `charge_transfer`.
    ten_dq : float or array_like
        Crystal field splittings in eV.
    slater_scale : float or array_like
        Factors on the Slater integrals.
    broadening : float or (float, float)
        Lorentzian full widths of the L3 and the L2 lines in eV, from the lifetimes. The width of the instrument is
        added when the library is used.
    spin_orbit_scale : float or array_like
        Factors on the spin-orbit constant of 2p.
    fields : sequence of (ds, dt)
        Tetragonal crystal fields in eV.
    charge_transfer : sequence of ChargeTransfer or None
        Parameters of the ligands; None stands for the crystal field alone.
    growth : float
        Growth of the Lorentzian width per eV above the strongest line.
    temperature : float
        In K.
    model_error : bool
        Simulate each ion also with Slater integrals 0.1 lower and higher. The column ``ten_dq_sigma`` contains the
        resulting shift of 10Dq. A library without charge transfer then takes three times as long.
    name : str
        Name of the library.
    progress : callable, optional
        Called with the fraction of spectra done.

    Returns
    -------
    Library
        One member per combination.

    Raises
    ------
    ValueError
        If an ion is unknown, a width is not positive, or there are no combinations or more than `MAX_MEMBERS`.

    Examples
    --------
    >>> library = build_library("Ni2+", [0.8, 1.0], model_error=False)
    >>> library
    Library('built', 2 spectra of Ni2+)
    >>> library.table["ten_dq"].tolist()
    [0.8, 1.0]
    """
    items = [ions] if isinstance(ions, str) else list(ions)
    values = {
        "ten_dq": np.atleast_1d(ten_dq).tolist(),
        "slater_scale": np.atleast_1d(slater_scale).tolist(),
        "spin_orbit_scale": np.atleast_1d(spin_orbit_scale).tolist(),
    }
    grids = [
        item
        if isinstance(item, Grid)
        else Grid(str(item), **values, fields=tuple(fields), charge_transfer=tuple(charge_transfer))
        for item in items
    ]
    count = sum(grid.size for grid in grids)
    if count > MAX_MEMBERS:
        raise ValueError(f"the library would have {count} spectra, {MAX_MEMBERS} are allowed; take fewer values")
    points = [point for grid in grids for point in grid.points()]
    if not points:
        raise ValueError("a library needs at least one ion and one value of every parameter")
    widths = (broadening, broadening) if isinstance(broadening, int | float) else tuple(broadening)
    if len(widths) != 2 or min(widths) <= 0:
        raise ValueError(f"broadening is the positive full width of L3 and L2 in eV, not {broadening!r}")
    fixed = {
        "lorentz_l3": float(widths[0]),
        "lorentz_l2": float(widths[1]),
        "growth": growth,
        "temperature": temperature,
    }
    share = 0.4 if model_error else 1.0
    spectra = _spectra(points, fixed, part(progress, 0.0, share))
    table = _table(points)
    if model_error:
        table["ten_dq_sigma"] = _model_errors(points, fixed, part(progress, share, 1.0))
    from napari_xanes.version import __version__

    build = {"grids": [_grid_to_plain(grid) for grid in grids], **fixed, "model_error": model_error, "name": name}
    provenance = {"build": build, "made by": f"napari-xanes {__version__}", "lifetime_eV": list(widths)}
    return Library(name, AXIS, spectra, table, provenance)


def _grid_to_plain(grid: Grid) -> dict[str, Any]:
    """Return a grid as lists and mappings."""
    plain = asdict(grid)
    return {key: list(value) if isinstance(value, tuple | list) else value for key, value in plain.items()}


def _spectra(
    points: list[dict[str, Any]], widths: Mapping[str, float], progress: Progress | None
) -> NDArray[np.float32]:
    spectra = np.empty((len(points), AXIS.size), dtype=np.float32)
    for i, point in enumerate(points):
        spectra[i] = _simulated(point, widths)
        if progress is not None:
            progress((i + 1) / len(points), f"simulating {point['element']}{point['charge']}+")
    return spectra


def _simulated(point: Mapping[str, Any], widths: Mapping[str, float]) -> Float64Array:
    parameters = {name: value for name, value in point.items() if name != "offset"}
    sticks = l_edge_sticks(**parameters, temperature=widths["temperature"])
    lorentz: dict[str, Any] = {name: widths[name] for name in ("lorentz_l3", "lorentz_l2", "growth")}
    return broadened(AXIS, *sticks, split=between_l3_and_l2(*sticks), gauss=0.0, **lorentz)


def _table(points: list[dict[str, Any]]) -> dict[str, Any]:
    columns = ("element", "charge", "ten_dq", "slater_scale", "spin_orbit_scale", "ds", "dt", "offset")
    table: dict[str, Any] = {name: np.array([point[name] for point in points]) for name in columns}
    if any(point["charge_transfer"] for point in points):
        for name in ("delta", "v_eg", "v_t2g", "u_dd", "u_pd"):
            table[name] = np.array([getattr(point["charge_transfer"], name, np.nan) for point in points])
    return table


def _model_errors(points: list[dict[str, Any]], widths: Mapping[str, float], progress: Progress | None) -> Float64Array:
    """Estimate the error of 10Dq (M,) in eV that wrong Slater integrals cause, from the crystal field alone."""
    ions = list(dict.fromkeys((point["element"], point["charge"]) for point in points))
    errors = np.empty(len(points))
    for i, ion in enumerate(ions):
        rows = [k for k, point in enumerate(points) if (point["element"], point["charge"]) == ion]
        ten_dq = np.array([points[k]["ten_dq"] for k in rows])
        grid = np.unique(ten_dq.round(6))
        share = part(progress, i / len(ions), (i + 1) / len(ions))
        errors[rows] = np.interp(ten_dq, grid, _ten_dq_shift(ion, grid, widths, share))
    return errors


def _ten_dq_shift(
    ion: tuple[str, int], ten_dq: Float64Array, widths: Mapping[str, float], progress: Progress | None
) -> Float64Array:
    """Return the root mean square shift of 10Dq in eV for Slater integrals lower and higher, smoothed over 10Dq."""
    element, charge = ion
    floor = max(_LEAST_MODEL, MODEL_FLOOR.get(find_ion(element, charge).n_3d, 0.0))
    if ten_dq.size < 4:
        # Too few members to find the shifted ones among them: take the shift of Mn2+.
        return np.full(ten_dq.size, max(floor, 0.2))
    scales = (0.8, 0.8 - _SLATER_ERROR, 0.8 + _SLATER_ERROR)
    sets = []
    for k, scale in enumerate(scales):
        point = {"element": element, "charge": charge, "slater_scale": scale}
        share = part(progress, k / 3, (k + 1) / 3)
        sets.append(
            _spectra([{**point, "ten_dq": value, "charge_transfer": None} for value in ten_dq], widths, share)[:, ::2]
        )
    shifts = range(-3, 4)  # in steps of 0.1 eV, the range of shifts of a pixel
    members = _unit(np.concatenate([np.roll(sets[0], shift, axis=1) for shift in shifts]))
    moves = []
    for scaled in sets[1:]:
        scores = (_unit(scaled) @ members.T).reshape(ten_dq.size, len(shifts), ten_dq.size).max(axis=1)
        moves.append(ten_dq[scores.argmax(axis=1)] - ten_dq)
    rms = np.sqrt(np.mean(np.square(moves), axis=0))
    is_near = np.abs(ten_dq[:, None] - ten_dq) <= 0.25
    smooth: Float64Array = (is_near @ rms) / is_near.sum(axis=1)
    return np.maximum(smooth, floor)


def _unit(spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    """Broaden spectra to the width of an instrument, subtract their means, and divide by their norms."""
    from scipy.ndimage import gaussian_filter1d

    wide: NDArray[np.float32] = gaussian_filter1d(spectra, 0.15 / (2 * AXIS_STEP), axis=1)
    wide -= wide.mean(axis=1, keepdims=True)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    return wide
