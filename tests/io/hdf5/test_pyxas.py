"""Stacks of PyXAS."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from tests.io.hdf5.hdf5_files import ENERGY, KEV, reader_of, write

from napari_xanes import io


@pytest.mark.parametrize(
    ("image", "key"), [("img_xanes", "XEng"), ("img", "X_eng"), ("img", "XEng"), ("img_xanes", "X_eng")]
)
def test_pyxas(tmp_path, frames, image, key):
    path = write(tmp_path / "a.h5", **{image: frames[::-1], key: KEV[::-1]})
    assert reader_of(path) == "pyxas"
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert stack.metadata["energy_unit"].startswith("keV")


def test_pyxas_guesses_the_quantity_and_reports_it(tmp_path, frames):
    rising = frames / frames.max()
    for images, quantity in ((rising, "optical_depth"), (1 - rising, "transmission"), (frames * 1e4, "counts")):
        stack = io.read(write(tmp_path / "a.h5", img=images, XEng=KEV))
        assert stack.quantity == quantity
        assert "guessed" in stack.metadata["quantity_source"]
    assert io.read(write(tmp_path / "a.h5", img=(frames * 99).astype("u2"), XEng=KEV)).quantity == "counts"
    assert io.read(tmp_path / "a.h5", quantity="fluorescence").quantity == "fluorescence"


def test_pyxas_guesses_the_quantity_from_recorded_frames(tmp_path, frames):
    """The quantity is guessed without the empty frames at the end of an interrupted scan."""
    falling = 1 - frames / frames.max() / 2
    falling[3] = 0
    with pytest.warns(UserWarning, match="the last 1 of 4 frames is empty"):
        assert io.read(write(tmp_path / "a.h5", img=falling, XEng=KEV)).quantity == "transmission"
    path = write(tmp_path / "b.h5", img=falling[:3], XEng=7.1)
    assert io.read(path, energies=ENERGY[:3]).quantity == "transmission"
    assert io.read(path, energies=ENERGY[2::-1]).quantity == "optical_depth"


def test_pyxas_does_not_read_fxi_exports(tmp_path, frames):
    path = write(tmp_path / "a.h5", img_xanes=frames, X_eng=KEV, note="NMC")
    assert reader_of(path) == "fxi"
    assert io.read(path).quantity == "transmission"


@pytest.mark.parametrize("marks", [{}, {"note": "NMC", "scan_id": 3}])
@pytest.mark.parametrize(("n_images", "n_keys"), [(3, 4), (4, 3)])
def test_spare_energies_or_images(tmp_path, frames, n_images, n_keys, marks):
    path = write(tmp_path / "a.h5", img_xanes=frames[:n_images], X_eng=KEV[:n_keys], **marks)
    with pytest.warns(UserWarning, match="the last (frame|energy) is dropped"):
        stack = io.read(path)
    np.testing.assert_array_equal(stack.data, frames[:3])
    np.testing.assert_array_equal(stack.energy, ENERGY[:3])


def test_pyxas_reconstruction_at_one_energy_is_not_a_stack(tmp_path, frames):
    with pytest.raises(ValueError, match="4 images at one energy"):
        io.read(write(tmp_path / "a.h5", img=frames, XEng=7.1))
    with pytest.raises(ValueError, match=r"/XEng is empty"):
        io.read(write(tmp_path / "a.h5", img=frames, XEng=np.zeros(0)))
    with pytest.raises(ValueError, match=r"must be \(E, Y, X\)"):
        io.read(write(tmp_path / "a.h5", img=frames[0], XEng=KEV))


@pytest.mark.parametrize("name", ["img", "img_xanes"])
def test_complex_numbers_are_named(name, tmp_path, frames):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file[name], file["XEng"] = (frames + 1j).astype("c8"), KEV
    with pytest.raises(ValueError, match=f"/{name} must be .*; they hold complex numbers of shape"):
        io.read(tmp_path / "a.h5")


@pytest.mark.parametrize("marks", [{}, {"note": "NMC", "scan_id": 3}])
def test_energies_along_the_last_axis_are_refused(tmp_path, frames, marks):
    turned = np.moveaxis(frames, 0, -1)
    with pytest.raises(ValueError, match="4 energies: its energies lie along the last axis; write them"):
        io.read(write(tmp_path / "a.h5", img_xanes=turned, X_eng=KEV, **marks))
