"""Peaks: how far `fit_peaks` is from lmfit, how often its errors hold the truth, and what a pixel takes.

    python -m benchmarks.explore peaks
    python -m benchmarks.explore.peaks --record   # measures lmfit and Larch: pip install xraylarch==2026.3.1

The numbers of lmfit that are kept, beside those of ours, are of the same spectra, models and starting values, without
bounds but that of the share of pseudo-Voigt profiles; those of Larch's `prepeaks_fit` are of a measured spectrum.
Coverage is the share of fits whose centroid (mean energy of both peaks) and area lie within one and two sigma of the
truth: 68 % and 95 % where errors are right.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import napari_xanes as nx
from napari_xanes._typing import Float64Array
from napari_xanes.maps.fitting.peak_model import PeakModel, Shape, Step
from napari_xanes.maps.fitting.peaks import fit_peaks_to

DATA = Path(os.environ.get("NAPARI_XANES_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
KEPT = Path(__file__).with_name("lmfit_peaks.json")

ENERGY = np.concatenate([np.arange(7100, 7108, 0.5), np.arange(7108, 7118, 0.2), np.arange(7118, 7126, 0.5)])
"""As scans have them: closer at the peaks."""

KNOTS = np.array([7100.0, 7104.0, 7109.5, 7117.5, 7121.0, 7125.0])
PEAKS = ((7112.7, 0.7, 0.06), (7114.3, 0.8, 0.09))
"""Centre, sigma and area of the peaks."""

STEP = (7122.0, 1.5, 0.8)


class Case(NamedTuple):
    """A model, and whether the noise at each energy is known."""

    shape: Shape
    step: Step
    spline: bool = False
    weighted: bool = False
    noise: float = 0.001

    @property
    def model(self) -> PeakModel:
        """The model at the energies of the benchmark."""
        return PeakModel(ENERGY, self.shape, len(PEAKS), self.step, KNOTS if self.spline else None)

    def parameters(self) -> Float64Array:
        """Return the true parameters (N,)."""
        model = self.model
        result = np.zeros(model.n_parameters)
        for i, (centre, sigma, area) in zip(model.peaks, PEAKS, strict=True):
            result[i : i + 3] = centre, np.log(sigma), area
        if model.step_at is not None:
            result[model.step_at : model.step_at + 3] = STEP[0], np.log(STEP[1]), STEP[2]
        rest = model.background.shape[1]
        result[-rest:] = 0.02 + 0.3 * np.exp((KNOTS - 7128) / 4) if self.spline else (0.02, 0.001)
        return result

    def sigma(self) -> Float64Array:
        """Return the standard deviation of the noise at each energy, (E,)."""
        return self.noise * (np.linspace(0.5, 2.0, ENERGY.size) if self.weighted else np.ones(ENERGY.size))

    def spectrum(self, seed: int = 0) -> Float64Array:
        """Return the spectrum with noise, (E,)."""
        clean: Float64Array = self.model.values(self.parameters()[None])[0]
        return clean + self.sigma() * np.random.default_rng(seed).standard_normal(ENERGY.size)


CASES = {
    "gaussian, arctangent, line": Case("gaussian", "arctangent"),
    "pseudo-Voigt, error function, line": Case("pseudo_voigt", "error_function"),
    "voigt, spline": Case("voigt", "none", spline=True, noise=0.0002),
    "gaussian, spline": Case("gaussian", "none", spline=True),
    "lorentzian, arctangent, line, weighted": Case("lorentzian", "arctangent", weighted=True),
}


def ours(case: Case) -> dict[str, list[float]]:
    """Return values and errors by lmfit's names, from the scatter of the residuals as lmfit has them by default."""
    model, weights = case.model, 1 / case.sigma()[None] if case.weighted else None
    fit = fit_peaks_to(model, case.spectrum()[None], case.parameters(), weights)
    sigma = np.sqrt(np.diag(fit.unit_covariance[0]) * fit.reduced_squares()[0])
    found = {}
    for number, i in enumerate(model.peaks, start=1):
        width = float(np.exp(fit.parameters[0, i + 1]))
        found[f"p{number}_center"] = [float(fit.parameters[0, i]), float(sigma[i])]
        found[f"p{number}_sigma"] = [width, width * float(sigma[i + 1])]
        found[f"p{number}_amplitude"] = [float(fit.parameters[0, i + 2]), float(sigma[i + 2])]
    return found | {"chisqr": [float(fit.squares[0]), 0.0]}


def of_lmfit(case: Case) -> dict[str, list[float]]:
    """Return what lmfit finds for the spectrum of a case."""
    from lmfit import models  # type: ignore[import-not-found]

    kinds = {
        "gaussian": models.GaussianModel, "lorentzian": models.LorentzianModel, "voigt": models.VoigtModel,
        "pseudo_voigt": models.PseudoVoigtModel,
    }  # fmt: skip
    model = models.SplineModel(xknots=KNOTS, prefix="b_") if case.spline else models.LinearModel(prefix="b_")
    start: dict[str, Any] = {}
    for number, (centre, sigma, area) in enumerate(PEAKS, start=1):
        prefix = f"p{number}_"
        model = kinds[case.shape](prefix=prefix) + model
        start |= {f"{prefix}center": centre, f"{prefix}sigma": sigma, f"{prefix}amplitude": area}
    if case.step != "none":
        form = "arctan" if case.step == "arctangent" else "erf"
        model = models.StepModel(form=form, prefix="s_") + model
        start |= dict(zip(("s_center", "s_sigma", "s_amplitude"), STEP, strict=True))
    first = dict.fromkeys((f"b_s{i}" for i in range(KNOTS.size)), 0.1) if case.spline else {}
    parameters = model.make_params(**start, **(first or {"b_slope": 0.001, "b_intercept": -7.1}))
    for name in parameters:
        if name.endswith("sigma"):
            parameters[name].min = 1e-6
    # Its own steps of the derivatives are 1e-5 of a value: .07 eV of a centre, where errors are some percent off.
    options = {"ftol": 1e-14, "xtol": 1e-14, "gtol": 1e-14, "epsfcn": 1e-14}
    weights = 1 / case.sigma() if case.weighted else None
    result = model.fit(case.spectrum(), parameters, x=ENERGY, weights=weights, fit_kws=options, max_nfev=20000)
    names = [f"p{number}_{part}" for number in (1, 2) for part in ("center", "sigma", "amplitude")]
    found = {name: [float(result.params[name].value), float(result.params[name].stderr)] for name in names}
    return found | {"chisqr": [float(result.chisqr), 0.0]}


def measured() -> tuple[Float64Array, Float64Array]:
    """Return energies and normalized absorption of siderite, FeCO3, at the pre-edge peak of Fe2+."""
    siderite = next(one for one in nx.read_spectra(DATA / "hxn_fe_k" / "test_ref_athena.nor") if "SIDERITE" in one.name)
    inside = (siderite.energy >= 7104) & (siderite.energy <= 7119)
    return siderite.energy[inside], siderite.mu[inside]


def of_larch() -> dict[str, list[float]]:
    """Return what Larch finds for the measured spectrum: a Gaussian on an arctangent and a line."""
    from larch import Group  # type: ignore[import-not-found]
    from larch.xafs.prepeaks import prepeaks_fit, prepeaks_setup  # type: ignore[import-not-found]
    from lmfit import models

    energy, norm = measured()
    group = Group(energy=energy, norm=norm)
    prepeaks_setup(energy, norm=norm, group=group, emin=energy[0], emax=energy[-1], elo=7110, ehi=7117)
    model = models.GaussianModel(prefix="p1_") + models.StepModel(form="arctan", prefix="s_") + models.LinearModel()
    first = {"p1_center": 7113.5, "p1_sigma": 1.0, "p1_amplitude": 0.1, "s_center": 7119, "s_sigma": 1.0}
    parameters = model.make_params(**first, s_amplitude=0.8, slope=0.001, intercept=-7.1)
    result = prepeaks_fit(group, model, parameters).result
    names = ("p1_center", "p1_sigma", "p1_amplitude", "p1_fwhm", "p1_height")
    return {name: [float(result.params[name].value), float(result.params[name].stderr)] for name in names}


def record() -> None:
    """Keep the numbers of lmfit and Larch."""
    from larch import __version__ as larch_version
    from lmfit import __version__

    cases = {name: of_lmfit(case) for name, case in CASES.items()}
    kept = {"lmfit": __version__, "cases": cases, "larch": larch_version, "measured": of_larch()}
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def furthest(found: dict[str, list[float]], kept: dict[str, list[float]]) -> tuple[float, float]:
    """Return the largest difference of a value in units of its sigma, and of a sigma relative to it."""
    names = [name for name in kept if name != "chisqr"]
    values = max(abs(found[name][0] - kept[name][0]) / kept[name][1] for name in names)
    return values, max(abs(found[name][1] / kept[name][1] - 1) for name in names)


def covered(case: Case, known: bool, trials: int) -> tuple[list[float], float]:
    """Return shares of centroids and areas within one and two sigma, and the processor time for a pixel in ms.

    With `known` noise, the stack is an optical depth with the photons of its incoming beam.
    """
    side = max(4, round(np.sqrt(trials)))
    clean = case.model.values(case.parameters()[None])[0]
    metadata: dict[str, Any] = {}
    if known:
        i0 = np.exp(clean) / case.sigma() ** 2
        metadata["noise"] = {"kind": "poisson", "i0": i0[:, None, None], "n_flat": np.inf}
    noise = case.sigma()[:, None, None] * np.random.default_rng(1).standard_normal((ENERGY.size, side, side))
    stack = nx.SpectralStack(clean[:, None, None] + noise, ENERGY, "optical_depth", metadata=metadata)
    start = time.process_time()
    maps = nx.maps.fit_peaks(
        stack, centers=[centre for centre, _, _ in PEAKS], shape=case.shape, step=case.step,
        background="spline" if case.spline else "line", knots=KNOTS.tolist() if case.spline else None,
    )  # fmt: skip
    spent = 1000 * (time.process_time() - start) / side**2
    area = sum(amount for _, _, amount in PEAKS)
    truth = {"centroid": sum(centre * amount for centre, _, amount in PEAKS) / area, "area": area}
    shares = []
    for name, value in truth.items():
        good = maps[name].mask
        off = np.abs(maps[name].data[good].astype(float) - value) / maps[name].sigma[good]
        shares += [float((off < 1).mean()), float((off < 2).mean())]
    return [*shares, float(maps["area"].mask.mean())], spent


def report(trials: int) -> None:
    """Print agreement with lmfit, coverage, and processor time."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    print(
        f"peaks, {ENERGY.size} energies; largest difference from lmfit {kept['lmfit']}: values in sigma, sigma relative"
    )
    for name, case in CASES.items():
        value, sigma = furthest(ours(case), kept["cases"][name])
        print(f"{name:42s}{value:10.1e}{sigma:10.1e}")
    print("coverage of one and two sigma: centroid, area; share of pixels in the mask; CPU time for a pixel (ms)")
    for name, case in CASES.items():
        for known in (False, True):
            shares, spent = covered(case, known, 10 * trials)
            label = f"{name}, noise {'known' if known else 'unknown'}"
            print(f"{label:56s}" + "".join(f"{100 * share:7.1f}" for share in shares) + f"{spent:9.2f}")
    try:
        from lmfit import __version__
    except ImportError:
        print("lmfit is absent: no processor time beside it")
        return
    start = time.process_time()
    for case in CASES.values():
        of_lmfit(case)
    print(f"lmfit {__version__}: {1000 * (time.process_time() - start) / len(CASES):.0f} ms for a spectrum (mean)")


if __name__ == "__main__":
    record() if "--record" in sys.argv else report(100)
