"""Scans on a Tiled server of its own, where tiled is installed, and as Bluesky writes them there."""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.live.writers import fit_recipe, transmission

import napari_xanes as nx
from napari_xanes.live.following import follow
from napari_xanes.live.opening import open_source
from napari_xanes.live.tiled_results import write_to_tiled
from napari_xanes.live.tiled_run import TiledRun

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def _close_sockets() -> Iterator[None]:
    """Clients of tiled leave their sockets to the collector of garbage."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_a_real_server(tmp_path: Path) -> None:
    """Streamed and polled: the same maps as of the arrays."""
    server = pytest.importorskip("tiled.server")
    from tiled.client import from_uri

    stack = transmission(size=6, every=3)
    data, energy = np.asarray(stack.data), np.asarray(stack.energy)
    with server.SimpleTiledServer(directory=tmp_path) as running:
        run = from_uri(running.uri).create_container("scan12", metadata={"start": {"uid": "1"}})
        image = run.write_array(data[:1], key="image", dims=["energy", "y", "x"])
        energies = run.write_array(energy[:1], key="energy")
        address, _, key = running.uri.partition("?")
        source = open_source(f"{address}/metadata/scan12?{key}", reading={"quantity": "transmission"})
        assert isinstance(source, TiledRun)
        assert source.look().n_frames == 1
        assert source._subscription is not None

        def measure() -> None:
            for i in range(1, len(energy)):
                image.patch(data[i : i + 1], offset=(i, 0, 0), extend=True)
                energies.patch(energy[i : i + 1], offset=(i,), extend=True)
            run.update_metadata({"stop": {"exit_status": "success"}})

        instrument = threading.Thread(target=measure)
        instrument.start()
        updates = list(follow(source, fit_recipe(), poll=0.2))
        instrument.join()
        assert updates[-1].view.is_complete
        maps, direct = nx.run(fit_recipe(), source.whole()), nx.run(fit_recipe(), stack)
        np.testing.assert_array_equal(maps["valence"].data, direct["valence"].data)
        assert isinstance(maps, nx.MapSet)
        uri = f"{address}/metadata/scan12?{key}"
        assert [write_to_tiled(maps, uri) for _ in range(2)] == ["maps", "maps-2"]
        written = from_uri(uri)["maps"]
        np.testing.assert_array_equal(written["valence"].read(), maps["valence"].data)
        np.testing.assert_array_equal(written["valence_sigma"].read(), maps["valence"].sigma)
        assert [step.name for step in nx.Recipe.from_yaml(written.metadata["recipe"])] == [s.name for s in maps.history]
        depth = nx.run([nx.Step("optical_depth")], source.whole())
        assert write_to_tiled(depth, uri) == "stack"
        assert open_source(uri, reading={"quantity": "transmission"}).look().n_frames == len(energy)


def test_a_run_that_bluesky_writes_to_a_real_server(tmp_path: Path) -> None:
    """Frames in a file of the detector, energies in a table that grows."""
    server = pytest.importorskip("tiled.server")
    writers = pytest.importorskip("bluesky.callbacks.tiled_writer")
    from tiled.client import from_uri

    data = transmission(size=4, every=20)
    frames, n = np.asarray(data.data), data.energy.size
    folder = tmp_path / "detector"
    folder.mkdir()
    with (
        server.SimpleTiledServer(directory=tmp_path / "server", readable_storage=[str(folder)]) as running,
        h5py.File(folder / "image.h5", "w", libver="latest") as file,
    ):
        images = file.create_dataset("image", (0, 4, 4), "f4", maxshape=(None, 4, 4), chunks=(1, 4, 4))
        file.swmr_mode = True
        write = writers.TiledWriter(from_uri(running.uri), batch_size=1)
        start, *described = bluesky_documents(folder / "image.h5", n)
        write(*start)
        address, _, key = running.uri.partition("?")
        source = open_source(f"{address}/metadata/run?{key}", reading={"quantity": "transmission"})
        assert source.look().expected == n
        for document in described:
            write(*document)
        for i, energy in enumerate(data.energy):
            images.resize(i + 1, 0)
            images[i] = frames[i]
            images.flush()
            for document in bluesky_reading(i, float(energy)):
                write(*document)
            assert source.look().n_frames == i + 1
        assert not source.look().is_complete
        write("stop", {"uid": "stop", "run_start": "run", "time": 9.0, "exit_status": "success"})
        assert source.look().is_complete
        np.testing.assert_allclose(source.whole().energy, data.energy)
        np.testing.assert_array_equal(source.whole().data, frames)


def bluesky_documents(path: Path, n: int) -> list[tuple[str, dict[str, Any]]]:
    """Return what a run begins with: a monochromator that is read, and a detector that writes a file."""
    number = {"source": "mono", "dtype": "number", "shape": [], "units": "keV"}
    image = {"source": "det", "dtype": "array", "shape": [1, 4, 4], "dtype_numpy": "<f4", "external": "STREAM:"}
    keys = {"mono_energy": number, "mono_energy_setpoint": number, "det_image": image}
    own = {"configuration": {}, "hints": {}, "object_keys": {"mono": list(keys)[:2], "det": ["det_image"]}}
    place = {"dataset": "image", "swmr": True, "chunk_shape": [1, 4, 4], "multiplier": 1}
    uri = {"uri": f"file://localhost{path}", "mimetype": "application/x-hdf5", "parameters": place}
    return [
        ("start", {"uid": "run", "time": 0.0, "num_points": n}),
        (
            "descriptor",
            {"uid": "1", "run_start": "run", "time": 0.0, "name": "primary", "data_keys": keys, **own},
        ),
        ("stream_resource", {"uid": "file", "run_start": "run", "data_key": "det_image", **uri}),
    ]


def bluesky_reading(i: int, energy: float) -> list[tuple[str, dict[str, Any]]]:
    """Return the documents of one reading."""
    values = {"mono_energy": energy / 1e3, "mono_energy_setpoint": energy / 1e3 + 1}
    event = {"uid": f"event {i}", "time": 1.0, "seq_num": i + 1, "timestamps": dict.fromkeys(values, 1.0), "filled": {}}
    places = {"indices": {"start": i, "stop": i + 1}, "seq_nums": {"start": i + 1, "stop": i + 2}}
    return [
        ("stream_datum", {"uid": f"file/{i}", "stream_resource": "file", "descriptor": "1", **places}),
        ("event", {"descriptor": "1", "data": values, **event}),
    ]
