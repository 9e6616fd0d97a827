from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.sample import SAMPLES


@pytest.mark.parametrize("key", SAMPLES)
def test_the_seed_decides_everything(key: str) -> None:
    first, repeated, other = SAMPLES[key](seed=3, size=24), SAMPLES[key](seed=3, size=24), SAMPLES[key](seed=4, size=24)
    np.testing.assert_array_equal(first.stack.data, repeated.stack.data)
    assert not np.array_equal(first.stack.data, other.stack.data)


@pytest.mark.parametrize("key", SAMPLES)
def test_the_truth_is_consistent(key: str) -> None:
    sample = SAMPLES[key](size=40)
    references = sample.stack.metadata["references"]
    fractions = [sample.truth[r.name].data for r in references]
    inside = sample.truth["valence"].mask
    np.testing.assert_allclose(np.sum(fractions, axis=0)[inside], 1, atol=1e-6)
    valence = np.sum([r.valence * f for r, f in zip(references, fractions, strict=True)], axis=0)
    np.testing.assert_allclose(valence[inside], sample.truth["valence"].data[inside], atol=1e-5)
    assert 0.2 < inside.mean() < 0.8


@pytest.mark.parametrize("key", SAMPLES)
def test_the_counts_are_what_the_truth_predicts(key: str) -> None:
    sample = SAMPLES[key](size=40)
    stack, inside = sample.stack, sample.truth["valence"].mask
    outside = ~inside & (sample.truth["edge_jump"].data == 0)
    dark = stack.metadata.get("dark", 0)
    corrected = (stack.data - dark) / (stack.metadata.get("flat", 1 + dark) - dark)
    assert corrected[:, outside].mean() > 1.2 * corrected[:, inside].mean()
