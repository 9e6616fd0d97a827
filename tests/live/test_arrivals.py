"""Frames of a server and of documents that come again, and flats that come late: what is added anew, and what stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.live.running.test_origins import assert_same
from tests.live.test_documents import Recorder
from tests.live.test_tiled_run import URI, Node
from tests.live.writers import fit_recipe, transmission

import napari_xanes as nx
from napari_xanes.live import so_far
from napari_xanes.live.documents import DocumentFile
from napari_xanes.live.ending import Ending
from napari_xanes.live.so_far import MapsSoFar
from napari_xanes.live.tiled_run import TiledRun


@pytest.fixture
def worked_on(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the frames that maps so far worked on."""
    numbers: list[int] = []

    def noting(steps: Any, stack: nx.SpectralStack, frame: int) -> Any:
        numbers.append(frame)
        return prepared(steps, stack, frame)

    prepared = so_far.prepared
    monkeypatch.setattr(so_far, "prepared", noting)
    return numbers


class Server:
    """A node to which frames, flats and energies can be written."""

    def __init__(self, frames: Any, energy: Any) -> None:
        self.image, self.energy = Node(frames), Node(energy)
        self.node = Node(image=self.image, energy=self.energy)

    def source(self, **reading: Any) -> TiledRun:
        return TiledRun(URI, reading, connect=lambda uri: self.node)

    def append(self, frames: Any, energy: Any) -> None:
        self.image.full = np.append(self.image.full, frames, 0)
        self.energy.full = np.append(self.energy.full, energy)


def anew(source: Any) -> Any:
    return MapsSoFar(fit_recipe()).update(source.look())


def test_a_flat_that_comes_late_is_taken_once_it_is_written() -> None:
    stack = transmission(size=8, every=3)
    server = Server(1e4 * np.asarray(stack.data), stack.energy)
    source = server.source()
    view = source.look()
    assert view.stack is not None
    assert view.stack.corrections.flat is None
    server.node._children["flat"] = flat = Node(np.zeros((8, 8)))  # the array is there, its values are not
    server.node.metadata = {"stop": {"exit_status": "success"}}
    view = source.look()
    assert source.whole().corrections.flat is None
    flat.full = np.full((8, 8), 1e4)
    view = source.look()
    assert view.told == ("a flat for all frames has come",)
    assert view.is_complete
    np.testing.assert_array_equal(source.whole().corrections.flat, flat.full)


def test_maps_so_far_count_a_late_flat() -> None:
    stack = transmission(size=8, every=3)
    counts = 1e4 * np.asarray(stack.data)
    server = Server(counts[:18], stack.energy[:18])
    server.node._children["dark"] = Node(np.full((8, 8), 1.0))
    source, maps_so_far = server.source(), MapsSoFar(fit_recipe())
    maps_so_far.update(source.look())
    server.node._children["flat"] = Node(np.full((8, 8), 1e4))
    server.append(counts[18:20], stack.energy[18:20])
    after = maps_so_far.update(source.look())
    assert_same(after, anew(server.source()))


def test_a_second_sweep_changes_only_the_frames_that_it_repeats(worked_on: list[int]) -> None:
    stack = transmission(size=8, every=3)
    server = Server(np.asarray(stack.data), stack.energy)
    source, maps_so_far = server.source(quantity="transmission"), MapsSoFar(fit_recipe())
    maps_so_far.update(source.look())
    worked_on.clear()
    server.append(stack.data[3:4] * 1.05, stack.energy[3])
    after = maps_so_far.update(source.look())
    assert worked_on == [3, 3], "taken out as it was, and added as the mean of both"
    assert_same(after, anew(server.source(quantity="transmission")))


def test_frames_that_were_written_again_in_their_place_are_all_added_anew(worked_on: list[int]) -> None:
    """What they were can't be read any more, so it can't be taken out."""
    stack = transmission(size=8, every=3)
    server = Server(np.asarray(stack.data), stack.energy)
    source, maps_so_far = server.source(quantity="transmission"), MapsSoFar(fit_recipe())
    maps_so_far.update(source.look())
    worked_on.clear()
    server.image.full = np.concatenate([server.image.full[:2] * 1.1, server.image.full[2:]])
    server.energy.full = np.append(server.energy.full[:2] + 0.5, server.energy.full[2:])
    view = source.look()
    after = maps_so_far.update(view)
    assert "measured again" in view.told[0]
    assert sorted(worked_on) == list(range(view.n_frames))
    assert_same(after, anew(server.source(quantity="transmission")))


def test_repeats_do_not_end_a_scan_that_has_more_energies() -> None:
    server = Server(np.ones((3, 2, 2)), [700.0, 710.0, 700.0])
    source = TiledRun(URI, {}, Ending(energies=3), connect=lambda uri: server.node)
    assert not source.look().is_complete
    server.append(np.ones((1, 2, 2)), 720.0)
    assert source.look().is_complete


def test_an_event_at_the_energy_of_another_is_its_repeat(tmp_path: Path, worked_on: list[int]) -> None:
    stack = transmission(size=8, every=3)
    path = tmp_path / "run.jsonl"
    record = Recorder(path)
    record.begin()
    for i, energy in enumerate(stack.energy):
        record.event(i + 1, float(energy), stack.data[i], time=float(i))
    reading = {"quantity": "transmission"}
    source, maps_so_far = DocumentFile(path, reading), MapsSoFar(fit_recipe())
    maps_so_far.update(source.look())
    worked_on.clear()
    record.event(99, float(stack.energy[5]), stack.data[5] * 1.05, time=99.0)
    view = source.look()
    after = maps_so_far.update(view)
    assert worked_on == [5, 5]
    assert not view.told
    assert_same(after, anew(DocumentFile(path, reading)))
    record.event(2, float(stack.energy[1]), stack.data[1] * 1.05, time=100.0)
    worked_on.clear()
    after = maps_so_far.update(source.look())
    assert sorted(worked_on) == list(range(stack.energy.size))
    assert_same(after, anew(DocumentFile(path, reading)))
