"""The difference of the same map of two runs, with its standard error."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes.history import to_plain
from napari_xanes.parameter_map import DIFFERENCE, MapSet, ParameterMap
from napari_xanes.region_means import COVARIANCE_LENGTH


def why_no_difference(first: MapSet, second: MapSet, name: str) -> str:
    """Return why the map of one run can't be subtracted from that of another; no text if it can.

    Parameters
    ----------
    first, second : MapSet
        The maps of two runs.
    name : str
        The map that both should have.

    Examples
    --------
    >>> one = MapSet({"valence": ParameterMap(np.ones((2, 2)))})
    >>> why_no_difference(one, MapSet({"valence": ParameterMap(np.ones((2, 3)))}), "valence")
    'the maps have the shapes (2, 2) and (2, 3): crop or bin the stacks in the same way'
    """
    for maps in (first, second):
        if name not in maps:
            return f"{maps.name!r} has no map {name!r}: it has {', '.join(maps)}"
    one, other = first[name], second[name]
    if one.labels is not None or other.labels is not None:
        return f"{name!r} holds labels, whose difference says nothing: choose a map of values"
    if one.unit != other.unit:
        return f"{name!r} is in {one.unit or 1} and in {other.unit or 1}: choose two in one unit"
    if one.data.shape != other.data.shape:
        shapes = f"{one.data.shape} and {other.data.shape}"
        return f"the maps have the shapes {shapes}: crop or bin the stacks in the same way"
    sizes = first.pixel_size, second.pixel_size
    if None not in sizes and not np.allclose(*sizes, rtol=1e-3):  # type: ignore[arg-type]
        return f"the maps have pixels of {sizes[0]} and {sizes[1]} µm: bin the stacks to the same size"
    return ""


def _crops(maps: MapSet) -> list[Any]:
    """Return what the steps of a run keep of the image, step by step."""
    crops = [step.parameters for step in maps.history if step.name == "crop"]
    kept = [(to_plain(crop.get("region")), bool(crop.get("drop_empty"))) for crop in crops]
    return [crop for crop in kept if crop != (None, False)]  # the others crop energies


def subtract_maps(first: MapSet, second: MapSet, name: str) -> MapSet:
    """Return the map of the first run minus that of the second.

    Parameters
    ----------
    first, second : MapSet
        The maps of two runs, of the same pixels of the same place.
    name : str
        A map of values that both have, in one unit.

    Returns
    -------
    MapSet
        The map ``<name> difference``. Its sigma is the root of the sum of both squares, as for errors that do not
        depend on each other. Runs of one stack share its noise, so the sigma of their difference is an upper bound
        there where errors agree in sign; a warning says so, and another that they were cropped to different regions.
        The mask is where both maps can be trusted.

    Raises
    ------
    ValueError
        If there is no such difference; the message says why.

    Examples
    --------
    >>> runs = [MapSet({"valence": ParameterMap([[v]], "1", [[s]])}) for v, s in ((3.0, 0.3), (2.5, 0.4))]
    >>> found = subtract_maps(*runs, "valence")["valence difference"]
    >>> found.data.item(), round(found.sigma.item(), 3)
    (0.5, 0.5)
    """
    if reason := why_no_difference(first, second, name):
        raise ValueError(reason)
    one, other = first[name], second[name]
    title = f"{name}{DIFFERENCE}"
    mask = np.asarray(one.mask) & np.asarray(other.mask)
    values = one.data.astype(np.float64) - other.data
    sigma = None if one.sigma is None or other.sigma is None else np.hypot(one.sigma, other.sigma)
    made = {title: ParameterMap(values, one.unit, sigma, mask)}
    model = f"{name}_model"
    if model in first and model in second:
        shared = np.hypot(first[model].data, second[model].data)
        made[f"{title}_model"] = ParameterMap(shared, one.unit, mask=mask, companion=title)
    warnings = []
    if first.source is not None and first.source == second.source:
        warnings.append("both runs are of one stack and share its noise: the error of the difference is an upper bound")
        if _crops(first) != _crops(second):
            warnings.append(
                "both runs are of one stack, cropped to different regions: the maps may show different places"
            )
    lengths = [float(maps.metadata.get(COVARIANCE_LENGTH, 1.0)) for maps in (first, second)]
    names = first.name if first.name == second.name else f"{first.name} - {second.name}"
    metadata = {"name": names, "warnings": warnings, COVARIANCE_LENGTH: max(lengths)}
    return MapSet(made, pixel_size=first.pixel_size or second.pixel_size, metadata=metadata)
