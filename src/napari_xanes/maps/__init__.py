"""Estimators: stack in, maps of physical parameters out. Adding one is a file here and a line below."""

from __future__ import annotations

from typing import Any

from napari_xanes.registry import Registry

ESTIMATORS = Registry(
    "napari_xanes.maps",
    {
        "fit_references": "references",
        "edge_energy": "edges",
        "match_library": "library_match",
        "difference_map": "differences",
        "components": "component_maps",
        "cluster": "cluster_maps",
        "small_phases": "phase_maps",
        "search_references": "stack_references",
        "unmix": "unmix_maps",
        "fit_peaks": "peak_maps",
    },
)

EXPLORING = ("components", "cluster", "unmix", "small_phases", "search_references")
"""Estimators that find out which spectra there are: the step *Explore* of the window; the others make its *Map*."""

__all__ = [
    "ESTIMATORS",
    "EXPLORING",
    "cluster",
    "components",
    "difference_map",
    "edge_energy",
    "fit_peaks",
    "fit_references",
    "match_library",
    "search_references",
    "small_phases",
    "unmix",
    "window_step",
]


def window_step(name: str) -> str:
    """Return the step of the window that has an estimator.

    Examples
    --------
    >>> window_step("cluster"), window_step("edge_energy")
    ('Explore', 'Map')
    """
    return "Explore" if name in EXPLORING else "Map"


def __getattr__(name: str) -> Any:
    try:
        return ESTIMATORS[name]
    except KeyError:
        raise AttributeError(f"there is no estimator {name!r}; there are {', '.join(ESTIMATORS)}") from None
