"""Samples that repeat themselves: places a period away fit as well, and `align` says so."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.registration.rendering import recorded, texture
from numpy.typing import NDArray
from tests.drifting import drifting

import napari_xanes as nx

SIZE, FRAMES = 64, 12


def lattice(period: float, own: float) -> NDArray[np.float64]:
    """Return an image of a period in both directions, with a texture of its own."""
    y, x = np.mgrid[: SIZE + 32, : SIZE + 32] * 2 * np.pi / period
    return np.asarray(0.05 * (np.cos(y) + np.cos(x)) + own * texture(np.random.default_rng(5), SIZE + 32, 2.0))


def warnings(image: NDArray[np.float64], method: str) -> list[str]:
    """Return what `align` warns of in a stack of one image whose contrast inverts, and which drifts by little."""
    rng = np.random.default_rng(0)
    energy = np.linspace(8300.0, 8400.0, FRAMES)
    edge = np.where(energy < 8345, -0.5, 1.0)
    shifts = rng.normal(0, 0.3, (FRAMES, 2))
    spectra, maps = np.array([edge, np.full(FRAMES, 0.4)]), np.array([image, np.ones_like(image)])
    made = recorded(rng, energy, spectra, maps, shifts, size=SIZE, photons=3000.0)
    aligned = nx.ops.align(nx.SpectralStack(made.stack.data, energy, "optical_depth"), method=method)
    return [text for text in aligned.metadata["warnings"] if "repeats itself" in text]


@pytest.mark.parametrize("method", ["joint", "pairwise", "reference"])
def test_a_lattice_is_told(method: str) -> None:
    (text,) = warnings(lattice(10.0, 0.0), method)
    # Half a period along both axes turns the lattice into its negative.
    assert "moved by 5 pixels in y and 5 in x" in text


def test_a_lattice_with_little_of_its_own_is_told() -> None:
    assert warnings(lattice(10.0, 0.01), "joint")


def test_a_lattice_with_much_of_its_own_is_no_reason_to_doubt() -> None:
    assert not warnings(lattice(10.0, 0.15), "joint")


@pytest.mark.parametrize("contrast", ["same", "inverts", "weak"])
def test_textures_do_not_repeat_themselves(contrast: str) -> None:
    aligned = nx.ops.align(drifting(contrast).stack)  # type: ignore[arg-type]
    assert not any("repeats itself" in text for text in aligned.metadata["warnings"])
