"""Which values were filled in stays known in joined stacks, in the share that they have in the variance."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.filled_values import FilledValues

SHAPE = (6, 20, 30)


def stack(name: str, value: float, photons: float, *, frames: slice = slice(None), fill: bool = True) -> Any:
    """Return a stack of one value, of which 300 are said to be filled in."""
    rng = np.random.default_rng(len(name))
    places = np.sort(rng.choice(np.prod(SHAPE), 300, replace=False))
    pixel, frame = np.divmod(places, SHAPE[0])
    metadata = {
        "name": name,
        "noise": {"kind": "poisson", "i0": np.full((1, 1, 1), photons), "n_flat": np.inf},
        "filled": FilledValues(SHAPE, frame, pixel, 1 + rng.uniform(1, 5, 300)) if fill else None,
    }
    energy = np.arange(700.0, 706.0)
    return nx.SpectralStack(np.full(SHAPE, value, np.float32), energy, "optical_depth", metadata=metadata).isel(frames)


def excess(found: FilledValues | None) -> np.ndarray:
    assert found is not None
    ones = np.ones((found.shape[0], int(np.prod(found.shape[1:]))))
    return found.widened(ones, slice(None)).reshape(found.shape) - 1


def joined(kind: Literal["segments", "tiles"], values: tuple[float, float], overlap: Any, **options: Any) -> Any:
    """Return two joined stacks, the second of three times the photons."""
    frames = (slice(0, 4), slice(2, 6)) if kind == "segments" else (slice(None), slice(None))
    place = (2.0, 4.0) if kind == "segments" else (3.0, 18.0)
    parts = [
        stack("A", values[0], 1000, frames=frames[0], **options),
        stack("BB", values[1], 3000, frames=frames[1], **options),
    ]
    return nx.stitch(parts, kind=kind, positions=[(0.0, 0.0), place], place="as given", overlap=overlap), parts, place


@pytest.mark.parametrize("overlap", ["average", "first", "last"])
@pytest.mark.parametrize("kind", ["segments", "tiles"])
def test_filled_values_have_their_share_of_the_variance(kind: Literal["segments", "tiles"], overlap: Any) -> None:
    found, parts, place = joined(kind, (0.0, 0.0), overlap)
    small = 1e-4
    shares = [joined(kind, values, overlap)[0].data / small for values in ((small, 0.0), (0.0, small))]
    variance = [np.nan_to_num(share) ** 2 / photons for share, photons in zip(shares, (1000, 3000), strict=True)]
    expected = np.zeros(found.shape)
    for part, of_variance, (y, x) in zip(parts, variance, ((0, 0), place), strict=True):
        whole = np.zeros(found.shape)
        first = int(np.searchsorted(found.energy, part.energy[0]))
        own = excess(part.filled)
        rows, columns = (min(n, m - int(at)) for n, m, at in zip(SHAPE[1:], found.shape[1:], (y, x), strict=True))
        place_of = np.s_[first : first + len(own), int(y) : int(y) + rows, int(x) : int(x) + columns]
        whole[place_of] = own[:, :rows, :columns]
        expected += whole * of_variance / np.maximum(sum(variance), 1e-30)
    assert (expected > 0).sum() > 200
    np.testing.assert_allclose(excess(found.filled), expected, rtol=1e-3)


def test_a_stack_that_is_resampled_spreads_its_filled_values() -> None:
    parts = [stack("A", 0.0, 1000, fill=False), stack("BB", 0.1, 1000)]
    positions = [(0.0, 0.0), (0.0, 30.4)]
    found = nx.stitch(parts, kind="tiles", positions=positions, place="as given")
    own = parts[1].filled.moved(np.tile((0, -0.4), (6, 1)))
    np.testing.assert_allclose(excess(found.filled)[:, :, 30:], excess(own))
    parts[1] = parts[1].with_data(parts[1].data, metadata={"filled": None})
    assert nx.stitch(parts, kind="tiles", positions=positions, place="as given").filled is None
