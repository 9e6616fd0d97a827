"""What a joined stack says of its parts is kept, cut and read from files that others may have changed."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.seams import Stitching


def plain(**changes: Any) -> dict[str, Any]:
    """Return the fields as a file holds them: two stacks, three frames."""
    return {
        "kind": "segments",
        "sources": [{"name": "A"}, {"name": "B"}],
        "members": np.array([[True, False], [True, True], [False, True]]),
        "position": [[0, 0], [1.5, -2]],
        "sigma": [[0, 0], [np.nan, 0.1]],
        "placed_by": ["the first", "registration"],
        "factor": [1, 1.1],
        "offset": [0, 0.1],
        "seams": [{"stacks": ["A", "B"], "step": 0.1}],
        "parameters": {"match": "none"},
        "energy": [700, 705, 710],
        "report": "two segments",
        **changes,
    }


def stack_with(value: Any) -> SpectralStack:
    return SpectralStack(np.ones((3, 2, 2)), [700, 705, 710], "optical_depth", metadata={"stitch": value})


def test_a_mapping_from_a_file_becomes_the_value() -> None:
    found = stack_with(plain()).metadata["stitch"]
    assert isinstance(found, Stitching)
    assert found.names_of(1) == ["A", "B"]
    assert found["report"] == "two segments"
    part = stack_with(plain()).isel(np.array([0, 2])).metadata["stitch"]
    assert part.members.tolist() == [[True, False], [False, True]]
    again = pickle.loads(pickle.dumps(found))
    assert again.seams == found.seams
    with pytest.raises(TypeError):
        found.sources[0]["name"] = "C"


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "pieces"},
        {"position": [[0, 0]]},
        {"factor": "one"},
        {"members": [[1, 0], [1, 1], [0, 1]]},
        {"members": np.ones((2, 2), bool)},
        {"sources": ["A", "B"]},
        {"sources": 3},
        {"energy": [700, 705]},
        {"energy": 700.0},
        {"parameters": None},
    ],
)
def test_what_does_not_fit_stays_what_it_is(changes: dict[str, Any]) -> None:
    value = plain(**changes)
    assert not isinstance(stack_with(value).metadata["stitch"], Stitching)
