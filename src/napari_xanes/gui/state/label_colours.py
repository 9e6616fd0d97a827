"""The colours of labels that are named as references are, such as those of the dominant reference."""

from __future__ import annotations

from dataclasses import replace

from napari_xanes.gui.state.references import ReferenceSet
from napari_xanes.parameter_map import MapSet


def with_colours(maps: MapSet, references: ReferenceSet) -> MapSet:
    """Return maps that know the colours of the references whose names their labels have."""
    names = {name for one in maps.values() for name in (one.labels or {}).values()}
    colours = {one.name: references.colour(one.name) for one in references.spectra if one.name in names}
    return replace(maps, metadata={**maps.metadata, "colours": colours}) if colours else maps
