"""Conventions of every library: the spacing of its axis and the columns of its table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COLUMN_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "name": "",
        "element": "",
        "charge": "1",
        "ten_dq": "eV",
        "slater_scale": "1",
        "spin_orbit_scale": "1",
        "ds": "eV",
        "dt": "eV",
        "delta": "eV",
        "v_eg": "eV",
        "v_t2g": "eV",
        "u_dd": "eV",
        "u_pd": "eV",
        "offset": "eV",
        "ten_dq_sigma": "eV",
    }
)
"""Columns that a library may have, with their units. NaN in a column of numbers means that the member has no value."""

AXIS_STEP = 0.05
"""Spacing in eV of the axis of every library: a line of 0.2 eV full width is sampled to 3e-6 of its height."""
