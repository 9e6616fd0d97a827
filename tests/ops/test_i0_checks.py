from __future__ import annotations

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.ops.empty_area import empty_area
from napari_xanes.ops.i0_checks import edge_in_i0

ENERGY = np.concatenate([np.arange(8285, 8335, 8.0), np.arange(8335, 8365, 1.0), np.arange(8365, 8445, 5.0)])
SIZE = 40


def counts(
    references: list[Spectrum], thin: float, *, glitch: float = 0.0, seed: int = 1, **metadata: object
) -> SpectralStack:
    """Counts of a wedge whose thickness grows from `thin` to 1."""
    rng = np.random.default_rng(seed)
    thickness = np.linspace(thin, 1.0, SIZE) * np.ones((SIZE, SIZE))
    thickness[:, : SIZE // 5] = thin
    beam = 3000 * (1 + 0.002 * (ENERGY - ENERGY[0])) * (1 - glitch * np.exp(-(((ENERGY - 8350) / 2) ** 2)))
    depth = thickness * (0.3 + 0.6 * references[0].at(ENERGY)[:, None, None])
    data = rng.poisson(beam[:, None, None] * np.exp(-depth)).astype(np.float32)
    return SpectralStack(data, ENERGY, "counts", metadata=metadata)


def warnings_of(stack: SpectralStack, i0: object = "auto") -> list[str]:
    return list(nx.ops.optical_depth(stack, i0=i0).metadata.get("warnings", ()))


@pytest.mark.parametrize("thin", [0.15, 0.3, 0.5])
@pytest.mark.parametrize("i0", ["empty", (0, SIZE, 0, SIZE // 5)])
def test_a_wedge_that_fills_the_frame_is_no_i0(references: list[Spectrum], thin: float, i0: object) -> None:
    depth = nx.ops.optical_depth(counts(references, thin), i0=i0)
    (text,) = depth.metadata["warnings"]
    assert "shows the sample's edge at 834" in text
    assert depth.history[-1].state is not None
    assert depth.history[-1].state["i0"]["warnings"] == [text]
    replayed = nx.run(list(depth.history), counts(references, thin))
    assert replayed.metadata["warnings"] == [text]


def test_the_share_that_is_left_is_told() -> None:
    sample = 0.3 + 0.6 * (0.5 + np.arctan(ENERGY - 8345) / np.pi)
    beam = 1000 + 2 * (ENERGY - ENERGY[0])
    found = edge_in_i0(ENERGY, beam * np.exp(-0.4 * sample), beam * np.exp(-1.0 * sample))
    assert found is not None
    assert found == (pytest.approx(8345, abs=1), pytest.approx(0.6, abs=0.01))
    assert edge_in_i0(ENERGY, beam, beam * np.exp(-sample)) is None


@pytest.mark.parametrize("glitch", [0.0, 0.02, -0.05, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_an_empty_area_gives_no_warning(references: list[Spectrum], glitch: float, seed: int) -> None:
    assert warnings_of(counts(references, 0.0, glitch=glitch, seed=seed)) == []


def test_samples_give_no_warning() -> None:
    assert warnings_of(nx.sample.nmc_ni_k(size=60).stack) == []
    assert warnings_of(nx.sample.mn_oxides_l(size=60).stack) == []


def test_an_uneven_beam_that_hides_the_empty_area_is_told() -> None:
    """The brightest pixels lie on the particle, because the beam is weak at the corners."""
    sample = nx.sample.nmc_ni_k(size=60)
    empty, jump = empty_area(sample.stack), np.nan_to_num(sample.truth["edge_jump"].data)
    left = 1 - jump[empty].mean() / jump[~empty].mean()
    (text,) = warnings_of(sample.stack, "empty")
    told = float(text.split("about ")[1].split("%")[0]) / 100
    assert told == pytest.approx(left, abs=0.05)


def test_an_i0_of_ones_is_told(references: list[Spectrum]) -> None:
    stack = counts(references, 0.0, i0=np.ones(ENERGY.size))
    assert any("I0 is 1 at all energies" in text for text in warnings_of(stack))
    brighter = counts(references, 0.0, flat=np.full((SIZE, SIZE), 20.0))
    assert any("brighter than I0 (median optical depth -" in text for text in warnings_of(brighter))


def test_values_without_counts_are_counted(references: list[Spectrum]) -> None:
    stack = counts(references, 0.0, flat=np.full((SIZE, SIZE), 3900.0))
    data = stack.data.copy()
    data[5, 0, 0], data[6, 3:6, 0] = np.nan, -2
    assert warnings_of(stack) == warnings_of(stack.with_data(data)) == []
    data[20:30] = 0
    (text,) = warnings_of(stack.with_data(data))
    share = (data <= 0).mean()
    assert text.startswith(f"{share:.1%} of the values (100% at {ENERGY[20]:.1f} eV) have no counts")
    assert np.isnan(nx.ops.optical_depth(stack.with_data(data)).data[20:30]).all()


def test_a_saturated_flat_is_told(references: list[Spectrum]) -> None:
    stack = counts(references, 0.0)
    flats = np.minimum(np.random.default_rng(1).poisson(3900, stack.shape), 3950)
    (text,) = warnings_of(stack.with_data(stack.data, metadata={"flat": flats}))
    assert "of the flat are at the largest value" in text
    full = stack.with_data(stack.data, metadata={"flat": np.full((SIZE, SIZE), 65535, np.uint16)})
    assert any("100.0% of the flat" in text for text in warnings_of(full))
    few = stack.with_data(
        np.random.default_rng(1).poisson(2.0, stack.shape), metadata={"flat": np.full((SIZE, SIZE), 3.0)}
    )
    assert not any("saturated" in text for text in warnings_of(few))
