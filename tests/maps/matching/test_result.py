"""Typed metadata of matched maps, also after writing and reading a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.maps.l_edge_samples import ENERGY, OH, stack_of

from napari_xanes import Spectrum, read_maps, write
from napari_xanes.maps import match_library
from napari_xanes.maps.matching.best_matches import best_matches
from napari_xanes.maps.matching.result import LibrarySettings, library_match, library_settings
from napari_xanes.theory import Library


def test_metadata_from_a_file_are_the_same_typed_values(truth: Library, tmp_path: Path) -> None:
    stack, _, _ = stack_of(truth, 100, 128)
    maps = match_library(stack, library=OH)
    write(maps, tmp_path / "maps.h5")
    from_file = read_maps(tmp_path / "maps.h5")
    settings = library_settings(from_file.metadata)
    assert settings == library_settings(maps.metadata)
    assert isinstance(settings, LibrarySettings)
    assert (settings.name, settings.offset_eV) == (OH, maps.metadata["library"]["offset_eV"])
    assert list(from_file.metadata["library"]) == ["name", "offset_eV", "broadening_eV", "shift_spread_eV"]
    assert list(from_file.metadata["match"]) == ["offset", "broadening", "energy", "background", "library"]
    pixel = Spectrum("pixel", ENERGY, stack.data[:, 0, 0])
    for expected, again in zip(best_matches(maps, pixel), best_matches(from_file, pixel), strict=True):
        assert again.name == expected.name
        np.testing.assert_array_equal(again.mu, expected.mu)


def test_other_metadata_give_no_match() -> None:
    assert library_settings({}) is None
    assert library_match({"match": {"offset": 0.0}}) is None
    assert library_match({"match": "x"}) is None
