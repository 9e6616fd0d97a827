"""What a reference fit says about its pixels and its stack."""

from __future__ import annotations

import numpy as np
from tests.maps.reference_samples import AXIS, REFS, stack_of

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.maps import fit_references
from napari_xanes.ops import drop_frames, optical_depth

TWO = REFS[:2]
AMOUNTS = np.full((2, 20, 20), 0.3)


def test_the_reason_of_masked_pixels_is_noise_or_misfit() -> None:
    noise = 0.5 * np.random.default_rng(16).standard_normal((AXIS.size, 3, 3))
    noisy = SpectralStack((noise + 0.3).astype("f4"), AXIS, "optical_depth")
    (text,) = fit_references(noisy, references=TWO).metadata["warnings"]
    assert "no pixel has an edge jump above five times its error" in text
    assert "references do not fit" not in text
    wave = 0.5 * np.sin((AXIS - 8330) / 9)[:, None, None] + 0.002 * noise + 0.05 * TWO[0].at(AXIS)[:, None, None]
    (text,) = fit_references(SpectralStack(wave.astype("f4"), AXIS, "optical_depth"), references=TWO).metadata[
        "warnings"
    ]
    assert "not for noise, but because the references do not fit" in text


def test_a_mask_that_leaves_the_sample_out_is_told() -> None:
    """A few pixels beside the sample are good by chance: the map is not empty, but says nothing about the sample."""
    noise = 0.002 * np.random.default_rng(3).standard_normal((AXIS.size, 20, 20))
    wave = 0.5 * np.sin((AXIS - 8330) / 9) + 0.1 * TWO[0].at(AXIS)
    data = noise + wave[:, None, None]
    data[:, 0, :5] = noise[:, 0, :5] + 0.05 * TWO[1].at(AXIS)[:, None]
    stack = SpectralStack(data.astype("f4"), AXIS, "optical_depth")
    maps = fit_references(stack, references=TWO)
    told = [text for text in maps.metadata["warnings"] if "largest edge jumps are masked" in text]
    assert 0 < maps["edge_jump"].mask.sum() <= 5
    assert told, maps.metadata["warnings"]
    assert told[0].startswith("100 % of the pixels")
    whole = fit_references(SpectralStack(data[:, :1, :5], AXIS, "optical_depth"), references=TWO)
    assert not [text for text in whole.metadata["warnings"] if "largest edge jumps" in text]


def test_a_fixed_sum_of_amounts_is_told_where_the_stack_is_not_normalized() -> None:
    stack = stack_of(AMOUNTS, TWO, 0.01)
    told = fit_references(stack, references=TWO, sum_to_one=True).metadata["warnings"]
    assert any("sum_to_one holds the edge jump of every pixel at 1, but the stack is optical_depth" in t for t in told)
    normalized = SpectralStack(stack.data / 0.6, AXIS, "normalized")
    assert not fit_references(normalized, references=TWO, sum_to_one=True).metadata["warnings"]


def test_a_denoised_stack_has_no_chi_square_and_passes_its_warnings_on() -> None:
    columns = np.stack([ref.at(AXIS) for ref in TWO], axis=1)
    noise = {"kind": "amounts", "columns": columns, "factors": np.full((2, 1, 20, 20), 0.01)}
    told = "the references lay 0.4 eV too low and were moved"
    stack = SpectralStack(
        stack_of(AMOUNTS, TWO).data, AXIS, "optical_depth", metadata={"noise": noise, "warnings": [told]}
    )
    maps = fit_references(stack, references=TWO)
    assert "chi_square" not in maps
    assert told in maps.metadata["warnings"]


def test_a_spoiled_frame_is_named_where_no_pixel_is_good() -> None:
    """A beam dump in one frame is enough for this."""
    rng = np.random.default_rng(1)
    energy = np.concatenate([np.arange(8250, 8330, 5.0), np.arange(8330, 8360, 1.0), np.arange(8360, 8450, 5.0)])

    def edge(e0: float) -> np.ndarray:
        line = 0.35 * np.exp(-0.5 * ((energy - e0 - 3) / 2.5) ** 2)
        return 0.5 + np.arctan((energy - e0) / 1.5) / np.pi + line

    depth = 0.8 * (0.3 + edge(8343))[:, None, None] * np.ones((12, 12))
    frames = rng.poisson(20000 * np.exp(-depth)).astype(np.float32)
    frames[50] = rng.poisson(40, (12, 12))
    flat = np.full_like(frames, 20000)
    stack = optical_depth(SpectralStack(frames, energy, "counts", metadata={"flat": flat}))
    references = [Spectrum("A", energy, edge(8343), 2), Spectrum("B", energy, edge(8346), 3)]

    def told(stack: SpectralStack) -> list[str]:
        warnings = fit_references(stack, references=references).metadata["warnings"]
        return [text for text in warnings if "alone against" in text]

    assert told(stack)[0].startswith("the frame at 8380.0 eV stands alone against its neighbours")
    assert not told(drop_frames(stack, energies=[8380]))
