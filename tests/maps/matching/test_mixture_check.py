"""Mixtures of two charges that one member of a library imitates are told and masked; pure pixels are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.maps.l_edge_samples import ENERGY, FULL, OH, stack_of

from napari_xanes import MapSet, SpectralStack, read_spectra
from napari_xanes.maps import match_library
from napari_xanes.maps.matching.doubts import Doubt
from napari_xanes.theory import Library

WORDS = "no single charge is right"


def mixtures(truth: Library, low: int, high: int, share: Any) -> SpectralStack:
    """Return noisy mixtures of two charges; ``share`` (P,) is that of the lower one."""
    rows = [int(np.flatnonzero(truth.table["charge"] == charge)[i]) for charge, i in ((low, 4), (high, 9))]
    pure = truth.at(ENERGY, broadening=0.35, rows=rows)
    data = np.outer(share, pure[0]) + np.outer(1 - share, pure[1])
    data += data.max(axis=1, keepdims=True) * np.random.default_rng(2).standard_normal(data.shape) / 30
    return SpectralStack(data.T.reshape(ENERGY.size, -1, 32).astype(np.float32), ENERGY, "optical_depth")


def told_charges(maps: MapSet) -> Any:
    """Return the charge of each pixel (P,), NaN where none is told."""
    charge, names = maps["charge"], maps["charge"].labels or {}
    numbers = {label: float(name[2]) if name != "ambiguous" else np.nan for label, name in names.items()}
    return np.array([numbers.get(int(label), np.nan) for label in charge.data.ravel()])


def is_told(maps: MapSet) -> bool:
    return any(WORDS in warning for warning in maps.metadata["warnings"])


@pytest.mark.parametrize("offset", [0.0, None])
@pytest.mark.parametrize("library", [OH, FULL])
def test_mixtures_of_unlike_charges_are_told_and_have_no_wrong_charge(
    truth: Library, library: str, offset: float | None
) -> None:
    share = np.random.default_rng(3).uniform(0, 1, 512)
    maps = match_library(mixtures(truth, 2, 4, share), library=library, offset=offset)
    assert is_told(maps)
    assert any("mixture=True" in warning for warning in maps.metadata["warnings"])
    off = np.abs(told_charges(maps) - (4 - 2 * share))
    assert np.sum(off > 0.5) <= 0.01 * share.size
    mixed = maps["doubt"].data == Doubt.MIXED
    assert mixed.any()
    assert not maps["charge"].mask[mixed].any()
    assert not maps["ten_dq"].mask[mixed].any()


@pytest.mark.parametrize(("low", "high"), [(2, 3), (3, 4)])
def test_mixtures_of_neighbouring_charges_are_told(truth: Library, low: int, high: int) -> None:
    share = np.random.default_rng(3).uniform(0.3, 0.7, 256)
    maps = match_library(mixtures(truth, low, high, share), library=OH, offset=0.0)
    assert is_told(maps)
    assert np.isfinite(told_charges(maps)).mean() < 0.2


def test_the_way_out_is_the_valence_where_it_was_fitted(truth: Library) -> None:
    share = np.random.default_rng(3).uniform(0.3, 0.7, 128)
    maps = match_library(mixtures(truth, 2, 4, share), library=OH, offset=0.0, mixture=True)
    assert maps["valence"].mask.mean() > 0.95
    assert is_told(maps) <= any("take the map valence" in warning for warning in maps.metadata["warnings"])


@pytest.mark.parametrize("offset", [-0.5, 0.0, 0.5])
@pytest.mark.parametrize(("library", "snr"), [(OH, 10), (OH, 100), (OH, 1000), (FULL, 50)])
def test_pure_pixels_raise_no_alarm(truth: Library, library: str, snr: float, offset: float) -> None:
    stack, _, _ = stack_of(truth, snr, 256, offset=offset, spread=0.2, seed=int(snr))
    for given in (None, 0.0):
        maps = match_library(stack, library=library, offset=given)
        assert not is_told(maps)
        assert not (maps["doubt"].data == Doubt.MIXED).any()


@pytest.mark.parametrize(
    ("path", "library"),
    [
        ("mn_l_edge/Data2_MnO.csv", FULL),
        ("mn_l_edge/Data2_LaMnO3.csv", FULL),
        ("mn_l_edge/Data2_SrMnO3.csv", FULL),
        ("als_fe_l/reduced.t", "fe-l23"),
        ("als_fe_l/oxidized.t", "fe-l23"),
    ],
)
def test_measured_compounds_of_one_charge_raise_no_alarm(real_data: Path, path: str, library: str) -> None:
    spectrum = read_spectra(real_data / path)[0]
    data = np.tile((spectrum.mu / np.ptp(spectrum.mu))[:, None, None], (1, 4, 8))
    data += 0.02 * np.random.default_rng(4).standard_normal(data.shape)
    for moved in (-0.3, 0.3):
        stack = SpectralStack(data.astype(np.float32), spectrum.energy + moved, "optical_depth")
        assert not is_told(match_library(stack, library=library, offset=0.0))
