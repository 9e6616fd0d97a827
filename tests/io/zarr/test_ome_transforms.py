"""Coordinate transformations, axes and labels of OME-Zarr 0.4, 0.5 and 0.6, as the specifications lay them out."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_xanes import io

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)
SPACE = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
AXES = [{"name": "c", "type": "channel"}, *SPACE]


def scale(*factors):
    return {"type": "scale", "scale": list(factors)}


def translation(*shifts):
    return {"type": "translation", "translation": list(shifts)}


def sequence(*steps):
    return {"type": "sequence", "transformations": list(steps)}


IDENTITY = {"type": "identity"}
AFFINE = {"type": "affine", "affine": [[1, 0, 0, 0], [0, 0.9, 0.1, 0], [0, -0.1, 0.9, 0]]}
ROTATION = {"type": "rotation", "rotation": [[1, 0, 0], [0, 0, 1], [0, -1, 0]]}


def write(path, frames, inner, outer=(), *, version="0.6", axes=AXES, energy=ENERGY, names=("intrinsic", "physical")):
    """Write a store of one level; the transformations of 0.6 name their coordinate systems."""
    root = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
    root.create_array("s0", data=frames)
    if energy is not None:
        root.attrs["energy"] = list(energy)
    multiscale = {"datasets": [{"path": "s0", "coordinateTransformations": list(inner)}]}
    if version == "0.6":
        systems = [{"name": names[0], "axes": list(axes)}]
        place = {"input": {"path": "s0"}, "output": {"name": names[0]}}
        multiscale["datasets"][0]["coordinateTransformations"] = [step | place for step in inner]
        named = []
        for number, step in enumerate(outer):
            name = names[1] if len(outer) == 1 else f"{names[1]} {number}"
            systems.insert(0, {"name": name, "axes": list(axes)})
            named.append(step | {"input": {"name": names[0]}, "output": {"name": name}})
        multiscale |= {"coordinateSystems": systems} | ({"coordinateTransformations": named} if named else {})
    else:
        multiscale |= {"axes": list(axes), "version": version}
        multiscale |= {"coordinateTransformations": list(outer)} if outer else {}
    if version == "0.4":
        root.attrs["multiscales"] = [multiscale]
    else:
        root.attrs["ome"] = {"version": version, "multiscales": [multiscale]}
    return root


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.6"])
@pytest.mark.parametrize(
    ("inner", "outer", "size"),
    [
        ([scale(1, 0.5, 0.25)], [], (0.5, 0.25)),
        ([scale(1, 0.5, 0.25), translation(0, 3, 4)], [], (0.5, 0.25)),
        ([sequence(scale(1, 0.5, 0.25), translation(0, 3, 4))], [], (0.5, 0.25)),
        ([sequence(sequence(scale(1, 0.5, 0.25)), IDENTITY)], [], (0.5, 0.25)),
        ([IDENTITY], [scale(1, 0.5, 0.25)], (0.5, 0.25)),
        ([scale(1, 1, 2)], [sequence(scale(1, 10, 5), translation(0, 1, 1))], (10, 10)),
        ([IDENTITY], [], (1, 1)),
    ],
)
def test_steps_follow_one_another(version, inner, outer, size, tmp_path, frames):
    if version == "0.6" and len(inner) > 1:
        inner = [sequence(*inner)]
    write(tmp_path / "a.zarr", frames, inner, outer, version=version)
    stack = io.read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(stack.data, frames)
    assert stack.pixel_size == pytest.approx(size)
    np.testing.assert_array_equal(stack.energy, ENERGY)


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.6"])
@pytest.mark.parametrize("where", ["level", "image", "sequence"])
@pytest.mark.parametrize(
    "step", [AFFINE, ROTATION, {"type": "mapAxis", "mapAxis": [0, 2, 1]}, {"type": "displacements"}]
)
def test_other_steps_are_refused_by_name(version, where, step, tmp_path, frames):
    inner = {"level": [step], "image": [IDENTITY], "sequence": [sequence(scale(1, 2, 2), step)]}[where]
    write(tmp_path / "a.zarr", frames, inner, [step] if where == "image" else [], version=version)
    with pytest.raises(ValueError, match=rf"a\.zarr.*coordinate transformation '{step['type']}' is not applied"):
        io.read(tmp_path / "a.zarr")


def test_several_other_coordinate_systems_are_named_and_not_used(tmp_path, frames):
    write(tmp_path / "a.zarr", frames, [scale(1, 0.5, 0.25)], [AFFINE, scale(1, 10, 10)])
    stack = io.read(tmp_path / "a.zarr")
    assert stack.pixel_size == (0.5, 0.25)
    assert "it has others too: 'physical 0', 'physical 1'" in stack.metadata["notes"][0]


@pytest.mark.parametrize("version", ["0.5", "0.6"])
def test_energies_are_steps_along_an_axis(version, tmp_path, frames):
    axes = [{"name": "energy", "type": "energy", "unit": "keV"}, *SPACE]
    steps = sequence(scale(0.01, 0.5, 0.25), translation(7.1, 0, 0))
    write(tmp_path / "a.zarr", frames, [steps], version=version, axes=axes, energy=None)
    np.testing.assert_allclose(io.read(tmp_path / "a.zarr").energy, [7100, 7110, 7120, 7130])


@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
@pytest.mark.parametrize("order", [(0, 2, 1), (1, 2, 0), (2, 1, 0), (1, 0, 2)])
def test_axes_are_told_by_their_names(order, memory_limit, tmp_path, frames):
    axes, steps = [AXES[n] for n in order], [(1, 0.5, 0.25)[n] for n in order]
    write(tmp_path / "a.zarr", frames.transpose(order), [scale(*steps)], axes=axes)
    stack = io.read(tmp_path / "a.zarr", memory_limit=memory_limit)
    np.testing.assert_array_equal(np.asarray(stack.data), frames)
    assert stack.pixel_size == (0.5, 0.25)


@pytest.mark.parametrize(
    ("unit", "factor"), [("nanometer", 1e-3), ("micrometer", 1), ("millimeter", 1e3), (None, None)]
)
def test_units_of_axes(unit, factor, tmp_path, frames):
    axes = [AXES[0], *({"name": name, "type": "space"} | ({"unit": unit} if unit else {}) for name in "yx")]
    write(tmp_path / "a.zarr", frames, [scale(1, 0.5, 0.25)], axes=axes)
    expected = None if factor is None else pytest.approx((0.5 * factor, 0.25 * factor))
    assert io.read(tmp_path / "a.zarr").pixel_size == expected


def test_labels_are_named_and_refused_as_stacks(tmp_path, frames):
    root = write(tmp_path / "a.zarr", frames, [scale(1, 1, 1)])
    labels = root.create_group("labels")
    labels.attrs["ome"] = {"version": "0.6", "labels": ["cells.zarr"]}
    write(tmp_path / "a.zarr" / "labels" / "cells.zarr", frames.astype("u1"), [scale(1, 1, 1)])
    cells = zarr.open_group(str(tmp_path / "a.zarr" / "labels" / "cells.zarr"))
    cells.attrs["ome"] = dict(cells.attrs["ome"]) | {"image-label": {}}
    stack = io.read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(stack.data, frames)
    assert stack.metadata["notes"] == ["its label images are not read: cells.zarr"]
    with pytest.raises(ValueError, match="it holds labels of an image"):
        io.read(tmp_path / "a.zarr" / "labels" / "cells.zarr")


def test_the_other_images_of_a_series_are_named(tmp_path, frames):
    zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=3).attrs["ome"] = {"bioformats2raw.layout": 3}
    for number in range(3):
        write(tmp_path / "a.zarr" / str(number), frames + number, [scale(1, 1, 1)], version="0.5")
    stack = io.read(tmp_path / "a.zarr")
    np.testing.assert_array_equal(stack.data, frames)
    assert "image 0 was read; open the folders 1, 2 in it" in stack.metadata["notes"][0]
    np.testing.assert_array_equal(io.read(tmp_path / "a.zarr" / "2").data, frames + 2)


@pytest.mark.parametrize(
    "steps",
    [
        [{"type": "scale", "path": "numbers"}],
        [scale(1, 1)],
        [scale(1, "a", 1)],
        [{"type": "scale", "scale": None}],
        [{"type": "sequence", "transformations": 3}],
        [{}],
    ],
)
def test_damaged_steps_are_refused(steps, tmp_path, frames):
    write(tmp_path / "a.zarr", frames, steps)
    with pytest.raises(ValueError, match=r"a\.zarr"):
        io.read(tmp_path / "a.zarr")


@pytest.mark.parametrize("step", [scale(0.5), scale(0.5, 0.5), translation(3)])
def test_one_number_for_all_axes_is_damaged(step, tmp_path, frames):
    write(tmp_path / "a.zarr", frames, [step])
    with pytest.raises(ValueError, match="is no list of 3 numbers, one for each axis"):
        io.read(tmp_path / "a.zarr")
