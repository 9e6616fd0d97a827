"""References of one spectrum, found in libraries that were made, measured and computed."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import nnls

import napari_xanes as nx
from napari_xanes import Spectrum
from napari_xanes.maps.searching.answers import Answer
from napari_xanes.maps.searching.columns import Columns
from napari_xanes.maps.searching.library import load_spectra_library
from napari_xanes.maps.searching.one_spectrum import OneSpectrum

AXIS = np.arange(7060.0, 7260.0, 0.5)
ENERGY = np.concatenate([np.arange(7100, 7112), np.arange(7112, 7140, 0.5), np.arange(7140, 7200, 2.0)])


def compound(number: int) -> Spectrum:
    """Return an edge with a white line and three further peaks."""
    rng = np.random.default_rng(number)
    e0 = 7122 + rng.normal(0, 1.8)
    mu = 0.5 + np.arctan((AXIS - e0) / rng.uniform(0.8, 1.8)) / np.pi
    for centre, height, width in (
        (rng.uniform(2, 6), rng.uniform(0.1, 0.9), rng.uniform(1.5, 4)),
        (rng.uniform(-11, -6), rng.uniform(0, 0.12), rng.uniform(0.8, 1.5)),
        (rng.uniform(10, 18), rng.uniform(-0.2, 0.25), rng.uniform(3, 9)),
        (rng.uniform(20, 60), rng.uniform(-0.2, 0.25), rng.uniform(3, 9)),
    ):
        mu = mu + height * np.exp(-0.5 * ((AXIS - e0 - centre) / width) ** 2)
    return Spectrum(f"c{number}", AXIS, mu, metadata={"normalized": True, "element": "Fe", "edge": "K"})


LIBRARY = [compound(number) for number in range(60)]


def mixture(amounts: dict[int, float], shift: float = 0.0, noise: float = 0.0, seed: int = 0) -> Spectrum:
    mu = sum(amount * LIBRARY[number].at(ENERGY - shift) for number, amount in amounts.items())
    mu = mu + noise * np.random.default_rng(seed).standard_normal(ENERGY.size)
    return Spectrum("x", ENERGY, mu, sigma=np.full(ENERGY.size, noise) if noise else None)


def test_a_spectrum_of_the_library_is_found_without_noise_at_its_shift() -> None:
    best = nx.search_references(mixture({7: 2.0}, shift=1.3), LIBRARY)[0]
    assert best.names == ("c7",)
    assert best.shift == pytest.approx(1.3, abs=0.01)
    assert best.fractions.tolist() == [1.0]
    assert best.misfit < 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_a_mixture_of_three_is_found_with_fractions(seed: int) -> None:
    numbers = np.random.default_rng(seed).choice(60, 3, replace=False).tolist()
    spectrum = mixture(dict(zip(numbers, (0.9, 0.6, 0.3), strict=True)), shift=-0.9, noise=0.001, seed=seed)
    best = nx.search_references(spectrum, LIBRARY, tolerance=0.002)[0]
    assert best.names == tuple(f"c{number}" for number in numbers)
    np.testing.assert_allclose(best.fractions, [0.5, 1 / 3, 1 / 6], atol=0.02)


def test_errors_of_fractions_and_shifts_hold() -> None:
    deviations = []
    for seed in range(40):
        spectrum = mixture({3: 0.7, 11: 0.3}, shift=0.4, noise=0.01, seed=seed)
        found = nx.search_references(spectrum, [LIBRARY[3], LIBRARY[11]], tolerance=0.0)[0]
        assert found.names == ("c3", "c11")
        deviations.append([(found.fractions[0] - 0.7) / found.sigma[0], (found.shift - 0.4) / found.shift_sigma])
    assert np.all(np.abs(np.std(deviations, axis=0) - 1) < 0.4)


def test_all_pairs_and_triples_of_a_small_library_are_found_as_by_trying_each() -> None:
    """Without a shift and without noise, non-negative least squares of each combination say which is best."""
    few = LIBRARY[:12]
    spectrum = mixture({3: 0.5, 8: 0.3, 20: 0.4}, noise=0.02)
    columns = Columns.of(few, ENERGY, 0.0)
    background = np.stack([np.ones_like(ENERGY), ENERGY - ENERGY.mean()], axis=1)
    basis = np.linalg.qr(background)[0]
    left = np.eye(ENERGY.size) - basis @ basis.T
    matrix = left @ np.array([s.at(ENERGY) for s in few]).T
    one = OneSpectrum(columns, spectrum.mu, np.ones_like(ENERGY), background)
    answers = {answer.names: answer for answer in one.answers(3, 1000).best}
    for size in (1, 2, 3):
        squares = {}
        for rows in combinations(range(12), size):
            amounts, norm = nnls(matrix[:, rows], left @ spectrum.mu)
            if (amounts > 0).all():
                squares[rows] = norm**2
        best = min(squares, key=lambda rows: squares[rows])
        found = min((a for a in answers.values() if len(a.names) == size), key=lambda a: a.chi_square, default=None)
        if found is not None:
            assert {f"c{row}" for row in best} == set(found.names)
            freedom = ENERGY.size - size - 2
            assert found.chi_square * freedom == pytest.approx(squares[best], rel=1e-3)


def test_a_third_reference_that_noise_asks_for_has_a_large_p() -> None:
    spectrum = mixture({3: 0.7, 11: 0.3}, noise=0.02)
    found = nx.search_references(spectrum, LIBRARY, tolerance=0.0)
    assert set(found[0].names) == {"c3", "c11"}
    assert found[0].p_value < 1e-3
    assert all(answer.p_value > 1e-3 for answer in found if {"c3", "c11"} < set(answer.names))


def test_presence_tells_which_references_are_sure() -> None:
    found = nx.search_references(mixture({3: 0.7, 11: 0.3}, noise=0.01), LIBRARY, tolerance=0.0)
    presence = dict(zip(found.names, found.presence.tolist(), strict=True))
    assert min(presence["c3"], presence["c11"]) > 0.95
    assert max(p for name, p in presence.items() if name not in ("c3", "c11")) < 0.2
    assert 2 <= sum(presence.values()) <= 3


def test_the_fit_of_an_answer_lies_over_the_spectrum() -> None:
    spectrum = mixture({3: 70.0, 11: 30.0}, shift=0.6, noise=0.5)
    found = nx.search_references(spectrum, LIBRARY, tolerance=0.0)
    np.testing.assert_array_equal(found.mu, spectrum.mu[np.isin(ENERGY, found.energy)])
    residual = (found.mu - found[0].fitted) / 0.5
    assert np.mean(residual**2) == pytest.approx(found[0].chi_square, rel=0.1)


def test_a_library_that_is_kept_gives_the_same_answers_at_other_energies_and_shifts() -> None:
    kept, spectrum = load_spectra_library(LIBRARY), mixture({3: 0.7, 11: 0.3}, noise=0.01)
    shorter = replace(spectrum, energy=ENERGY[:80], mu=spectrum.mu[:80], sigma=None)
    for one, shift in ((spectrum, 2.0), (shorter, 2.0), (spectrum, 1.0), (spectrum, 2.0)):
        again = nx.search_references(one, kept, shift=shift)
        fresh = nx.search_references(one, LIBRARY, shift=shift)
        assert [answer.to_plain() for answer in again] == [answer.to_plain() for answer in fresh]


def test_twins_are_named_together() -> None:
    twin = replace(LIBRARY[5], name="twin", mu=LIBRARY[5].mu + 0.0005 * np.sin(AXIS / 4))
    found = nx.search_references(mixture({5: 0.6, 9: 0.4}, noise=0.01), [*LIBRARY, twin])
    assert {found[0].names[0], *found[0].alternatives[0]} >= {"c5", "twin"}
    assert "cannot be told apart here" in found.words
    assert found.in_library


def test_what_is_not_in_the_library_is_said_with_its_misfit() -> None:
    strange = Spectrum("x", ENERGY, mixture({5: 1.0}).mu + 0.3 * np.sin(ENERGY / 2), sigma=np.full(ENERGY.size, 0.01))
    found = nx.search_references(strange, LIBRARY)
    assert not found.in_library
    assert found.words.startswith("not in the library; nearest is")
    assert found[0].misfit == pytest.approx(0.2, abs=0.06)


def test_a_shift_at_its_limit_is_no_answer() -> None:
    found = nx.search_references(mixture({5: 1.0}, shift=1.5, noise=0.001), [LIBRARY[5]], shift=0.5)
    assert not found.in_library
    assert any("lies at its limit" in text for text in found.warnings)


def test_noise_is_found_where_no_errors_are_given() -> None:
    spectrum = replace(mixture({5: 1.0}, noise=0.02), sigma=None)
    best = nx.search_references(spectrum, LIBRARY)[0]
    assert best.names == ("c5",)
    assert best.chi_square == pytest.approx(1, abs=0.4)


def test_numbers_do_not_depend_on_the_scale_of_the_spectrum() -> None:
    spectrum = replace(mixture({5: 0.7, 9: 0.3}, noise=0.01), sigma=None)
    one, other = (nx.search_references(s, LIBRARY)[0] for s in (spectrum, replace(spectrum, mu=1e3 * spectrum.mu + 5)))
    assert one.names == other.names
    np.testing.assert_allclose(other.fractions, one.fractions, rtol=1e-5)
    assert other.misfit == pytest.approx(one.misfit, rel=1e-3)


def test_bad_input_says_what_to_do() -> None:
    spectrum = mixture({5: 1.0}, noise=0.01)
    nickel = [replace(LIBRARY[0], energy=AXIS + 1220, metadata={"element": "Ni", "edge": "K"})]
    with pytest.raises(ValueError, match=r"Ni K.*another edge; choose one of the same element"):
        nx.search_references(spectrum, nickel)
    with pytest.raises(ValueError, match="covers 7100 to 7184"):
        nx.search_references(spectrum, [replace(LIBRARY[0], energy=AXIS + 50)], energy=(7102, 7182))
    with pytest.raises(ValueError, match="same at all energies"):
        nx.search_references(replace(spectrum, mu=np.ones_like(ENERGY)), LIBRARY, energy=(7102, 7190))
    with pytest.raises(ValueError, match="1 to 3"):
        nx.search_references(spectrum, LIBRARY, max_components=4)
    with pytest.raises(ValueError, match="at least one spectrum"):
        nx.search_references(spectrum, [])
    with pytest.raises(ValueError, match="takes at least"):
        nx.search_references(Spectrum("x", ENERGY[:5], ENERGY[:5]), LIBRARY)
    with pytest.raises(ValueError, match="positive amount"):
        nx.search_references(replace(spectrum, mu=-spectrum.mu), LIBRARY, energy=(7102, 7190))


def test_libraries_come_from_folders_projects_data_libraries_and_theory(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for spectrum in LIBRARY[:3]:
        np.savetxt(folder / f"{spectrum.name}.txt", np.stack([spectrum.energy, spectrum.mu], 1), header="energy mu")
    (folder / "README.md").write_text("Spectra of iron.")
    nx.write(LIBRARY[:3], tmp_path / "some.prj")
    with sqlite3.connect(tmp_path / "some.db") as database:
        database.execute("CREATE TABLE spectrum (id, name, energy, mutrans, itrans, i0)")
        for i, spectrum in enumerate(LIBRARY[:3]):
            row = (
                i,
                spectrum.name,
                str(AXIS.tolist()),
                None,
                str(np.exp(-spectrum.mu).tolist()),
                str([1.0] * AXIS.size),
            )
            database.execute("INSERT INTO spectrum VALUES (?, ?, ?, ?, ?, ?)", row)
    database.close()
    for source in (folder, tmp_path / "some.prj", tmp_path / "some.db"):
        library = load_spectra_library(source)
        assert nx.search_references(mixture({1: 1.0}, noise=0.01), source, tolerance=0.05)[0].names == ("c1",), source
        assert load_spectra_library(library.to_plain()).spectra[0].name == library.spectra[0].name
    assert any("README.md" in text for text in load_spectra_library(folder).warnings)
    theory = nx.theory.load_library("fe-k")
    names = [s.name for s in load_spectra_library("fe-k").spectra]
    assert len(names) == len(set(names)) == len(theory)


def test_answers_survive_plain_values() -> None:
    best = nx.search_references(mixture({5: 0.6, 9: 0.4}, noise=0.01), LIBRARY)[0]
    again = Answer.from_plain(best.to_plain())
    assert again.words == best.words
    assert again.to_plain() == best.to_plain()


KINDS = [
    {"MnO", "MnO (2)", "MnOx"},
    {"Mn2O3", "Mn2O3x", "g-MnOOH"},
    {"Mn3O4 haussmanite", "Mn3O4"},
    {"MnO2 pyrolusite", "Pyrolusite", "Ramsdellite", "Psilomelane", "Todorokite", "Li2MnO3"},
    {"MnCl2", "Mn Oxalate", "Rhodochrosite"},
    {"Ni2O3", "ref_LiNiO2"},
    {"Ni(OH)2 nickel hydroxide", "ref_NiO"},
]


def test_measured_standards_find_their_own_kind_or_say_that_they_are_not_in_the_library(real_data: Path) -> None:
    """One is left out after the other; those of other beamlines are the same substances with other thickness."""
    folder = real_data / "references"
    n_found = 0
    for sources in (
        [*sorted((folder / "mn_k").iterdir()), folder / "athena" / "Mn.prj"],
        folder / "fe_k",
        folder / "ni_k",
    ):
        library = load_spectra_library(sources)
        for spectrum in library.spectra:
            found = nx.search_references(spectrum, library.without([spectrum.name]))
            if found.in_library:
                kind = next(kind for kind in KINDS if spectrum.name in kind)
                assert found[0].names[0] in kind, (spectrum.name, found.words)
                n_found += 1
    assert n_found >= 4


def test_measured_standards_find_themselves_with_noise_and_offset(real_data: Path) -> None:
    library = load_spectra_library(real_data / "references" / "athena" / "Mn.prj")
    rng = np.random.default_rng(0)
    energy = np.concatenate([np.arange(6525, 6535), np.arange(6535, 6570, 0.5), np.arange(6570, 6625, 1.5)])
    members, _ = library.covering(6520, 6630)
    for member in members:
        shift = rng.uniform(-2, 2)
        mu = member.at(energy - shift) + 0.05 * rng.standard_normal(energy.size)
        found = nx.search_references(Spectrum("x", energy, mu, sigma=np.full(energy.size, 0.05)), library)
        tried = [name for answer in found[:3] for name in (*answer.names, *sum(answer.alternatives, ()))]
        assert member.name in tried, (member.name, found.words)
