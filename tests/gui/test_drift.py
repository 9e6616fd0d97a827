"""The drift of an aligned stack as the window shows and edits it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.alignment import Alignment
from napari_xanes.gui.prepare.drift import Drift, drift_of
from napari_xanes.gui.prepare.drift_table import DriftModel


@pytest.fixture
def drift(stack: SpectralStack, shifts: Alignment) -> Drift:
    found = drift_of(nx.ops.align(stack, shifts=shifts))
    assert found is not None
    return found


def test_a_shift_set_by_hand_loses_its_error_and_its_mark(drift: Drift, shifts: Alignment) -> None:
    edited = drift.edited(12, 1, 0.75)
    now = edited.to_align_with()
    assert now.shifts[12].tolist() == [shifts.shifts[12, 0], 0.75]
    assert now.sigma is not None
    assert np.isnan(now.sigma[12]).all()
    assert now.residual is not None
    assert np.isnan(now.residual[12])
    assert np.flatnonzero(edited.marked).tolist() == [7]
    assert np.flatnonzero(edited.changed).tolist() == [12]
    untouched = np.arange(len(drift.energy)) != 12
    np.testing.assert_array_equal(now.shifts[untouched], shifts.shifts[untouched])
    np.testing.assert_array_equal(now.sigma[untouched], drift.sigma[untouched])
    first, *others = (now.report or "").splitlines()
    assert first == f"29 of 30 frames are aligned; set by hand at {drift.energy[12]:.1f} eV"
    assert others == (shifts.report or "").splitlines()[1:], "what follows is a warning only if it was one before"
    np.testing.assert_array_equal(drift.alignment.shifts, shifts.shifts)


@pytest.mark.parametrize("shift", [np.nan, np.inf, 24.0, -30.0])
def test_impossible_shifts_are_refused(drift: Drift, shift: float) -> None:
    with pytest.raises(ValueError, match=f"a shift of {shift:g} pixels: the image is 24 x 32"):
        drift.edited(3, 0, shift)


def test_lengths_are_shown_where_the_pixel_size_is_known(drift: Drift, stack: SpectralStack) -> None:
    assert drift.units() == {"pixels": (1.0, 1.0), "nm": (50.0, 50.0)}
    dy, dx = 50 * np.ptp(drift.found.shifts, axis=0)
    assert f"The drift spans {dy:.3g} nm in y and {dx:.3g} nm in x." in drift.lines()
    far = replace(drift, found=Alignment(40 * drift.found.shifts), pixel_size=(0.05, 0.1))
    assert far.units() == {"pixels": (1.0, 1.0), "µm": (0.05, 0.1)}
    assert set(replace(drift, pixel_size=None).units()) == {"pixels"}
    nm = drift.panels("nm")["errors"].curves["dx"]
    np.testing.assert_allclose(nm[0], 1.0)


def test_marked_frames_are_told_in_words(drift: Drift) -> None:
    line = next(line for line in drift.lines() if line.startswith("Marked"))
    assert f"{drift.energy[7]:.1f} eV shows nothing of the others, its place is that of its neighbours" in line
    assert f"{drift.energy[12]:.1f} eV holds something else, it is 4.2 times the noise off" in line
    assert "marked" in drift.words_of(12)
    assert "marked" not in drift.words_of(3)
    assert "± 0.020 pixels" in drift.words_of(3)
    assert "± 1.0 nm" in drift.words_of(3)


def test_shifts_without_errors_say_so(stack: SpectralStack) -> None:
    drift = drift_of(nx.ops.align(stack, shifts=np.zeros((30, 2)).tolist()))
    assert drift is not None
    assert drift.lines()[:2] == ["The shifts were given.", "The errors of the shifts are not known."]
    assert drift.panels() == {}
    assert not drift.marked.any()


def test_an_alignment_may_have_more_than_shifts(drift: Drift) -> None:
    @dataclass(frozen=True, eq=False)
    class Larger(Alignment):
        magnification: Any = None
        grid: Any = None

    fields = dict(drift.found) | {
        "magnification": np.linspace(1, 1.01, len(drift.energy)),
        "grid": np.zeros((len(drift.energy), 24, 2)),
    }
    larger = replace(drift, found=Larger(**fields))
    np.testing.assert_array_equal(larger.panels()["magnification"].curves[""], fields["magnification"])
    assert list(larger.others()) == ["magnification"]
    edited = larger.edited(3, 0, 0.5).to_align_with()
    np.testing.assert_array_equal(edited["magnification"], fields["magnification"])
    np.testing.assert_array_equal(edited["grid"], fields["grid"])
    rows = DriftModel()
    rows.show_drift(larger)
    last = rows.columnCount() - 1
    assert rows.headerData(last, Qt.Orientation.Horizontal) == "magnification"
    assert rows.data(rows.index(len(drift.energy) - 1, last)) == "1.01"


@pytest.mark.parametrize(("scan_lines", "nm"), [("rows", 100.0), ("columns", 50.0)])
def test_the_jitter_of_scan_lines_is_shown(drift: Drift, scan_lines: str, nm: float) -> None:
    lines = np.outer(np.arange(len(drift.energy)), [1.0, -1.0, 1.0, -1.0]) / 100
    found = replace(drift.found, line_shifts=lines, scan_lines=scan_lines)
    jittering = replace(drift, found=found, pixel_size=(0.05, 0.1))
    np.testing.assert_allclose(jittering.panels()["jitter of lines"].curves[""], np.arange(30) / 100)
    np.testing.assert_allclose(jittering.panels("nm")["jitter of lines"].curves[""], nm * np.arange(30) / 100)
    np.testing.assert_array_equal(jittering.edited(3, 0, 0.5).to_align_with().line_shifts, lines)
    assert "jitter of lines" not in drift.panels()


@pytest.mark.parametrize("shape", [(3, 3), (3, 4, 2)])
def test_shifts_of_volumes_have_no_plot(shape: tuple[int, ...], drift: Drift) -> None:
    volume = SpectralStack(np.ones((3, 4, 8, 8)), [700, 701, 702], "optical_depth")
    found = Alignment(np.zeros(shape))
    assert drift_of(nx.ops.align(volume, shifts=found)) is None
    with pytest.raises(ValueError, match="shifts of a volume"):
        drift.imported(found)
