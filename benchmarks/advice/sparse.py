"""Print the error of the valence from a tenth of the pixels per energy, completed in several ways."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
from benchmarks.advice.cases import Simulated, cases

import napari_xanes as nx
from napari_xanes import SpectralStack

SHARE = 0.1
_ROUNDS, _RIDGE = 40, 1e-3


class Score(NamedTuple):
    """Root mean squared error; shares within one and two sigma, if there is one; share of the pixels that are known."""

    error: float
    one: float
    two: float
    known: float


def sparse_scan(full: SpectralStack, share: float, seed: int) -> SpectralStack:
    """Return a stack of which each energy is measured in a random share of the pixels."""
    data = full.data.copy()
    data[np.random.default_rng(seed).random(data.shape) > share] = np.nan
    return full.with_data(data)


def alternating(data: np.ndarray, rank: int) -> np.ndarray:
    """Complete values (E, P) by plain alternating least squares: no weights, a small ridge, the rank given."""
    measured = np.isfinite(data)
    values = np.where(measured, data, 0.0)
    mean = values.sum(axis=1) / measured.sum(axis=1)
    left = np.where(measured, values - mean[:, None], 0)
    spectra = np.column_stack([mean, np.linalg.svd(left @ left.T)[0]])[:, :rank]
    for _ in range(_ROUNDS):
        amounts = _solved(spectra, values, measured)
        spectra = _solved(amounts.T, values.T, measured.T).T
    result: np.ndarray = spectra @ amounts
    return result


def _solved(a: np.ndarray, values: np.ndarray, measured: np.ndarray) -> np.ndarray:
    pairs = np.einsum("ek,el->ekl", a, a).reshape(len(a), -1)
    normal = (measured.T.astype(float) @ pairs).reshape(-1, a.shape[1], a.shape[1])
    size = np.trace(normal, axis1=1, axis2=2).mean()
    drawn = (values.T @ a)[..., None]
    solved: np.ndarray = np.linalg.solve(normal + _RIDGE * size * np.eye(a.shape[1]), drawn)[..., 0].T
    return solved


def score(case: Simulated, stack: SpectralStack, *, with_sigma: bool) -> Score:
    value = nx.maps.fit_references(stack, references=case.references, min_jump=0.0)["valence"]
    known = case.counted & np.isfinite(value.data)
    off = (value.data - case.truth)[known]
    error = float(np.sqrt(np.mean(off**2)))
    inside = [np.nan, np.nan]
    if with_sigma:
        inside = [float(np.mean(np.abs(off) <= n * value.sigma[known])) for n in (1, 2)]
    return Score(error, *inside, float(known.sum() / case.counted.sum()))


def rivals(case: Simulated, scan: SpectralStack) -> Score:
    """Return the score of alternating least squares with the rank that the truth likes best."""
    flat = scan.data.reshape(case.energy.size, -1).astype(float)
    found = [alternating(flat, rank).reshape(scan.shape).astype(np.float32) for rank in range(1, 5)]
    plain = [SpectralStack(data, case.energy, "optical_depth") for data in found]
    return min((score(case, stack, with_sigma=False) for stack in plain), key=lambda one: one.error)


def report() -> None:
    """Print one table."""
    print(f"error of the valence with {SHARE:.0%} of the pixels per energy; coverage: bars .68 and .95")
    heading = ("full scan", "same for all", "alternating", "with references", "1 sigma", "2 sigma", "known", "cpu (s)")
    print(f"{'stack':32}" + "".join(f"{one:>16}" for one in heading))
    for case in cases():
        if not isinstance(case, Simulated):
            continue
        n = case.energy.size
        full = case.measured(np.arange(n), np.ones(n), 1)
        scan = sparse_scan(full, SHARE, 5)
        start = time.process_time()
        completed = nx.ops.complete_sparse(scan, references=case.references)
        cpu = time.process_time() - start
        ours = score(case, completed, with_sigma=True)
        spread = float(case.truth[case.counted].std())
        values = (case.error(full), spread, rivals(case, scan).error, *ours, cpu)
        print(f"{case.name:32}" + "".join(f"{one:16.3f}" for one in values), flush=True)
