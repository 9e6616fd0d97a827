"""Small valid files of each format, by name of the reader, for tests that apply to all formats."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
import zarr
from tests.io.edf import edf_files
from tests.io.hdf5.layouts import LAYOUTS
from tests.io.plain import test_itex, test_mrc
from tests.io.spectra import test_exported, test_layouts, test_other_layouts, test_rex, test_spectra, test_xaslib
from tests.io.spectra.test_nxxas import entry
from tests.io.stxm import test_axis, test_stony_brook, test_stony_brook_netcdf
from tests.io.zeiss import test_txrm_series, xrm_files
from tests.io.zeiss.ole2 import write_zeiss

from napari_xanes import MapSet, ParameterMap, SpectralStack, Spectrum, io

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)
FRAMES = np.arange(4 * 3 * 5, dtype=np.float32).reshape(4, 3, 5) / 64 + 0.5

Sample = tuple[str, str]
"""For each format: the name to open ("" for the folder itself), and the name of the file to damage."""


def _energies(folder: Path, stem: str = "a") -> None:
    (folder / f"{stem}.txt").write_text("".join(f"{e}\n" for e in ENERGY))


def _hdf5(layout: str) -> Callable[[Path], list[Sample]]:
    (write,) = (function for function in LAYOUTS if function.__name__ == layout)

    def written(folder: Path) -> list[Sample]:
        write(folder / "a1.h5")
        return [("a1.h5", "a1.h5")]

    return written


def _nexus(folder: Path) -> list[Sample]:
    _hdf5("_nxstxm")(folder)
    stack = SpectralStack(FRAMES, ENERGY, "optical_depth", 0.1, metadata={"i0": np.ones(4), "flat": FRAMES})
    io.write(stack, folder / "own.h5")
    return [("a1.h5", "a1.h5"), ("own.h5", "own.h5")]


def _series(layout: str) -> Callable[[Path], list[Sample]]:
    def written(folder: Path) -> list[Sample]:
        return [("", target) for _, target in _hdf5(layout)(folder)]

    return written


def _xrm_series(folder: Path) -> list[Sample]:
    xrm_files.aps(folder)
    return [("", "fov07_xanessoc01_8340_0eV.xrm"), ("", "ref_xanessoc01_8340_0eV.xrm")]


def _txrm_series(folder: Path) -> list[Sample]:
    test_txrm_series.series(folder)
    return [("", "scan_8340.0eV.txrm")]


def _stony_brook_netcdf(folder: Path) -> list[Sample]:
    test_stony_brook_netcdf.scan(folder)
    return [("", "16aug051.sm")]


def _edf_series(folder: Path) -> list[Sample]:
    edf_files.id21(folder)
    return [("", "map1_data_0000_0001_0000.edf")]


def _zeiss(folder: Path) -> list[Sample]:
    images = (FRAMES * 100).astype("<u2")
    write_zeiss(folder / "a.txrm", images, list(ENERGY), reference=(images[0], 1.0))
    return [("a.txrm", "a.txrm")]


def _stony_brook(folder: Path) -> list[Sample]:
    (folder / "a.stk").write_bytes(test_stony_brook.stk(FRAMES))
    return [("a.stk", "a.stk")]


def _axis(folder: Path) -> list[Sample]:
    test_axis.write(folder, FRAMES)
    return [("a.ncb", "a.dat"), ("a.dat", "a.ncb")]


def _sdf(folder: Path) -> list[Sample]:
    rows = ["\t".join(f"{value:g}" for value in row) for row in FRAMES[0]]
    for i in range(len(ENERGY)):
        (folder / f"a_a{i:03d}.xim").write_text("\t\n".join([*rows, ""]))
    points = {"PAxis": "5, 0, 1, 2, 3, 4", "QAxis": "3, 0, 1, 2"}
    axes = " ".join(f'{name} = {{ Unit = "um"; Points = ({said}); }};' for name, said in points.items())
    energy = f"{len(ENERGY)}, {', '.join(map(str, ENERGY))}"
    (folder / "a.hdr").write_text(
        'ScanDefinition = { Type = "NEXAFS Image Scan"; Flags = "Image Stack"; Dwell = 2.0; '
        f"Regions = (1, {{ {axes} }});"
        f' StackAxis = {{ Unit = "eV"; Points = ({energy}); }}; Channels = (1, {{ Name = "counter1"; }}); }};\n'
    )
    (folder / "i0.xsp").write_text("".join(f"{e} 1.5\n" for e in ENERGY))
    return [("a.hdr", "a.hdr"), ("", "a_a001.xim"), ("a.hdr", "i0.xsp")]


def chunk(folder: Path, array: str) -> str:
    chunks = sorted(p for p in (folder / array).rglob("*") if p.is_file() and p.name[0] != "." and p.suffix != ".json")
    return chunks[0].relative_to(folder).as_posix()


def _zarr(folder: Path) -> list[Sample]:
    io.write(SpectralStack(FRAMES, ENERGY, metadata={"i0": np.ones(4)}), folder / "own.zarr")
    for form in (2, 3):
        group = zarr.open_group(str(folder / f"v{form}.zarr"), mode="w", zarr_format=form)
        group.create_array("images", data=FRAMES)
        group.create_array("energy", data=np.array(ENERGY))
    return [
        ("own.zarr", "own.zarr/zarr.json"),
        ("own.zarr", chunk(folder, "own.zarr/image")),
        ("v2.zarr", "v2.zarr/images/.zarray"),
        ("v3.zarr", "v3.zarr/images/zarr.json"),
        ("v3.zarr", chunk(folder, "v3.zarr/images")),
    ]


def _tiff(folder: Path) -> list[Sample]:
    io.write(SpectralStack(FRAMES, ENERGY, "optical_depth", 0.1), folder / "own.tif")
    _energies(folder)
    tifffile.imwrite(folder / "a.tif", FRAMES, photometric="minisblack", compression="zlib")
    (folder / "many").mkdir()
    for energy, frame in zip(ENERGY, FRAMES, strict=True):
        tifffile.imwrite(folder / "many" / f"a_{energy}eV.tif", frame)
    return [("a.tif", "a.tif"), ("own.tif", "own.tif"), ("a.tif", "a.txt"), ("many", "many/a_7110.5eV.tif")]


def _itex(folder: Path) -> list[Sample]:
    test_itex.series(folder, (FRAMES * 100).astype("u2"))
    return [("", "a_7110.5eV.img")]


def _mrc(folder: Path) -> list[Sample]:
    test_mrc.write_mrc(folder / "a.mrc", FRAMES)
    return [("a.mrc", "a.mrc")]


def _arrays(folder: Path) -> list[Sample]:
    np.savez_compressed(folder / "a.npz", data=FRAMES, energy=np.array(ENERGY), pixel_size=0.1, quantity="counts")
    np.save(folder / "b.npy", FRAMES)
    _energies(folder, "b")
    return [("a.npz", "a.npz"), ("b.npy", "b.npy")]


STACKS: dict[str, Callable[[Path], list[Sample]]] = {
    "als_stxm": _hdf5("_als"),
    "nexus": _nexus,
    "hermes": _hdf5("_hermes"),
    "mistral": _hdf5("_mistral"),
    "pyxas_series": _series("_pyxas_series"),
    "pyxas": _hdf5("_pyxas"),
    "fxi": _hdf5("_fxi"),
    "fxi_tomography": _series("_fly"),
    "exchange": _hdf5("_aps"),
    "exchange_mantis": _hdf5("_mantis"),
    "ptychography": _series("_cxi"),
    "xrf_maps": _series("_xrf_maps"),
    "xrm_series": _xrm_series,
    "txrm_series": _txrm_series,
    "zeiss": _zeiss,
    "stony_brook": _stony_brook,
    "stony_brook_netcdf": _stony_brook_netcdf,
    "edf_series": _edf_series,
    "axis": _axis,
    "sdf": _sdf,
    "zarr_folder": _zarr,
    "tiff": _tiff,
    "itex": _itex,
    "mrc": _mrc,
    "arrays": _arrays,
}
"""Functions that write a stack into an empty folder."""


def _athena(folder: Path) -> list[Sample]:
    records = [test_spectra.record("a"), test_spectra.record("b")]
    (folder / "a.prj").write_bytes(test_spectra.project(records))
    (folder / "b.prj").write_bytes(gzip.decompress((folder / "a.prj").read_bytes()))
    return [("a.prj", "a.prj"), ("b.prj", "b.prj")]


def _spectra(name: str) -> Callable[[Path], list[Sample]]:
    def written(folder: Path) -> list[Sample]:
        pair = [Spectrum("a", ENERGY, np.arange(4.0), 2), Spectrum("b", ENERGY, np.arange(4.0), sigma=np.ones(4))]
        io.write(pair, folder / name)
        return [(name, name)]

    return written


def _columns(folder: Path) -> list[Sample]:
    (folder / "a.dat").write_text("# energy mu\n7100 0.1\n7110 0.2\n7120 0.2\n")
    return [("a.dat", "a.dat")]


def _layout(layout: Callable[[], tuple[str, object]]) -> Callable[[Path], list[Sample]]:
    def written(folder: Path) -> list[Sample]:
        (folder / "a.dat").write_text(layout()[0])
        return [("a.dat", "a.dat")]

    return written


def _nxxas(folder: Path) -> list[Sample]:
    entry(folder / "a.h5", energy=np.linspace(8300, 8400, 40), intensity=np.linspace(0, 1, 40))
    return [("a.h5", "a.h5")]


def _rex(folder: Path) -> list[Sample]:
    (folder / "a.ex3").write_bytes(test_rex.ex3())
    return [("a.ex3", "a.ex3")]


def _exported(folder: Path) -> list[Sample]:
    test_exported.write(folder / "a.csv", test_exported.ROWS)
    return [("a.csv", "a.csv")]


def _npy(folder: Path) -> list[Sample]:
    np.save(folder / "a.npy", np.stack([test_layouts.ENERGY, test_layouts.TRANSMISSION], axis=1))
    return [("a.npy", "a.npy")]


def _xaslib(folder: Path) -> list[Sample]:
    test_xaslib.library(folder / "a.db", test_xaslib.spectrum("foil"), test_xaslib.spectrum("oxide", sample=2))
    return [("a.db", "a.db")]


SPECTRA: dict[str, Callable[[Path], list[Sample]]] = {
    "athena": _athena,
    "xdi": _spectra("a.xdi"),
    "csv": _spectra("a.csv"),
    "columns": _columns,
    "cls": _layout(test_layouts.cls_hxma),
    "lytle": _layout(test_other_layouts.lytle),
    "photon_factory": _layout(test_layouts.spring8),
    "nxxas": _nxxas,
    "rex": _rex,
    "npy": _npy,
    "exported": _exported,
    "xaslib": _xaslib,
}
"""Functions that write spectra into an empty folder."""


def _maps(name: str) -> Callable[[Path], list[Sample]]:
    def written(folder: Path) -> list[Sample]:
        io.write(MapSet({"e0": ParameterMap(FRAMES[0], "eV", FRAMES[1])}), folder / name)
        return [(name, name)]

    return written


MAPS: dict[str, Callable[[Path], list[Sample]]] = {"hdf5_maps": _maps("a.h5"), "tiff_maps": _maps("a.tif")}
"""Functions that write maps into an empty folder."""
