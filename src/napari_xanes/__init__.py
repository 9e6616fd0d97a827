"""X-ray absorption image stacks: read, clean, map, in napari, from Python and from the command line.

Everything is loaded on first use, so that ``import napari_xanes`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_xanes import forking

if TYPE_CHECKING:
    from napari_xanes import io, maps, ops, sample, theory
    from napari_xanes.advice.planning import plan_energies
    from napari_xanes.alignment import Alignment
    from napari_xanes.colour_mix import mix_colours
    from napari_xanes.detector_elements import element_noise
    from napari_xanes.edge.alignment import align_spectra
    from napari_xanes.exploring.growing import GrowingComponents
    from napari_xanes.exploring.pixel_map import map_pixels
    from napari_xanes.history import Source, Step
    from napari_xanes.io import read, read_maps, read_spectra, working_copy, write
    from napari_xanes.io.shift_table import read_shifts, write_shifts
    from napari_xanes.line_profiles import frame_profile, line_profile, map_profile
    from napari_xanes.live.following import watch
    from napari_xanes.many.running import run_many
    from napari_xanes.map_difference import subtract_maps
    from napari_xanes.maps.reference_needs import needed_references
    from napari_xanes.maps.reference_search import search_references
    from napari_xanes.ops.changes import map_of_changes
    from napari_xanes.ops.dead_time import fit_dead_time
    from napari_xanes.parameter_map import MapSet, ParameterMap
    from napari_xanes.profile_table import write_profiles
    from napari_xanes.recipe import Recipe, run
    from napari_xanes.region_means import region_mean
    from napari_xanes.region_table import region_statistics, write_statistics
    from napari_xanes.spectrum import Spectrum
    from napari_xanes.stack import SpectralStack
    from napari_xanes.step_maps import maps_of_steps
    from napari_xanes.stitching.joining import stitch
    from napari_xanes.version import __version__

__all__ = [
    "Alignment",
    "GrowingComponents",
    "MapSet",
    "ParameterMap",
    "Recipe",
    "Source",
    "SpectralStack",
    "Spectrum",
    "Step",
    "__version__",
    "align_spectra",
    "element_noise",
    "fit_dead_time",
    "frame_profile",
    "io",
    "line_profile",
    "map_of_changes",
    "map_pixels",
    "map_profile",
    "maps",
    "maps_of_steps",
    "mix_colours",
    "needed_references",
    "ops",
    "plan_energies",
    "read",
    "read_maps",
    "read_shifts",
    "read_spectra",
    "region_mean",
    "region_statistics",
    "run",
    "run_many",
    "sample",
    "search_references",
    "stitch",
    "subtract_maps",
    "theory",
    "watch",
    "working_copy",
    "write",
    "write_profiles",
    "write_shifts",
    "write_statistics",
]

_HOMES = {
    "advice.planning": ("plan_energies",),
    "alignment": ("Alignment",),
    "colour_mix": ("mix_colours",),
    "detector_elements": ("element_noise",),
    "edge.alignment": ("align_spectra",),
    "exploring.growing": ("GrowingComponents",),
    "exploring.pixel_map": ("map_pixels",),
    "history": ("Source", "Step"),
    "io": ("read", "read_maps", "read_spectra", "working_copy", "write"),
    "io.shift_table": ("read_shifts", "write_shifts"),
    "line_profiles": ("frame_profile", "line_profile", "map_profile"),
    "live.following": ("watch",),
    "many.running": ("run_many",),
    "map_difference": ("subtract_maps",),
    "maps.reference_needs": ("needed_references",),
    "maps.reference_search": ("search_references",),
    "ops.changes": ("map_of_changes",),
    "ops.dead_time": ("fit_dead_time",),
    "parameter_map": ("MapSet", "ParameterMap"),
    "profile_table": ("write_profiles",),
    "recipe": ("Recipe", "run"),
    "region_means": ("region_mean",),
    "region_table": ("region_statistics", "write_statistics"),
    "spectrum": ("Spectrum",),
    "stack": ("SpectralStack",),
    "step_maps": ("maps_of_steps",),
    "stitching.joining": ("stitch",),
    "version": ("__version__",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


forking.prepare()


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(f"napari_xanes.{_HOME_OF[name]}"), name)
    if name in __all__:
        return import_module(f"napari_xanes.{name}")
    raise AttributeError(f"module 'napari_xanes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
