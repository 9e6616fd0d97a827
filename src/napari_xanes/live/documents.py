"""A Bluesky run whose documents are recorded to a file while it runs: JSON lines, or the array of `JSONWriter`.

Each line is a document, ``{"name": ..., "doc": ...}`` or ``[name, doc]``. Frames are in the events themselves, as
nested lists, or in an HDF5 file that a ``stream_resource`` names; it must lie in the folder of the documents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.files import inside, one_line
from napari_xanes.live.arrivals import Arrival, are_repeats, energy_names, in_ev, main_signals, stack_of, were_replaced
from napari_xanes.live.ending import Ending, EndWatch
from napari_xanes.live.source import View
from napari_xanes.stack import SpectralStack

SUFFIXES = (".jsonl", ".ndjson", ".json")
"""Ends of the names of such files."""

_LONGEST = 1 << 29
"""Bytes of a line: a document with a frame of 4096 x 4096 as text."""


class DocumentFile:
    """Events of the last run in a file of documents.

    Parameters
    ----------
    path : Path
        The file; it may be empty still.
    reading : mapping
        Keywords of `napari_xanes.read`; ``select`` is the data key of the frames.
    ending : Ending
        What tells the end, beside the stop document of the run.
    """

    path = None

    def __init__(self, path: Path, reading: Mapping[str, Any], ending: Ending | None = None) -> None:
        self._path, self.name, self._reading = path, path.resolve().stem, dict(reading)
        ending = ending or Ending()
        self._end, self._expected = EndWatch(ending), ending.energies
        self._offset = 0
        self._run = _Run(path.parent)
        self._known: list[Arrival] = []
        self._epoch = 0
        self._view = View(expected=ending.energies)

    def look(self) -> View:
        """Return the frames of the events that are there; see `Source.look`."""
        with self._end.looking():
            waiting = list(self._read_lines())
        view = replace(self._view, told=())
        try:
            arrivals = self._run.arrivals(self._reading.get("select"))
        except (LookupError, ValueError, OSError) as error:
            self._view = replace(view, waiting=(*waiting, one_line(str(error))))
            return self._view
        replaced = were_replaced(self._known, arrivals)
        if len(arrivals) != len(self._known) or replaced:
            self._end.something_new()
            repeated = are_repeats(self._known, arrivals)
            self._known, self._epoch = arrivals, self._epoch + replaced
            told = ("an event came again, or a new run began: all frames are taken anew",) if replaced else ()
            stack = self._stack(lazily=True) if arrivals else None
            view = replace(view, stack=stack, generation=view.generation + (replaced or repeated), told=told)
        ended = self._end.has_ended(self._path.parent, view.n_frames, all_settled=True)
        expected = self._expected or self._run.expected
        complete = ended or (view.n_frames > 0 and self._run.has_stopped)
        self._view = replace(view, waiting=(*waiting, *self._run.problems), is_complete=complete, expected=expected)
        return self._view

    def _read_lines(self) -> list[str]:
        """Take the whole lines that were added; return what could not be understood."""
        if self._path.stat().st_size < self._offset:  # written anew
            self._offset, self._run = 0, _Run(self._path.parent)
        problems = []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while True:
                line = file.readline(_LONGEST)
                if not line.endswith(b"\n") and line.strip() not in (b"]",):
                    if len(line) >= _LONGEST:
                        raise ValueError(
                            f"{self._path}: a line has more than {_LONGEST >> 20} MB: no stream of documents"
                        )
                    break  # it is still being written
                self._offset += len(line)
                text = line.strip().rstrip(b",")
                if text in (b"", b"[", b"]"):
                    continue
                try:
                    name, document = _document(json.loads(text))
                except (ValueError, TypeError, KeyError, RecursionError) as error:
                    problems.append(f"a line of {self._path.name} is no document: {one_line(str(error))[:80]}")
                    continue
                if name == "start":
                    self._run = _Run(self._path.parent)
                self._run.take(name, document)
        return problems

    def _stack(self, *, lazily: bool) -> SpectralStack:
        first = np.asarray(self._known[0].load())
        return stack_of(
            self._known,
            first.shape,
            first.dtype,
            name=self.name,
            source=str(self._path.resolve()),
            reading=self._reading,
            metadata={},
            lazily=lazily,
            epoch=self._epoch,
        )

    def whole(self) -> SpectralStack:
        """Return the frames of all events."""
        if not self._known:
            raise ValueError(f"{self._path} holds no event with a frame and an energy")
        return self._stack(lazily=False)


def _document(found: Any) -> tuple[str, dict[str, Any]]:
    name, document = (found["name"], found["doc"]) if isinstance(found, dict) else found
    if not isinstance(name, str) or not isinstance(document, dict):
        raise ValueError("it is no pair of a name and a document")
    return name, document


class _Run:
    """What the documents of one run say."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._events: dict[tuple[str, int], tuple[float, Mapping[str, Any]]] = {}
        self._resources: dict[str, Mapping[str, Any]] = {}
        self._places: dict[tuple[str, str, int], tuple[str, int]] = {}
        self.has_stopped = False
        self.expected: int | None = None
        self.problems: list[str] = []

    def take(self, name: str, document: Mapping[str, Any]) -> None:
        """Take a document; an event of a number that was there replaces it."""
        try:
            self._take(name, document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.problems.append(f"a document {name!r} can't be used: {type(error).__name__} {error}")

    def _take(self, name: str, document: Mapping[str, Any]) -> None:
        if name == "start":
            number = document.get("num_points")
            self.expected = int(number) if isinstance(number, int) and number > 0 else None
        elif name == "descriptor":
            for key, facts in document["data_keys"].items():
                self._keys[str(key)] = facts
        elif name == "event":
            self._event(document, document["data"], int(document["seq_num"]), float(document.get("time", 0)))
        elif name == "event_page":
            for i, number in enumerate(document["seq_num"]):
                data = {key: values[i] for key, values in document["data"].items()}
                self._event(document, data, int(number), float(document["time"][i]))
        elif name == "stream_resource":
            self._resources[str(document["uid"])] = document
        elif name == "stream_datum":
            self._datum(document)
        elif name == "stop":
            self.has_stopped = True

    def _event(self, document: Mapping[str, Any], data: Mapping[str, Any], number: int, time: float) -> None:
        self._events[str(document["descriptor"]), number] = time, data

    def _datum(self, document: Mapping[str, Any]) -> None:
        uid = str(document["stream_resource"])
        key = str(self._resources[uid]["data_key"])
        first, numbers = int(document["indices"]["start"]), document["seq_nums"]
        for k, number in enumerate(range(int(numbers["start"]), int(numbers["stop"]))):
            self._places[key, str(document["descriptor"]), number] = uid, first + k

    def arrivals(self, select: str | None) -> list[Arrival]:
        """Return the frames that have an energy, in the order of their events.

        Raises
        ------
        LookupError
            If it is not known which data are frames, or energies.
        """
        if not self._keys:
            return []
        images = [key for key, facts in self._keys.items() if len(_shape(facts)) >= 2 and select in (None, key)]
        images, energies = main_signals(images), energy_names(self._keys)
        if len(images) != 1:
            raise LookupError(
                f"{len(images)} data keys hold frames ({', '.join(images) or 'none'}): name one with select"
            )
        if len(energies) != 1:
            raise LookupError(f"{len(energies)} data keys are called energy ({', '.join(energies) or 'none'})")
        (image,), (energy,) = images, energies
        unit = str(self._keys[energy].get("units") or "")
        found = []
        for (descriptor, number), (time, data) in sorted(self._events.items(), key=lambda item: item[0][1]):
            load = self._loader(image, descriptor, number, data)
            value = data.get(energy)
            if load is not None and isinstance(value, int | float) and np.isfinite(value) and value > 0:
                found.append(Arrival(f"{descriptor} {number} {time}", float(in_ev([value], unit)[0]), load))
        return found

    def _loader(self, image: str, descriptor: str, number: int, data: Mapping[str, Any]) -> Any:
        if isinstance(data.get(image), list):
            return partial(_listed, data[image])
        place = self._places.get((image, descriptor, number))
        if place is None:
            return None
        uid, index = place
        resource = self._resources[uid]
        if "hdf5" not in str(resource.get("mimetype", "")):
            raise LookupError(f"frames of {image} are {resource.get('mimetype')}; HDF5 and lists are read")
        path = Path(unquote(urlsplit(str(resource["uri"])).path))
        if not inside(self._folder, path):
            raise LookupError(f"{path} lies outside the folder of the documents, and is not opened; put them together")
        return partial(_in_hdf5, path, str(resource["parameters"]["dataset"]), index)


def _shape(facts: Mapping[str, Any]) -> list[Any]:
    """Return the shape of a value, without leading ones."""
    shape = list(facts.get("shape") or ())
    while len(shape) > 2 and shape[0] in (1, None):
        shape = shape[1:]
    return shape


def _listed(values: Any) -> NDArray[Any]:
    frame = np.asarray(values, dtype=np.float32)
    return frame[0] if frame.ndim > 2 and frame.shape[0] == 1 else frame


def _in_hdf5(path: Path, dataset: str, index: int) -> NDArray[Any]:
    from napari_xanes.io.hdf5.file import array, open_hdf5

    with open_hdf5(path) as file:
        found = array(file, dataset)
        if found is None or index >= found.shape[0]:
            raise OSError(f"{path}: frame {index} of {dataset} is not there yet")
        return np.asarray(found[index])
