"""Known shifts, put into measured stacks, come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.registration.real import STACKS, errors_of, print_real

import napari_xanes as nx


@pytest.mark.parametrize("name", ["Fe L, ALS, every second frame", "C K, PolLux"])
def test_known_shifts_in_a_measured_stack(name: str, real_data: Path) -> None:
    """The stack of the ALS is aligned already; the drift of the other one is what the same fit finds in it."""
    measured = STACKS[name]
    try:
        stack = measured.stack(real_data)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    own = nx.ops.align(stack).metadata["align"].shifts if measured.drifts else 0.0
    error, found = errors_of(stack, own, seed=0)
    assert np.isfinite(found.sigma).all()
    assert np.sqrt((error**2).mean(axis=0)).max() < 0.05
    assert (np.abs(error) < 2 * found.sigma).mean() > 0.85
    assert np.median(found.sigma) < 0.06


def test_files_that_are_not_there_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_real([0], tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(STACKS)
    assert all("skipped" in line and str(tmp_path) in line and "NAPARI_XANES_DATA" in line for line in lines)
