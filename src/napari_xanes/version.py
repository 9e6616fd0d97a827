"""The version, in one place: that of the installed package, which its build takes from the tags of git."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-xanes")
except PackageNotFoundError:  # the source is on the path, and nothing is installed
    __version__ = "0.0+not.installed"
