"""What describes the exchange of electrons between a 3d ion and its ligands."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class ChargeTransfer:
    """Charge transfer as in the Anderson impurity model with one ligand hole, all in eV.

    Parameters
    ----------
    delta : float
        Energy of d^(n+1) L above d^n in the initial state, between configuration averages. Negative ones are allowed.
    v_eg : float
        Hopping to the e_g orbitals.
    v_t2g : float, optional
        Hopping to the t_2g orbitals; half of v_eg by default.
    u_dd : float
        Repulsion of two 3d electrons.
    u_pd : float
        Attraction of a 3d electron by the 2p hole: in the final state the two configurations are delta + u_dd - u_pd
        apart.

    Raises
    ------
    ValueError
        If a number is not finite.

    Examples
    --------
    >>> ChargeTransfer(4.7, 2.06).v_t2g
    1.03
    """

    delta: float
    v_eg: float
    v_t2g: float | None = None
    u_dd: float = 6.0
    u_pd: float = 7.2

    def __post_init__(self) -> None:
        if self.v_t2g is None:
            object.__setattr__(self, "v_t2g", self.v_eg / 2)
        for field in fields(self):
            if not np.isfinite(getattr(self, field.name)):
                raise ValueError(f"{field.name} must be a number, not {getattr(self, field.name)!r}")
