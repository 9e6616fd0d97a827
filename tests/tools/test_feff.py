"""K-edge libraries: bond lengths of the crystal structures, clusters, runs of FEFF, and shipped libraries."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tools.feff.crystals import CRYSTALS, NI
from tools.feff.geometry import GENERATORS, Site, cluster, lattice, multiplicity, orbit
from tools.feff.program import feff_input, read_result, run_feff

from napari_xanes.theory import load_library
from napari_xanes.theory.library.shipped import FOLDER, K_EDGES

EVERY = {
    (crystal.name, site.label): (crystal, site)
    for crystals in CRYSTALS.values()
    for crystal in crystals
    for site in crystal.absorbers
}

BONDS = {
    ("NiO", "Ni"): [2.089] * 6,
    ("La2NiO4", "Ni"): [1.93] * 4 + [2.23] * 2,
    ("LiNiO2", "Ni"): [1.97] * 6,
    ("NaNiO2", "Ni"): [1.911] * 4 + [2.144] * 2,
    ("LaNiO3", "Ni"): [1.935] * 6,
    ("NiO2", "Ni"): [1.88] * 6,
    ("BaNiO3", "Ni"): [1.865] * 6,
    ("MnO", "Mn"): [2.223] * 6,
    ("Mn3O4", "Mn a"): [2.04] * 4,
    ("Mn3O4", "Mn b"): [1.93] * 4 + [2.28] * 2,
    ("Mn2O3", "Mn a"): [2.00] * 6,
    ("Mn2O3", "Mn b"): [1.90] * 2 + [1.985] * 2 + [2.245] * 2,
    ("LaMnO3", "Mn"): [1.907] * 2 + [1.968] * 2 + [2.178] * 2,
    ("LiMn2O4", "Mn"): [1.96] * 6,
    ("Li2MnO3", "Mn"): [1.91] * 6,
    ("SrMnO3", "Mn"): [1.903] * 6,
    ("MnO2", "Mn"): [1.884] * 4 + [1.897] * 2,
    ("FeO", "Fe"): [2.155] * 6,
    ("FeTiO3", "Fe"): [2.078] * 3 + [2.201] * 3,
    ("Fe3O4", "Fe a"): [1.889] * 4,
    ("Fe3O4", "Fe b"): [2.058] * 6,
    ("Fe2O3", "Fe"): [1.946] * 3 + [2.116] * 3,
    ("LaFeO3", "Fe"): [2.008] * 6,
    ("CoO", "Co"): [2.13] * 6,
    ("Co3O4", "Co a"): [1.935] * 4,
    ("Co3O4", "Co b"): [1.92] * 6,
    ("LiCoO2", "Co"): [1.922] * 6,
    ("LaCoO3", "Co"): [1.934] * 6,
    ("CoO2", "Co"): [1.88] * 6,
}
"""Lengths in angstrom of the bonds to oxygen, from the sources of the structures or from reviews."""

FORMULAS = {
    "La2NiO4": {"La": 2, "Ni": 1, "O": 4},
    "LaNiO3": {"La": 1, "Ni": 1, "O": 3},
    "Mn3O4": {"Mn": 3, "O": 4},
    "Mn2O3": {"Mn": 2, "O": 3},
    "Li2MnO3": {"Li": 2, "Mn": 1, "O": 3},
    "LiMn2O4": {"Li": 1, "Mn": 2, "O": 4},
    "MnO2": {"Mn": 1, "O": 2},
    "Fe2O3": {"Fe": 2, "O": 3},
    "Co3O4": {"Co": 3, "O": 4},
    "BaNiO3": {"Ba": 1, "Ni": 1, "O": 3},
}


@pytest.mark.parametrize(
    ("group", "order"),
    [
        ("Pm-3m", 48),
        ("Fm-3m", 192),
        ("Fd-3m", 192),
        ("Ia-3", 48),
        ("P4_2/mnm", 16),
        ("I4/mmm", 32),
        ("I4_1/amd", 32),
        ("P-3m1", 12),
        ("R-3", 18),
        ("R-3m", 36),
        ("R-3c", 36),
        ("P6_3/mmc", 24),
        ("Pbnm", 8),
        ("C2/m", 8),
    ],
)
def test_number_of_general_positions_agrees_with_the_tables(group: str, order: int) -> None:
    assert len(orbit((0.123, 0.217, 0.381), group)) == order


def test_every_space_group_and_bond_is_tested() -> None:
    assert {crystal.group for crystal, _ in EVERY.values()} <= set(GENERATORS)
    assert set(BONDS) == set(EVERY)


@pytest.mark.parametrize("key", EVERY, ids=" ".join)
def test_bond_lengths_agree_with_the_literature(key: tuple[str, str]) -> None:
    crystal, site = EVERY[key]
    around = cluster(crystal, site, 2.6)
    oxygen = around.distances[[label == "O" for label in around.labels]]
    np.testing.assert_allclose(oxygen[: len(BONDS[key])], BONDS[key], atol=0.011)
    assert len(oxygen) == len(BONDS[key])
    assert around.labels[0] == site.label
    assert around.distances[0] == pytest.approx(0, abs=1e-9)
    assert crystal.source.endswith(")") or "; O from" in crystal.source or "taken as" in crystal.source


@pytest.mark.parametrize("name", FORMULAS)
def test_cells_have_the_chemical_formula(name: str) -> None:
    crystal = next(crystal for (compound, _), (crystal, _) in EVERY.items() if compound == name)
    atoms: Counter[str] = Counter()
    for site in crystal.sites:
        atoms[site.element] += multiplicity(site, crystal)
    units = atoms["O"] / FORMULAS[name]["O"]
    assert {element: number / units for element, number in atoms.items()} == FORMULAS[name]


def test_shells_of_rock_salt() -> None:
    around = cluster(NI[0], NI[0].absorbers[0], 5.2)
    shells = Counter(zip(around.labels, around.distances.round(2).tolist(), strict=True))
    a = 4.178
    expected = {
        ("O", a / 2): 6,
        ("Ni", a / 2**0.5): 12,
        ("O", a * 0.75**0.5): 8,
        ("Ni", a): 6,
        ("O", a * 1.25**0.5): 24,
    }
    assert {(label, round(r, 2)): n for (label, r), n in expected.items()}.items() <= shells.items()
    nearest = np.linalg.norm(around.places[:, None] - around.places, axis=2)[np.triu_indices(len(around.labels), 1)]
    assert nearest.min() == pytest.approx(a / 2)


def test_oblique_cells() -> None:
    vectors = lattice((2, 3, 4, 80, 100, 110))
    lengths = np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(lengths, [2, 3, 4])
    cosines = (vectors @ vectors.T) / np.outer(lengths, lengths)
    np.testing.assert_allclose(np.rad2deg(np.arccos(cosines[[1, 0, 0], [2, 2, 1]])), [80, 100, 110])


def test_the_input_has_one_absorber_and_its_potentials() -> None:
    crystal, site = EVERY["Fe3O4", "Fe a"]
    text = feff_input(crystal, site)
    potentials = text.split("POTENTIALS\n")[1].split("ATOMS")[0].split("\n")[:-1]
    assert [line.split()[:3] for line in potentials] == [
        ["0", "26", "Fe"],
        ["1", "8", "O"],
        ["2", "26", "Fe"],
        ["3", "26", "Fe"],
    ]
    assert [float(line.split()[5]) for line in potentials[1:]] == [32, 16, 8]
    atoms = [line.split() for line in text.split("ATOMS\n")[1].split("\n")[:-2]]
    assert [atom for atom in atoms if atom[3] == "0"] == [["0.00000", "0.00000", "0.00000", "0"]]


def _write_run(folder: Path, log: str) -> Path:
    (folder / "log1.dat").write_text(log)
    (folder / "xmu.dat").write_text("# omega e k mu mu0 chi\n8320 -20 0 0.1 0 0\n8400 60 3 1.0 1 0\n")
    return folder


def test_only_converged_runs_are_accepted(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broke off"):
        read_result(tmp_path)
    level = " New Fermi level:    mu= -10.0 eV  Charge distance=  0.0002\n"
    with pytest.raises(RuntimeError, match="not converged after 2 iterations"):
        read_result(_write_run(tmp_path, 2 * level))
    with pytest.raises(RuntimeError, match=r"came out at 3\.5 eV"):
        read_result(_write_run(tmp_path, level.replace("-10.0", "3.5") + "Convergence reached in 1 iterations"))
    result = read_result(_write_run(tmp_path, level + "Convergence reached in 1 iterations"))
    assert result.energy.tolist() == [-10, 70]
    assert result.edge == 8330


def test_feff_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("feff10", reason="feff10-rs is not installed: the extra feff, for developers")
    site = Site("Ni", (0, 0, 0))
    # One shell of oxygen and a short energy range take seconds instead of a minute.
    text = (
        feff_input(NI[0], site)
        .replace("SCF 4.3", "SCF 2.2")
        .replace("FMS 5.5", "FMS 2.2")
        .replace("XANES 4.5", "XANES 2.0")
    )
    result = run_feff(text, tmp_path / "NiO")
    assert result.mu[result.energy < -1].max() < 0.3 < 0.6 < result.mu[result.energy > 5].mean()
    assert abs(result.edge - 8333) < 20
    stamp = (tmp_path / "NiO" / "xmu.dat").stat().st_mtime_ns
    run_feff(text, tmp_path / "NiO")
    assert (tmp_path / "NiO" / "xmu.dat").stat().st_mtime_ns == stamp
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("name", K_EDGES)
def test_shipped_libraries_match_the_crystals(name: str) -> None:
    library = load_library(name)
    assert library.species == [crystal.name for crystal in CRYSTALS[name]]
    np.testing.assert_allclose(library.table["charge"], [crystal.valence for crystal in CRYSTALS[name]])
    assert library.is_k_edge
    assert library.needs_calibration
    assert library.members([0]).needs_calibration
    assert library.to_plain() == name
    assert library.provenance["structures"] == {crystal.name: crystal.source for crystal in CRYSTALS[name]}
    spectra = library.at(np.arange(*library.span, 0.5), broadening=2.0)
    assert (spectra[:, :10] < 0.06).all()
    assert (abs(spectra[:, -60:].mean(axis=1) - 1) < 0.15).all()
    assert (spectra.max(axis=1) > 1.2).all()


def test_shipped_libraries_are_small() -> None:
    assert sum((FOLDER / f"{name}.npz").stat().st_size for name in K_EDGES) < 100_000
    assert 20 <= sum(len(load_library(name)) for name in K_EDGES) <= 30
