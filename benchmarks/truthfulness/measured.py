"""Measured spectra of compounds whose valence is known, estimated by everything that can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from benchmarks.truthfulness.judgement import warnings_about_errors
from benchmarks.truthfulness.spectra import DATA, on_axis
from benchmarks.valence import SETS, oxides

import napari_xanes as nx

L_EDGES = (
    ("mn_l_edge/Data2_MnO.csv", "MnO", "mn-l23", 2.0),
    ("mn_l_edge/Data2_LaMnO3.csv", "LaMnO3", "mn-l23", 3.0),
    ("mn_l_edge/Data2_SrMnO3.csv", "SrMnO3", "mn-l23", 4.0),
    ("als_fe_l/reduced.t", "LiFePO4", "fe-l23", 2.0),
    ("als_fe_l/oxidized.t", "FePO4", "fe-l23", 3.0),
)


class Answer(NamedTuple):
    """What an estimator says about a compound.

    Parameters
    ----------
    compound, method : str
        What was estimated, and how.
    valence, sigma : float
        The answer, in the valence's unit.
    trusted : bool
        Whether the mask lets it through.
    truth : float
        The valence of the compound.
    warnings : tuple of str
        What the user is told.
    """

    compound: str
    method: str
    valence: float
    sigma: float
    trusted: bool
    truth: float
    warnings: tuple[str, ...]

    @property
    def verdict(self) -> str:
        if not self.trusted:
            return "masked"
        if abs(self.valence - self.truth) <= 2 * self.sigma:
            return "right"
        return "told" if self.warnings else "WRONG"


def answers() -> Iterator[Answer]:
    """Yield the answers about all measured compounds of the data folder."""
    for path, name, library, truth in L_EDGES:
        spectrum = nx.read_spectra(DATA / path)[0]
        scaled = spectrum.mu / np.ptp(spectrum.mu)
        for offset in (0.0, None):
            how = "axis free" if offset is None else "axis tied"
            settings: dict[str, Any] = {"library": library, "offset": offset, "mixture": True}
            yield _answer(name, f"match_library, {how}", truth, "match_library", spectrum.energy, scaled, settings)
    for library, _, wanted in SETS.values():
        compounds = oxides(DATA / "references", wanted)
        for calibration in compounds:
            for compound in compounds:
                if compound is not calibration:
                    settings = {"library": library, "calibration": calibration}
                    how = f"match_library, calibrated on {calibration.name}"
                    yield _of(compound, how, "match_library", settings)
        for compound in compounds:
            rest = [other for other in compounds if other is not compound]
            if len({other.valence for other in rest}) > 1:
                for estimator in ("fit_references", "edge_energy"):
                    yield _of(compound, f"{estimator}, from the others", estimator, {"references": rest})


def _of(compound: nx.Spectrum, how: str, estimator: str, settings: dict[str, Any]) -> Answer:
    assert compound.valence is not None
    energy = compound.energy[(compound.energy > compound.energy[0] + 1) & (compound.energy < compound.energy[-1] - 1)]
    mu = on_axis(compound, energy)
    return _answer(compound.name, how, compound.valence, estimator, energy, mu, settings)


def _answer(
    name: str, how: str, truth: float, estimator: str, energy: Any, mu: Any, settings: dict[str, Any]
) -> Answer:
    stack = nx.SpectralStack(np.tile(mu[:, None, None], (1, 2, 2)).astype(np.float32), energy, "optical_depth")
    try:
        maps = getattr(nx.maps, estimator)(stack, **settings)
    except ValueError as error:
        return Answer(name, how, np.nan, np.nan, False, truth, (f"refused: {error}",))
    valence = maps["valence"]
    trusted = True if valence.mask is None else bool(valence.mask[0, 0])
    warnings = warnings_about_errors(maps.metadata["warnings"])
    return Answer(
        name,
        how,
        float(valence.data[0, 0]),
        float(valence.sigma[0, 0]),
        trusted and np.isfinite(valence.data[0, 0]),
        truth,
        warnings,
    )
