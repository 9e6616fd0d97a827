"""Energies of the HDF5 files of the tests, and functions to write and read these files."""

from __future__ import annotations

import warnings

import h5py

from napari_xanes import io

ENERGY = (7100.0, 7110.5, 7112.25, 7130.0)


KEV = tuple(e / 1000 for e in ENERGY)


JOULE = 1.602176634e-19


def reader_of(path):
    return next(reader.name for reader in io.READERS if reader.why_not_readable(path) is None)


def read_with_warnings(path, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        stack = io.read(path, **keywords)
    return stack, stack.metadata["warnings"]


def write(path, **datasets):
    """Write datasets by name. The keyword ``name__attribute`` sets an attribute of a dataset."""
    with h5py.File(path, "w") as file:
        for name, value in datasets.items():
            if "__" not in name:
                file[name] = value
        for name, value in datasets.items():
            if "__" in name:
                where, attribute = name.split("__")
                file[where].attrs[attribute] = value
    return path
