"""Images over PV Access: from a server of p4p on this machine, and as values of its types."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.live.writers import fit_recipe, transmission

import napari_xanes as nx
from napari_xanes.live.ending import Ending
from napari_xanes.live.opening import open_source
from napari_xanes.live.pv_access import Kept, record, shot_of

p4p_nt = pytest.importorskip("p4p.nt")
NAME = "XANES:Pva1:Image"


def sent(image: Any, number: int = 1, *, codec: str = "", seconds: int | None = None, **attributes: Any) -> Any:
    """Return what areaDetector sends of an image."""
    value = p4p_nt.NTNDArray().wrap(np.asarray(image), attrib={"ColorMode": 0, **attributes})
    value.uniqueId = number
    value.dataTimeStamp.secondsPastEpoch = 1_700_000_000 + (number if seconds is None else seconds)
    value.codec.name = codec
    return value


class TestShot:
    def test_rows_and_columns_are_those_of_the_detector(self) -> None:
        image = np.arange(6, dtype=np.uint16).reshape(2, 3)
        shot = shot_of(sent(image, 7, Energy=7112.5))
        np.testing.assert_array_equal(shot.image, image)
        assert (shot.number, shot.energy, shot.image.dtype) == (7, 7112.5, np.uint16)
        assert shot.time == datetime(2023, 11, 14, 22, 13, 27, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("attributes", "name", "energy"),
        [
            ({"Energy": 7.1125}, None, 7112.5),
            ({"MonoEnergy": 7000.0}, None, None),
            ({"Energy": 7000.0, "Energy_SP": 7001.0}, None, 7000.0),
            ({"Mono_Energy": 700.25}, None, 700.25),
            ({"Energy": 1.0, "E_SP": 853.0}, "E_SP", 853.0),
            ({"Energy": "8333.5"}, None, 8333.5),
            ({"Gain": 2}, None, None),
        ],
    )
    def test_energy_is_an_attribute(self, attributes: Any, name: str | None, energy: float | None) -> None:
        assert shot_of(sent(np.ones((2, 2)), **attributes), name).energy == energy

    @pytest.mark.parametrize(
        ("value", "name", "told"),
        [
            (lambda: p4p_nt.NTScalar("d").wrap(7112.0), None, "is no NTNDArray: name the image of NDPluginPva"),
            (partial(sent, np.ones((2, 2)), codec="blosc"), None, "compressed by blosc: name the image of a plugin"),
            (partial(sent, np.ones((2, 2, 3), np.uint8)), None, "not a grey image"),
            (partial(sent, np.ones((2, 2)), Energy=7000, Photon_Energy=7000), None, "Energy, Photon_Energy"),
            (partial(sent, np.ones((2, 2)), Energy=7000), "Mono", "has no attribute 'Mono'; it has ColorMode, Energy"),
            (partial(sent, np.ones((2, 2)), Energy="open"), None, "'open'.*not an energy"),
            (partial(sent, np.ones((2, 2)), Energy=-3.0), None, "not a photon energy"),
        ],
    )
    def test_other_images_are_refused(self, value: Callable[[], Any], name: str | None, told: str) -> None:
        with pytest.raises(ValueError, match=told):
            shot_of(value(), name)

    @pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int16, np.uint32, np.int64, np.float32, np.float64])
    def test_every_type_can_be_written_and_read(self, dtype: Any, tmp_path: Path) -> None:
        image = np.array([[0, 1, 0], [1, 1, 0]], dtype)
        messages = [sent(image, 1, Energy=700.0), sent(image, 2, Energy=710.0), sent(image, 3, Energy=720.0)]
        assert all(kept.file for kept in played(messages, tmp_path, 3))
        np.testing.assert_array_equal(np.asarray(nx.read(tmp_path).data)[1], image)


class Stream:
    """A client that plays messages to whoever monitors it."""

    def __init__(self, messages: Any) -> None:
        self._messages = [sent(np.zeros((2, 3)), 0, seconds=0), *messages]

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *args: Any) -> None:
        self._thread.join()

    def monitor(self, name: str, take: Callable[[Any], None], **options: Any) -> Stream:
        self._thread = threading.Thread(target=lambda: [take(message) for message in self._messages])
        self._thread.start()
        return self

    def close(self) -> None:
        pass


def played(messages: Any, folder: Path, n: int, **options: Any) -> list[Kept]:
    """Return the first n of what is told of messages that follow an old image."""
    stream: Any = Stream(messages)
    return list(itertools.islice(record(f"pva://{NAME}", folder, client=lambda: stream, **options), n))


class TestRecord:
    def test_image_from_before_is_not_taken(self, tmp_path: Path) -> None:
        (kept,) = played([sent(np.ones((2, 3)), 1, Energy=700)], tmp_path, 1)
        assert kept.file is not None
        assert kept.file.name == "frame_700.000eV_000001_20231114-221321-000000.tif"
        assert list(tmp_path.iterdir()) == [kept.file]

    def test_started_again_goes_on_without_doubles(self, tmp_path: Path) -> None:
        first = [sent(np.ones((2, 3)), i, Energy=700 + i) for i in (1, 2)]
        played(first, tmp_path, 2)
        both = [*first, sent(np.ones((2, 3)), 3, Energy=703)]
        *doubles, kept = played(both, tmp_path, 3)
        assert all(double.text.endswith("a file with its number and time is there already") for double in doubles)
        assert kept.text == "frame 3 at 703 eV"
        assert len(list(tmp_path.iterdir())) == 3

    def test_gaps_and_lost_connections_are_told(self, tmp_path: Path) -> None:
        messages = [
            sent(np.ones((2, 3)), 1, Energy=701),
            sent(np.ones((2, 3)), 4, Energy=704),
            ConnectionError("gone"),
            sent(np.ones((2, 3)), 4, Energy=704),
            sent(np.ones((2, 3)), 5),
            sent(np.ones((2, 3)), 6, Energy=706),
        ]
        texts = [kept.text for kept in played(messages, tmp_path, 6)]
        assert texts == [
            "frame 1 at 701 eV",
            "2 images are lost between 1 and 4: they came faster than they were written",
            "frame 4 at 704 eV",
            f"waiting for {NAME}: gone",
            "image 5 is not taken: none of its attributes is called energy",
            "frame 6 at 706 eV",
        ]

    def test_clock_that_stands_still_or_is_set_back_loses_no_image(self, tmp_path: Path) -> None:
        times = [9, 9, 4]
        messages = [sent(np.ones((2, 3)), i, seconds=s, Energy=700 + i) for i, s in enumerate(times, 1)]
        played(messages, tmp_path, 3)
        assert nx.read(tmp_path).energy.tolist() == [701, 702, 703]

    def test_image_with_number_and_time_of_another_is_told(self, tmp_path: Path) -> None:
        messages = [sent(np.full((2, 3), value), Energy=700.0) for value in (1, 2)]
        texts = [kept.text for kept in played(messages, tmp_path, 2)]
        assert texts[1] == "image 1 is not taken: a file with its number and time is there already"
        assert len(list(tmp_path.iterdir())) == 1

    def test_flats_and_darks_belong_to_the_frames(self, tmp_path: Path) -> None:
        played([sent(np.full((2, 3), 90.0), i) for i in (1, 2)], tmp_path, 2, role="flat")
        played([sent(np.full((2, 3), 4.0), 3)], tmp_path, 2, role="dark")
        played([sent(np.full((2, 3), 9.0 + i), i, Energy=700 + i) for i in (4, 5, 6)], tmp_path, 4)
        stack = nx.read(tmp_path)
        assert stack.energy.tolist() == [704, 705, 706]
        np.testing.assert_allclose(stack.metadata["flat"], 90)
        np.testing.assert_allclose(stack.metadata["dark"], 4)

    def test_slow_disk_holds_few_images_and_ends(self, tmp_path: Path) -> None:
        messages = [sent(np.ones((2, 3)), i, Energy=700) for i in range(1, 60)]
        assert len(played(messages, tmp_path, 2)) == 2  # the rest still wants in when it ends

    @pytest.mark.parametrize("address", ["XANES:Image", "pva://", "pva://host/XANES:Image"])
    def test_address_is_scheme_and_name(self, address: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="give pva:// and its name"):
            next(record(address, tmp_path / "frames"))
        assert not (tmp_path / "frames").exists()

    def test_following_a_stream_names_the_way(self) -> None:
        with pytest.raises(ValueError, match="write them with `napari-xanes record`"):
            open_source(f"pva://{NAME}")


@contextmanager
def detector() -> Iterator[tuple[Any, Callable[[], AbstractContextManager[Any]]]]:
    """Yield an image that a server on this machine offers, and what makes clients of it."""
    client_module = pytest.importorskip("p4p.client.thread")
    server_module = pytest.importorskip("p4p.server.thread")
    servers = pytest.importorskip("p4p.server")
    image = server_module.SharedPV(initial=sent(np.zeros((2, 3)), 0, seconds=0))
    with servers.Server(providers=[{NAME: image}], isolate=True) as server:
        yield image, partial(client_module.Context, "pva", conf=server.conf(), useenv=False, nt=False)


def test_scan_from_a_server_gives_the_maps_of_the_stack(tmp_path: Path) -> None:
    stack, recipe = transmission(every=6), fit_recipe()
    n = stack.energy.size
    written = threading.Semaphore(0)
    files: list[Path] = []
    with detector() as (image, client):

        def keep() -> None:
            for kept in record(f"pva://{NAME}", tmp_path, client=client, stop=lambda: len(files) == n):
                if kept.file is not None:
                    files.append(kept.file)
                    written.release()

        thread = threading.Thread(target=keep)
        thread.start()
        for i, (frame, energy) in enumerate(zip(np.asarray(stack.data), stack.energy, strict=True)):
            for attempt in range(300):  # before the client is connected, the server tells nobody
                image.post(sent(frame, i + 1, seconds=1000 * i + attempt, Energy=float(energy)))
                if written.acquire(timeout=0.1):
                    break
        thread.join(30)
    assert len(set(files)) == n
    source = open_source(tmp_path, reading={"quantity": "transmission"}, ending=Ending(energies=n), settle=0)
    *_, last = nx.watch(source, recipe)
    assert isinstance(last.maps, nx.MapSet)
    np.testing.assert_allclose(last.maps["valence"].data, nx.run(recipe, stack)["valence"].data, atol=1e-4)
