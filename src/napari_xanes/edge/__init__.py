"""The absorption edge: its energy, the lines on its two sides, and the step between them."""

from napari_xanes._typing import Float64Array
from napari_xanes.edge.elements import DECAY_EXPONENT, tabulated_e0
from napari_xanes.edge.lines import EdgeLines, Lines
from napari_xanes.edge.notices import notices_of
from napari_xanes.edge.one_spectrum import Normalized, normalize_mu, normalize_spectrum, spectrum_jump_error
from napari_xanes.edge.position import find_e0, three_point_slope
from napari_xanes.edge.position_error import error_of_e0
from napari_xanes.edge.ranges import Range, default_ranges
from napari_xanes.edge.selection import on_selection
from napari_xanes.edge.stacks import fit_edge, raise_if_frame_empty, require_absorption, with_distinct_energies

__all__ = [
    "DECAY_EXPONENT",
    "EdgeLines",
    "Float64Array",
    "Lines",
    "Normalized",
    "Range",
    "default_ranges",
    "error_of_e0",
    "find_e0",
    "fit_edge",
    "normalize_mu",
    "normalize_spectrum",
    "notices_of",
    "on_selection",
    "raise_if_frame_empty",
    "require_absorption",
    "spectrum_jump_error",
    "tabulated_e0",
    "three_point_slope",
    "with_distinct_energies",
]
