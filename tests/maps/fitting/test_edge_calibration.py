"""Valence from edge energy: pure and mixed pixels in any window, on any scale; what is refused, masked and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_xanes import MapSet, SpectralStack, Spectrum, read_spectra
from napari_xanes.edge import EdgeLines
from napari_xanes.maps import edge_energy
from napari_xanes.maps.fitting.edge_references import lines_of
from napari_xanes.ops import crop, normalize_edge

E0 = 7120.0

WINDOWS = {
    "-100..250": np.arange(E0 - 100, E0 + 250, 0.5),
    "-60..120": np.concatenate(
        [np.arange(E0 - 60, E0 - 10, 8), np.arange(E0 - 10, E0 + 30, 1), np.arange(E0 + 30, E0 + 120, 5)]
    ),
    "-30..60": np.concatenate(
        [np.arange(E0 - 30, E0 - 10, 4), np.arange(E0 - 10, E0 + 30, 1), np.arange(E0 + 30, E0 + 60, 5)]
    ),
    "-20..40": np.arange(E0 - 20, E0 + 40, 1.0),
}


def per_atom(energy: np.ndarray, e0: float, white_line: float) -> np.ndarray:
    """An edge with a white line and fine structure that decays, as in a solid."""
    k = np.sqrt(np.maximum(energy - e0, 0) / 3.81)
    waves = 0.15 * np.sin(4.2 * k) * np.exp(-0.02 * k**2) * (1 - np.exp(-(k**2) / 4))
    step = 0.5 + np.arctan((energy - e0) / 1.3) / np.pi
    return step * (1 + waves) + white_line * np.exp(-(((energy - e0 - 4.5) / 2.5) ** 2))


def reference(valence: float, shift: float, white_line: float, step: float = 0.7, reach: float = 500.0) -> Spectrum:
    axis = np.arange(E0 - 200 + 0.13, E0 + reach, step)
    return Spectrum(f"v{valence:g}", axis, per_atom(axis, E0 + shift, white_line), valence)


LOW, MIDDLE, HIGH = reference(2, -2, 0.4), reference(2.6, -0.6, 0.5), reference(3, 1.4, 0.6)


def pixels(axis: np.ndarray, *spectra: np.ndarray) -> SpectralStack:
    """One pixel per spectrum, on a background that falls as the cube of the energy."""
    depth = 0.8 * np.stack(spectra, axis=1)[:, :, None] + 0.3 * ((axis / axis[0]) ** -3)[:, None, None]
    return SpectralStack(depth, axis, "optical_depth")


def on(axis: np.ndarray, *references: Spectrum) -> list[np.ndarray]:
    from scipy.interpolate import PchipInterpolator

    return [PchipInterpolator(one.energy, one.mu)(axis) for one in references]


def valences(maps: MapSet) -> tuple[np.ndarray, np.ndarray]:
    valence = maps["valence"]
    assert valence.sigma is not None
    return np.asarray(valence.data).ravel(), np.asarray(valence.sigma).ravel()


@pytest.mark.parametrize("window", WINDOWS)
def test_pure_pixels_read_their_valence_in_any_window(window: str) -> None:
    axis = WINDOWS[window]
    low, middle, high = on(axis, LOW, MIDDLE, HIGH)
    for references, truths, spectra in (
        ([LOW, HIGH], [2, 3, 2.5, 2.2], [low, high, (low + high) / 2, 0.8 * low + 0.2 * high]),
        ([LOW, MIDDLE, HIGH], [2, 2.6, 3, 2.3, 2.8], [low, middle, high, (low + middle) / 2, (middle + high) / 2]),
    ):
        maps = edge_energy(pixels(axis, *spectra), references=references)
        found, sigma = valences(maps)
        np.testing.assert_allclose(found, truths, atol=0.02, err_msg=window)
        assert (np.abs(found - truths) < 2 * sigma).all()
        assert maps["valence"].mask.all()
        # Short windows leave the jump uncertain, but pixels and references have the same lines.
        assert all("edge jump is uncertain" in text for text in maps.metadata["warnings"])
        assert not maps.metadata["warnings"] or window in ("-30..60", "-20..40")


def test_a_mixture_that_is_not_of_neighbours_or_a_compound_lies_within_the_model_error() -> None:
    axis = WINDOWS["-60..120"]
    low, _, high = on(axis, LOW, MIDDLE, HIGH)
    three = edge_energy(pixels(axis, (low + high) / 2), references=[LOW, MIDDLE, HIGH])
    found, sigma = valences(three)
    assert abs(found[0] - 2.5) < 2 * sigma[0]
    compound = pixels(axis, per_atom(axis, E0 - 0.3, 0.4))
    found, sigma = valences(edge_energy(compound, references=[LOW, reference(3, 1.4, 0.4)]))
    assert abs(found[0] - 2.5) < 2 * sigma[0]
    assert 0.2 < sigma[0] < 0.8  # a compound unlike the references is doubted, in one pixel too


def test_two_references_cannot_know_how_far_compounds_lie_off_their_curve() -> None:
    axis = WINDOWS["-60..120"]
    low, high = on(axis, LOW, HIGH)
    shares = np.array([0, 0.1, 0.5, 0.9, 1])
    _, sigma = valences(edge_energy(pixels(axis, *((1 - f) * low + f * high for f in shares)), references=[LOW, HIGH]))
    assert (sigma > 0.2 * 4 * shares * (1 - shares)).all()
    assert (sigma[[0, -1]] < 0.05).all()


def test_compounds_between_two_measured_references(real_data: Path) -> None:
    found = []
    for element, low, middle, high in (
        ("mn", "MnO", "Mn2O3", "MnO2"),
        ("mn", "MnO", "Mn3O4", "Mn2O3"),
        ("mn", "MnO", "Mn3O4", "MnO2"),
        ("mn", "Mn3O4", "Mn2O3", "MnO2"),
        ("fe", "FeO", "Fe3O4", "Fe2O3"),
    ):
        spectra = [
            read_spectra(real_data / "references" / f"{element}_k" / f"{name}_rt_01.xdi")[0]
            for name in (low, middle, high)
        ]
        inside = (spectra[1].energy > max(s.energy[0] for s in spectra) + 1) & (
            spectra[1].energy < min(s.energy[-1] for s in spectra) - 1
        )
        depth = spectra[1].mu[inside][:, None, None]
        stack = SpectralStack(np.repeat(depth, 2, axis=2), spectra[1].energy[inside], "optical_depth")
        true = dict(
            zip(
                ("MnO", "Mn3O4", "Mn2O3", "MnO2", "FeO", "Fe3O4", "Fe2O3"),
                (2, 8 / 3, 3, 4, 2, 8 / 3, 3),
                strict=True,
            )
        )
        references = [replace(spectra[k], valence=true[name]) for k, name in ((0, low), (2, high))]
        valence, sigma = valences(edge_energy(stack, references=references))
        found.append((valence[0] - true[middle]) / sigma[0])
    assert (np.abs(found) < 2).all()


@pytest.mark.parametrize("window", WINDOWS)
def test_references_on_any_scale_calibrate_alike(window: str) -> None:
    axis = WINDOWS[window]
    stack = pixels(axis, *on(axis, LOW, MIDDLE, HIGH))
    raw = [
        Spectrum(one.name, one.energy, 2.5 * one.mu + 3 - 1e-3 * (one.energy - E0), one.valence, metadata=flag)
        for one, flag in ((LOW, {"normalized": False}), (HIGH, {}))
    ]
    plain, scaled = (edge_energy(stack, references=given) for given in ([LOW, HIGH], raw))
    np.testing.assert_allclose(scaled["valence"].data, plain["valence"].data, atol=1e-4)


@pytest.mark.parametrize("flatten", [False, True])
def test_a_normalized_stack_calibrates_by_the_lines_that_normalized_it(flatten: bool) -> None:
    axis = WINDOWS["-60..120"]
    low, high = on(axis, LOW, HIGH)
    normalized = normalize_edge(pixels(axis, low, high, (low + high) / 2), flatten=flatten)
    # Once it is cropped, the energies of its lines are not known any more, but only their ranges.
    for stack, least in ((normalized, 0.02), (crop(normalized, energy=(E0 - 40, E0 + 70)), 0.03)):
        maps = edge_energy(stack, references=[LOW, HIGH])
        np.testing.assert_allclose(valences(maps)[0], [2, 3, 2.5], atol=least)
        assert not maps.metadata["warnings"]


@pytest.mark.parametrize(
    "options", [{"pre_form": "constant", "post_form": "constant"}, {"method": "mback", "absorber": "Fe K"}]
)
def test_references_get_the_forms_of_the_stack(options: Any) -> None:
    axis = WINDOWS["-60..120"]
    low, high = on(axis, LOW, HIGH)
    spectra = np.stack([0.7 * low, 0.4 * high], axis=1) + 2e-3 * (axis - axis[0])[:, None]
    normalized = normalize_edge(SpectralStack(spectra[:, None], axis, "optical_depth"), **options)
    lines = lines_of(normalized, EdgeLines(axis, E0, (-40, -20), (30, 100)))
    np.testing.assert_allclose(lines.measure(spectra).jump, normalized.metadata["edge_jump"].data.ravel(), rtol=1e-4)


def test_a_stack_normalized_elsewhere_by_other_lines_is_told() -> None:
    axis = WINDOWS["-60..120"]
    data = 0.9 * np.stack(on(axis, LOW, HIGH), axis=1)[:, :, None]
    maps = edge_energy(SpectralStack(data, axis, "normalized"), references=[LOW, HIGH])
    assert "was normalized by other lines" in maps.metadata["warnings"][-1]


def test_lines_end_where_a_reference_ends_or_are_refused() -> None:
    axis = WINDOWS["-100..250"]
    short = reference(3, 1.4, 0.6, reach=121.0)
    stack = pixels(axis, *on(axis, LOW, HIGH))
    maps = edge_energy(stack, references=[LOW, short])
    state = maps.history[-1].state
    assert state is not None
    assert state["e0"] + state["post"][1] == pytest.approx(short.energy[-1], abs=1e-6)
    np.testing.assert_allclose(valences(maps)[0], [2, 3], atol=0.02)
    with pytest.raises(ValueError, match=r"reference 'v3' covers .*choose post within what both cover"):
        edge_energy(stack, references=[LOW, short], post=(30, 200))


def test_valences_beyond_the_references_are_masked_and_told() -> None:
    axis = WINDOWS["-100..250"]
    low, high = on(axis, LOW, HIGH)
    metal = per_atom(axis, E0 - 6, 0.1)
    maps = edge_energy(pixels(axis, metal, low, high), references=[LOW, HIGH])
    assert maps["valence"].mask.ravel().tolist() == [False, True, True]
    assert any("1 of 3 edges lie outside those of the references" in text for text in maps.metadata["warnings"])


def test_noise_masks_no_pure_pixel() -> None:
    axis = WINDOWS["-60..120"]
    data = np.repeat(pixels(axis, *on(axis, LOW)).data, 500, axis=1)
    data = data + 0.01 * np.random.default_rng(3).standard_normal(data.shape)
    maps = edge_energy(SpectralStack(data, axis, "optical_depth"), references=[LOW, HIGH])
    assert not maps.metadata["warnings"]
    assert maps["valence"].mask.mean() > 0.98


def test_references_out_of_order_give_a_straight_line_and_a_warning() -> None:
    axis = WINDOWS["-60..120"]
    odd = reference(4, -0.5, 0.5)
    maps = edge_energy(pixels(axis, *on(axis, LOW, odd, HIGH)), references=[LOW, odd, HIGH])
    found, sigma = valences(maps)
    assert "does not follow their edges (v2 2 at" in maps.metadata["warnings"][0]
    assert (np.abs(found - [2, 4, 3]) < 2 * sigma).all()
    curve = maps.metadata["calibration"]["curve"]
    np.testing.assert_allclose(np.diff(curve["valence"], 2), 0, atol=1e-9)


def test_a_reference_of_another_edge_is_refused() -> None:
    axis = WINDOWS["-60..120"]
    flat = Spectrum("other", LOW.energy, 1e-3 * (LOW.energy - E0), 4)
    with pytest.raises(ValueError, match="'other'"):
        edge_energy(pixels(axis, *on(axis, LOW, HIGH)), references=[LOW, HIGH, flat])


REAL = {
    "Ni": (8345.0, {"ni_k/ref_NiO.txt": 2.0, "ni_k/ref_LiNiO2.txt": 3.0}),
    "Fe": (7122.0, {"fe_k/FeO_rt_01.xdi": 2.0, "fe_k/Fe2O3_rt_01.xdi": 3.0}),
    "Mn": (6550.0, {"mn_k/MnO_rt_01.xdi": 2.0, "mn_k/Mn2O3_rt_01.xdi": 3.0, "mn_k/MnO2_rt_01.xdi": 4.0}),
}


@pytest.mark.parametrize(("below", "above"), [(100, 250), (60, 120), (30, 60)])
@pytest.mark.parametrize("element", REAL)
def test_measured_references(real_data: Path, element: str, below: float, above: float) -> None:
    """Pixels of measured oxides and of their half-and-half mixtures, free of noise."""
    from napari_xanes.edge import normalize_spectrum

    centre, files = REAL[element]
    measured = [read_spectra(real_data / "references" / name)[0] for name in files]
    known = [
        Spectrum(name, one.energy, one.mu, valence)
        for one, (name, valence) in zip(measured, files.items(), strict=True)
    ]
    normalized = [normalize_spectrum(one, e0=centre) for one in known]
    axis = np.arange(centre - below, centre + above, 1.0)
    axis = axis[(axis > max(one.energy[0] for one in known)) & (axis < min(one.energy[-1] for one in known))]
    pure, valence = np.array(on(axis, *normalized)), np.array([*files.values()])
    halves, half = (pure[1:] + pure[:-1]) / 2, (valence[1:] + valence[:-1]) / 2
    maps = edge_energy(pixels(axis, *pure, *halves), references=known)
    found, sigma = valences(maps)
    trusted = maps["valence"].mask.ravel()
    assert trusted.sum() >= found.size - 1
    error = np.where(trusted, found - [*valence, *half], 0)
    np.testing.assert_allclose(error[: valence.size], 0, atol=0.02)
    assert (np.abs(error) <= 2 * sigma)[trusted].all()
