"""References of which nothing says whether they are normalized."""

from __future__ import annotations

import numpy as np
import pytest
from tests.maps.reference_samples import AXIS, curve, edge_spectrum, stack_of

from napari_xanes import Spectrum
from napari_xanes.edge import normalize_spectrum, spectrum_jump_error
from napari_xanes.maps import fit_references
from napari_xanes.maps.fitting.reference_scale import errors_of_scale, on_one_scale

GRID = np.arange(8200.0, 8600.0, 0.5)
LOW, HIGH = (curve(GRID, e0, white) for e0, white in ((8344, 0.6), (8347, 0.3)))
RIGHT = [edge_spectrum("two", 8344, 0.6, 2), edge_spectrum("four", 8347, 0.3, 4)]


def scaled(first: np.ndarray, second: np.ndarray, **said: bool) -> list[Spectrum]:
    return [Spectrum("two", GRID, first, 2, metadata=said), Spectrum("four", GRID, second, 4)]


@pytest.mark.parametrize(("jump", "base"), [(2.5, 1.1), (0.3, 0.5), (1.6, 0.0), (0.6, 0.0), (1.0, 1.2), (40.0, 3.0)])
@pytest.mark.parametrize("said", [{}, {"normalized": True}])
def test_a_raw_one_among_normalized_ones_is_normalized_and_told(jump: float, base: float, said: dict) -> None:
    raw = base + jump * HIGH + 1e-4 * jump * (GRID - GRID[0])
    warnings: list[str] = []
    other, changed = on_one_scale(scaled(LOW, raw, **said), "auto", warnings)
    if said or jump == 1:
        np.testing.assert_array_equal(other.mu, LOW)
    else:  # both get lines of one kind, whose errors are alike
        np.testing.assert_array_equal(other.mu, normalize_spectrum(scaled(LOW, raw)[0]).mu)
    if jump != 1:
        np.testing.assert_allclose(changed.mu, HIGH, atol=0.08)
        assert "reference 'four' has an edge jump of" in warnings[0]
    stack = stack_of(np.full((2, 4, 4), 0.4), RIGHT, 0.001)
    maps = fit_references(stack, references=scaled(LOW, raw, **said))
    assert np.abs(maps["valence"].data - 3).max() < 0.1


def test_the_errors_of_scales_are_in_the_errors_of_a_fit() -> None:
    given = scaled(1 + 2.5 * LOW, HIGH, normalized=False)
    used = on_one_scale(given, "auto", [])
    error, none = errors_of_scale(given, used)
    assert (error, none) == (spectrum_jump_error(given[0]), 0)
    assert 0.01 < error < 0.2
    shares = np.linspace(0, 1, 8)[None].repeat(2, axis=0)
    stack = stack_of(np.array([1 - shares, shares]), RIGHT, 0.001)
    maps = fit_references(stack, references=given, fractions=True)
    # valence = (2 a (1 + e) + 4 b) / (a (1 + e) + b)
    expected = 2 * shares * (1 - shares) * error
    np.testing.assert_allclose(maps["valence_model"].data, expected, atol=0.02 * error)
    np.testing.assert_allclose(maps["two"].sigma[:, 2:-2], (shares * (1 - shares) * error)[:, 2:-2], rtol=0.2)
    same = fit_references(stack, references=on_one_scale(given, "auto", []))
    assert "valence_model" not in same or same["valence_model"].data.max() < 0.1 * error


def test_references_on_one_scale_stay_as_they_are() -> None:
    raw_pair = 2.5 * LOW + 1, 2.4 * HIGH + 0.7
    for pair, raw in (((LOW, HIGH), 0), (raw_pair, 1), ((LOW, 1.1 * HIGH), 0), ((1.05 * LOW + 0.05, HIGH), 0)):
        warnings: list[str] = []
        references = scaled(*pair)
        assert on_one_scale(references, "auto", warnings) == references
        assert [text.split(" of about")[0] for text in warnings] == ["the references have an edge jump"] * raw
    unlike = scaled(LOW, 3 * HIGH)
    assert on_one_scale(unlike, "never", []) is unlike


def test_where_jumps_cannot_be_measured_very_different_heights_are_told() -> None:
    short = (GRID > 8335) & (GRID < 8362)
    warnings: list[str] = []
    pair = [
        Spectrum(name, GRID[short], factor * mu[short], v)
        for name, factor, mu, v in (("two", 1, LOW, 2), ("four", 3, HIGH, 4))
    ]
    assert on_one_scale(pair, "auto", warnings) == pair
    assert "reference 'four' rises" in warnings[0]
    assert "times as high as 'two'" in warnings[0]
    lines = np.exp(-(((AXIS - 8345) / 2) ** 2))
    soft = [Spectrum(str(i), AXIS - 7640, (1 + 0.3 * i) * lines, i) for i in (2, 3)]
    warnings.clear()
    assert on_one_scale(soft, "auto", warnings) == soft
    assert warnings == []
