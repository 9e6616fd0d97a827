"""The absorption edge: its energy, the lines on its two sides, and the step between them."""

from napari_xanes._typing import Float64Array
from napari_xanes.edge.lines import EdgeLines, Lines, Normalized, normalize_mu, normalize_spectrum
from napari_xanes.edge.position import Range, default_ranges, find_e0, tabulated_e0, three_point_slope
from napari_xanes.edge.stacks import fit_edge, raise_if_frame_empty, require_absorption

__all__ = [
    "EdgeLines",
    "Float64Array",
    "Lines",
    "Normalized",
    "Range",
    "default_ranges",
    "find_e0",
    "fit_edge",
    "normalize_mu",
    "normalize_spectrum",
    "raise_if_frame_empty",
    "require_absorption",
    "tabulated_e0",
    "three_point_slope",
]
