"""Images that areaDetector sends over PV Access, kept as files: such a folder is followed like others (extra ``pva``).

A stream can't be asked again for what it sent. So each image becomes a file at once, in a process of its own, and
whoever follows the scan may be killed and started again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energies import to_ev
from napari_xanes.io.energy_limits import HIGHEST, LOWEST
from napari_xanes.live.arrivals import energy_names
from napari_xanes.saving.replacing import write_whole
from napari_xanes.wording import counted

SCHEME = "pva://"
"""How addresses of images begin."""

Role = Literal["frame", "flat", "dark"]
"""What the images of a recording are; the readers of folders know it from the names of the files."""

_REQUEST = "record[queueSize=64]field(value,codec,uniqueId,dataTimeStamp,timeStamp,dimension,attribute)"
"""The server keeps so many frames while one is written; what comes on top it drops."""

_WAITING = 16
"""Images that wait here to be written; more stay with the server."""

_TIME = "%Y%m%d-%H%M%S-%f"
_POLL = 0.1


@dataclass(frozen=True)
class Shot:
    """One image of a detector.

    Parameters
    ----------
    number : int
        The detector's own number of it.
    time : datetime
        When it was taken, by the clock of the detector.
    energy : float, optional
        Photon energy in eV.
    image : ndarray, shape (Y, X)
        Values of the type that the detector sends.
    """

    number: int
    time: datetime
    energy: float | None
    image: NDArray[Any]

    def file_name(self, role: Role) -> str:
        """Return the name of its file, which holds what the readers of folders look for.

        Examples
        --------
        >>> when = datetime(2026, 5, 4, 3, 2, 1)
        >>> Shot(7, when, 7112.5, np.zeros((1, 1))).file_name("frame")
        'frame_7112.500eV_000007_20260504-030201-000000.tif'
        """
        energy = "" if role != "frame" or self.energy is None else f"_{self.energy:.3f}eV"
        return f"{role}{energy}_{self.number:06d}_{self.time.strftime(_TIME)}.tif"


def shot_of(value: Any, energy: str | None = None) -> Shot:
    """Return the image of an ``NTNDArray``.

    Parameters
    ----------
    value : p4p.Value
        What the server sent.
    energy : str, optional
        Attribute of the image that holds its energy; by default the one that is called energy. Energies below 100
        are keV, as in files.

    Raises
    ------
    ValueError
        If it is of another type, no grey image, or compressed, or which attribute is the energy is not known.
    """
    if not (hasattr(value, "codec") and hasattr(value, "dimension")):
        raise ValueError("is no NTNDArray: name the image of NDPluginPva, such as 13SIM1:Pva1:Image")
    if codec := str(value.codec.name or ""):
        raise ValueError(f"is compressed by {codec}: name the image of a plugin before the codec")
    shape = tuple(int(one.size) for one in reversed(value.dimension))
    pixels = np.asarray(() if value.value is None else value.value)
    shape = shape[1:] if len(shape) == 3 and shape[0] == 1 else shape
    if len(shape) != 2 or pixels.size != np.prod(shape):
        raise ValueError(f"has {pixels.size} values of shape {shape}: not a grey image")
    image = pixels.reshape(shape)
    if image.dtype == bool or image.dtype.itemsize > 4:  # types that TIFF readers do not share
        image = image.astype(np.uint8 if image.dtype == bool else np.float32)
    stamp = value.dataTimeStamp if value.dataTimeStamp.secondsPastEpoch else value.timeStamp
    seconds = int(stamp.secondsPastEpoch) + int(stamp.nanoseconds) * 1e-9
    attributes = {str(one.name): one.value for one in value.attribute}
    return Shot(int(value.uniqueId), datetime.fromtimestamp(seconds, UTC), _energy(attributes, energy), image)


def _energy(attributes: dict[str, Any], name: str | None) -> float | None:
    """Return the energy in eV that an image carries; None if it carries none."""
    if name is None:
        names = energy_names(attributes)
        if len(names) > 1:
            raise ValueError(f"has {len(names)} attributes called energy ({', '.join(names)}): name one")
        name = names[0] if names else None
    elif name not in attributes:
        raise ValueError(f"has no attribute {name!r}; it has {', '.join(sorted(attributes)) or 'none'}")
    if name is None:
        return None
    try:
        energy = float(to_ev(float(attributes[name]))[0][0])
    except (TypeError, ValueError):
        raise ValueError(f"has {attributes[name]!r} as its attribute {name}: not an energy") from None
    if not LOWEST <= energy <= HIGHEST:
        raise ValueError(f"has {attributes[name]!r} as its attribute {name}: not a photon energy")
    return energy


@dataclass(frozen=True)
class Kept:
    """What became of an image: its file, or why there is none."""

    text: str
    file: Path | None = None


def record(
    address: str,
    folder: Path,
    *,
    energy: str | None = None,
    role: Role = "frame",
    stop: Callable[[], bool] = lambda: False,
    client: Callable[[], AbstractContextManager[Any]] | None = None,
) -> Iterator[Kept]:
    """Write each image that a detector sends to a file of its own, until told to stop.

    The image that the detector held before is not taken: nobody knows what it shows. When a recording goes on, in a
    folder that has some or after a lost connection, it is taken if it is newer than all that are there.

    Parameters
    ----------
    address : str
        ``pva://`` and the name of the image, such as ``pva://13SIM1:Pva1:Image``.
    folder : Path
        Where the files go; made if it does not exist.
    energy : str, optional
        Attribute of the image that holds its energy; by default the one that is called energy.
    role : {"frame", "flat", "dark"}
        What the images are. Frames need energies; flats and darks serve all frames by their mean.
    stop : callable
        Asked between images whether to end.
    client : callable, optional
        Returns the client; by default p4p's, which finds servers as ``EPICS_PVA_ADDR_LIST`` says.

    Yields
    ------
    Kept
        After each image, and when something happened to the connection.

    Raises
    ------
    ImportError
        If p4p is not installed.
    OSError
        If a file can't be written.
    ValueError
        If the address is none.
    """
    name = address.removeprefix(SCHEME)
    if not address.startswith(SCHEME) or not name or "/" in name:
        raise ValueError(f"{address!r} is no image: give {SCHEME} and its name, such as {SCHEME}13SIM1:Pva1:Image")
    folder.mkdir(parents=True, exist_ok=True)
    come, ended = Queue[Any](_WAITING), Event()

    def take(value: Any) -> None:
        while not ended.is_set():
            try:
                return come.put(value, timeout=_POLL)
            except Full:
                continue

    keeper = _Keeper(name, folder, energy, role)
    with (client or _client)() as context:
        subscription = context.monitor(name, take, request=_REQUEST, notify_disconnect=True)
        try:
            while not stop():
                try:
                    value = come.get(timeout=_POLL)
                except Empty:
                    continue
                yield from keeper.kept(value)
        finally:
            ended.set()
            subscription.close()


class _Keeper:
    """Writes what comes, and knows what came before."""

    def __init__(self, name: str, folder: Path, energy: str | None, role: Role) -> None:
        self._name, self._folder, self._energy, self._role = name, folder, energy, role
        self._newest, self._number = _newest(folder), -1
        self._is_first = True

    def kept(self, value: Any) -> Iterator[Kept]:
        """Yield what became of an image, or of the connection."""
        if isinstance(value, Exception):
            self._is_first = True
            yield Kept(f"waiting for {self._name}: {str(value) or type(value).__name__}")
            return
        try:
            shot = shot_of(value, self._energy)
        except ValueError as error:
            yield Kept(f"an image is not taken: it {error}")
            return
        # Only the first image can be one from before: later ones are new, also where the detector's clock stands still.
        is_known = self._is_first and (self._newest is None or shot.time <= self._newest)
        last, was_first = self._number, self._is_first
        self._number, self._is_first = shot.number, False
        if is_known:
            return
        self._newest = shot.time
        if not was_first and shot.number > last + 1:
            lost = counted(shot.number - last - 1, "image is", "images are")
            yield Kept(f"{lost} lost between {last} and {shot.number}: they came faster than they were written")
        if self._role == "frame" and shot.energy is None:
            yield Kept(f"image {shot.number} is not taken: none of its attributes is called energy")
            return
        yield _write(shot, self._role, self._folder)


def _write(shot: Shot, role: Role, folder: Path) -> Kept:
    import tifffile

    path = folder / shot.file_name(role)
    if path.exists():
        return Kept(f"image {shot.number} is not taken: a file with its number and time is there already")
    content = BytesIO()
    tifffile.imwrite(content, shot.image, photometric="minisblack")
    write_whole(path, content.getvalue())
    at = "" if role != "frame" else f" at {shot.energy:g} eV"
    return Kept(f"{role} {shot.number}{at}", path)


def _newest(folder: Path) -> datetime | None:
    """Return when the newest image of a folder was taken."""
    found = [re.search(r"_(\d{8}-\d{6}-\d{6})\.tif$", path.name) for path in folder.glob("*.tif")]
    times = [datetime.strptime(match[1], _TIME).replace(tzinfo=UTC) for match in found if match]
    return max(times, default=None)


def _client() -> AbstractContextManager[Any]:
    try:
        from p4p.client.thread import Context
    except ImportError:
        raise ImportError("images over PV Access need a client: pip install 'napari-xanes[pva]'") from None
    context: AbstractContextManager[Any] = Context("pva", nt=False)
    return context
