"""References within the files of a series, images that the microscope has corrected, and several images of a file."""

from __future__ import annotations

import numpy as np
import pytest
from tests.io.zeiss.ole2 import write_zeiss as write
from tests.io.zeiss.xrm_files import aps, image

import napari_xanes as nx
from napari_xanes import io

ENERGY = (8330.0, 8340.0, 8350.0)


def series(folder, **more):
    """Write images of 100, 200 and 300; `more` gives streams, for each energy."""
    for i, energy in enumerate(ENERGY):
        streams = {key: value(i) for key, value in more.items()}
        write(folder / f"foil_{energy}_eV.xrm", image(100 * (i + 1)), [energy], [2.0], **streams)
    return folder


def test_references_within_the_files_are_the_flats(tmp_path):
    stack = io.read(series(tmp_path, reference=lambda i: (image(400 * (i + 1)), 4.0)))
    np.testing.assert_array_equal(stack.metadata["flat"], np.concatenate([image(400), image(800), image(1200)]))
    assert (stack.metadata["exposure"], stack.metadata["flat_exposure"]) == (2, 4)
    depth = nx.ops.optical_depth(stack)
    np.testing.assert_allclose(depth.data[:, 0, 0], np.log(2), rtol=1e-5)


def test_one_reference_for_all_energies_is_reported(tmp_path):
    with pytest.warns(UserWarning, match="one reference image for all energies"):
        io.read(series(tmp_path, reference=lambda i: (image(400), 4.0)))


def test_references_of_their_own_files_come_first(tmp_path):
    aps(tmp_path)
    inside = {"reference": (image(7), 1.0)}
    write(tmp_path / "fov07_xanessoc01_8250_0eV.xrm", image(100), [8249.94], [35.0], **inside)
    write(tmp_path / "ref_xanessoc01_8250_0eV.xrm", image(200), [8249.94], [35.0], **inside)
    np.testing.assert_array_equal(io.read(tmp_path).metadata["flat"][0], image(200)[0])


def test_corrected_images_are_transmission_and_never_divided_again(tmp_path):
    for path in series(tmp_path, OriginalDataRefCorrected=lambda i: 1).iterdir():
        write(tmp_path / f"ref_{path.name}", image(400), [8330.0], [2.0])
    stack = io.read(tmp_path)
    assert (stack.quantity, "flat" in stack.metadata) == ("transmission", False)
    assert "the microscope has divided by the reference; it is not applied again" in stack.metadata["notes"]


def test_corrected_images_beside_others_are_refused(tmp_path):
    series(tmp_path, OriginalDataRefCorrected=lambda i: i % 2)
    with pytest.raises(ValueError, match="in 1 of 3 files the microscope has divided .*open either by themselves"):
        io.read(tmp_path)


def test_several_images_of_a_file_are_repeats(tmp_path):
    for i, energy in enumerate(ENERGY):
        pair = np.concatenate([image(100 * i), image(100 * i + 10)])
        write(tmp_path / f"foil_{energy}_eV.xrm", pair, [energy] * 2, [1.0, 1.0])
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.data, np.concatenate([image(100 * i + 5) for i in range(3)]))
    np.testing.assert_array_equal(io.read(tmp_path, repeat=2).data[2], image(210)[0])
    assert stack.metadata["repeats"] == 2
    assert len(stack.metadata["files"]) == 3


def test_projections_in_a_file_are_no_repeats(tmp_path):
    series(tmp_path)
    write(tmp_path / "foil_8360.0_eV.xrm", np.concatenate([image(1), image(2)]), [8360.0] * 2, Angles=[0.0, 30.0])
    with pytest.warns(UserWarning, match="1 of 4 images can't be used .*at several angles; open it by itself"):
        assert io.read(tmp_path).energy.tolist() == list(ENERGY)


def test_several_references_of_a_file_are_told(tmp_path):
    several = {"MultiReferenceData/Image1": image(400).tobytes(), "MultiReferenceData/Image2": image(410).tobytes()}
    write(tmp_path / "a.txrm", np.concatenate([image(1), image(2)]), [8330.0, 8340.0], **several)
    for i, energy in enumerate(ENERGY):
        write(tmp_path / f"foil_{energy}_eV.xrm", image(100 * (i + 1)), [energy], **several)
    for opened in (tmp_path / "a.txrm", sorted(tmp_path.glob("*.xrm"))):
        with pytest.warns(UserWarning, match=r"several reference images \(MultiReferenceData\) are not used"):
            assert "flat" not in io.read(opened).metadata
