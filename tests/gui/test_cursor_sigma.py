"""The error of the value under the cursor."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.gui.pixels.sigma import sigma_of_pixel
from napari_xanes.noise import AmountNoise, PhotonNoise

PHOTONS = 400.0
DEPTH = np.linspace(0.0, 1.2, 5)
IMAGE = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0]])


def test_photons_of_sample_and_flat_make_the_error() -> None:
    noise = PhotonNoise((PHOTONS * IMAGE)[np.newaxis], n_flat=4)
    expected = np.sqrt(np.exp(DEPTH) / (PHOTONS * 9) + 1 / (4 * PHOTONS * 9))
    np.testing.assert_allclose(sigma_of_pixel(noise, DEPTH, (1, 2)), expected, rtol=1e-6)


def test_a_value_has_the_error_of_a_flat_that_all_energies_share() -> None:
    noise = PhotonNoise((PHOTONS * IMAGE)[np.newaxis], flats=np.ones((5, 1)))
    expected = np.sqrt((np.exp(DEPTH) + 1) / (PHOTONS * 5))
    np.testing.assert_allclose(sigma_of_pixel(noise, DEPTH, (1, 1)), expected, rtol=1e-6)


def test_amounts_have_the_error_of_their_spectra(rng: np.random.Generator) -> None:
    columns, factors = rng.random((5, 2)), rng.random((2, 3, 2, 3))
    expected = np.linalg.norm(columns @ factors[:, :, 1, 0], axis=1)
    np.testing.assert_allclose(sigma_of_pixel(AmountNoise(columns, factors), DEPTH, (1, 0)), expected)


def test_noise_on_disk_is_not_read() -> None:
    import dask.array as da

    photons: Any = da.full((1, 2, 3), PHOTONS)  # type: ignore[no-untyped-call]
    assert sigma_of_pixel(PhotonNoise(photons), DEPTH, (0, 0)) is None


@pytest.mark.parametrize("known", [True, False])
def test_the_cursor_tells_the_error_where_noise_is_known(viewer: Any, add_stack: Any, wait: Any, known: bool) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    data = np.broadcast_to(DEPTH[:, None, None], (5, 8, 9)).astype(np.float32)
    metadata = {"noise": PhotonNoise(np.full((1, 8, 9), PHOTONS))} if known else {}
    layer = add_stack(SpectralStack(data, 8330.0 + np.arange(5), "optical_depth", metadata=metadata))
    viewer.dims.set_current_step(0, 2)
    viewer.cursor.position = tuple(layer.data_to_world((2, 3, 4)))
    sigma = np.sqrt((np.exp(0.6) + 1) / PHOTONS)
    wait(lambda: "8332.0 eV" in dock.view.readout.text())
    said = re.search(r"OD (\S+)(?: ± (\S+))?$", dock.view.readout.text())
    assert said is not None
    assert said.groups() == (("0.600", f"{sigma:.3f}") if known else ("0.6", None))
    dock.workspace.cursor.box = 3
    wait(lambda: "±" not in dock.view.readout.text())
