"""What was published about data that are open, and the recipe that gives our number."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

import napari_xanes as nx

DATA = Path(os.environ.get("NAPARI_XANES_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
RECIPES = Path(__file__).with_name("recipes")

FORMULA = "formula of the compound"
SUZUKI = "Suzuki et al. 2018, Figure 2"
BEARDEN = "Bearden & Burr 1967, in xraydb"


class Case(NamedTuple):
    """A published number.

    Parameters
    ----------
    what : str
        What it is.
    published : float
        The number.
    source : str
        Who says so.
    data : str
        A spectrum, or a folder with a stack, in the folder of open data.
    recipe : str
        Name of the recipe, in `RECIPES`.
    map : str
        The map that has our number; empty for the mean of a stack.
    digits : int
        Decimals that are printed.
    tolerance : float
        How far ours may be off where it has no error: the last digit of what was published.
    why : str
        Why ours differs, where it does.
    """

    what: str
    published: float
    source: str
    data: str
    recipe: str
    map: str
    digits: int = 2
    tolerance: float = 0.0
    why: str = ""


def _mn_l(name: str, valence: float) -> Case:
    return Case(f"valence of {name}, Mn L", valence, FORMULA, f"mn_l_edge/Data2_{name}.csv", "mn_l_edge", "valence")


def _mixed(element: str, name: str, valence: float) -> Case:
    recipe = f"{element.lower()}_k_edge"
    path = f"references/{element.lower()}_k/{name}_rt_01.xdi"
    return Case(f"valence of {name}, {element} K", valence, FORMULA, path, recipe, "valence")


def _metal(element: str, energy: float, path: str) -> Case:
    why = "our error is that of the noise on the axis of the file; the axis itself was calibrated elsewhere"
    return Case(f"edge of {element} metal (eV)", energy, BEARDEN, path, "metal_edge", "derivative_maximum", why=why)


CASES = (
    Case("10Dq of MnO (eV), Mn L", 0.9, SUZUKI, "mn_l_edge/Data2_MnO.csv", "mno_crystal_field", "ten_dq"),
    Case("charge of Mn in MnO, Mn L", 2, SUZUKI, "mn_l_edge/Data2_MnO.csv", "mno_crystal_field", "charge"),
    _mn_l("MnO", 2),
    _mn_l("LaMnO3", 3),
    _mn_l("SrMnO3", 4),
    Case("valence of LiFePO4, Fe L", 2, FORMULA, "als_fe_l/reduced.t", "fe_l_edge", "valence"),
    Case("valence of FePO4, Fe L", 3, FORMULA, "als_fe_l/oxidized.t", "fe_l_edge", "valence"),
    Case("valence of LiNiO2, Ni K, by NiO", 3, FORMULA, "references/ni_k/ref_LiNiO2.txt", "ni_k_theory", "valence"),
    Case(
        *("valence of Ni(OH)2, Ni K, by NiO of another beamline", 2, FORMULA, "references/ni_k/NiOH2_rt_01.xdi"),
        *("ni_k_theory", "valence"),
    ),
    _mixed("Fe", "Fe3O4", 8 / 3),
    _mixed("Mn", "Mn3O4", 8 / 3),
    _mixed("Mn", "Mn2O3", 3),
    _metal("Fe", 7112.0, "references/fe_k/Fe_metal_rt_01.xdi"),
    _metal("Co", 7708.9, "references/co_k/co_metal_rt.xdi"),
    _metal("Ni", 8332.8, "references/ni_k/Ni_metal_rt_01.xdi"),
    Case(
        *("mean optical depth, APS 8-BM, Ni K, two energies", 0.433015, "read by olefile and numpy alone"),
        *("aps_8bm_ni_k", "optical_depth", ""),
        tolerance=1e-6,
    ),
)


def answer(case: Case) -> tuple[float, float | None]:
    """Return our number and its standard error, by the recipe of the case."""
    recipe = nx.Recipe.from_yaml((RECIPES / f"{case.recipe}.yaml").read_text(encoding="utf-8"), folder=DATA)
    path = DATA / case.data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        result = nx.run(recipe, nx.read(path) if path.is_dir() else _pixels(nx.read_spectra(path)[0]))
    if isinstance(result, nx.SpectralStack):
        return float(np.asarray(result.data, dtype=np.float64).mean()), None
    found = result[case.map]
    if not np.asarray(found.mask).flat[0]:
        return float("nan"), None
    return float(found.data.flat[0]), None if found.sigma is None else float(found.sigma.flat[0])


def _pixels(spectrum: nx.Spectrum) -> nx.SpectralStack:
    """Return a stack of four pixels that all have the spectrum."""
    depth = (spectrum.mu / np.ptp(spectrum.mu)).astype(np.float32)
    return nx.SpectralStack(np.tile(depth[:, None, None], (1, 2, 2)), spectrum.energy, "optical_depth")


def verdict(case: Case, value: float, sigma: float | None) -> str:
    """Return ``masked``, ``same``, ``within 2 sigma`` or ``differs``."""
    if np.isnan(value):
        return "masked"
    off = abs(value - case.published)
    if sigma is None:
        return "same" if off <= case.tolerance else "differs"
    return "within 2 sigma" if off <= 2 * sigma else "differs"
