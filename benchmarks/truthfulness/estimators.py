"""Every estimator, run on a simulated measurement: its maps beside the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from benchmarks.truthfulness.specimens import Case, Image, Measurement, mixture_of
from benchmarks.truthfulness.spectra import Edge

import napari_xanes as nx
from napari_xanes.parameter_map import ParameterMap


class Estimate(NamedTuple):
    """A map of an estimator beside the truth.

    Parameters
    ----------
    estimator, name : str
        Which estimator, which map.
    map : ParameterMap
        Values, sigma and mask.
    truth : array, shape (Y, X)
        The true values.
    warnings : list of str
        What the user is told.
    """

    estimator: str
    name: str
    map: ParameterMap
    truth: Image
    warnings: list[str]


Estimator = Callable[[Edge, Case, Measurement, nx.SpectralStack], Iterator[Estimate]]


def _warnings_of(*results: Any) -> list[str]:
    """Return the warnings of all results, each once."""
    warnings: list[str] = []
    for result in results:
        warnings += result.metadata.get("warnings", ())
    return list(dict.fromkeys(warnings))


def edge_jump(edge: Edge, case: Case, truth: Measurement, depth: nx.SpectralStack) -> Iterator[Estimate]:
    """`normalize_edge`: the edge jump."""
    if edge.is_k_edge:
        result = nx.ops.normalize_edge(depth)
        warnings = _warnings_of(depth, result)
        yield Estimate("normalize_edge", "edge_jump", result.metadata["edge_jump"], truth.jump, warnings)


def edge_energy(edge: Edge, case: Case, truth: Measurement, depth: nx.SpectralStack) -> Iterator[Estimate]:
    """`edge_energy`: positions, edge jump, and the valence after calibration with the references."""
    if not edge.is_k_edge:
        return
    maps = nx.maps.edge_energy(depth, references=list(edge.references))
    warnings = _warnings_of(depth, maps)
    exact = _exact_positions(edge, case, truth)
    for name in ("edge_energy", "derivative_maximum", "white_line"):
        yield Estimate("edge_energy", name, maps[name], exact[name].data, warnings)
    yield Estimate("edge_energy", "edge_jump", maps["edge_jump"], truth.jump, warnings)
    yield Estimate("edge_energy", "valence", maps["valence"], truth.valence, warnings)


def _exact_positions(edge: Edge, case: Case, truth: Measurement) -> nx.MapSet:
    """Return the positions that the definitions give on these energies, without noise and with the right lines."""
    energy = truth.stack.energy
    mixture = mixture_of(edge, case, truth.shares, energy)
    wide = np.concatenate([energy[0] - np.arange(300.0, 0, -10), energy, energy[-1] + np.arange(10.0, 300, 10)])
    flat = np.ones((30 - 1, *truth.jump.shape))
    data = np.concatenate([np.zeros((30, *truth.jump.shape)), mixture, flat])
    return nx.maps.edge_energy(
        nx.SpectralStack(data, wide, "normalized"),
        e0=edge.e0,
        pre=(float(wide[0] - edge.e0), float(energy[0] - edge.e0 - 5)),
        post=(float(energy[-1] - edge.e0 + 5), float(wide[-1] - edge.e0)),
        energy=(max(float(energy[0]), edge.e0 - 20), min(float(energy[-1]), edge.e0 + 30)),
        min_jump=0.0,
        smooth=0.0,
    )


def fit_references(edge: Edge, case: Case, truth: Measurement, depth: nx.SpectralStack) -> Iterator[Estimate]:
    """`fit_references`: amounts, edge jump, valence."""
    maps = nx.maps.fit_references(depth, references=list(edge.references))
    yield from _fitted("fit_references", edge, case, truth, maps, _warnings_of(depth, maps))


def denoise(edge: Edge, case: Case, truth: Measurement, depth: nx.SpectralStack) -> Iterator[Estimate]:
    """`denoise`, then `fit_references`."""
    clean = nx.ops.denoise(depth, references=list(edge.references))
    maps = nx.maps.fit_references(clean, references=list(edge.references))
    yield from _fitted("denoise", edge, case, truth, maps, _warnings_of(depth, clean, maps))


def _fitted(
    estimator: str, edge: Edge, case: Case, truth: Measurement, maps: nx.MapSet, warnings: list[str]
) -> Iterator[Estimate]:
    for reference, share in zip(edge.references, truth.shares, strict=True):
        amount = (1 - case.missing) * share * truth.jump
        yield Estimate(estimator, f"amount {reference.name}", maps[reference.name], amount, warnings)
    yield Estimate(estimator, "edge_jump", maps["edge_jump"], truth.jump, warnings)
    yield Estimate(estimator, "valence", maps["valence"], truth.valence, warnings)


def match_library(edge: Edge, case: Case, truth: Measurement, depth: nx.SpectralStack) -> Iterator[Estimate]:
    """`match_library` with a library of theory: valence."""
    if edge.library is None:
        return
    if edge.is_k_edge:
        settings: dict[str, Any] = {"calibration": edge.references[-1]}
    else:
        settings = {"mixture": True, "offset": 0.0}
    maps = nx.maps.match_library(depth, library=edge.library, **settings)
    yield Estimate(
        "match_library", "valence", maps["valence"], _valence_of_atoms(edge, truth), _warnings_of(depth, maps)
    )


def _valence_of_atoms(edge: Edge, truth: Measurement) -> Image:
    """Return the mean valence of the atoms. At an L edge, unequal numbers of atoms make spectra of the same height."""
    atoms = [
        share / reference.metadata.get("per_atom", 1.0)
        for share, reference in zip(truth.shares, edge.references, strict=True)
    ]
    valences = np.array([reference.valence for reference in edge.references])
    mean: Image = np.tensordot(valences, atoms, 1) / np.sum(atoms, axis=0)
    return mean


ESTIMATORS: dict[str, Estimator] = {
    "edge_jump": edge_jump,
    "edge_energy": edge_energy,
    "fit_references": fit_references,
    "denoise": denoise,
    "match_library": match_library,
}
