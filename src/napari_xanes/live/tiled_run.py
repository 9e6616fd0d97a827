"""A scan on a Tiled server: it is asked again and again, and listened to where the server streams (extra ``tiled``)."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.files import one_line
from napari_xanes.live.arrivals import Arrival, are_repeats, energy_names, in_ev, stack_of, were_replaced
from napari_xanes.live.ending import Ending, EndWatch
from napari_xanes.live.source import View
from napari_xanes.stack import SpectralStack

_DEEPEST, _MOST_NODES = 5, 500
"""Levels and number of nodes that are looked through for frames and energies."""
MADE_BY = "napari_xanes"
"""Metadata of a container with results: such a container holds no frames of the scan."""

_CORRECTIONS = {"flat": ("flat", "white"), "dark": ("dark",)}
"""What corrects counts, and the words in the names of its arrays."""


class TiledRun:
    """Frames of a node on a Tiled server: an array (E, Y, X) beside an array of energies.

    Energies say how many frames are measured: a server fills the gap before a frame that came early with zeros.

    Parameters
    ----------
    uri : str
        Address of the node; a key in it is sent to the server, and kept nowhere.
    reading : mapping
        Keywords of `napari_xanes.read`; ``select`` is the name of the array with the frames.
    ending : Ending
        What tells the end. A run whose metadata have ``stop`` has ended, too, as Bluesky writes it.
    connect : callable, optional
        Returns the client of an address; by default that of tiled.

    Raises
    ------
    ImportError
        If tiled is not installed.
    OSError
        If the server does not answer.
    """

    path = None

    def __init__(
        self,
        uri: str,
        reading: Mapping[str, Any],
        ending: Ending | None = None,
        connect: Callable[[str], Any] | None = None,
    ) -> None:
        self._reading, ending = dict(reading), ending or Ending()
        self._end = EndWatch(ending)
        parts = urlsplit(uri)
        self._address = parts._replace(query="", fragment="").geturl()
        self.name = re.sub(r"[^\w.-]+", "_", parts.path.rstrip("/").rpartition("/")[2]).strip(".") or "run"
        self._node = (connect or client_of)(uri)
        self._frames: Any = None
        self._energies: Any = None
        self._unit = ""
        self._known: list[Arrival] = []
        self._corrections: dict[str, Any] = {}
        self._epoch = 0
        self._more, self._subscription, self._keep = threading.Event(), None, lambda _update: None
        planned = dict(dict(self._node.metadata).get("start") or {}).get("num_points")
        expected = ending.energies or (planned if isinstance(planned, int) and planned > 0 else None)
        self._view = View(expected=expected)

    def wait(self, seconds: float) -> None:
        """Wait until the server tells of something new, or for some time."""
        self._more.wait(seconds)
        self._more.clear()

    def look(self) -> View:
        """Return the frames that have energies; see `Source.look`. Errors of the connection are told in the view."""
        try:
            self._view = self._looked(replace(self._view, told=()))
        except Exception as error:  # of HTTP, of the server, of its content: it may be there again at the next look
            if isinstance(error, ValueError) and self._known:
                raise
            self._view = replace(self._view, told=(), waiting=(one_line(f"{type(error).__name__}: {error}"),))
        return self._view

    def _looked(self, view: View) -> View:
        if not self._known:  # Bluesky makes the array of frames before that of energies
            self._find()
            self._listen()
        self._frames.refresh()
        energies = self._read_energies()
        n = min(int(self._frames.shape[0]), energies.size)
        arrivals = [
            Arrival(f"{i} at {energies[i]!r}", float(energies[i]), partial(_frame, self._frames, i)) for i in range(n)
        ]
        replaced = were_replaced(self._known, arrivals)
        has_grown = len(arrivals) != len(self._known) or replaced
        if has_grown:
            self._end.something_new()
        n_energies = len({one.energy for one in arrivals})
        ended = self._end.has_ended(None, n_energies, all_settled=True) or (n_energies > 0 and self._has_stopped())
        found = self._new_corrections(again=ended) if has_grown or ended else {}
        if has_grown or found:
            repeated = are_repeats(self._known, arrivals)
            told = ["frames that were there were measured again: all are taken anew"] if replaced else []
            told += [f"a {name} for all frames has come" for name in found if self._known]
            self._known, self._epoch = arrivals, self._epoch + replaced
            self._corrections |= found
            stack = self._stack(lazily=True) if arrivals else None
            generation = view.generation + (replaced or repeated)
            view = replace(view, stack=stack, generation=generation, told=tuple(told))
        return replace(view, waiting=(), is_complete=ended)

    def _find(self) -> None:
        """Find the array of frames, and that of their energies."""
        arrays = dict(_arrays(self._node))
        wanted = self._reading.get("select")
        frames = {
            name: one
            for name, one in arrays.items()
            if len(one.shape) in (3, 4) and not _is_called(name, [*_CORRECTIONS["flat"], *_CORRECTIONS["dark"]])
        }
        chosen = [name for name in frames if wanted in (None, name, name.rpartition("/")[2])]
        if not frames:
            raise LookupError(f"{self._address} has no array of frames yet")
        if len(chosen) != 1:
            what = f"{len(frames)} arrays of frames ({', '.join(frames)})"
            raise LookupError(f"{self._address} has {what}: give the name of one with select")
        lines = [name for name, one in arrays.items() if len(one.shape) == 1]
        folder = chosen[0].rpartition("/")[0]
        beside = [name for name in lines if name.rpartition("/")[0] == folder]
        energies = energy_names(beside) or energy_names(lines)
        if len(energies) > 1:
            raise LookupError(f"{self._address} has {len(energies)} arrays called energy; keep one beside the frames")
        self._frames, self._energies = frames[chosen[0]], arrays[energies[0]] if energies else None
        self._unit = _unit(self._node, energies[0], self._energies) if energies else ""

    def _new_corrections(self, *, again: bool) -> dict[str, Any]:
        """Return the flat and the dark that have come since they were read; with `again`, those that changed, too."""
        wanted = {key: words for key, words in _CORRECTIONS.items() if again or key not in self._corrections}
        arrays = _arrays(self._node) if wanted else []
        shape, found = tuple(self._frames.shape[1:]), {}
        for key, words in wanted.items():
            alike = [one for name, one in arrays if _is_called(name, words) and tuple(one.shape) == shape]
            for values in (np.asarray(one.read()) for one in alike):
                is_same = key in self._corrections and np.array_equal(values, self._corrections[key])
                if values.any() and not is_same:  # a server shows zeros where nothing is written yet
                    found[key] = values
        return found

    def _listen(self) -> None:
        """Let the server tell of new frames, where it can; without it, it is asked."""
        if self._subscription is not None or not hasattr(self._frames, "subscribe"):
            return
        try:
            subscription = self._frames.subscribe()
            more = self._more
            # tiled holds callbacks weakly: one that nobody else holds is gone at once.
            self._keep = lambda _update: more.set()
            subscription.new_data.add_callback(self._keep)
            subscription.stream_closed.add_callback(self._keep)
            subscription.start_in_thread()
            self._subscription = subscription
        except Exception:  # an older server, one without streams
            self._subscription = None

    def _read_energies(self) -> NDArray[np.float64]:
        """Return the energies up to the first that was not measured."""
        if self._energies is not None:
            self._energies.refresh()
            n = int(self._energies.shape[0])
            values, unit = np.asarray(self._energies[0:n]), self._unit
        else:
            self._frames.refresh()
            known = self._frames.metadata
            values = np.asarray(known.get("energies", known.get("energy", ())), dtype=np.float64).ravel()
            unit = str(known.get("energy_units", ""))
            if not values.size:
                raise LookupError(
                    f"{self._address} has no energies yet: an array called energy, or metadata of the frames"
                )
        missing = ~(np.isfinite(values) & (values > 0))
        return in_ev(values[: int(np.argmax(missing)) if missing.any() else values.size], unit)

    def _has_stopped(self) -> bool:
        refreshed = self._node.refresh() or self._node
        return bool(dict(refreshed.metadata).get("stop"))

    def _stack(self, *, lazily: bool) -> SpectralStack:
        shape, dtype = tuple(self._frames.shape[1:]), np.dtype(self._frames.dtype)
        return stack_of(
            self._known,
            shape,
            dtype,
            name=self.name,
            source=self._address,
            reading=self._reading,
            metadata=self._corrections,
            lazily=lazily,
            epoch=self._epoch,
        )

    def whole(self) -> SpectralStack:
        """Return all frames that have energies."""
        if not self._known:
            raise ValueError(f"{self._address} holds no complete frame; wait for the first one")
        return self._stack(lazily=False)


def client_of(uri: str) -> Any:
    """Return the client of a node on a Tiled server.

    Raises
    ------
    ImportError
        If tiled is not installed.
    OSError
        If the server does not answer.
    """
    try:
        from tiled.client import from_uri
    except ImportError:
        raise ImportError("a Tiled server needs its client: pip install 'napari-xanes[tiled]'") from None
    try:
        return from_uri(uri)
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{urlsplit(uri).netloc}: {one_line(str(error))}") from None


def _arrays(node: Any) -> list[tuple[str, Any]]:
    """Return the arrays of a node and of those below it, with their paths."""
    found: list[tuple[str, Any]] = []
    pending, n_seen = [("", node, 0)], 0
    while pending and n_seen < _MOST_NODES:
        path, one, depth = pending.pop(0)
        n_seen += 1
        if hasattr(one, "shape") and hasattr(one, "dtype"):
            found.append((path, one))
        elif hasattr(one, "items") and depth < _DEEPEST and MADE_BY not in dict(one.metadata):
            pending += [(f"{path}/{name}".lstrip("/"), child, depth + 1) for name, child in one.items()]
    return found


def _unit(node: Any, path: str, array: Any) -> str:
    """Return the unit of an array: its own, or that of its data key where Bluesky wrote a table of readings."""
    folder, _, name = path.rpartition("/")
    for part in filter(None, folder.split("/")):
        node = node[part]
    keys = dict(node.metadata).get("data_keys") or {}
    return str(dict(array.metadata).get("units") or dict(keys.get(name) or {}).get("units") or "")


def _is_called(path: str, words: Sequence[str]) -> bool:
    name = path.rpartition("/")[2].lower()
    return any(re.search(rf"(?<![a-z]){word}s?(?![a-z])", name) for word in words)


def _frame(array: Any, number: int) -> NDArray[Any]:
    """Read one frame; a slice, because the whole of an array that has grown meanwhile is an error of tiled 0.2.20."""
    return np.asarray(array[number])
