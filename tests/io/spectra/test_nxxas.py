"""NXxas files of both definitions, written here as the definitions say."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from napari_xanes import read_spectra

ENERGY = np.arange(8300.0, 8400.0, 2.0)
I0 = np.full(ENERGY.size, 1000.0)
MU = 0.5 + np.arctan((ENERGY - 8340) / 2) / np.pi


def entry(path, name="scan", definition="NXxas", **datasets):
    with h5py.File(path, "a") as file:
        group = file.create_group(name)
        group["definition"] = definition
        for key, values in datasets.items():
            group[key.replace("__", "/")] = values
    return path


def test_the_newer_definition(tmp_path):
    path = entry(tmp_path / "a.h5", energy=ENERGY / 1e3, intensity=MU, sample__name="NiO", element__symbol="Ni")
    with h5py.File(path, "a") as file:
        file["scan/energy"].attrs["units"] = "keV"
        file["scan/intensity"].attrs["long_name"] = "Normalized mu(E)"
    (spectrum,) = read_spectra(path)
    np.testing.assert_allclose(spectrum.energy, ENERGY)
    np.testing.assert_array_equal(spectrum.mu, MU)
    assert (spectrum.name, spectrum.metadata["element"], spectrum.metadata["normalized"]) == ("NiO", "Ni", True)


@pytest.mark.parametrize(
    ("mode", "signal", "mu"), [("transmission", I0 * np.exp(-MU), MU), ("fluorescence", I0 * MU, MU)]
)
def test_the_first_definition(tmp_path, mode, signal, mu):
    path = entry(tmp_path / "a.nxs", data__energy=ENERGY, data__absorbed_beam=signal, monitor__data=I0, mode=mode)
    (spectrum,) = read_spectra(path)
    np.testing.assert_allclose(spectrum.mu, mu)
    assert spectrum.metadata["mode"] == mode


def test_detector_elements_are_summed(tmp_path):
    elements = np.stack([0.25 * I0 * MU, 0.75 * I0 * MU], axis=1)
    path = entry(
        tmp_path / "a.h5",
        energy=ENERGY,
        instrument__i0__data=I0,
        instrument__ifluor__data=elements,
        mode="fluorescence",
    )
    np.testing.assert_allclose(read_spectra(path)[0].mu, MU)


def test_entries_without_a_spectrum_are_named(tmp_path):
    path = entry(tmp_path / "a.h5", "good", energy=ENERGY, intensity=MU)
    entry(path, "bad", energy=np.arange(50.0), intensity=MU)
    with pytest.warns(UserWarning, match="bad: energy .* can be no photon energies"):
        assert [s.name for s in read_spectra(path)] == ["good"]


def test_links_to_other_files_are_not_followed(tmp_path):
    path = entry(tmp_path / "a.h5", energy=ENERGY)
    entry(tmp_path / "b.h5", energy=ENERGY, intensity=MU)
    with h5py.File(path, "a") as file:
        file["scan/intensity"] = h5py.ExternalLink("b.h5", "scan/intensity")
    with pytest.raises(ValueError, match="no intensity"):
        read_spectra(path)
