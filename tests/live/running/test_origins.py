"""A flat that comes late, and a frame that is measured twice, change the frames that they belong to and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.io.edf.edf_files import edf
from tests.live.writers import age, fit_recipe, transmission

import napari_xanes as nx
from napari_xanes.live import so_far
from napari_xanes.live.frame_folder import FrameFolder
from napari_xanes.live.running.origins import Origin, origins_of
from napari_xanes.live.so_far import MapsSoFar

N = 20


class Scan:
    """A series of EDF files with a reference for each energy, which the beam fills differently each time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.stack = folder, transmission(size=8, every=3)
        rng = np.random.default_rng(0)
        self.light = 20000 * (1 + 0.2 * rng.random((N, 8, 8)))

    def frame(self, i: int, repeat: int = 0) -> Path:
        return self._write("data", i, (self.light[i] * self.stack.data[i]).round() + repeat, repeat)

    def flat(self, i: int) -> Path:
        return self._write("ref", i, self.light[i].round(), 0)

    def _write(self, role: str, i: int, counts: np.ndarray, repeat: int) -> Path:
        path = self.folder / f"map1_{role}_0000_{i:04d}_{repeat:04d}.edf"
        header = {"energy": float(self.stack.energy[i]) / 1e3, "exposure_time": 0.1, "nb_frames": 1}
        path.write_bytes(edf(counts.astype("u2"), header))
        age(path)
        return path


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    """Return a scan whose last flat is missing: the one before serves two energies."""
    made = Scan(tmp_path)
    for i in range(N):
        made.frame(i)
        if i < N - 1:
            made.flat(i)
    return made


class Followed:
    """The maps so far of a scan, and which frames were worked on for them."""

    def __init__(self, scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
        self.source, self.maps_so_far = FrameFolder(scan.folder, {}), MapsSoFar(fit_recipe())
        self.worked_on: list[int] = []

        def noting(steps: Any, stack: nx.SpectralStack, frame: int) -> Any:
            self.worked_on.append(frame)
            return prepared(steps, stack, frame)

        prepared = so_far.prepared
        monkeypatch.setattr(so_far, "prepared", noting)

    def look(self) -> Any:
        self.worked_on.clear()
        view = self.source.look()
        return self.maps_so_far.update(view)


def anew(scan: Scan) -> Any:
    return MapsSoFar(fit_recipe()).update(FrameFolder(scan.folder, {}).look())


def assert_same(maps: Any, others: Any) -> None:
    assert list(maps) == list(others)
    for name in ("valence", "edge_jump", "residual_rms"):
        np.testing.assert_array_equal(maps[name].mask, others[name].mask)
        known = maps[name].mask
        np.testing.assert_allclose(maps[name].data[known], others[name].data[known], rtol=1e-6, atol=1e-9)
        if maps[name].sigma is not None:
            np.testing.assert_allclose(maps[name].sigma[known], others[name].sigma[known], rtol=1e-5)


def test_a_late_flat_changes_its_own_frame_only(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(scan, monkeypatch)
    before = followed.look()
    assert sorted(followed.worked_on) == list(range(N))
    scan.flat(N - 1)
    after = followed.look()
    assert followed.worked_on == [N - 1, N - 1], "taken out as it was, and added as it is"
    assert not np.allclose(before["residual_rms"].data, after["residual_rms"].data, rtol=1e-3)
    assert_same(after, anew(scan))
    direct = nx.run(fit_recipe(), nx.read(scan.folder))
    known = after["valence"].mask & direct["valence"].mask
    assert known.any()
    np.testing.assert_allclose(after["valence"].data[known], direct["valence"].data[known], rtol=1e-5)


def test_a_repeat_changes_its_own_frame_only(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(scan, monkeypatch)
    followed.look()
    scan.frame(4, repeat=1)
    after = followed.look()
    assert followed.worked_on == [4, 4]
    assert_same(after, anew(scan))


def test_a_broken_flat_waits_and_heals(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(scan, monkeypatch)
    first = followed.look()
    path = scan.flat(N - 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    age(path, 40)
    assert_same(followed.look(), first)
    assert not followed.worked_on
    path.write_bytes(whole)
    age(path, 20)
    assert_same(followed.look(), anew(scan))


def test_a_frame_without_counts_is_good_again_with_its_flat(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels that a dark flat made bad count again when the flat has come."""
    scan.light[N - 2][:4] = 0
    scan.flat(N - 2)
    followed = Followed(scan, monkeypatch)
    assert not followed.look()["edge_jump"].mask[:4].any()
    scan.light[N - 2][:4] = 21000
    scan.flat(N - 2)
    after = followed.look()
    assert after["edge_jump"].mask[:4].any()
    assert_same(after, anew(scan))


def test_all_frames_are_taken_anew_where_most_have_changed(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed(scan, monkeypatch)
    followed.look()
    for i in range(N // 2 + 1):
        scan.frame(i, repeat=1)
    after = followed.look()
    assert sorted(followed.worked_on) == list(range(N))
    assert_same(after, anew(scan))


def test_one_flat_of_all_frames(tmp_path: Path) -> None:
    stack = transmission(size=4, every=10)
    counts = nx.SpectralStack(stack.data, stack.energy, "counts", metadata={"flat": np.ones((4, 4), np.float32)})
    first, grown = origins_of(counts.isel(slice(0, 3))), origins_of(counts)
    other = origins_of(counts.with_data(counts.data, metadata={"flat": np.full((4, 4), 2, np.float32)}))
    for energy, origin in first.items():
        assert not origin.is_other(grown[energy], may_have_changed=False)
        assert origin.is_other(other[energy], may_have_changed=False)
        assert origin == Origin(None, grown[energy].corrections)
