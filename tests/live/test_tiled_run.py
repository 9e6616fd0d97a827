"""Scans on a Tiled server, with a client of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.live.writers import fit_recipe, transmission

import napari_xanes as nx
from napari_xanes.live.ending import Ending
from napari_xanes.live.opening import open_source
from napari_xanes.live.tiled_results import write_to_tiled
from napari_xanes.live.tiled_run import TiledRun

URI = "http://server/api/v1/metadata/scans/scan%2012?api_key=secret"


class Node:
    """What tiled's clients have of what is needed here."""

    def __init__(self, data: Any = None, metadata: Any = None, **children: Node) -> None:
        self.metadata = metadata or {}
        if data is None:
            self._children = children
            self.items = self._children.items
            return
        self.full = np.asarray(data)
        self.refresh()

    @property
    def dtype(self) -> Any:
        return self._seen.dtype

    def __getattr__(self, name: str) -> Any:
        if name == "shape" and "_seen" in self.__dict__:
            return self._seen.shape
        raise AttributeError(name)

    def refresh(self) -> Node:
        if "full" in self.__dict__:
            self._seen = self.full
        return self

    def __getitem__(self, index: Any) -> Any:
        return self.full[index]

    def read(self) -> Any:
        return self.full


class Folder(Node):
    """A node whose children are found by name."""

    def __getitem__(self, name: Any) -> Any:
        return self._children[name]


def served(n: int, **more: Any) -> Node:
    frames = np.arange(n, dtype=np.float32)[:, None, None] + np.ones((1, 4, 5), np.float32)
    return Node(image=Node(frames), energy=Node(8330.0 + np.arange(n)), **more)


def test_frames_with_energies(tmp_path: Path) -> None:
    node = served(3)
    source = TiledRun(URI, {}, connect=lambda uri: node)
    assert source.name == "scan_2012"
    view = source.look()
    assert view.stack is not None
    assert view.stack.is_lazy
    assert view.stack.energy.tolist() == [8330, 8331, 8332]
    assert view.stack.source is not None
    assert "secret" not in str(view.stack.source)
    image, energy = dict(node.items())["image"], dict(node.items())["energy"]
    image.full = np.concatenate([image.full, np.zeros((3, 4, 5), np.float32)])
    energy.full = np.append(energy.full, [8333.0, np.nan, 8335.0])
    view = source.look()
    assert view.n_frames == 4, "a frame without an energy is a gap that the server filled with zeros"
    assert view.generation == 0
    assert not view.is_complete
    node.metadata = {"stop": {"exit_status": "success"}}
    assert source.look().is_complete
    np.testing.assert_array_equal(source.whole().data[:, 0, 0], [1, 2, 3, 0])


def test_energies_go_down_and_repeat() -> None:
    node = Node(image=Node(np.arange(3.0)[:, None, None] * np.ones((3, 2, 2))), energy=Node([8332.0, 8331.0, 8331.0]))
    whole = None
    source = TiledRun(URI, {}, connect=lambda uri: node)
    view = source.look()
    assert view.stack is not None
    whole = source.whole()
    assert whole.energy.tolist() == [8331, 8332]
    assert whole.data[:, 0, 0].tolist() == [1.5, 0]


def test_flats_and_units() -> None:
    node = Node(
        image=Node(np.ones((2, 2, 3), np.uint16)),
        mono_energy=Node([8.33, 8.34], {"units": "keV"}),
        white_field=Node(np.full((2, 3), 2.0)),
    )
    stack = TiledRun(URI, {}, connect=lambda uri: node).look().stack
    assert stack is not None
    assert stack.energy.tolist() == [8330, 8340]
    assert stack.corrections.flat.tolist() == [[2, 2, 2]] * 2
    frames = Node(np.ones((2, 2, 3)), {"energies": [700.0, 710.0]})
    stack = TiledRun(URI, {"quantity": "transmission"}, connect=lambda uri: frames).look().stack
    assert stack is not None
    assert stack.energy.tolist() == [700, 710]
    assert stack.quantity == "transmission"


def test_a_run_as_bluesky_writes_it() -> None:
    """Frames come before the table of readings, whose columns hold set points and times, too."""
    frames = Node(np.ones((2, 2, 3)))
    primary = Node(metadata={"data_keys": {"mono_energy": {"units": "keV"}}}, det_image=frames)
    baseline = Node(mono_energy=Node([7.0, 9.0]))
    run = Node(metadata={"start": {"num_points": 3}}, primary=primary)
    run.__class__ = Folder
    source = TiledRun(URI, {}, connect=lambda uri: run)
    view = source.look()
    assert "no energies yet" in view.waiting[0]
    assert (view.n_frames, view.expected) == (0, 3)
    run._children["baseline"] = baseline
    columns = {"mono_energy": [8.33, 8.34], "mono_energy_setpoint": [8.0, 9.0], "ts_mono_energy": [1.0, 2.0]}
    primary._children |= {name: Node(values) for name, values in columns.items()}
    view = source.look()
    assert view.stack is not None
    assert view.stack.energy.tolist() == [8330, 8340]


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (Node(energy=Node([8330.0])), "no array of frames yet"),
        (Node(a=Node(np.ones((2, 2, 2))), b=Node(np.ones((2, 2, 2)))), "2 arrays of frames"),
        (Node(image=Node(np.ones((2, 2, 2)))), "no energies yet"),
    ],
)
def test_what_is_missing_is_told(node: Node, words: str) -> None:
    view = TiledRun(URI, {}, connect=lambda uri: node).look()
    assert view.stack is None
    assert words in view.waiting[0]
    assert "secret" not in view.waiting[0]


def test_a_server_that_is_gone_is_asked_again() -> None:
    node = served(2)
    source = TiledRun(URI, {}, connect=lambda uri: node)
    image = dict(node.items())["image"]
    source.look()

    def fail() -> None:
        raise ConnectionError("no answer")

    image.refresh = fail  # type: ignore[assignment]
    view = source.look()
    assert view.waiting == ("ConnectionError: no answer",)
    assert view.n_frames == 2
    del image.refresh
    assert source.look().waiting == ()


def test_results_are_written_with_what_made_them() -> None:
    class Writable(Node):
        def __init__(self) -> None:
            super().__init__()
            self.made: dict[str, Any] = {}

        def __iter__(self) -> Any:
            return iter(self.made)

        def create_container(self, name: str, metadata: Any) -> Any:
            self.made[name] = inner = Writable()
            inner.metadata = metadata
            return inner

        def write_array(self, values: Any, key: str, metadata: Any) -> None:
            self.made[key] = values, metadata

    node, maps = Writable(), nx.run(fit_recipe(), transmission(size=4, every=3))
    assert isinstance(maps, nx.MapSet)
    assert write_to_tiled(maps, URI, connect=lambda uri: node) == "maps"
    assert write_to_tiled(maps, URI, connect=lambda uri: node) == "maps-2"
    written = node.made["maps"]
    np.testing.assert_array_equal(written.made["valence"][0], maps["valence"].data)
    assert written.made["valence"][1]["unit"] == "1"
    assert written.metadata["warnings"] == list(maps.metadata["warnings"])
    assert [step.name for step in nx.Recipe.from_yaml(written.metadata["recipe"])] == [s.name for s in maps.history]
    with pytest.raises(ValueError, match="name its parent"):
        write_to_tiled(maps, URI, connect=lambda uri: Node([1.0]))


def test_without_tiled_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "tiled.client", None)
    with pytest.raises(ImportError, match=r"napari-xanes\[tiled\]"):
        open_source("http://server/api/v1/metadata/scan")


def test_an_end_by_number() -> None:
    source = TiledRun(URI, {}, Ending(energies=3), connect=lambda uri: served(3))
    assert source.look().is_complete
