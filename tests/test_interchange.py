"""What we write opens in other programs, tried with the programs themselves where they are installed.

The job `interchange` of `.github/workflows/interchange.yml` installs them, each in an environment of its own.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import napari_xanes as nx

ENERGY = np.arange(8330.0, 8342.5, 2.5)
"""As many energies as columns, so that axes which are paired by their lengths are found out."""

pytestmark = pytest.mark.filterwarnings("default")  # others warn of their own code


@pytest.fixture
def stack() -> nx.SpectralStack:
    """Return a stack (5, 4, 5) of optical depths with pixels of 0.1 x 0.2 µm."""
    rng = np.random.default_rng(3)
    data = rng.uniform(0.2, 1.5, (5, 4, 5)).astype(np.float32)
    return nx.SpectralStack(data, ENERGY, "optical_depth", (0.1, 0.2))


@pytest.fixture
def maps(stack: nx.SpectralStack) -> nx.MapSet:
    """Return a map with error and mask, and one of labels."""
    values = np.asarray(stack.data)
    valence = nx.ParameterMap(values[0], "1", values[1], values[2] > 0.5)
    dominant = nx.ParameterMap(np.arange(20).reshape(4, 5) % 3, labels={1: "NiO", 2: "LiNiO2"})
    return nx.MapSet({"valence": valence, "dominant": dominant}, pixel_size=(0.1, 0.2))


@pytest.fixture
def spectra() -> list[nx.Spectrum]:
    energy = np.arange(8300.0, 8500.0, 1.0)
    return [
        nx.Spectrum(name, energy, 0.5 + np.arctan((energy - e0) / 2) / np.pi, valence)
        for name, e0, valence in (("NiO", 8346.0, 2.0), ("LiNiO2", 8348.5, 3.0))
    ]


def test_xarray_has_stacks_and_maps_with_their_axes(tmp_path: Path, stack: nx.SpectralStack, maps: nx.MapSet) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    nx.write(stack, tmp_path / "stack.h5")
    with xarray.open_dataset(tmp_path / "stack.h5", engine="h5netcdf", group="entry/data") as data:
        frames = data["data"]
        assert frames.dims == ("energy", "sample_y", "sample_x")
        np.testing.assert_array_equal(frames.values, stack.data)
        np.testing.assert_array_equal(data["energy"].values, ENERGY)
        np.testing.assert_allclose(np.diff(data["sample_x"].values), 0.2)
        np.testing.assert_array_equal(frames.sel(energy=8335.0).values, stack.data[2])
    nx.write(maps, tmp_path / "maps.h5")
    with xarray.open_dataset(tmp_path / "maps.h5", engine="h5netcdf", group="entry/map_000_valence") as data:
        np.testing.assert_array_equal(data["value"].values, maps["valence"].data)
        np.testing.assert_array_equal(data["sigma"].values, maps["valence"].sigma)


def test_xarray_opens_the_zarr_store(tmp_path: Path, stack: nx.SpectralStack) -> None:
    xarray = pytest.importorskip("xarray")
    nx.write(stack, tmp_path / "stack.zarr")
    with xarray.open_zarr(tmp_path / "stack.zarr", group="image", consolidated=False) as data:
        np.testing.assert_array_equal(data["0"].values, stack.data)


def test_silx_finds_the_plot_of_stacks_and_maps_with_errors(
    tmp_path: Path, stack: nx.SpectralStack, maps: nx.MapSet
) -> None:
    pytest.importorskip("silx")
    from silx.io.nxdata import get_default
    from silx.io.utils import open as opened

    nx.write(stack, tmp_path / "stack.h5")
    nx.write(maps, tmp_path / "maps.h5")
    with opened(str(tmp_path / "stack.h5")) as file:
        plot = get_default(file)
        np.testing.assert_array_equal(plot.signal[()], stack.data)
        np.testing.assert_array_equal(plot.axes[0][()], ENERGY)
    with opened(str(tmp_path / "maps.h5")) as file:
        plot = get_default(file)
        np.testing.assert_array_equal(plot.signal[()], maps["valence"].data)
        np.testing.assert_array_equal(plot.errors[()], maps["valence"].sigma)


def test_hyperspy_has_the_energies_as_its_signal_axis(tmp_path: Path, stack: nx.SpectralStack) -> None:
    hyperspy = pytest.importorskip("hyperspy.api")
    nx.write(stack, tmp_path / "stack.nxs")
    loaded = hyperspy.load(str(tmp_path / "stack.nxs"))
    signal = next(one for one in (loaded if isinstance(loaded, list) else [loaded]) if one.data.ndim == 3)
    np.testing.assert_array_equal(signal.data, stack.data)
    energies = [axis for axis in signal.axes_manager._axes if np.array_equal(axis.axis, ENERGY)]
    assert energies, "no axis of HyperSpy has the energies"


@pytest.mark.parametrize("suffix", ["nxs", "hdf5"])
def test_mantis_reads_frames_energies_and_pixels(tmp_path: Path, stack: nx.SpectralStack, suffix: str) -> None:
    pytest.importorskip("mantis_xray")
    from mantis_xray.file_plugins import file_nexus_hdf5

    path = tmp_path / f"stack.{suffix}"
    nx.write(stack, path)
    assert file_nexus_hdf5.identify(str(path))
    read = SimpleNamespace(fill_h5_struct_from_stk=lambda: None, scale_bar=lambda: None)
    file_nexus_hdf5.read(str(path), read, (0, 0, 0))
    np.testing.assert_array_equal(read.ev, ENERGY)
    np.testing.assert_array_equal(np.transpose(read.absdata, (2, 1, 0)), stack.data)  # MANTiS has (X, Y, E)
    np.testing.assert_allclose(np.diff(read.x_dist), 0.2)
    np.testing.assert_allclose(np.diff(read.y_dist), 0.1)


def test_larch_reads_spectra_as_columns_and_as_athena_project(tmp_path: Path, spectra: list[nx.Spectrum]) -> None:
    pytest.importorskip("larch")
    from larch.io import read_ascii, read_athena, read_xdi

    nx.write(spectra[:1], tmp_path / "one.xdi")
    for read in (read_xdi, read_ascii):
        one = read(str(tmp_path / "one.xdi"))
        np.testing.assert_allclose(one.energy, spectra[0].energy)
        np.testing.assert_allclose(one.mutrans if hasattr(one, "mutrans") else one.data[1], spectra[0].mu)
    nx.write(spectra, tmp_path / "all.prj")
    project = read_athena(str(tmp_path / "all.prj"), do_bkg=False, do_fft=False)
    found = {group.label: group for group in project.groups.values()} if hasattr(project, "groups") else vars(project)
    groups = [group for group in found.values() if hasattr(group, "energy")]
    assert len(groups) == 2
    for group, spectrum in zip(groups, spectra, strict=True):
        np.testing.assert_allclose(group.energy, spectrum.energy)
        np.testing.assert_allclose(group.mu, spectrum.mu, atol=1e-9)
