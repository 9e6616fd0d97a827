"""Bluesky documents that are recorded while a run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.live.writers import fit_recipe, transmission

import napari_xanes as nx
from napari_xanes.live.documents import DocumentFile
from napari_xanes.live.following import follow
from napari_xanes.live.opening import open_source

KEYS = {
    "image": {"source": "sim", "dtype": "array", "shape": [1, 3, 4]},
    "mono_energy": {"source": "sim", "dtype": "number", "shape": [], "units": "eV"},
    "mono_energy_setpoint": {"source": "sim", "dtype": "number", "shape": []},
}


class Recorder:
    """Writes documents as bluesky's JSONLinesWriter does, or its JSONWriter."""

    def __init__(self, path: Path, *, lines: bool = True) -> None:
        self.path, self.lines = path, lines
        path.write_text("" if lines else "[\n", encoding="utf-8")

    def __call__(self, name: str, document: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            json.dump({"name": name, "doc": document}, file)
            file.write("\n" if self.lines else ",\n")

    def begin(self, keys: dict[str, Any] = KEYS, **start: Any) -> None:
        self("start", {"uid": "1", "time": 0, **start})
        self("descriptor", {"uid": "d", "run_start": "1", "data_keys": keys})

    def event(self, number: int, energy: float, frame: Any = None, time: float = 0.0) -> None:
        data = {"mono_energy": energy, "mono_energy_setpoint": energy}
        data |= {} if frame is None else {"image": np.asarray(frame).tolist()}
        self("event", {"uid": f"e{number}", "descriptor": "d", "seq_num": number, "time": time, "data": data})


@pytest.mark.parametrize("lines", [True, False])
def test_events_with_frames(tmp_path: Path, lines: bool) -> None:
    path = tmp_path / "run.jsonl"
    record = Recorder(path, lines=lines)
    source = open_source(path)
    assert isinstance(source, DocumentFile)
    assert source.look().stack is None
    record.begin(num_points=3)
    record.event(1, 700.0, np.full((1, 3, 4), 5.0))
    view = source.look()
    assert view.expected == 3
    assert view.stack is not None
    assert np.asarray(view.stack.data).tolist() == np.full((1, 3, 4), 5.0).tolist()
    record.event(2, 710.0, np.full((1, 3, 4), 6.0))
    assert source.look().n_frames == 2
    assert source.look().generation == 0
    record("stop", {"uid": "s", "run_start": "1", "exit_status": "success"})
    assert source.look().is_complete
    assert source.whole().energy.tolist() == [700, 710]


def test_pages_and_pairs(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    page = {"descriptor": "d", "seq_num": [1, 2], "time": [0, 0]}
    frames = {"image": np.ones((2, 1, 3, 4)).tolist(), "mono_energy": [700.0, 701.0]}
    documents = [
        ["start", {"uid": "1"}],
        ["descriptor", {"uid": "d", "data_keys": KEYS}],
        ["event_page", {**page, "data": frames}],
    ]
    path.write_text("".join(f"{json.dumps(one)}\n" for one in documents), encoding="utf-8")
    assert DocumentFile(path, {}).look().n_frames == 2


def test_half_lines_and_damaged_ones(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    record = Recorder(path)
    record.begin()
    record.event(1, 700.0, np.ones((1, 3, 4)))
    source = DocumentFile(path, {})
    with path.open("a", encoding="utf-8") as file:
        file.write("{not json}\n" + json.dumps({"name": "event", "doc": 3}) + "\n" + '{"name": "ev')
    view = source.look()
    assert view.n_frames == 1
    assert len([text for text in view.waiting if "is no document" in text]) == 2
    with path.open("a", encoding="utf-8") as file:
        file.write('ent", "doc": {"no": "data"}}\n')
    view = source.look()
    assert any("can't be used" in text for text in view.waiting)
    assert view.n_frames == 1


def test_an_event_that_comes_again_replaces_the_first(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    record = Recorder(path)
    record.begin()
    record.event(1, 700.0, np.ones((1, 3, 4)))
    source = DocumentFile(path, {})
    source.look()
    record.event(1, 700.0, np.full((1, 3, 4), 2.0), time=5.0)
    view = source.look()
    assert view.generation == 1
    assert view.told
    assert source.whole().data[0, 0, 0] == 2


def test_frames_in_an_hdf5_file_beside_the_documents(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    path, images = folder / "run.jsonl", folder / "images of run.h5"
    with h5py.File(images, "w") as file:
        file["entry/data/data"] = np.arange(2, dtype=np.uint16)[:, None, None] * np.ones((2, 3, 4), np.uint16)
    record = Recorder(path)
    record.begin()
    resource = {"uid": "r", "data_key": "image", "mimetype": "application/x-hdf5", "uri": images.as_uri()}
    record("stream_resource", {**resource, "parameters": {"dataset": "/entry/data/data"}})
    datum = {"stream_resource": "r", "descriptor": "d", "indices": {"start": 0, "stop": 2}}
    record("stream_datum", {**datum, "seq_nums": {"start": 1, "stop": 3}})
    record.event(1, 700.0)
    record.event(2, 701.0)
    source = DocumentFile(path, {})
    view = source.look()
    assert view.waiting == ()
    assert source.whole().data[:, 0, 0].tolist() == [0, 1]


def test_no_file_elsewhere_is_opened(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    record = Recorder(folder / "run.jsonl")
    record.begin()
    outside = (tmp_path / "secret.h5").as_uri()
    resource = {"uid": "r", "data_key": "image", "mimetype": "application/x-hdf5", "uri": outside}
    record("stream_resource", {**resource, "parameters": {"dataset": "a"}})
    datum = {"stream_resource": "r", "descriptor": "d", "indices": {"start": 0, "stop": 1}}
    record("stream_datum", {**datum, "seq_nums": {"start": 1, "stop": 2}})
    record.event(1, 700.0)
    view = DocumentFile(folder / "run.jsonl", {}).look()
    assert view.stack is None
    assert "lies outside the folder" in view.waiting[0]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"mono_energy": KEYS["mono_energy"]}, "0 data keys hold frames"),
        ({"a": KEYS["image"], "b": KEYS["image"], "energy": KEYS["mono_energy"]}, "2 data keys hold frames"),
        ({"image": KEYS["image"]}, "0 data keys are called energy"),
    ],
)
def test_what_is_missing_is_told(tmp_path: Path, keys: dict[str, Any], words: str) -> None:
    record = Recorder(tmp_path / "run.jsonl")
    record.begin(keys)
    assert words in DocumentFile(tmp_path / "run.jsonl", {}).look().waiting[0]


def test_maps_of_a_recorded_run(tmp_path: Path) -> None:
    stack, path = transmission(size=5, every=4), tmp_path / "run.jsonl"
    record = Recorder(path)
    record.begin({**KEYS, "image": {**KEYS["image"], "shape": [1, 5, 5]}})
    for i, energy in enumerate(stack.energy):
        record.event(i + 1, float(energy), stack.data[i : i + 1])
    record("stop", {"uid": "s"})
    source = DocumentFile(path, {"quantity": "transmission"})
    (update,) = follow(source, fit_recipe())
    assert update.view.is_complete
    maps, direct = nx.run(fit_recipe(), source.whole()), nx.run(fit_recipe(), stack)
    np.testing.assert_allclose(maps["edge_jump"].data, direct["edge_jump"].data, rtol=1e-6)


def test_bluesky_writes_such_files(tmp_path: Path) -> None:
    writer = pytest.importorskip("bluesky.callbacks.json_writer")
    write = writer.JSONLinesWriter(str(tmp_path), "run.jsonl")
    data = {"mono_energy": 700.0, "image": np.ones((1, 3, 4)).tolist()}
    for name, document in (
        ("start", {"uid": "1-2"}),
        ("descriptor", {"uid": "d", "data_keys": KEYS}),
        ("event", {"descriptor": "d", "seq_num": 1, "time": 0, "data": data}),
        ("stop", {"uid": "s"}),
    ):
        write(name, document)
    assert DocumentFile(tmp_path / "run.jsonl", {}).look().is_complete
