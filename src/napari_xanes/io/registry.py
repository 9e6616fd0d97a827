"""The formats that there are. Adding one is a file in this package and a line here.

Every format is recognised by its content, never by its name. Nothing is imported before a file asks for it.
"""

from __future__ import annotations

from napari_xanes.io.reader import Reader, SpectraReader, Writer

READERS: tuple[Reader, ...] = (
    Reader("nexus", "hdf5.nexus", "NeXus NXstxm", ("*.h5", "*.hdf5", "*.nxs", "*.hdf", "*.stxm"), selects=True),
    Reader("hermes", "hdf5.hermes", "HERMES and SoftiMAX", ("*.h5", "*.hdf5"), selects=True),
    Reader("mistral", "hdf5.mistral", "ALBA MISTRAL", ("*.h5", "*.hdf5"), selects=True),
    Reader("pyxas_series", "hdf5.pyxas_series", "PyXAS tomograms", ("*.h5",), directories=True, series=True),
    Reader("pyxas", "hdf5.pyxas", "PyXAS", ("*.h5", "*.hdf5")),
    Reader("fxi", "hdf5.fxi", "NSLS-II FXI", ("*.h5", "*.hdf5", "*.hdf")),
    Reader(
        "fxi_tomography",
        "hdf5.fxi_tomography",
        "FXI tomography",
        ("*.h5",),
        directories=True,
        selects=True,
        series=True,
    ),
    Reader("exchange", "hdf5.exchange", "APS Data Exchange", ("*.h5", "*.hdf5", "*.hdf")),
    Reader(
        "exchange_mantis", "hdf5.exchange_mantis", "MANTiS Data Exchange", ("*.hdf5", "*.h5", "*.hdf"), selects=True
    ),
    Reader(
        "ptychography",
        "hdf5.ptychography",
        "ptychographic CXI",
        ("*.cxi", "*.h5", "*.hdf5"),
        directories=True,
        series=True,
    ),
    Reader(
        "xrm_series", "zeiss.xrm_series", "Zeiss XRM series", ("*.xrm",), directories=True, selects=True, series=True
    ),
    Reader(
        "txrm_series",
        "zeiss.txrm_series",
        "Zeiss tomographies",
        ("*.txrm",),
        directories=True,
        selects=True,
        series=True,
    ),
    Reader("zeiss", "zeiss.reader", "Zeiss XRM", ("*.xrm", "*.txrm"), selects=True),
    Reader("stony_brook", "stxm.stony_brook", "Stony Brook", ("*.stk",)),
    Reader(
        "stony_brook_netcdf",
        "stxm.stony_brook_netcdf",
        "Stony Brook netCDF",
        ("*.sm", "*.nc"),
        directories=True,
        selects=True,
        series=True,
    ),
    Reader("edf_series", "edf.series", "ESRF EDF series", ("*.edf",), directories=True, selects=True, series=True),
    Reader("axis", "stxm.axis", "aXis2000", ("*.ncb", "*.dat")),
    Reader("sdf", "stxm.sdf", "STXM_Control SDF", ("*.hdr",), directories=True, selects=True),
    Reader("zarr_folder", "zarr.reader", "OME-Zarr and Zarr", ("*.zarr",), directories=True),
    Reader("tiff", "tiff.reader", "TIFF with energies", ("*.tif", "*.tiff"), directories=True),
    Reader("mrc", "plain.mrc", "MRC with energies", ("*.mrc", "*.mrcs", "*.st", "*.rec")),
    Reader("arrays", "plain.arrays", "NumPy arrays", ("*.npz", "*.npy")),
)
"""Formats of stacks, in the order in which they are asked."""

SPECTRA_READERS: tuple[SpectraReader, ...] = (
    SpectraReader("athena", "spectra.athena", "Athena project", ("*.prj",)),
    SpectraReader("xdi", "spectra.xdi", "XDI", ("*.xdi", "*.nor")),
    SpectraReader("csv", "spectra.csv", "spectra of napari-xanes", ("*.csv",)),
    SpectraReader(
        "columns",
        "spectra.columns",
        "columns of text",
        ("*.txt", "*.dat", "*.csv", "*.xsp", "*.nor", "*.xmu", "*.t", "*.r"),
    ),
)
"""Formats of spectra, in the order in which they are asked."""

WRITERS: tuple[Writer, ...] = (
    Writer("hdf5_writer", "hdf5.writer", "NeXus HDF5", (".h5", ".hdf5", ".nxs"), ("stack", "maps")),
    Writer("tiff_writer", "tiff.writer", "ImageJ TIFF", (".tif", ".tiff"), ("stack", "maps")),
    Writer("zarr_writer", "zarr.writer", "OME-Zarr", (".zarr",), ("stack",)),
    Writer("csv", "spectra.csv", "CSV", (".csv",), ("spectra",)),
    Writer("xdi", "spectra.xdi", "XDI", (".xdi",), ("spectra",)),
)
"""Formats to write, by suffix."""

LAYOUTS: dict[str, Writer] = {
    "fxi": Writer("fxi_writer", "hdf5.fxi_writer", "NSLS-II FXI", (".h5", ".hdf5", ".hdf"), ("stack",))
}
"""Formats to write whose suffix is another's, by the ``layout`` that asks for them."""

MAP_READERS = ("hdf5.maps", "tiff.maps")
"""Modules that read maps, each with ``why_not_readable(path)`` and ``read_maps(path)``."""
