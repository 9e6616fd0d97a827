"""What each program makes of a job; runs in that program's own environment, so it imports nothing of ours at the top.

python engines.py ENGINE JOB STACK.npz       # prints CPU seconds, memory over the stack, and the error, as JSON
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np


def references_ours(job: Any) -> Any:
    import napari_xanes as nx

    references = [nx.Spectrum(str(k), job["energy"], mu, valence=2.0 + k) for k, mu in enumerate(job["references"])]
    stack = nx.SpectralStack(job["data"], job["energy"], "optical_depth")
    maps = nx.maps.fit_references(stack, references=references)
    return [maps[str(k)].data for k in range(len(references))]


def references_mantis(job: Any) -> Any:
    """Target maps by SVD, of the references and two lines for the background."""
    from mantis_xray.analysis.analyze import analyze

    n_ev, rows, columns = job["data"].shape
    od = job["data"].reshape(n_ev, -1).T.astype(np.float64)
    stack = SimpleNamespace(n_cols=columns, n_rows=rows, n_ev=n_ev, od=od, ev=job["energy"])
    found = analyze(stack)
    found.target_spectra = np.vstack([job["references"], np.ones(n_ev), np.linspace(-1, 1, n_ev)])
    found.n_target_spectra = len(found.target_spectra)
    found.calc_svd_maps()
    maps = np.asarray(found.target_svd_maps)
    return [np.reshape(maps[..., k], (rows * columns,), order="F").reshape(rows, columns) for k in range(2)]


def references_hyperspy(job: Any) -> Any:
    """Linear model of the references and a polynomial, fitted to all pixels at once."""
    import hyperspy.api as hs

    signal = hs.signals.Signal1D(np.moveaxis(job["data"], 0, -1).astype(np.float64))
    model = signal.create_model()
    parts = [hs.model.components1D.ScalableFixedPattern(hs.signals.Signal1D(mu)) for mu in job["references"]]
    for part in parts:
        part.shift.free = part.xscale.free = False
    model.extend([*parts, hs.model.components1D.Polynomial(order=1)])
    model.multifit(optimizer="lstsq", show_progressbar=False, print_info=False)
    return [part.yscale.map["values"] for part in parts]


def references_pymca(job: Any) -> Any:
    """PyMca's least squares of many spectra at once, with a line as background."""
    from PyMca5.PyMcaMath.linalg import lstsq

    n_ev, rows, columns = job["data"].shape
    matrix = np.vstack([job["references"], np.ones(n_ev), np.linspace(-1, 1, n_ev)]).T
    parameters = lstsq(matrix, job["data"].reshape(n_ev, -1).astype(np.float64), uncertainties=False)[0]
    return np.asarray(parameters)[:2].reshape(2, rows, columns)


def references_larch(job: Any) -> Any:
    """Normalization and linear combination of each spectrum, one after the other; amounts are shares times the jump."""
    from larch import Group
    from larch.math import lincombo_fit
    from larch.xafs import pre_edge

    energy, data = job["energy"], job["data"].astype(np.float64)
    parts = [Group(energy=energy, norm=mu, filename=str(k)) for k, mu in enumerate(job["references"])]
    amounts = np.zeros((2, *data.shape[1:]))
    for y, x in np.ndindex(*data.shape[1:]):
        one = Group(energy=energy, mu=data[:, y, x], filename="pixel")
        pre_edge(one, e0=float(job["e0"]), nnorm=1)
        fit = lincombo_fit(one, parts, sum_to_one=False)
        amounts[:, y, x] = [one.edge_step * fit.weights[str(k)] for k in range(2)]
    return amounts


def references_pca(job: Any) -> Any:
    """Least squares on the scores of four principal components."""
    from sklearn.decomposition import PCA

    n_ev, rows, columns = job["data"].shape
    pixels = job["data"].reshape(n_ev, -1).T.astype(np.float64)
    model = PCA(4)
    cleaned = model.inverse_transform(model.fit_transform(pixels))
    matrix = np.vstack([job["references"], np.ones(n_ev), np.linspace(-1, 1, n_ev)]).T
    return np.linalg.lstsq(matrix, cleaned.T, rcond=None)[0][:2].reshape(2, rows, columns)


def shifts_ours(job: Any) -> Any:
    import napari_xanes as nx

    stack = nx.SpectralStack(job["data"], job["energy"], "optical_depth")
    return nx.ops.align(stack).metadata["align"].shifts


def shifts_stackreg(job: Any) -> Any:
    """Translations from each frame to the one before."""
    from pystackreg import StackReg

    matrices = StackReg(StackReg.TRANSLATION).register_stack(job["data"], reference="previous")
    return matrices[:, [1, 0], 2]


def shifts_mantis(job: Any) -> Any:
    """Each frame against the middle one, as *Align* does."""
    from mantis_xray.analysis.data_stack import data

    frames = np.moveaxis(job["data"], 0, -1).astype(np.float64)
    middle, stack = frames[..., frames.shape[-1] // 2], data.__new__(data)
    return -np.array([stack.register_images(middle, frames[..., k])[:2] for k in range(frames.shape[-1])])


ENGINES = {
    "references": {"ours": references_ours, "mantis": references_mantis, "hyperspy": references_hyperspy,
                   "pymca": references_pymca, "larch": references_larch, "pca": references_pca},
    "shifts": {"ours": shifts_ours, "stackreg": shifts_stackreg, "mantis": shifts_mantis},
}  # fmt: skip


ONE_BY_ONE = {"larch": 8}
"""Programs that take spectra one after the other get a corner of so many pixels; their time is scaled to the stack."""


def error_of(job: str, found: Any, truth: Any) -> float:
    """Return the root mean square error; of shifts without their mean, which no program can know."""
    off = np.asarray(found, dtype=np.float64) - truth
    if job == "shifts":
        off -= off.mean(axis=0)
    return float(np.sqrt(np.nanmean(off**2)))


def peak() -> int:
    """Return the most memory of this process in bytes, on Linux; `ru_maxrss` would begin at that of who started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main(engine: str, job: str, path: str) -> None:
    whole = dict(np.load(path))
    work, times = ENGINES[job][engine], 1.0
    if engine in ONE_BY_ONE:
        times = whole["data"][0].size / ONE_BY_ONE[engine] ** 2
        corner = (slice(None), slice(ONE_BY_ONE[engine]), slice(ONE_BY_ONE[engine]))
        whole |= {"data": np.ascontiguousarray(whole["data"][corner]), "truth": whole["truth"][corner]}
    few = 2 if engine in ONE_BY_ONE else 32
    cut = {**whole, "data": np.ascontiguousarray(whole["data"][:, :few, :few])}
    if job == "shifts":
        cut = {**whole, "data": whole["data"][:4], "energy": whole["energy"][:4]}
    with contextlib.redirect_stdout(io.StringIO()):
        work(cut)  # imports what it needs
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = peak()
        start = time.process_time()
        found = work(whole)
        spent = times * (time.process_time() - start)
    grown = (peak() - before) / whole["data"].nbytes
    print("\n" + json.dumps([spent, grown, error_of(job, found, whole["truth"])]))


if __name__ == "__main__":
    main(*sys.argv[1:])
