"""Written data are read back unchanged, and a failed write leaves no file.

Longer than 300 lines because every writer is tried with the same generated stacks, maps and spectra.
"""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_xanes import MapSet, ParameterMap, Source, SpectralStack, Spectrum, Step, io
from napari_xanes.spectrum_source import FILE_KEYS

fast = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | names,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names.filter(lambda n: "__" not in n), inner, max_size=3)
    ),
    max_leaves=6,
)
sizes = st.none() | st.floats(1e-4, 1e3)
sources = st.none() | st.builds(Source, names, st.none() | names)
histories = st.lists(
    st.builds(
        Step,
        st.sampled_from(["crop", "optical_depth"]),
        st.dictionaries(names, plain, max_size=2),
        st.none() | st.dictionaries(names, plain, max_size=2),
        st.none() | st.just("0.1.0"),
    ),
    max_size=3,
)


@st.composite
def energies(draw, n):
    steps = draw(st.lists(st.floats(1e-3, 1e3), min_size=n, max_size=n))
    return 30.0 + np.cumsum(steps)


@st.composite
def stacks(draw, dtypes=("f4", "f8", "u2", "i4", "u1")):
    shape = draw(st.lists(st.integers(1, 4), min_size=3, max_size=4))
    data = draw(hnp.arrays(np.dtype(draw(st.sampled_from(dtypes))), tuple(shape)))
    metadata = draw(st.dictionaries(names.filter(lambda n: n not in ("warnings", "notes")), plain, max_size=3))
    return SpectralStack(
        data,
        draw(energies(shape[0])),
        draw(st.sampled_from(["counts", "transmission", "optical_depth", "fluorescence", "normalized", "scaled"])),
        draw(sizes),
        tuple(draw(histories)),
        draw(sources),
        metadata,
    )


def assert_same(a, b, where: Path) -> None:
    assert a.history == b.history
    assert a.pixel_size == b.pixel_size
    assert dict(a.metadata) == dict(b.metadata)
    if a.source or a.history or isinstance(a, MapSet):
        assert a.source == b.source
    else:
        assert b.source == Source(str(where.resolve()), io.fingerprint(where))


@fast
@given(stack=stacks())
def test_stack_in_hdf5(tmp_path, stack):
    path = tmp_path / "a.h5"
    io.write(stack, path)
    reread = io.read(path)
    assert reread.data.dtype == stack.data.dtype
    np.testing.assert_array_equal(reread.data, stack.data)
    np.testing.assert_array_equal(reread.energy, stack.energy)
    assert reread.quantity == stack.quantity
    assert_same(stack, reread, path)
    assert not io.holds_maps(path)


@fast
@given(stack=stacks(("f4", "u2")))
def test_stack_in_tiff(tmp_path, stack):
    path = tmp_path / "a.tif"
    io.write(stack, path)
    reread = io.read(path)
    assert reread.data.dtype == np.float32
    np.testing.assert_array_equal(reread.data, stack.data.astype(np.float32))
    np.testing.assert_array_equal(reread.energy, stack.energy)
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "a.txt", ndmin=1), stack.energy)
    assert reread.quantity == stack.quantity
    assert_same(stack, reread, path)


@st.composite
def map_sets(draw):
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=3)))
    maps = {}
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        value = draw(hnp.arrays(np.float32, shape))
        sigma = draw(st.none() | hnp.arrays(np.float32, shape))
        mask = draw(st.none() | hnp.arrays(bool, shape))
        maps[name] = ParameterMap(
            value, draw(st.sampled_from(["eV", "1", "Å²"])), sigma, mask, None, draw(st.none() | names)
        )
    labels = draw(hnp.arrays(np.int32, shape, elements=st.integers(0, 2)))
    maps["dominant"] = ParameterMap(labels, labels={1: "NiO", 2: "LiNiO₂"})
    metadata = draw(st.dictionaries(names, plain, max_size=2)) | {"warnings": ["few pixels"]}
    return MapSet(maps, tuple(draw(histories)), draw(sources), draw(sizes), metadata)


@fast
@given(maps=map_sets(), suffix=st.sampled_from([".h5", ".tif"]))
def test_maps(tmp_path, maps, suffix):
    path = tmp_path / f"maps{suffix}"
    io.write(maps, path)
    reread = io.read_maps(path)
    assert list(reread) == list(maps)
    for name, item in maps.items():
        other = reread[name]
        assert (other.unit, other.companion, other.labels) == (
            item.unit,
            item.companion,
            item.labels,
        )
        assert other.data.dtype == item.data.dtype
        np.testing.assert_array_equal(other.data, item.data)
        np.testing.assert_array_equal(other.mask, item.mask)
        assert (other.sigma is None) == (item.sigma is None)
        if item.sigma is not None:
            np.testing.assert_array_equal(other.sigma, item.sigma)
    assert_same(maps, reread, path)
    with pytest.raises(ValueError, match="read_maps"):
        io.read(path)


@st.composite
def spectra(draw, same_axis=False):
    found = []
    axis = draw(energies(draw(st.integers(1, 5))))
    for _ in range(draw(st.integers(1, 3))):
        energy = axis if same_axis or draw(st.booleans()) else draw(energies(draw(st.integers(1, 5))))
        mu = draw(hnp.arrays(np.float64, energy.size))
        sigma = draw(st.none() | hnp.arrays(np.float64, energy.size, elements=st.floats(0, 1)))
        metadata = draw(st.dictionaries(names.filter(lambda n: n != "path"), plain, max_size=2))
        metadata |= draw(st.sampled_from([{}, {"normalized": True}, {"element": "Ni", "edge": "K"}]))
        found.append(Spectrum(draw(names), energy, mu, draw(st.none() | st.floats(-2, 8)), sigma, metadata))
    return found


def assert_same_spectra(reread, expected, path):
    assert len(reread) == len(expected)
    for a, b in zip(reread, expected, strict=True):
        assert (a.name, a.valence) == (b.name, b.valence)
        np.testing.assert_array_equal(a.energy, b.energy)
        np.testing.assert_array_equal(a.mu, b.mu)
        np.testing.assert_array_equal(a.sigma, b.sigma)
        assert a.source is not None
        assert (a.source.path, a.source.record, a.source.fingerprint) == (str(path), b.name, io.fingerprint(path))
        assert {key: value for key, value in a.metadata.items() if key not in FILE_KEYS} == dict(b.metadata)


@fast
@given(found=spectra())
def test_spectra_in_csv(tmp_path, found):
    io.write(found, tmp_path / "a.csv")
    assert_same_spectra(io.read_spectra(tmp_path / "a.csv"), found, tmp_path / "a.csv")


@fast
@given(found=spectra(same_axis=True))
def test_spectra_in_xdi(tmp_path, found):
    io.write(found, tmp_path / "a.xdi")
    assert_same_spectra(io.read_spectra(tmp_path / "a.xdi"), found, tmp_path / "a.xdi")
    lines = (tmp_path / "a.xdi").read_text().splitlines()
    assert lines[0].startswith("# XDI/1.0 ")
    assert lines[1] == "# Column.1: energy eV"
    assert "# ///" in lines
    numbers = np.loadtxt(tmp_path / "a.xdi", ndmin=2)
    np.testing.assert_array_equal(numbers[:, 0], found[0].energy)


def test_xdi_has_one_energy_axis(tmp_path):
    pair = [Spectrum("a", [7100, 7110], [0, 1]), Spectrum("b", [7100, 7120], [0, 1])]
    with pytest.raises(ValueError, match=r"a\.xdi: XDI has one energy axis.*\.csv"):
        io.write(pair, tmp_path / "a.xdi")
    assert list(tmp_path.iterdir()) == []


def test_corrections_of_counts_are_kept(tmp_path, count_stack):
    import dask.array as da

    extra = {
        "i0": np.linspace(1, 2, count_stack.shape[0]),
        "exposure": 0.5,
        "references": [Spectrum("NiO", [8300, 8400], [0.0, 1.0], 2, metadata={"normalized": True})],
        "denoise": {"background": count_stack.data[0], "report": {"rank": 3}},
        "box": (0, 3, 1, 2),
        "empty": np.zeros((0, 3)),
        "mask": count_stack.data[0] > 500,
    }
    stack = count_stack.with_data(da.from_array(count_stack.data, chunks=(7, -1, -1)), metadata=extra)
    io.write(stack, tmp_path / "a.nxs")
    reread = io.read(tmp_path / "a.nxs")
    np.testing.assert_array_equal(reread.data, count_stack.data)
    for key in ("flat", "dark", "i0", "empty", "mask"):
        np.testing.assert_array_equal(reread.metadata[key], stack.metadata[key])
        assert reread.metadata[key].dtype == stack.metadata[key].dtype
    assert (reread.metadata["n_flat"], reread.metadata["exposure"], reread.metadata["box"]) == (
        10,
        0.5,
        (0, 3, 1, 2),
    )
    np.testing.assert_array_equal(reread.metadata["denoise"]["background"], count_stack.data[0])
    assert reread.metadata["denoise"]["report"] == {"rank": 3}
    (reference,) = reread.metadata["references"]
    assert (reference.name, reference.valence, dict(reference.metadata)) == ("NiO", 2.0, {"normalized": True})


@pytest.mark.parametrize("suffix", [".h5", ".zarr", ".tif"])
def test_maps_of_a_step_are_kept(tmp_path, suffix):
    """The edge jump of normalize_edge, and a map of labels, with their errors and masks."""
    sigma = np.full((2, 3), 0.1, np.float32)
    jump = ParameterMap(np.arange(6).reshape(2, 3) + 0.5, "OD", sigma, sigma > [[1, 0, 0]], companion="edge")
    regions = ParameterMap(np.eye(2, 3, dtype=np.int32), labels={1: "particle"})
    metadata = {"edge_jump": jump, "parts": {"regions": regions}}
    io.write(SpectralStack(np.ones((2, 2, 3), "f4"), [8330, 8340], metadata=metadata), tmp_path / f"a{suffix}")
    back = io.read(tmp_path / f"a{suffix}").metadata
    for kept, item in ((back["edge_jump"], jump), (back["parts"]["regions"], regions)):
        assert isinstance(kept, ParameterMap)
        assert (kept.unit, kept.companion, kept.labels) == (item.unit, item.companion, item.labels)
        for values, expected in ((kept.data, item.data), (kept.sigma, item.sigma), (kept.mask, item.mask)):
            np.testing.assert_array_equal(values, expected, strict=True)
    part = io.read(tmp_path / f"a{suffix}").isel(box=(slice(None), slice(1, 3)))
    assert part.metadata["edge_jump"].data.shape == (2, 2)


def test_error_names_what_a_file_cannot_hold(tmp_path, depth_stack):
    stack = depth_stack.with_data(depth_stack.data, metadata={"window": object(), "flat": np.zeros((400, 400))})
    with pytest.warns(UserWarning, match="window"):
        io.write(stack, tmp_path / "a.h5")
    with pytest.warns(UserWarning, match="TIFF can't hold window, flat; write .h5"):
        io.write(stack, tmp_path / "a.tif")


def test_stack_file_is_nxstxm_as_microscopes_write_it(tmp_path, depth_stack):
    io.write(depth_stack, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        entry = file["entry"]
        assert entry.attrs["NX_class"] == b"NXentry"
        assert entry["definition"].shape == (1,)
        assert entry["definition"][0] == b"NXstxm"
        data = entry["data"]
        assert data.attrs["NX_class"] == b"NXdata"
        assert [axis.decode() for axis in data.attrs["axes"]] == ["energy", "sample_y", "sample_x"]
        assert data[data.attrs["signal"]].shape == depth_stack.shape
        assert data["stxm_scan_type"][0] == b"sample image stack"
        np.testing.assert_allclose(np.diff(data["sample_x"]), 0.05)
        assert data["sample_y"].attrs["units"] == b"um"
        assert data["count_time"].shape == depth_stack.energy.shape
    # Without our own group, the file is still an ordinary NXstxm stack.
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["entry/napari_xanes"]
    foreign = io.read(tmp_path / "a.h5")
    np.testing.assert_array_equal(foreign.data, depth_stack.data)
    np.testing.assert_array_equal(foreign.energy, depth_stack.energy)
    assert foreign.pixel_size == (0.05, 0.05)


def test_tiff_is_an_imagej_stack(tmp_path, depth_stack):
    io.write(depth_stack, tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_imagej
        assert tiff.imagej_metadata["slices"] == depth_stack.shape[0]
        assert tiff.imagej_metadata["unit"] == "um"
        np.testing.assert_array_equal(tiff.asarray(), depth_stack.data)


def test_unknown_suffixes_and_values(tmp_path, depth_stack):
    with pytest.raises(ValueError, match=r"a\.png: stack can't be written with the suffix '\.png'; take one of \.h5"):
        io.write(depth_stack, tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"take one of \.csv, \.xdi"):
        io.write(Spectrum("a", [7100], [1]), tmp_path / "a.h5")
    for value in (np.zeros(3), [], [1]):
        with pytest.raises(TypeError, match="can be written"):
            io.write(value, tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.h5", "a.tif"])
def test_targets_that_cannot_be_written(tmp_path, depth_stack, name):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        io.write(depth_stack, tmp_path / "nowhere" / name)
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match="name a file"):
        io.write(depth_stack, tmp_path / name)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root and Windows write into read-only folders")
def test_read_only_folder(tmp_path, depth_stack):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match=r"a\.h5"):
            io.write(depth_stack, tmp_path / "a.h5")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("name", ["a.h5", "a.tif"])
def test_a_failed_write_leaves_the_old_file(tmp_path, depth_stack, name):
    class Broken:
        dtype, ndim, shape = np.dtype("f4"), 3, depth_stack.shape
        nbytes = depth_stack.data.nbytes

        def __getitem__(self, index):
            raise OSError("the disk is gone")

    path = tmp_path / name
    io.write(depth_stack, path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(OSError, match="the disk is gone"):
        io.write(SpectralStack(Broken(), depth_stack.energy), path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_damaged_own_file_is_refused(tmp_path, depth_stack):
    path = tmp_path / "a.h5"
    for damage in ("entry/napari_xanes/metadata", "entry/data/energy", "entry/napari_xanes/history"):
        io.write(depth_stack, path)
        with h5py.File(path, "a") as file:
            del file[damage]
        with pytest.raises(ValueError, match=r"a\.h5.*damaged"):
            io.read(path)
    with pytest.raises(ValueError, match="holds no parameter maps"):
        io.read_maps(path)
