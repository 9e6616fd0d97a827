"""`components`, `cluster` and `unmix` beside MANTiS, HyperSpy, pyMCR and scikit-learn: time, memory, error.

    python -m benchmarks.explore peers
    python -m benchmarks.explore.peers --size 256     # pixels along each side, 128 by default

Each engine runs in a process of its own, with its package from ``$NAPARI_XANES_PEERS/NAME`` if there is such a folder
(``pip install --target $NAPARI_XANES_PEERS/mantis mantis-xray``, .../hyperspy, .../pymcr); one that can't be imported
is named as absent. All get the same made-up stack of 100 energies at a signal-to-noise ratio of 20, in memory as
float32, and the true number of spectra. Time is processor time without imports; memory is what the process grew by,
over the size of the stack. Errors: of components the largest angle between the space that they span and that of the
true spectra; of clusters the share of pixels with a wrong label; of unmixing the mean angle between true and found
spectra and the root mean square of amounts over that of the true ones, each spectrum and its amounts scaled to fit the
true spectrum. pyMCR, which needs spectra to begin with, gets the means of k-means clusters, as do MANTiS and
the second line of ours; HyperSpy and scikit-learn choose their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from benchmarks.explore.parts_speed import patches, spectra_of
from benchmarks.memory import forget_peak, peak_of

import napari_xanes as nx

N_ENERGIES = 100
TASKS = {"components": 4, "cluster": 5, "unmix": 4}
"""Number of spectra."""

ENGINES = {
    "ours": "",
    "ours, clusters": "",
    "scikit-learn": "sklearn",
    "mantis": "mantis_xray",
    "hyperspy": "hyperspy",
    "pymcr": "pymcr",
}
"""The package of each engine; ours unmixes from its own start, and from the means of clusters."""

ONLY_UNMIX = ("ours, clusters", "pymcr")


def truth(task: str, size: int) -> tuple[Any, Any]:
    """Return the true spectra (K, E) and amounts (K, P) of a stack."""
    count = TASKS[task]
    clean = patches(count, mixed=task != "cluster", shape=(N_ENERGIES, size, size), snr=np.inf).data
    _, spectra = spectra_of(count, np.random.default_rng(0), N_ENERGIES)
    amounts = np.linalg.lstsq(spectra.T, clean.reshape(N_ENERGIES, -1).astype(np.float64), rcond=None)[0]
    return spectra, amounts


def matched(score: Any) -> Any:
    """Return which column of a matrix of scores belongs to each row."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(score, maximize=True)[1]


def error_of(task: str, found: Any, size: int) -> list[float]:
    """Return the errors of a result: vectors (K, E), labels (P,), or spectra (K, E) and amounts (K, P)."""
    spectra, amounts = truth(task, size)
    if task == "components":
        from scipy.linalg import subspace_angles

        return [float(np.degrees(subspace_angles(spectra.T, np.asarray(found, float).T).max()))]
    if task == "cluster":
        right = amounts.argmax(axis=0)
        labels = np.unique(found, return_inverse=True)[1].ravel()
        table = np.zeros((len(spectra), max(labels.max() + 1, len(spectra))))
        np.add.at(table, (right, labels), 1)
        return [float(1 - table[np.arange(len(spectra)), matched(table)].sum() / right.size)]
    given, parts = (np.asarray(one, dtype=np.float64) for one in found)
    unit = given / np.linalg.norm(given, axis=1, keepdims=True)
    cosines = np.clip(spectra @ unit.T / np.linalg.norm(spectra, axis=1)[:, None], -1, 1)
    order = matched(cosines)
    scale = np.sum(given[order] * spectra, axis=1) / np.sum(spectra**2, axis=1)
    off = parts[order] * scale[:, None] - amounts
    angles = np.degrees(np.arccos(cosines[np.arange(len(spectra)), order]))
    return [float(angles.mean()), float(np.sqrt(np.mean(off**2) / np.mean(amounts**2)))]


def ours(task: str, data: Any, **options: Any) -> Any:
    """Run our method on a stack (E, Y, X)."""
    stack = nx.SpectralStack(data, np.linspace(8290, 8460, N_ENERGIES), "optical_depth")
    count = TASKS[task]
    if task == "cluster":
        return nx.maps.cluster(stack, count=count)["cluster"].data.ravel()
    maps = (nx.maps.components if task == "components" else nx.maps.unmix)(stack, count=count, **options)
    spectra = [one.mu for one in maps.metadata["spectra"]]
    if task == "components":
        return spectra
    return spectra, [maps[f"amount_{k + 1}"].data.ravel() for k in range(count)]


def of_sklearn(task: str, data: Any) -> Any:
    """Run scikit-learn: PCA, k-means on its scores of directions, non-negative factors."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import NMF, PCA

    pixels, count = data.reshape(N_ENERGIES, -1).T, TASKS[task]
    if task == "unmix":
        model = NMF(count, random_state=0, max_iter=500)
        amounts = model.fit_transform(np.maximum(pixels, 0))
        return model.components_, amounts.T
    if task == "components":
        return PCA(count).fit(pixels).components_
    unit = pixels / np.linalg.norm(pixels, axis=1, keepdims=True)
    return KMeans(count, n_init=10, random_state=0).fit_predict(PCA(count).fit_transform(unit))


def of_mantis(task: str, data: Any) -> Any:
    """Run MANTiS: eigenvectors, clusters without the first component, that of thickness, NNMA from clusters.

    Its clusters by angle end with an IndexError, as they take random numbers for indices (3.3.0).
    """
    from mantis_xray.analysis.analyze import analyze
    from mantis_xray.analysis.nnma import nnma

    count, (n_ev, rows, columns) = TASKS[task], data.shape
    od = data.reshape(n_ev, -1).T.astype(np.float64)
    cube = np.reshape(od, (rows, columns, n_ev), order="F")
    stack = SimpleNamespace(n_cols=rows, n_rows=columns, n_ev=n_ev, od=od, od3d=cube, ev=np.arange(n_ev) * 1.0)
    found = analyze(stack)
    found.calculate_pca()
    found.numsigpca = count
    if task == "components":
        return found.eigenvecs[:, :count].T
    np.random.seed(0)  # noqa: NPY002  what MANTiS uses
    if task == "cluster":
        found.calculate_clusters(count, remove1stpca=1)
        return np.reshape(found.cluster_indices, -1, order="F")
    found.calculate_clusters(count)
    parts = nnma(stack)
    parts.setParameters(kNNMA=count, maxIters=500)
    parts.setClusterSpectra(found.clusterspectra)
    parts.calcNNMA(initmatrices="Cluster")
    return parts.muRecon.T, np.reshape(parts.tRecon, (count, -1), order="F")


def of_hyperspy(task: str, data: Any) -> Any:
    """Run HyperSpy: SVD, k-means of its scores, NMF."""
    import hyperspy.api as hs

    count = TASKS[task]
    signal = hs.signals.Signal1D(np.moveaxis(data, 0, -1).astype(np.float64))
    if task == "unmix":
        signal.data = np.maximum(signal.data, 0)
    algorithm = "NMF" if task == "unmix" else "SVD"
    signal.decomposition(algorithm=algorithm, output_dimension=count, print_info=False)
    if task == "cluster":
        signal.cluster_analysis(
            "decomposition", n_clusters=count, number_of_components=count, preprocessing="norm", n_init=10,
            random_state=0,
        )  # fmt: skip
        return signal.get_cluster_labels(merged=True).data.ravel()
    factors = signal.get_decomposition_factors().data
    if task == "components":
        return factors
    return factors, signal.get_decomposition_loadings().data.reshape(count, -1)


def of_pymcr(task: str, data: Any) -> Any:
    """Run pyMCR: alternating least squares with non-negativity."""
    from pymcr.constraints import ConstraintNonneg
    from pymcr.mcr import McrAR
    from pymcr.regressors import NNLS

    pixels, count = data.reshape(N_ENERGIES, -1).T.astype(np.float64), TASKS[task]
    kept = [ConstraintNonneg()]
    model = McrAR(max_iter=50, c_regr=NNLS(), st_regr=NNLS(), c_constraints=kept, st_constraints=kept)
    model.fit(pixels, ST=cluster_means(pixels, count))
    return model.ST_opt_, model.C_opt_.T


def cluster_means(pixels: Any, count: int) -> Any:
    """Return means (K, E) of k-means clusters of pixels (P, E)."""
    from sklearn.cluster import KMeans

    labels = KMeans(count, n_init=10, random_state=0).fit_predict(pixels)
    return np.maximum([pixels[labels == k].mean(axis=0) for k in range(count)], 0)


WORKS: dict[str, Callable[[str, Any], Any]] = {
    "ours": ours,
    "ours, clusters": lambda task, data: ours(task, data, start="clusters"),
    "scikit-learn": of_sklearn,
    "mantis": of_mantis,
    "hyperspy": of_hyperspy,
    "pymcr": of_pymcr,
}


def child(engine: str, task: str, path: str) -> None:
    """Run one engine on a stack in a file, and print what it took and how far it is off, as JSON."""
    folder = Path(os.environ.get("NAPARI_XANES_PEERS", "")) / engine
    if os.environ.get("NAPARI_XANES_PEERS") and folder.is_dir():
        sys.path.append(str(folder))
    data = np.load(path)
    WORKS[engine](task, np.ascontiguousarray(data[:, :24, :24]))  # imports what it needs
    forget_peak()
    before = peak_of()
    start = time.process_time()
    found = WORKS[engine](task, data)
    spent = time.process_time() - start
    grown = (peak_of() - before) / data.nbytes
    print("\n" + json.dumps([spent, grown, *error_of(task, found, data.shape[1])]))


def measured(engine: str, task: str, path: Path) -> list[float] | str:
    """Return time in s, memory over that of the stack, and errors; or why there are none."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.explore.peers", "--child", engine, task, str(path)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode == 0:
        result: list[float] = json.loads(run.stdout.strip().splitlines()[-1])
        return result
    last = run.stderr.strip().splitlines()[-1] if run.stderr.strip() else f"ended with {run.returncode}"
    return "absent" if ENGINES[engine] and f"No module named '{ENGINES[engine]}" in last else f"failed: {last}"


def compare(size: int) -> None:
    """Print all tasks and engines."""
    for task, count in TASKS.items():
        stack = patches(count, mixed=task != "cluster", shape=(N_ENERGIES, size, size))
        kinds = {"components": "angle (°)", "cluster": "wrong labels", "unmix": "angle (°), amounts"}
        print(f"{task}, {N_ENERGIES} x {size} x {size}: CPU time (s), over ours, memory over the stack, {kinds[task]}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "stack.npy"
            np.save(path, stack.data)
            own = 0.0
            for engine in (name for name in ENGINES if task == "unmix" or name not in ONLY_UNMIX):
                found = measured(engine, task, path)
                if isinstance(found, str):
                    print(f"{engine:14s} {found}")
                    continue
                spent, grown, *errors = found
                own = spent if engine == "ours" else own
                told = "".join(f"{error:9.3f}" for error in errors)
                print(f"{engine:14s}{spent:9.2f}{spent / own:9.1f}{grown:9.1f}{told}")


def report(trials: int) -> None:
    """Print all tasks and engines; `trials` is not used."""
    compare(128)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", nargs=3)
    parser.add_argument("--size", type=int, default=128)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
    else:
        compare(options.size)
