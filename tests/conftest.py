"""Fixtures of all tests: small stacks, and the folder of real files."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from tests.drifting import drifting
from threadpoolctl import threadpool_limits

from napari_xanes import SpectralStack, Spectrum

DATA = Path(os.environ.get("NAPARI_XANES_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def pytest_configure(config: pytest.Config) -> None:
    """Use one thread, because there is one test process per core, Ctrl-C, and separate napari settings."""
    for library in ("OMP", "OPENBLAS", "MKL", "LP"):  # for libraries that are loaded later, and for child processes
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    threadpool_limits(limits=1)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a job in the background of a shell begins; tests of Ctrl-C, and the processes that they start, need it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # so does a job under nohup
    # No test asserts a time.
    hypothesis.settings.register_profile("without deadline", deadline=None)
    hypothesis.settings.load_profile("without deadline")
    settings = tempfile.TemporaryDirectory(prefix="napari-xanes-", ignore_cleanup_errors=True)
    config.add_cleanup(settings.cleanup)
    os.environ["NAPARI_CONFIG"] = str(Path(settings.name) / "settings.yaml")
    os.environ["NAPARI_XANES_CACHE"] = str(Path(settings.name) / "copies")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real files; skip the test if it does not exist."""
    if not DATA.is_dir():
        pytest.skip(f"no real data in {DATA}; set NAPARI_XANES_DATA to their folder")
    return DATA


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20180417)


def edge(energy: np.ndarray, e0: float = 8345.0, white_line: float = 0.5) -> np.ndarray:
    """Return a simple absorption edge: a broadened step with a white line."""
    de = np.asarray(energy, dtype=float) - e0
    return 0.5 + np.arctan(de) / np.pi + white_line * np.exp(-(((de - 4) / 2.5) ** 2))


@pytest.fixture
def references() -> list[Spectrum]:
    """Return two references with valences; their edges are 2 eV apart."""
    grid = np.arange(8250.0, 8500.0, 0.5)
    return [
        Spectrum("two", grid, edge(grid, 8345, 0.6), 2.0, metadata={"normalized": True}),
        Spectrum("three", grid, edge(grid, 8347, 0.4), 3.0, metadata={"normalized": True}),
    ]


@pytest.fixture
def depth_stack(rng: np.random.Generator, references: list[Spectrum]) -> SpectralStack:
    """Return an optical depth, 6 x 7 pixels, 50 energies: known mixtures, a sloping background, a little noise."""
    energy = np.concatenate([np.arange(8270, 8330, 6.0), np.arange(8330, 8360, 1.0), np.arange(8360, 8460, 10.0)])
    share = rng.uniform(0, 1, (6, 7))
    jump = rng.uniform(0.3, 1.0, (6, 7))
    spectra = np.array([r.at(energy) for r in references])
    depth = jump * ((1 - share) * spectra[0][:, None, None] + share * spectra[1][:, None, None])
    depth += 0.4 - 0.001 * (energy - 8345)[:, None, None]
    depth += 0.002 * rng.standard_normal(depth.shape)
    return SpectralStack(depth.astype(np.float32), energy, "optical_depth", 0.05, metadata={"name": "mixture"})


@pytest.fixture
def drift_stack() -> SpectralStack:
    """Return an optical depth of 24 x 24 pixels and 24 energies with much texture and no drift."""
    still = drifting(size=24, photons=1e6, step=0.0).stack
    return SpectralStack(still.data, still.energy, "optical_depth", 0.05, metadata={"name": "texture"})


@pytest.fixture
def count_stack(depth_stack: SpectralStack, rng: np.random.Generator) -> SpectralStack:
    """Return the same sample as counts, with flats and a dark."""
    flat = rng.uniform(900, 1100, depth_stack.shape).astype(np.float32)
    counts = flat * np.exp(-depth_stack.data) + 50
    return SpectralStack(
        counts.astype(np.float32),
        depth_stack.energy,
        "counts",
        0.05,
        metadata={"flat": flat + 50, "dark": np.full(depth_stack.shape[1:], 50.0, np.float32), "n_flat": 10},
    )


@pytest.fixture
def l_edge_stack(rng: np.random.Generator) -> SpectralStack:
    """Return an optical depth, 6 x 7 pixels, 60 energies of the Mn L2,3 edge, each pixel an ion of ``mn-l23-oh``."""
    from napari_xanes.theory import load_library

    library = load_library("mn-l23-oh")
    energy = np.concatenate([np.arange(636, 648, 0.3), np.arange(648, 660, 0.6)])
    rows = rng.integers(0, len(library), 42)
    depth = library.at(energy, broadening=0.4, rows=rows)
    depth *= rng.uniform(0.5, 1.5, (42, 1)) / depth.max(axis=1, keepdims=True)
    depth += 0.3 - 0.002 * (energy - 640) + 0.01 * rng.standard_normal(depth.shape)
    data = depth.T.reshape(energy.size, 6, 7).astype(np.float32)
    return SpectralStack(data, energy, "optical_depth", 0.05, metadata={"name": "Mn oxides"})
