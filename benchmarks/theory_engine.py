"""Measure the time to simulate an L2,3 spectrum, and its difference from other programs and from exact solutions.

Run ``python benchmarks/theory_engine.py [--quick]``. Times are CPU seconds of one thread. ``first`` is the time of the
first call for an ion, which builds its operators. ``sticks`` (the transitions) and ``lines`` (the broadened spectrum at
800 energies) are the shortest of three runs. The results of the other programs are read from ``../shared/data/oracle``
or ``$NAPARI_XANES_DATA/oracle``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes import theory
from napari_xanes.theory.multiplet import lanczos
from napari_xanes.theory.multiplet.atomic import Integrals, Ion, find_ion, ions, parse_ion
from napari_xanes.theory.multiplet.broadening import between_l3_and_l2, broadened
from napari_xanes.theory.multiplet.crystal_field import Field, Sticks, crystal_field_sticks
from napari_xanes.theory.multiplet.l_edge import l_edge_sticks

DATA = Path(os.environ.get("NAPARI_XANES_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
GRID = np.arange(800) * 0.05 - 15
USUAL = {"lorentz_l3": 0.2, "lorentz_l2": 0.4, "gauss": 0.25}

MODELS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Mn2+", "Oh + CT", {"charge_transfer": theory.ChargeTransfer(8.0, 1.1)}),
    ("Mn3+", "D4h", {"ds": 0.3, "dt": 0.1}),
    ("Mn3+", "Oh + CT", {"charge_transfer": theory.ChargeTransfer(4.0, 1.8)}),
    ("Mn3+", "D4h + CT", {"ds": 0.3, "dt": 0.1, "charge_transfer": theory.ChargeTransfer(4.0, 1.8)}),
    ("Mn4+", "Oh + CT", {"charge_transfer": theory.ChargeTransfer(1.0, 2.3)}),
    ("Fe3+", "Oh + CT", {"charge_transfer": theory.ChargeTransfer(3.0, 2.0)}),
    ("Co2+", "Oh + CT", {"charge_transfer": theory.ChargeTransfer(5.0, 1.8)}),
    ("Ni2+", "Oh + CT", {"charge_transfer": theory.ChargeTransfer(4.7, 2.06)}),
)


def timed(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Return the CPU seconds of the fastest run, and the result of `work`."""
    best, result = np.inf, None
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return best, result


def spectrum(sticks: Sticks, **widths: float) -> np.ndarray:
    """Return the broadened spectrum on `GRID`, the relative energies of the reference results."""
    return broadened(GRID, *sticks, split=between_l3_and_l2(*sticks), **widths)


def speed(names: tuple[str, ...]) -> None:
    print(f"\n{'CPU seconds':12s} {'model':10s} {'first':>7s} {'sticks':>7s} {'lines':>7s} {'sum':>7s} {'number':>7s}")
    jobs = [(name, "Oh", {}) for name in names] + list(MODELS)
    for name, model, more in jobs:
        element, charge = parse_ion(name)

        def sticks(e: str = element, q: int = charge, m: dict[str, Any] = more) -> Sticks:
            return l_edge_sticks(e, q, 1.0, **m)

        first, _ = timed(sticks, 1)
        again, transitions = timed(sticks)
        lines, _ = timed(lambda transitions=transitions: spectrum(transitions, **USUAL))
        sizes = f"{first:7.3f} {again:7.3f} {lines:7.4f} {again + lines:7.3f} {transitions[0].size:7d}"
        print(f"{name:12s} {model:10s} {sizes}{'   bar 0.05' if (name, model) == ('Mn2+', 'Oh') else ''}")


def misfit(shifted: Callable[[float], np.ndarray], expected: np.ndarray, limit: float) -> float:
    """Return the largest difference of two spectra, as a fraction of the maximum of `expected`.

    The spectrum ``shifted(shift)`` is scaled to `expected` by least squares. The shift, up to `limit` eV, is the one
    with the smallest difference.
    """
    from scipy.optimize import minimize_scalar

    def difference(shift: float) -> float:
        ours = shifted(shift)
        return float(np.abs(ours * (ours @ expected) / (ours @ ours) - expected).max() / expected.max())

    best = minimize_scalar(difference, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-9})
    return min(float(best.fun), difference(0.0))


def against_edrixs(folder: Path) -> None:
    numbers = np.load(folder / "l23_edrixs.npz", allow_pickle=False)
    print(f"\n{'edrixs':12s} {'its integrals':>14s} {'our table':>10s}   bar 1e-6 with its integrals")
    for entry in json.loads((folder / "l23_edrixs.json").read_text()):
        i, f = dict(entry["slater_i"]), dict(entry["slater_n"])
        before = Integrals(i["F2_11"], i["F4_11"], entry["zeta_d_i"])
        pd = (f["F2_12"], f["G1_12"], f["G3_12"])
        after = Integrals(f["F2_11"], f["F4_11"], entry["zeta_d_n"], *pd, entry["zeta_2p"])
        charge, ten_dq = int(entry["charge"][0]), entry["tenDq"]
        ion = Ion(entry["element"], charge, entry["nd"], before, after)
        theirs = crystal_field_sticks(ion, Field(ten_dq, 0, 0, 0.8, 1.0), 300.0, "isotropic")
        ours = l_edge_sticks(entry["element"], charge, ten_dq)
        differences = []
        for energy, intensity in (theirs, ours):

            def curve(shift: float, e: np.ndarray = energy, h: np.ndarray = intensity) -> np.ndarray:
                return spectrum((e + shift, h), lorentz_l3=0.3, lorentz_l2=0.3, gauss=0.0)

            differences.append(misfit(curve, numbers[entry["key"]].astype(float), 0.01))
        print(f"{entry['key']:12s} {differences[0]:14.1e} {differences[1]:10.1e}")


def quanty_curves(frozen: Any, energy: np.ndarray, intensity: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return our spectrum as a function of a shift, and Quanty's spectrum. At zero shift, the maxima coincide.

    Quanty's broadening is Lorentz 0.2 eV and Gauss 0.25 eV.
    """
    widths = {"split": 0.0, "lorentz_l3": 0.2, "lorentz_l2": 0.2, "gauss": 0.25}
    axis, other = frozen["quanty_energy"], frozen["quanty_intensity"]
    fine = np.arange(energy.min() - 1, energy.max() + 1, 0.005)
    top = axis[other.argmax()] - fine[broadened(fine, energy, intensity, **widths).argmax()]
    return lambda shift: broadened(axis, energy + top + shift, intensity, **widths), other


def against_quanty(folder: Path) -> None:
    print(f"\n{'ligand field':14s} {'exact build':>12s} {'Quanty':>8s}   bars 1e-6 and 7e-3")
    for name in ("ni2_oh_lmct2", "mn3_d4h_cf"):
        frozen = np.load(folder / f"{name}.npz", allow_pickle=False)
        p = json.loads(str(frozen["params"]))
        transfer = theory.ChargeTransfer(p["Delta"], p["Veg"], p["Vt2g"], p["Udd"], p["Upd"]) if "Delta" in p else None
        more = {"ds": p.get("Ds", 0.0), "dt": p.get("Dt", 0.0), "charge_transfer": transfer}
        energy, intensity = l_edge_sticks(str(frozen["element"]), int(str(frozen["charge"])[0]), p["tenDq"], **more)
        expected = spectrum((frozen["stick_E"], frozen["stick_I"]), lorentz_l3=0.3, lorentz_l2=0.3, gauss=0.0)
        ours = spectrum((energy, intensity), lorentz_l3=0.3, lorentz_l2=0.3, gauss=0.0)
        exact = np.abs(ours - expected).max() / expected.max()
        quanty = misfit(*quanty_curves(frozen, energy, intensity), limit=0.1)
        print(f"{name:14s} {exact:12.1e} {quanty:8.1e}")


def truncation() -> None:
    """Print the error that the usual number of Lanczos vectors causes, compared with a limit of 1000 vectors."""
    print(f"\n{'Lanczos':12s} {'0.2 + Gauss 0.25 eV':>20s} {'Lorentz 0.3 eV alone':>21s}")
    for name, model, more in MODELS:
        if "CT" not in model:
            continue
        element, charge = parse_ion(name)
        usual = lanczos.N_VECTORS
        few = l_edge_sticks(element, charge, 1.0, **more)
        lanczos.N_VECTORS = 1000
        many = l_edge_sticks(element, charge, 1.0, **more)
        lanczos.N_VECTORS = usual
        errors = []
        for widths in ({"lorentz_l3": 0.2, "lorentz_l2": 0.2, "gauss": 0.25}, {"lorentz_l3": 0.3, "lorentz_l2": 0.3}):
            exact = spectrum(many, **{"gauss": 0.0, **widths})
            errors.append(np.abs(spectrum(few, **{"gauss": 0.0, **widths}) - exact).max() / exact.max())
        print(f"{name:5s}{model:9s} {errors[0]:18.1e} {errors[1]:21.1e}")


def sum_rules() -> None:
    worst = 0.0
    for name in ions():
        ion = find_ion(*parse_ion(name))
        total = l_edge_sticks(ion.element, ion.charge, 1.0)[1].sum()
        worst = max(worst, abs(total / (0.4 * (10 - ion.n_3d)) - 1))
    print(f"\nsum rule, 0.4 per 3d hole, over {len(ions())} ions: off by {worst:.1e} at most")


def main() -> None:
    quick = "--quick" in sys.argv
    speed(("Ti4+", "Mn2+", "Ni2+") if quick else ions())
    sum_rules()
    folder = DATA / "oracle"
    if folder.is_dir():
        against_edrixs(folder)
        against_quanty(folder)
    else:
        print(f"\nno results of other programs in {folder}")
    if not quick:
        truncation()


if __name__ == "__main__":
    main()
