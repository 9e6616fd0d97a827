"""Valence from K-edge libraries: mixtures, errors, measured libraries, real spectra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.maps.matching.k_edge_samples import ENERGY, LNO, NI4, NIO, SHIFT, WIDTH, measured

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.maps.references import fitted_spectrum
from napari_xanes.reference_arguments import load_reference
from napari_xanes.theory import Library, load_library


@pytest.fixture(scope="module")
def mixed(library: Library) -> tuple[SpectralStack, np.ndarray]:
    """Return noisy mixtures of three members, 6 x 8 pixels, one without material, and the true valences."""
    rng = np.random.default_rng(7)
    shares = rng.dirichlet(np.ones(3), 48)
    members = library.at(ENERGY, broadening=WIDTH, shift=SHIFT, rows=[NIO, LNO, NI4])
    depth = rng.uniform(0.4, 1.5, (48, 1)) * (shares @ members) + 0.3 - 0.001 * (ENERGY - 8350)
    depth[5] = 0.3
    depth += 0.003 * rng.standard_normal(depth.shape)
    stack = SpectralStack(depth.T.reshape(-1, 6, 8).astype(np.float32), ENERGY, "optical_depth", 0.05)
    return stack, (shares @ [2.0, 3.0, 4.0]).reshape(6, 8)


def match(stack: SpectralStack, **parameters: Any) -> nx.MapSet:
    return nx.maps.match_library(stack, **{"library": "ni-k", **parameters})


def test_mixtures_have_their_valence_within_sigma(library: Library, mixed: tuple[SpectralStack, np.ndarray]) -> None:
    stack, truth = mixed
    maps = match(stack, calibration=measured(library, NIO))
    valence, clear = maps["valence"], np.ones((6, 8), dtype=bool)
    clear[0, 5] = False
    np.testing.assert_array_equal(valence.mask, clear)
    error = (valence.data - truth)[clear]
    assert np.abs(error).mean() < 0.03
    noise, model = maps["valence_noise"].data, maps["valence_model"].data
    assert (np.abs(error) < 3 * noise[clear]).mean() > 0.95
    assert np.ptp(model[clear]) == 0
    assert 0.15 < model[clear].min() < 0.35  # nothing ties the axis of the stack to that of the calibration
    np.testing.assert_allclose(valence.sigma[clear], np.hypot(noise, model)[clear], rtol=1e-5)
    assert maps["doubt"].labels[int(maps["doubt"].data[0, 5])] == "weak signal"
    assert maps["misfit"].data[clear].max() < 0.05
    assert maps.metadata["library"]["offset_eV"] == pytest.approx(SHIFT, abs=0.02)
    assert maps["valence"].companion is None or not maps["valence"].companion
    shares = sum(maps[name].data for name in library.species)
    np.testing.assert_allclose(shares[clear], 1, atol=1e-5)
    fit = fitted_spectrum(maps, (2, 3))
    assert np.abs(fit.mu - stack.data[np.isin(stack.energy, fit.energy), 2, 3]).max() < 0.02


def test_energies_far_from_the_edge_change_nothing(library: Library, mixed: tuple[SpectralStack, np.ndarray]) -> None:
    stack, _ = mixed
    far = np.array([8100.0, 8200.0]), np.array([8500.0, 8600.0])
    data = np.concatenate([np.full((2, 6, 8), 9.0), stack.data, np.full((2, 6, 8), -9.0)]).astype(np.float32)
    wide = SpectralStack(data, np.concatenate([far[0], stack.energy, far[1]]), "optical_depth", 0.05)
    calibration = measured(library, NIO)
    expected, maps = match(stack, calibration=calibration), match(wide, calibration=calibration)
    np.testing.assert_array_equal(maps["valence"].data, expected["valence"].data)
    assert maps.metadata["warnings"] == []


def test_a_wrong_energy_axis_shifts_the_valence(library: Library, mixed: tuple[SpectralStack, np.ndarray]) -> None:
    stack, truth = mixed
    moved = SpectralStack(stack.data, stack.energy + 1.0, "optical_depth", 0.05)
    higher = match(moved, calibration=measured(library, NIO))["valence"]
    assert (higher.data - truth)[higher.mask].mean() > 0.2  # no shift per pixel corrects this


def test_error_without_calibration_says_what_to_give(mixed: tuple[SpectralStack, np.ndarray]) -> None:
    stack, _ = mixed
    with pytest.raises(ValueError, match=r"give calibration, one spectrum .* valence or named after .*NiO, La2NiO4"):
        match(stack)
    with pytest.raises(ValueError, match="give calibration"):
        match(stack, offset=1.0)
    maps = match(stack, offset=SHIFT, broadening=WIDTH)
    assert maps["valence"].mask.any()
    assert "calibration" not in maps.metadata["library"]


def test_a_poor_calibration_is_reported(library: Library, mixed: tuple[SpectralStack, np.ndarray]) -> None:
    other = measured(library, 4, name="NiO")
    maps = match(mixed[0], calibration=other)
    assert any("poorly" in warning for warning in maps.metadata["warnings"])


def test_misfits_are_not_assigned(library: Library, mixed: tuple[SpectralStack, np.ndarray]) -> None:
    data = mixed[0].data.copy()
    data[:, 3, 4] += 0.6 * np.sin(ENERGY)
    maps = match(mixed[0].with_data(data), calibration=measured(library, NIO))
    assert not maps["valence"].mask[3, 4]
    assert maps["doubt"].labels[int(maps["doubt"].data[3, 4])] == "poor fit"
    assert np.isfinite(maps["valence"].sigma[maps["valence"].mask]).all()


def test_measured_libraries_need_no_calibration(library: Library, mixed: tuple[SpectralStack, np.ndarray]) -> None:
    stack, truth = mixed
    ends = [measured(library, row, valence=valence) for row, valence in ((NIO, 2.0), (LNO, 3.0), (NI4, 4.0))]
    flat = [Spectrum(s.name, s.energy, (s.mu - 0.4 + 0.002 * (s.energy - 8350)) / 1.7, s.valence) for s in ends]
    maps = match(stack, library=flat)
    valence = maps["valence"]
    assert np.abs((valence.data - truth)[valence.mask]).mean() < 0.03
    assert maps["valence_model"].data[valence.mask].max() < 0.03  # steps of 0.5 eV are interpolated
    without = [Spectrum(s.name, s.energy, s.mu) for s in flat]
    with pytest.raises(ValueError, match="has no valences"):
        match(stack, library=without)


def test_raw_measured_spectra_are_normalized(library: Library) -> None:
    axis = np.arange(8240, 8470, 1.0)
    step = 0.5 + np.arctan((axis - 8345) / 1.5) / np.pi
    raw = Spectrum("thick", axis, 3 * step + 1, 2.0, metadata={"normalized": False})
    thin = Spectrum("thin", axis, step, 3.0, metadata={"normalized": True})
    loaded = load_library([raw, thin])
    ends = loaded.at([8270.0, 8450.0], broadening=0.0)
    np.testing.assert_allclose(ends[:, 1] - ends[:, 0], 1, atol=0.05)


def test_feff_output_counts_as_theory(tmp_path: Path) -> None:
    axis = np.arange(8310, 8400, 1.0)
    mu = 0.5 + np.arctan(axis - 8340) / np.pi
    rows = "\n".join(f"{e} {e - 8333} 0 {m} {m} 0" for e, m in zip(axis, mu, strict=True))
    (tmp_path / "xmu.dat").write_text(f"# omega e k mu mu0 chi\n{rows}\n")
    assert load_library(tmp_path / "xmu.dat").needs_calibration


def test_stacks_of_another_edge_are_refused(
    library: Library, l_edge_stack: SpectralStack, mixed: tuple[SpectralStack, np.ndarray]
) -> None:
    nio = measured(library, NIO)
    with pytest.raises(ValueError, match=r"636 to .*needs 83\d\d to 83\d\d eV"):
        match(l_edge_stack, calibration=nio)
    stack = mixed[0]
    short = stack.energy < 8335
    with pytest.raises(ValueError, match="choose the library of the element and edge"):
        match(SpectralStack(stack.data[short], stack.energy[short], "optical_depth"), calibration=nio)
    with pytest.raises(ValueError, match="calibration is for K edges"):
        nx.maps.match_library(l_edge_stack, library="mn-l23-oh", calibration=nio)
    with pytest.raises(ValueError, match="energies in the library 'mn-k'"):
        match(stack, library="mn-k", calibration=measured(library, NIO, valence=2.0))


def test_replay_and_recipe_give_the_same(
    library: Library, mixed: tuple[SpectralStack, np.ndarray], tmp_path: Path
) -> None:
    stack = mixed[0]
    nx.write([measured(library, NIO, valence=2.0)], tmp_path / "standard.csv")
    recipe = "- match_library:\n    library: ni-k\n    calibration: {path: standard.csv, name: NiO}\n"
    (tmp_path / "recipe.yaml").write_text(recipe)
    first = nx.run(nx.Recipe.load(tmp_path / "recipe.yaml"), stack)
    exact = nx.Recipe.from_yaml(nx.Recipe([first.history[-1]]).to_yaml(exact=True))
    repeated = nx.run(exact, stack)
    np.testing.assert_array_equal(first["valence"].data, repeated["valence"].data)
    assert set(first.history[-1].state) == {"offset", "broadening"}


def test_load_reference_needs_exactly_one_spectrum(tmp_path: Path) -> None:
    spectra = [Spectrum(name, ENERGY, np.ones_like(ENERGY)) for name in ("a", "b")]
    with pytest.raises(ValueError, match=r"not 2 \(a, b\); choose by {path"):
        load_reference(spectra)
    assert load_reference(None) is None
    assert load_reference(spectra[:1]) is spectra[0]


REAL = {
    "ni-k": [("ni_k/ref_NiO.txt", None, "NiO", 2), ("ni_k/ref_LiNiO2.txt", None, "LiNiO2", 3)],
    "mn-k": [
        ("athena/Mn.prj", "MnO", "MnO", 2),
        ("athena/Mn.prj", "Mn3O4", "Mn3O4", 8 / 3),
        ("athena/Mn.prj", "Mn2O3x", "Mn2O3", 3),
        ("athena/Mn.prj", "Pyrolusite", "MnO2", 4),
    ],
    "fe-k": [
        ("fe_k/FeO_rt_01.xdi", None, "FeO", 2),
        ("fe_k/Fe3O4_rt_01.xdi", None, "Fe3O4", 8 / 3),
        ("fe_k/Fe2O3_rt_01.xdi", None, "Fe2O3", 3),
    ],
}


@pytest.mark.parametrize(
    ("name", "phase", "bar"),
    [
        ("ni-k", "NiO", 0.15),
        ("ni-k", "LiNiO2", 0.15),
        ("mn-k", "MnO2", 0.25),
        ("mn-k", "MnO", 0.35),
        ("fe-k", "Fe2O3", 0.25),
    ],
)
def test_real_oxides_are_within_the_claimed_error(real_data: Path, name: str, phase: str, bar: float) -> None:
    oxides = []
    for path, spectrum, called, valence in REAL[name]:
        item = {"path": real_data / "references" / path, "valence": valence}
        spectrum_read = load_reference(item | ({"name": spectrum} if spectrum else {}))
        assert spectrum_read is not None
        if spectrum_read.metadata.get("normalized") is False:
            spectrum_read = nx.edge.normalize_spectrum(spectrum_read)
        oxides.append(Spectrum(called, spectrum_read.energy, spectrum_read.mu, valence))
    low, high = load_library(name).span
    energy = np.arange(low + 5, high - 5, 1.0)
    data = np.stack([oxide.at(energy) for oxide in oxides], axis=1)[:, None].astype(np.float32)
    calibration = next(oxide for oxide in oxides if oxide.name == phase)
    maps = match(SpectralStack(data, energy, "normalized"), library=name, calibration=calibration)
    error = np.abs(maps["valence"].data[0] - [oxide.valence for oxide in oxides])
    assert error.mean() < bar
    assert (error < 2 * maps["valence"].sigma[0]).all()


CALIBRATIONS = [(library, row) for library, oxides in REAL.items() for row in range(len(oxides))] + [("hydrates", 0)]
HYDRATES = [("ni_k/NiOH2_rt_01.xdi", None, "Ni(OH)2", 2), ("ni_k/Ni2O3_rt_01.xdi", None, "Ni2O3", 3)]


@pytest.mark.parametrize("quantity", ["normalized", "optical_depth"])
@pytest.mark.parametrize(("name", "row"), [*CALIBRATIONS, ("hydrates", 1), ("sulfide", 0), ("sulfide", 1)])
def test_each_measured_phase_calibrates_the_others(real_data: Path, name: str, row: int, quantity: str) -> None:
    """Every phase that is shown lies within two sigma, also phases that are not in the library."""
    phases = {
        **REAL,
        "hydrates": HYDRATES,
        "sulfide": [*REAL["ni-k"], ("ni_k/NiS_rt_01.xdi", None, "NiS", 2)],
    }[name]
    spectra = []
    for path, spectrum, phase, valence in phases:
        found = load_reference(
            {"path": real_data / "references" / path, "valence": valence} | ({"name": spectrum} if spectrum else {})
        )
        assert found is not None
        if found.metadata.get("normalized") is False:
            found = nx.edge.normalize_spectrum(found)
        spectra.append(Spectrum(phase, found.energy, found.mu, valence))
    library = name if name in REAL else "ni-k"
    low, high = load_library(library).span
    energy = np.arange(max(low + 5, *(one.energy[0] for one in spectra)), high - 5, 1.0)
    data = np.stack([one.at(energy) for one in spectra], axis=1)[:, None].astype(np.float32)
    valence_map = match(SpectralStack(data, energy, quantity), library=library, calibration=spectra[row])["valence"]
    off = np.abs(valence_map.data[0] - [one.valence for one in spectra])
    assert (off <= 2 * valence_map.sigma[0])[valence_map.mask[0]].all()


def test_the_error_grows_with_the_misfit(library: Library, mixed: tuple[SpectralStack, np.ndarray]) -> None:
    stack, _ = mixed
    ripple = 0.15 * np.sin((ENERGY - 8340) / 4)[:, None, None]
    maps = match(stack.with_data(stack.data + ripple), calibration=measured(library, NIO), max_misfit=1.0)
    shown = maps["valence"].mask
    assert (maps["valence_model"].data[shown] > 0.2).all()
    assert (maps["valence"].sigma[shown] >= maps["valence_model"].data[shown]).all()
