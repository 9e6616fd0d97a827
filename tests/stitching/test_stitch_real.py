"""Measured stacks are cut into segments and tiles at known places, and put together again.

Parts that overlap come from different frames, so that their noise is independent.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import napari_xanes as nx


@pytest.fixture(scope="module")
def iron(real_data: Path) -> nx.SpectralStack:
    path = real_data / "als_fe_l" / "71214078.hdr"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return nx.ops.optical_depth(nx.read(path))


def moved(stack: nx.SpectralStack, shift: tuple[float, float], name: str) -> nx.SpectralStack:
    """Return a stack whose content lies `shift` farther; what is put in at the border is cut off by the caller."""
    data = [ndimage.shift(np.asarray(frame, float), shift, order=5, mode="mirror") for frame in stack.data]
    return nx.SpectralStack(np.array(data, np.float32), stack.energy, "optical_depth", metadata={"name": name})


def test_segments_of_a_measured_scan(iron: nx.SpectralStack) -> None:
    first = iron.isel(slice(0, 70))
    second = moved(iron.isel(slice(65, None, 2)), (1.3, -2.4), "second").isel(box=(slice(4, -4), slice(4, -4)))
    found = nx.stitch([first, second], positions=[(0, 0), (4, 4)]).metadata["stitch"]
    assert np.abs(found.position[1] - (4 - 1.3, 4 + 2.4)).max() < 0.05
    apart = nx.stitch([iron.isel(slice(0, 65)), second], positions=[(0, 0), (4, 4)]).metadata["stitch"]
    assert np.abs(apart.position[1] - (4 - 1.3, 4 + 2.4)).max() < 0.05


def test_tiles_of_a_measured_stack(iron: nx.SpectralStack) -> None:
    energy = iron.energy[20:100:4]
    tiles, places = [], []
    for k, (y, x) in enumerate([(4, 4), (4, 50), (50, 4), (50, 50)]):
        # Every second tile has other frames, a quarter of an eV away.
        frames = iron.isel(slice(20 + k % 2, 100 + k % 2, 4))
        shift = ((0.0, 0.0), (0.4, 0.7), (-0.3, 0.5), (0.2, -0.6))[k]
        tile = moved(frames, shift, f"tile {k}").isel(box=(slice(y, y + 70), slice(x, x + 70)))
        tiles.append(nx.SpectralStack(tile.data, energy, "optical_depth", metadata={"name": f"tile {k}"}))
        places.append((y - 4 - shift[0], x - 4 - shift[1]))
    found = nx.stitch(tiles).metadata["stitch"]
    assert found.placed_by == ("registration",) * 4
    assert np.abs(found.position - found.position[0] - places).max() < 0.1
