"""Lowest states and lines of sparse Hamiltonians do not depend on rounding, start vector or order of states."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from napari_xanes import theory
from napari_xanes.theory.multiplet import charge_transfer, lanczos
from napari_xanes.theory.multiplet.atomic import find_ion, parse_ion
from napari_xanes.theory.multiplet.configuration_space import configuration_space
from napari_xanes.theory.multiplet.crystal_field import Field
from napari_xanes.theory.multiplet.l_edge import l_edge_sticks

GRID = np.arange(-12, 20, 0.05)
TRANSFER = theory.ChargeTransfer(4.0, 2.0)


def lorentzians(energy: np.ndarray, intensity: np.ndarray, half: float = 0.15) -> np.ndarray:
    return (intensity * (half / np.pi) / ((GRID[:, None] - energy) ** 2 + half**2)).sum(axis=1)


def final_hamiltonian(name: str, **field: float) -> object:
    """Return the largest block of the final states of an ion."""
    ion = find_ion(*parse_ion(name))
    parameters = Field(1.0, field.get("ds", 0.0), field.get("dt", 0.0), 0.8, 1.0).parameters(ion.final)
    space = configuration_space(5, ion.n_3d + 1)
    blocks = sorted({int(mj2) % 8 for mj2 in space.mj2}, key=lambda block: space.rows(block).size)
    return space.hamiltonian(blocks[-1], parameters | TRANSFER.parameters(core_hole=True))


def exact_tridiagonal(matrix: object, start: np.ndarray, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Run Lanczos and make every vector orthogonal to all others, twice."""
    basis, diagonal, coupling = [start], [], []
    for _ in range(n_steps):
        residual = matrix @ basis[-1]
        diagonal.append(basis[-1] @ residual)
        for _ in range(2):
            residual = residual - np.array(basis).T @ (np.array(basis) @ residual)
        coupling.append(np.linalg.norm(residual))
        basis.append(residual / coupling[-1])
    return np.array(diagonal), np.array(coupling[:-1])


def test_the_tridiagonal_matrix_is_that_of_orthogonal_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanczos, "N_VECTORS", 150)
    matrix = final_hamiltonian("Ti4+", ds=0.2)
    start = np.random.default_rng(0).standard_normal(matrix.shape[0])
    start /= np.linalg.norm(start)
    diagonal, coupling = lanczos._tridiagonal(matrix, start)
    expected = exact_tridiagonal(matrix, start, 150)
    np.testing.assert_allclose(diagonal, expected[0], atol=1e-9)
    np.testing.assert_allclose(coupling, expected[1], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "ds"), [("Ti4+", 0.0), ("Ti4+", 0.2), ("Mn2+", 0.0), ("Mn4+", 0.0), ("Ni2+", 0.2), ("Co2+", 0.2)]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_rounding_errors_in_the_start_vector_do_not_change_a_spectrum(
    monkeypatch: pytest.MonkeyPatch, name: str, ds: float, seed: int
) -> None:
    # Processors round differently. Without orthogonal vectors, this error grows to 3e-7 of the maximum or more.
    def rounded(matrix: object, starts: np.ndarray) -> list[lanczos.Lines]:
        noise = np.random.default_rng(seed).standard_normal(starts.shape)
        noise *= 1e-12 * np.linalg.norm(starts, axis=0) / np.linalg.norm(noise, axis=0)
        return lanczos.absorption_lines(matrix, starts + noise)

    element, charge = parse_ion(name)
    expected = lorentzians(*l_edge_sticks(element, charge, 1.0, ds=ds, charge_transfer=TRANSFER))
    monkeypatch.setattr(charge_transfer, "absorption_lines", rounded)
    spectrum = lorentzians(*l_edge_sticks(element, charge, 1.0, ds=ds, charge_transfer=TRANSFER))
    np.testing.assert_allclose(spectrum, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dense_size", [50, 10**6])
def test_states_of_one_level_may_be_mixed(monkeypatch: pytest.MonkeyPatch, dense_size: int) -> None:
    monkeypatch.setattr(lanczos, "DENSE_SIZE", dense_size)
    matrix = final_hamiltonian("Co2+", ds=0.2)
    rng = np.random.default_rng(0)
    starts = rng.standard_normal((matrix.shape[0], 3)) / np.sqrt(matrix.shape[0])
    mixed = starts @ ortho_group.rvs(3, random_state=rng)
    spectra = [
        sum(lorentzians(*lines) for lines in lanczos.absorption_lines(matrix, block)) for block in (starts, mixed)
    ]
    np.testing.assert_allclose(spectra[1], spectra[0], rtol=0, atol=1e-9)


def test_lanczos_stops_where_no_new_states_are_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanczos, "DENSE_SIZE", 10)
    matrix = final_hamiltonian("Co2+")
    levels, states = np.linalg.eigh(matrix.toarray())
    distinct = [0, 80, 160]
    start = states[:, distinct] @ np.array([[0.8], [0.5], [0.3]])
    ((energy, intensity),) = lanczos.absorption_lines(matrix, start)
    np.testing.assert_allclose(energy, levels[distinct], atol=1e-9)
    np.testing.assert_allclose(intensity, [0.64, 0.25, 0.09], atol=1e-9)


@pytest.mark.parametrize("seed", [5, 6])
def test_lowest_states_do_not_depend_on_the_start(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    # The levels of Mn3+ are so close that a large tolerance would mix their states.
    ion = find_ion("Mn", 3)
    parameters = Field(1.0, 0, 0, 0.8, 1.0).parameters(ion.initial) | TRANSFER.parameters(core_hole=False)
    matrix = configuration_space(6, ion.n_3d).hamiltonian(0, parameters)
    assert matrix.shape[0] > lanczos.DENSE_SIZE
    generator = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda _: generator(seed))
    levels, states = lanczos.lowest_states(matrix, 0.2)
    exact_levels, exact_states = np.linalg.eigh(matrix.toarray())
    np.testing.assert_allclose(levels, exact_levels[: levels.size], atol=1e-10)
    ends = np.flatnonzero(np.diff(levels) > 1e-6) + 1  # states of one level are defined only up to a rotation
    assert ends.size > 2
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        overlap = states[:, begin:end].T @ exact_states[:, begin:end]
        np.testing.assert_allclose(np.linalg.svd(overlap, compute_uv=False), 1.0, atol=1e-12)
