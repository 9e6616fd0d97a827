"""ITEX images of Hamamatsu's cameras, alone and as a series."""

from __future__ import annotations

import random
import struct
import warnings

import numpy as np
import pytest
from tests.io.fuzzing import stack_or_documented_error

import napari_xanes as nx
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


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("20 ms", 0.02), ('"20 ms"', 0.02), ("20ms", 0.02), ("20 msec", 0.02), ("20 \xb5s", 2e-5), ("2 min", 120),
        ("5 sec", 5), ("0.5", 0.5), ("20 lines", None), ("0 ms", None),
    ],
)  # fmt: skip
def test_the_exposure_is_that_of_its_unit(written, seconds, tmp_path, images):
    comment = f"[Acquisition],NrExposure=1,ExposureTime={written},ZAxisUnit=Count".encode("latin-1")
    path = write(tmp_path / "a_7112eV.img", images[0].astype("u2"), comment=comment)
    assert io.read(path).metadata.get("exposure") == (seconds and pytest.approx(seconds))


@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.4])
def test_flats_of_another_exposure_are_scaled(seconds, tmp_path, images):
    series(tmp_path, np.full((4, 3, 5), 100, "u2"))
    comment = COMMENT.replace(b"200 ms", f"{1000 * seconds:g} ms".encode())
    write(tmp_path / "flat.img", np.full((3, 5), round(1000 * seconds), "u2"), comment=comment)
    depth = nx.ops.optical_depth(io.read(tmp_path))
    np.testing.assert_allclose(depth.data, np.log(2), rtol=1e-6)


@pytest.mark.parametrize("milliseconds", [200, 100])
def test_darks_of_another_exposure_are_told(milliseconds, tmp_path, images):
    series(tmp_path, images.astype("u2"))
    comment = COMMENT.replace(b"200 ms", f"{milliseconds} ms".encode())
    write(tmp_path / "dark.img", np.full((3, 5), 7, "u2"), comment=comment)
    told = io_warnings(tmp_path)
    assert any("darks were exposed for 0.1 s, images for 0.2 s" in line for line in told) == (milliseconds == 100)


def io_warnings(path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        io.read(path)
    return [str(warning.message) for warning in told]
