"""Print what Larch's `preedge` gives for a model spectrum, as `tests/test_edge_forms.py` keeps it.

    pip install xraylarch==2026.3.1 && python tools/larch_normalization.py

Larch takes the points from the last one at or below the lower end of a range to the one before the nearest to its upper
end, and E0 at the nearest point; the model has a point at each of these.
"""

from __future__ import annotations

import sys

import numpy as np
from larch.xafs.pre_edge import preedge  # type: ignore[import-not-found]

ENERGY = np.arange(8100.0, 9000.0, 2.0)
E0 = 8340.0


def model(energy: np.ndarray) -> np.ndarray:
    """Return a step on a falling background, with fine structure."""
    x = energy - E0
    background = 0.4 * (energy / E0) ** -3 + 0.3 * (energy / E0) ** -4
    step = (0.5 + np.arctan(x / 2) / np.pi) * (energy / E0) ** -2.7
    return background + 1.3 * step * (1 + 0.1 * np.sin(x / 15) * np.exp(-np.abs(x) / 60))


def main() -> None:
    """Print jump, normalized values at E0 - 100, + 20, + 100 and + 400 eV, and the last three flattened."""
    mu, at = model(ENERGY), np.searchsorted(ENERGY, E0 + np.array([-100.0, 20, 100, 400]))
    forms = {"constant": 0, "line": 1, "quadratic": 2}
    for pre, (npre, nvict) in {"constant": (0, 0), "line": (1, 0), "Victoreen": (1, 4)}.items():
        for post, nnorm in forms.items():
            found = preedge(
                ENERGY, mu, e0=E0, pre1=-150, pre2=-30, norm1=150, norm2=600, npre=npre, nvict=nvict, nnorm=nnorm
            )
            above = (found["post_edge"] - found["pre_edge"]) / found["edge_step"] - 1
            flat = found["norm"] - np.where(ENERGY > E0, above, 0)
            numbers = [found["edge_step"], *found["norm"][at], *flat[at[1:]]]
            sys.stdout.write(f'    ("{pre}", "{post}"): {[round(float(n), 6) for n in numbers]},\n')


if __name__ == "__main__":
    main()
