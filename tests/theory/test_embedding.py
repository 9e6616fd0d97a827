"""Embeddings of the paper's 78 spectra, and placement of other spectra in them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from napari_xanes import read_spectra
from napari_xanes.progress import Cancelled
from napari_xanes.theory import Embedding, embed, load_library, place
from napari_xanes.theory.embedding.embed import LANDMARKS

_NO_UMAP = pytest.mark.skipif(find_spec("umap") is None, reason="umap-learn is not installed; it is in the extra umap")
METHODS = ("pca", "mds", "isomap", "tsne", pytest.param("umap", marks=_NO_UMAP))


@pytest.fixture(scope="module")
def made() -> Callable[[str], Embedding]:
    return cache(lambda method: embed(load_library("mn-l23-oh"), method))


@pytest.mark.parametrize("method", METHODS)
def test_branches_and_order(made: Callable[[str], Embedding], method: str) -> None:
    """Charges are separate branches, and 10Dq is ordered along each: members with similar 10Dq are neighbours."""
    embedding = made(method)
    library = load_library("mn-l23-oh")
    assert embedding.coordinates.shape == (78, 2)
    assert embedding.trustworthiness > 0.9
    points = embedding.coordinates
    distance = np.linalg.norm(points[:, None] - points, axis=2) + np.diag(np.full(78, np.inf))
    nearest = distance.argmin(axis=1)
    charge, ten_dq = library.table["charge"], library.table["ten_dq"]
    assert np.mean(charge[nearest] == charge) > 0.95
    assert np.median(np.abs(ten_dq[nearest] - ten_dq)) <= 0.11


@pytest.mark.parametrize("method", METHODS)
def test_embeddings_are_the_same_every_time(made: Callable[[str], Embedding], method: str) -> None:
    repeated = embed(load_library("mn-l23-oh"), method)  # type: ignore[arg-type]
    np.testing.assert_allclose(repeated.coordinates, made(method).coordinates, atol=1e-9)


def test_mds_has_less_stress_than_its_start(made: Callable[[str], Embedding]) -> None:
    assert made("mds").stress < made("pca").stress < 0.5


@pytest.mark.parametrize("method", METHODS)
def test_members_are_placed_at_their_own_points(made: Callable[[str], Embedding], method: str) -> None:
    embedding = made(method)
    library = load_library("mn-l23-oh")
    spectra = 3 * library.at(embedding.energy, broadening=0.3) + 0.5 - 0.01 * (embedding.energy - 640)
    extent = np.ptp(embedding.coordinates, axis=0).max()
    np.testing.assert_allclose(place(embedding, spectra), embedding.coordinates, atol=1e-3 * extent)
    rng = np.random.default_rng(0)
    noisy = spectra + 0.03 * spectra.max(axis=1, keepdims=True) * rng.standard_normal(spectra.shape)
    off = np.linalg.norm(place(embedding, noisy) - embedding.coordinates, axis=1)
    assert np.median(off) < 0.05 * extent


@pytest.mark.parametrize("method", ["mds", "isomap", "tsne"])
def test_a_large_library_is_embedded_by_landmarks(method: str) -> None:
    """Members that are not landmarks are placed correctly: neighbours in the library stay neighbours."""
    library = load_library("mn-l23")
    assert len(library) > 2 * LANDMARKS
    embedding = embed(library, method)  # type: ignore[arg-type]
    assert embedding.coordinates.shape == (len(library), 2)
    assert embedding.trustworthiness > 0.94
    np.testing.assert_allclose(
        place(embedding, embedding.features[::50] @ np.eye(embedding.energy.size)),
        embedding.coordinates[::50],
        atol=0.3,
    )


@pytest.mark.parametrize("method", ["mds", "tsne"])
def test_embedding_reports_progress_and_can_be_cancelled(method: str) -> None:
    library, reports = load_library("mn-l23-oh"), []
    embed(library, method, progress=lambda done, text: reports.append(done))  # type: ignore[arg-type]
    assert reports == sorted(reports)
    assert len(reports) == (3 if method == "tsne" else 1)  # with so few members, SMACOF stops after its first round

    def stop(done: float, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        embed(library, method, progress=stop)  # type: ignore[arg-type]


def test_umap_error_names_the_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"napari-xanes\[umap\]"):
        embed(load_library("mn-l23-oh"), "umap")


def test_spectra_that_cannot_be_placed_are_nan(made: Callable[[str], Embedding]) -> None:
    embedding = made("mds")
    spectra = np.ones((2, embedding.energy.size))
    spectra[1, 3] = np.nan
    assert np.isnan(place(embedding, spectra)).all()
    with pytest.raises(ValueError, match="spectra to place must be"):
        place(embedding, np.ones((2, 7)))


def test_three_dimensions_and_bad_requests() -> None:
    library = load_library("mn-l23-oh")
    assert embed(library, "mds", 3).coordinates.shape == (78, 3)
    with pytest.raises(ValueError, match="'ica' is none of pca"):
        embed(library, "ica")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="within the library"):
        embed(library, energy=np.arange(700.0, 720.0))
    with pytest.raises(ValueError, match="can't be embedded in 90 dimensions"):
        embed(library, "pca", 90)


def test_measured_mno_lies_on_the_branch_of_mn2(made: Callable[[str], Embedding], real_data: Path) -> None:
    spectrum = read_spectra(real_data / "mn_l_edge" / "Data2_MnO.csv")[0]
    axis = np.arange(637.0, 661.0, 0.1)
    library = load_library("mn-l23-oh")
    embedding = embed(library, "mds", energy=axis, broadening=0.5)
    at = place(embedding, spectrum.at(axis)[None])[0]
    nearest = int(np.linalg.norm(embedding.coordinates - at, axis=1).argmin())
    assert library.species[nearest] == "Mn2+"
    assert library.table["ten_dq"][nearest] == pytest.approx(0.95, abs=0.2)
