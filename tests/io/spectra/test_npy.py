"""Arrays of energies and mu(E) in .npy."""

from __future__ import annotations

import numpy as np
import pytest
from tests.io.spectra.test_layouts import ENERGY, I0, IT, TRANSMISSION

from napari_xanes import read_spectra


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
@pytest.mark.parametrize("factor", [1.0, 1e-3])
@pytest.mark.parametrize("lying", [False, True])
def test_two_columns_or_two_rows(tmp_path, order, factor, lying):
    array = np.stack([ENERGY * factor, TRANSMISSION], axis=1)[order]
    np.save(tmp_path / "a.npy", array.T if lying else array)
    (spectrum,) = read_spectra(tmp_path / "a.npy")
    np.testing.assert_allclose(spectrum.energy, ENERGY)
    np.testing.assert_allclose(spectrum.mu, TRANSMISSION)


@pytest.mark.parametrize("order", [["energy", "i0", "it"], ["it", "energy", "i0"]])
def test_fields_with_names(tmp_path, order):
    values = {"energy": ENERGY, "i0": I0, "it": IT}
    array = np.zeros(ENERGY.size, [(name, "f8") for name in order])
    for name in order:
        array[name] = values[name]
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_allclose(read_spectra(tmp_path / "a.npy")[0].mu, TRANSMISSION)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2)), "no list of photon energies"),
        (np.array([[1, 5.0], [2, 6], [3, 7], [4, 9]]), "first column is no list|may be"),
        (np.stack([np.arange(1.0, 40), np.ones(39)], axis=1), "energies"),
        (np.stack([ENERGY, I0, IT], axis=1), "no column of I0"),
        (np.array([[8300.0, 8310.0], [8310.0, 8320.0]]), "does not say whether"),
        (np.zeros((30, 4000)), "image rather than columns"),
        (np.array([["a", "b"]] * 3), "not columns of energies"),
        (np.zeros(4, complex).reshape(2, 2), "not columns of energies"),
        (np.zeros(5), "not columns"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=message):
        read_spectra(tmp_path / "a.npy")


def test_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1, None], [2, "x"]], object), allow_pickle=True)
    with pytest.raises((ValueError, OSError), match=r"pickle|objects"):
        read_spectra(tmp_path / "a.npy")


def test_counters_can_be_chosen(tmp_path):
    np.save(tmp_path / "a.npy", np.stack([IT, ENERGY, I0], axis=1))
    (spectrum,) = read_spectra(tmp_path / "a.npy", energy=2, i0=3, signal=1, mode="transmission")
    np.testing.assert_allclose(spectrum.mu, TRANSMISSION)
