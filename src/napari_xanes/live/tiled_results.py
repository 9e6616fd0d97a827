"""Write maps or stacks to the run on a Tiled server that they were made from, with all that made them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_xanes.live.tiled_run import MADE_BY, client_of
from napari_xanes.parameter_map import MapSet
from napari_xanes.recipe import Recipe
from napari_xanes.stack import SpectralStack
from napari_xanes.version import __version__


def write_to_tiled(result: MapSet | SpectralStack, uri: str, connect: Callable[[str], Any] | None = None) -> str:
    """Write a result into a new container of a node on a Tiled server, and return its name.

    The container is called ``maps`` (or ``stack``), or ``maps-2`` if there is one: nothing is replaced. Its metadata
    hold the recipe as YAML, the source, the warnings and the version; each array its unit and what it is.

    Parameters
    ----------
    result : MapSet or SpectralStack
        What `napari_xanes.run` made.
    uri : str
        Address of the container of the scan, with a key that may write.
    connect : callable, optional
        Returns the client of an address; by default that of tiled.

    Raises
    ------
    ImportError
        If tiled is not installed.
    OSError
        If the server does not answer.
    ValueError
        If the node is no container.
    """
    node = (connect or client_of)(uri)
    if not hasattr(node, "create_container"):
        raise ValueError("results are written into the container of a scan, and this node is an array: name its parent")
    kind = "maps" if isinstance(result, MapSet) else "stack"
    name = next(name for name in (kind, *(f"{kind}-{k}" for k in range(2, 10_000))) if name not in list(node))
    metadata = {
        MADE_BY: __version__,
        "name": result.name,
        "recipe": Recipe(result.history).to_yaml(exact=True),
        "source": str(result.source or ""),
        "warnings": [str(text) for text in result.metadata.get("warnings", ())],
        "pixel_size_um": list(result.pixel_size or ()),
    }
    container = node.create_container(name, metadata=metadata)
    if isinstance(result, SpectralStack):
        container.write_array(np.asarray(result.data), key="data", metadata={"unit": result.unit})
        container.write_array(np.asarray(result.energy), key="energy", metadata={"unit": "eV"})
        return name
    for key, one in result.items():
        labels = {str(number): text for number, text in (one.labels or {}).items()}
        about = {"unit": one.unit, "labels": labels}
        container.write_array(np.asarray(one.data), key=key, metadata={**about, "role": "value"})
        container.write_array(np.asarray(one.mask, np.uint8), key=f"{key}_mask", metadata={"role": "mask"})
        if one.sigma is not None:
            container.write_array(np.asarray(one.sigma), key=f"{key}_sigma", metadata={**about, "role": "sigma"})
    return name
