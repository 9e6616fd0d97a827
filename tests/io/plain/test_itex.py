"""ITEX images of Hamamatsu's cameras, alone and as a series."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from tests.io.fuzzing import stack_or_documented_error

from napari_xanes import io

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)
COMMENT = b'[Application],Date="01-02-2026"\r\n[Acquisition],NrExposure=1,ExposureTime="200 ms",ZAxisUnit=Count'
TYPES = {"u1": 0, "u2": 2, "u4": 3}


def write(path, image, *, comment=COMMENT, kind=None, after=b""):
    """Write one image: header, comment, pixels, and what programs write behind them."""
    dtype = image.dtype.str[1:]
    sizes = (len(comment), image.shape[1], image.shape[0], 0, 0, TYPES[dtype] if kind is None else kind)
    head = b"IM" + struct.pack("<6H", *sizes)
    path.write_bytes(head.ljust(64, b"\0") + comment + image.astype(f"<{dtype}").tobytes() + after)
    return path


def series(folder, images, **more):
    for energy, image in zip(ENERGY, images, strict=True):
        write(folder / f"a_{energy}eV.img", image, **more)
    return folder


@pytest.fixture
def images():
    return np.arange(4 * 3 * 5).reshape(4, 3, 5) * 3


@pytest.mark.parametrize(("dtype", "factor"), [("u1", 1), ("u2", 300), ("u4", 20_000_000)])
@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
@pytest.mark.parametrize("comment", [COMMENT, b""])
def test_a_series_with_energies_in_its_names(dtype, factor, memory_limit, comment, tmp_path, images):
    counts = (images * factor).astype(dtype)
    series(tmp_path, counts, comment=comment, after=b"#scales" * 9)
    stack = io.read(tmp_path, memory_limit=memory_limit)
    np.testing.assert_array_equal(np.asarray(stack.data), counts)
    np.testing.assert_array_equal(stack.energy, ENERGY)
    assert (stack.data.dtype, stack.quantity) == (np.dtype(dtype), "counts")
    assert stack.metadata.get("exposure") == (0.2 if comment else None)


def test_energies_of_a_text_or_given_ones(tmp_path, images):
    for number, image in enumerate(images.astype("u2")):
        write(tmp_path / f"q_{number:04d}.img", image)
    with pytest.raises(ValueError, match="no energies in names such as q_0000.img, nor a text with 4 of them"):
        io.read(tmp_path)
    np.testing.assert_array_equal(io.read(tmp_path, energies=ENERGY).data, images)
    (tmp_path / "energies.txt").write_text("".join(f"{energy}\n" for energy in ENERGY[::-1]))
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.data, images[::-1])
    np.testing.assert_array_equal(stack.energy, ENERGY)


def test_flats_and_darks_by_their_names(tmp_path, images):
    series(tmp_path, images.astype("u2"))
    for energy in ENERGY:
        write(tmp_path / f"flat_{energy}eV.img", np.full((3, 5), 500, "u2"))
    write(tmp_path / "dark.img", np.full((3, 5), 7, "u2"))
    stack = io.read(tmp_path)
    np.testing.assert_array_equal(stack.data, images)
    np.testing.assert_array_equal(stack.metadata["flat"], np.full((4, 3, 5), 500))
    np.testing.assert_array_equal(stack.metadata["dark"], np.full((3, 5), 7))


def test_one_file_is_a_stack_of_one_energy(tmp_path, images):
    path = write(tmp_path / "a_7112eV.img", images[1].astype("u4"))
    stack = io.read(path)
    np.testing.assert_array_equal(stack.data, images[1:2])
    assert stack.energy.tolist() == [7112]
    path = write(tmp_path / "b.img", images[1].astype("u4"))
    with pytest.raises(ValueError, match=r"b\.img: no photon energy in its name; pass energies="):
        io.read(path)
    assert io.read(path, energies=[7120]).energy.tolist() == [7120]
    assert io.read([tmp_path / "a_7112eV.img", write(tmp_path / "a_7120eV.img", images[2].astype("u4"))]).shape[0] == 2


def test_compressed_and_short_files_are_refused(tmp_path, images):
    with pytest.raises(ValueError, match=r"a_7112eV\.img is a compressed ITEX image"):
        io.read(write(tmp_path / "a_7112eV.img", images[0].astype("u2"), kind=1))
    path = write(tmp_path / "b_7112eV.img", images[0].astype("u2"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"b_7112eV\.img: no stack"):
        io.read(path)


def test_damaged(tmp_path, images):
    whole = series(tmp_path, images.astype("u2")) / "a_7110.5eV.img"
    content = whole.read_bytes()
    dice = random.Random(0)
    read = 0
    for _ in range(200):
        damaged = bytearray(content)
        for _ in range(dice.choice((1, 3))):
            damaged[min(int(dice.expovariate(8) * len(damaged)), len(damaged) - 1)] = dice.randrange(256)
        whole.write_bytes(bytes(damaged[: dice.choice((len(damaged), dice.randrange(len(damaged))))]))
        read += stack_or_documented_error(whole) is not None
    assert 20 < read < 180
