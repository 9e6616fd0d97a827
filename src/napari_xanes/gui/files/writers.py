"""The writers that napari calls to save stacks, maps, regions and their mean spectra."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial, wraps
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec

import numpy as np
from napari.layers import Layer

from napari_xanes import io
from napari_xanes.gui.in_thread import in_thread
from napari_xanes.gui.layers import LayerData, stack_from, why_no_stack
from napari_xanes.gui.map_layers import map_title, maps_of, shows_map
from napari_xanes.gui.pixels.areas import given_name, regions_of
from napari_xanes.gui.placement import laid_over
from napari_xanes.gui.telling import show_info
from napari_xanes.io.spectra.result import unique_names
from napari_xanes.io.writing import writer_of
from napari_xanes.region_spectra import region_spectrum

P = ParamSpec("P")


class _File(NamedTuple):
    """One file to write: what it is called after, its suffix (None: that of the user), how to write it, and its kind.

    The kind is that of writers, "stack" or "maps"; None if napari writes it. `about` tells what it holds beside what
    the layer shows.
    """

    name: str
    suffix: str | None
    write: Callable[[str], Any]
    kind: str | None = None
    about: str = ""


def _tells_reasons(write: Callable[P, list[str]]) -> Callable[P, list[str]]:
    """Raise what can't be saved as OSError: napari takes a ValueError for "no writer fits", and hides its reason."""

    @wraps(write)
    def told(*args: P.args, **kwargs: P.kwargs) -> list[str]:
        try:
            return write(*args, **kwargs)
        except ValueError as error:
            raise OSError(str(error)) from error

    return told


def _xanes(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    return meta.get("metadata", {}).get("xanes", {})  # type: ignore[no-any-return]


def _content(layer: LayerData) -> str:
    """Return what a layer is: a stack, a map, or otherwise napari's word for it."""
    data, meta, kind = layer
    xanes = _xanes(meta)
    if xanes.get("kind") == "stack" and not why_no_stack(Layer.create(*layer)):
        return "stack"
    if xanes.get("kind") == "map" and shows_map(xanes, np.shape(data), kind):
        return "map"
    return kind


@_tells_reasons
def write_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write one image layer: a stack, or all maps of the run that it shows, with their sigmas and masks.

    Other images, and projections of stacks and maps, go to napari's own writer.
    """
    return write_layers(path, [(data, meta, "image")])


@_tells_reasons
def write_layers(path: str, layers: list[LayerData]) -> list[str]:
    """Write layers: what belongs together into one file, several things into files beside each other.

    A stack, the maps of one run, and each other layer are one file each. If there are several, the names of the layers
    are added to that of the file. Other images and labels become TIFF, shapes CSV, as napari writes them.

    Parameters
    ----------
    path : str
        The file to write, or the beginning of the names of several.
    layers : list of layer data
        Stacks, maps, images, labels and shapes.

    Returns
    -------
    list of str
        The files that were written.

    Raises
    ------
    OSError
        If one of several files exists already, or the suffix can't hold a layer: then nothing is written. If a file
        can't be written, those before it stay, and the message names them.
    """
    target = Path(path)
    files = _files(layers)
    if len(files) == 1:
        (file,) = files
        if file.suffix is not None and target.suffix.lower() in (".h5", ".hdf5", ".nxs", ".zarr"):
            raise ValueError(
                f"{file.name!r} is neither a stack nor a map, which {target.suffix} is for; save it as {file.suffix}"
            )
        written = _written(file, path)
        if file.about:
            show_info(f"Saved {file.about}")
        return [path] if file.suffix is None else [written] if written else []
    if not files:
        raise ValueError("there is nothing in these layers to save; draw a shape first")
    stems = [_file_name(name) for name in unique_names([_file_name(file.name) for file in files])]
    if len({stem.lower() for stem in stems}) < len(stems):
        raise ValueError(f"some layers would have the same file: {', '.join(stems)}; rename one of them")
    paths = [
        target.with_name(f"{target.stem}_{stem}{file.suffix or target.suffix}")
        for stem, file in zip(stems, files, strict=True)
    ]
    for other, file in zip(paths, files, strict=True):
        if file.kind is not None:
            writer_of(file.kind, other)
    there = [other.name for other in paths if other.exists()]
    if there:
        raise ValueError(f"{', '.join(there)}: there already, and nothing was written; choose another name")
    for number, (other, file) in enumerate(zip(paths, files, strict=True)):
        try:
            _written(file, str(other))
        except (OSError, ValueError) as error:
            before = ", ".join(path.name for path in paths[:number]) or "nothing"
            raise OSError(f"{other.name} can't be written, {before} was written before it: {error}") from error
    show_info(f"Saved {len(paths)} files: {', '.join(other.name for other in paths)}")
    return [str(other) for other in paths]


def _written(file: _File, path: str) -> Any:
    """Write a file in a thread; shapes at once, because their layer belongs to the main thread."""
    write = partial(file.write, path)
    return write() if file.suffix == ".csv" else in_thread(write, f"save {file.name}", must_end=True)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", name).strip("_") or "layer"


def _files(layers: list[LayerData]) -> list[_File]:
    """Return the files that hold some layers, each once."""
    from napari_builtins.io import napari_write_image, napari_write_labels

    builtin = {"image": napari_write_image, "labels": napari_write_labels}
    files: dict[str, _File] = {}
    for number, layer in enumerate(layers):
        data, meta, kind = layer
        name, content = str(meta.get("name") or kind), _content(layer)
        if content == "stack":
            files[f"{number}"] = _File(name, None, partial(io.write, stack_from(data, _xanes(meta))), "stack")
        elif content == "map":
            group = _xanes(meta)["group"]
            same_run = [_xanes(other[1]) for other in layers if _content(other) == "map"]
            maps = maps_of([xanes for xanes in same_run if xanes["group"] == group])
            about = f"all {len(maps)} maps of the run: {', '.join(map_title(name) for name in maps)}"
            files[f"maps {group}"] = _File(f"maps of {maps.name}", None, partial(io.write, maps), "maps", about)
        elif content == "shapes":
            if len(data):  # napari writes no file without shapes
                files[f"{number}"] = _File(name, ".csv", partial(_write_shapes, data=data, meta=meta))
        else:
            files[f"{number}"] = _File(name, ".tif", partial(builtin[kind], data=data, meta=meta))
    return list(files.values())


def _write_shapes(path: str, data: Any, meta: dict[str, Any]) -> str | None:
    """Write shapes at their place in the world, because napari's CSV keeps no scale; it opens over the stack again."""
    from napari_builtins.io import napari_write_shapes

    layer = Layer.create(data, meta, "shapes")
    places = [np.array([layer.data_to_world(corner) for corner in corners]) for corners in layer.data]
    written: str | None = napari_write_shapes(path, places, {**meta, "shape_type": layer.shape_type})
    return written


@_tells_reasons
def write_spectra(path: str, layers: list[LayerData]) -> list[str]:
    """Write the mean spectrum of each region of a stack, with its standard error and its pixels' standard deviation.

    Parameters
    ----------
    path : str
        CSV or XDI file.
    layers : list of layer data
        One stack, and the Labels or Shapes layers with the regions. Without regions the whole image is used.

    Raises
    ------
    OSError
        If the layers hold no stack or several, a layer does not lie over the stack, or a region has no value.
    """
    stacks = [layer for layer in layers if _content(layer) == "stack"]
    if len(stacks) != 1:
        raise ValueError(f"select one stack and the regions to save, not {len(stacks)} stacks")
    stack = stack_from(stacks[0][0], _xanes(stacks[0][1]))
    # Layers as napari made them know where they lie, so files hold what the Spectra dock shows.
    image = Layer.create(*stacks[0])
    regions = [
        (given_name(region, number) or f"{region.name} {number}", mask)
        for region in (_region_layer(*layer, image) for layer in layers if layer[2] != "image")
        for number, mask in regions_of(region, image).items()
    ]
    names = unique_names([name for name, _ in regions])
    masks = dict(zip(names, (mask for _, mask in regions), strict=True))
    all_pixels = {"all pixels": np.ones(stack.shape[1:], dtype=bool)}
    areas = (masks or all_pixels).items()
    in_thread(
        lambda: io.write([region_spectrum(stack, mask, name) for name, mask in areas], path),
        f"save spectra of {stack.name}",
        must_end=True,
    )
    return [str(Path(path))]


def _region_layer(data: Any, meta: Mapping[str, Any], kind: str, image: Layer) -> Layer:
    """Return a region layer; one from a script that has no scale has the pixels of the stack."""
    n_axes = len(np.shape(data)) if kind == "labels" else np.shape(data[0])[-1] if len(data) else 2
    return Layer.create(data, meta if "scale" in meta else laid_over(image, n_axes) | dict(meta), kind)
