"""Preparation of a reference fit: energies, normalization, valences, messages."""

from __future__ import annotations

import numpy as np
import pytest
from tests.maps.reference_samples import AXIS, REFS, edge_spectrum, stack_of

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.maps import fit_references
from napari_xanes.maps.references import fitted_spectrum


def test_energies_outside_the_references_are_skipped_and_reported() -> None:
    stack = stack_of(np.full((3, 2, 2), 0.5), REFS, 0.001)
    short = [Spectrum(r.name, r.energy[260:390], r.mu[260:390], r.valence, metadata=r.metadata) for r in REFS]
    maps = fit_references(stack, references=short)
    low, high = short[0].energy[[0, -1]]
    assert maps.metadata["warnings"] == [
        f"2 of {AXIS.size} energies lie outside the references ({low:g}-{high:g} eV) and are not used"
    ]
    assert maps.metadata["fit"]["energy"][-1] <= high
    replayed = fit_references.apply(stack, maps.history[-1])
    assert replayed.metadata["warnings"] == maps.metadata["warnings"]
    chosen = fit_references(stack, references=REFS, energy=(8335, 8380))
    assert chosen.metadata["warnings"] == []
    assert chosen.metadata["fit"]["energy"][0] == 8335


def test_references_with_background_are_normalized_first() -> None:
    grid = np.arange(8200.0, 8500.0, 0.5)
    raw = [
        Spectrum(r.name, grid, 3 * r.mu + 5 - 0.002 * grid / 8, r.valence, metadata={"normalized": False}) for r in REFS
    ]
    stack = stack_of(np.full((3, 2, 2), 0.5), REFS)
    maps = fit_references(stack, references=raw, slope=True)
    np.testing.assert_allclose(maps["edge_jump"].data, 1.5, rtol=0.05)
    as_is = fit_references(stack, references=raw, slope=True, normalize_references="never")
    np.testing.assert_allclose(as_is["edge_jump"].data, 0.5, rtol=0.01)
    peak = Spectrum("peak", grid, -REFS[0].mu, metadata={"normalized": False})
    maps_with_warning = fit_references(stack, references=[*REFS[1:], peak])
    assert maps_with_warning.metadata["warnings"][0].startswith("reference used without normalization: spectrum 'peak'")
    with pytest.raises(ValueError, match="spectrum 'peak'"):
        fit_references(stack, references=[Spectrum("peak", grid, -REFS[0].mu)], normalize_references="always")


def test_references_without_valence() -> None:
    stack = stack_of(np.full((3, 2, 2), 0.5), REFS, 0.001)
    none = [Spectrum(r.name, r.energy, r.mu) for r in REFS]
    assert "valence" not in fit_references(stack, references=none)
    some = fit_references(stack, references=[*REFS[:2], none[2]], slope=True)
    np.testing.assert_allclose(some["valence"].data, 2.5, atol=0.05)
    assert "leaves out references without a valence: four" in some.metadata["warnings"][0]
    one = fit_references(stack, references=[REFS[0], *none[1:]], slope=True)
    assert "valence" not in one, "it would be that of the first reference everywhere"
    assert "there is no mean valence, because too few references have one" in one.metadata["warnings"][0]


def test_messages_say_what_to_do() -> None:
    stack = stack_of(np.full((3, 2, 2), 0.5), REFS, 0.001)
    with pytest.raises(ValueError, match="holds transmission: run optical_depth first"):
        fit_references(SpectralStack(stack.data, AXIS, "transmission"), references=REFS)
    with pytest.raises(ValueError, match="can't be called 'valence'"):
        fit_references(stack, references=[edge_spectrum("valence", 8344, 0.5)])
    iron = Spectrum("Fe", np.arange(7000.0, 7100), np.arange(100.0))
    with pytest.raises(ValueError, match=r"8330 to 8398 eV.*shares 0 with all references; 'Fe' covers 7000 to 7099 eV"):
        fit_references(stack, references=[*REFS, iron])
    with pytest.raises(ValueError, match="'twin' is a combination of two, three, four and the background"):
        fit_references(stack, references=[*REFS, edge_spectrum("twin", 8344, 0.6)])
    with pytest.raises(ValueError, match="'zero' is nothing but background"):
        fit_references(stack, references=[Spectrum("zero", AXIS, 0 * AXIS)])
    holed = Spectrum("holed", AXIS, np.where(AXIS == 8340, np.nan, 1.0))
    with pytest.raises(ValueError, match="'holed' has no value at 8340 eV"):
        fit_references(stack, references=[holed])
    few = SpectralStack(stack.data[:3], AXIS[:3], "optical_depth")
    with pytest.raises(ValueError, match="a fit of 5 columns needs at least 6 energies"):
        fit_references(few, references=REFS)
    empty = stack.data.copy()
    empty[12] = np.nan
    with pytest.raises(ValueError, match=r"frame 12 \(8342.0 eV\)"):
        fit_references(stack.with_data(empty), references=REFS)
    with pytest.raises(ValueError, match="holds no fit of references"):
        fitted_spectrum(type(fit_references(stack, references=REFS))({}), (0, 0))
