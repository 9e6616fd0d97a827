"""Wrong values of a detector: single ones, and pixels that are wrong in all frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array
from napari_xanes.ops.outliers import Deviations, deviations

_CONTRAST = 3.0
"""A real detail deviates at one energy at most so many times as much as it, or what is beside it, does at the next."""

_MOST = 10.0
"""A jump from one frame to the next counts at most as so many sigma."""

_FLICKER = 4.0
"""Mean jump of a flickering pixel in sigma; other pixels have 1.6."""

_ALONE = 2.5
"""A flickering pixel jumps so many times more than what is around it."""

_JUMP, _OFTEN, _FEWEST_JUMPS = 2.0, 2 / 3, 5
"""It jumps by so many sigma from most frames to the next, of at least so many: a grain does so at the edge only."""

_SHARE = 0.2
"""A pixel with more wrong values than this share of the frames is wrong in all of them."""

_DEAD = 0.1
"""A dead pixel has at most this share of the light around it."""

_FEW = 0.05
"""If more than this share of the pixels never change, they do so because next to no photon was counted."""

_OFF = 3.0
"""A pixel that never changes is stuck if it is so many sigma away from what is around it in some frames."""


REACH = 2
"""Number of frames before and behind that a frame is compared with."""


@dataclass(frozen=True)
class Compared:
    """An image, and how far its values lie from what is around them, in this frame and in those before and behind."""

    image: Float32Array
    before: list[Deviations]
    here: Deviations
    behind: list[Deviations]

    def spikes(self, threshold: float) -> BoolArray:
        """Return values (Y, X) that stand out in the image, and among the energies before and behind.

        A grain of a single pixel stands out in the image, too, but at other energies as well. So a value must deviate
        by `threshold` sigma, and by three times as much as the pixel, or one that touches it, does at the two frames
        before and the two behind. One of these four frames may hold a wrong value itself; at the ends of a series, none
        may.
        """
        beside = [other.contrast for other in (*self.before, *self.behind)]
        if len(beside) == 2 * REACH:
            low, high = np.minimum(beside[0], beside[1]), np.maximum(beside[0], beside[1])
            for contrast in beside[2:]:
                low = np.maximum(low, np.minimum(high, contrast))
                high = np.maximum(high, contrast)
            contrast = low
        else:
            contrast = np.max(beside, axis=0)
        limit = np.maximum(threshold * self.here.sigma, np.float32(_CONTRAST) * contrast)
        return np.asarray(np.abs(self.here.values) > limit)


def compared(frames: Iterable[Float32Array], bad: BoolArray | None = None) -> Iterator[Compared]:
    """Compare the frames (Y, X) of a series one by one; `bad` pixels serve no other as surroundings."""
    images: list[Float32Array] = []
    around: list[Deviations] = []
    for frame in frames:
        images, around = [*images, frame][-REACH - 1 :], [*around, deviations(frame, bad)][-2 * REACH - 1 :]
        if len(images) > REACH:
            yield _compared(images[0], around, len(around) - 1 - REACH)
    for place in range(max(0, len(around) - REACH), len(around)):
        yield _compared(images[place - len(around)], around, place)


def _compared(image: Float32Array, around: list[Deviations], place: int) -> Compared:
    return Compared(image, around[max(0, place - REACH) : place], around[place], around[place + 1 : place + 1 + REACH])


class PixelSurvey:
    """Counts, frame by frame, what tells pixels that are wrong in all frames from pixels with a single wrong value.

    Parameters
    ----------
    shape : tuple
        Shape of the images, (Y, X).
    threshold : float
        In sigma, as in `Compared.spikes`.
    dark : ndarray, shape (Y, X), optional
        What the frames are without light, if they show light: then a pixel without any is dead.
    quantity : str
        What the values are: it tells how much more a grain scatters than what is around it, by its photons.
    """

    def __init__(self, shape: tuple[int, ...], threshold: float, dark: Float32Array | None, quantity: str) -> None:
        self._threshold, self._no_light, self._quantity, self._frames = threshold, dark, quantity, 0
        self._wrong, self._off, self._dead, self._pairs, self._large = (np.zeros(shape, np.int32) for _ in range(5))
        self._jumps, self._still = np.zeros(shape, np.float32), np.ones(shape, dtype=bool)
        self._last: tuple[Float32Array, BoolArray] | None = None

    def add(self, frame: Compared) -> None:
        """Count a frame."""
        here = frame.here
        with np.errstate(divide="ignore", invalid="ignore"):
            away, off = np.abs(here.values) / here.sigma, np.abs(here.values) / here.noise
        wrong = frame.spikes(self._threshold)
        self._wrong += wrong
        self._off += off > _OFF
        if self._no_light is not None:
            light, around = frame.image - self._no_light, here.level - self._no_light
            self._dead += (away > self._threshold) & (light <= _DEAD * around)
        if frame.before and self._last is not None:
            image, wrong_before = self._last
            pair = ~(wrong | wrong_before)
            with np.errstate(divide="ignore", invalid="ignore"):
                jump = np.abs(here.values - frame.before[-1].values) / np.maximum(here.sigma, frame.before[-1].sigma)
                jump /= self._own_noise(frame)
            self._large += pair & (jump > _JUMP)
            self._jumps += np.where(pair, np.minimum(np.nan_to_num(jump), np.float32(_MOST)), 0)
            self._pairs += pair
            self._still &= frame.image == image
        self._last = frame.image, wrong
        self._frames += 1

    def _own_noise(self, frame: Compared) -> Float32Array | float:
        """Return the noise (Y, X) that photons give each value over that which they give its level, 1 or more."""
        if self._quantity == "optical_depth":
            return np.exp(np.clip(frame.here.values, 0, 20) / 2)
        if self._quantity not in ("counts", "transmission", "fluorescence"):
            return 1.0
        none = 0 if self._no_light is None else self._no_light
        level = np.maximum(frame.here.level - none, np.float32(1e-30))
        return np.asarray(np.sqrt(np.maximum((frame.image - none) / level, 1)))

    def bad(self) -> BoolArray:
        """Return the pixels (Y, X) that are dead, stuck or flicker.

        A pixel with the same excess at all energies is not among them: a grain may look like this.
        """
        from scipy.ndimage import binary_propagation

        half, jumps = self._frames / 2, (self._jumps / np.maximum(self._pairs, 1)).astype(np.float32)
        stuck = self._still & (self._off > _SHARE * self._frames)
        if self._still.mean() < _FEW:
            # Along a stuck line, some pixels have the brightness of what is around them by chance.
            stuck = binary_propagation(stuck, mask=self._still)
        flickers = (jumps > _FLICKER) & (jumps > _ALONE * deviations(jumps).level)
        flickers &= (self._large > _OFTEN * self._pairs) & (self._pairs >= _FEWEST_JUMPS)
        return np.asarray(flickers | (self._wrong > max(2.0, _SHARE * self._frames)) | (self._dead > half) | stuck)


def dead_in(flat: Float32Array, threshold: float) -> BoolArray:
    """Return pixels (Y, X) that see next to no light where pixels around them do, in an image without sample."""
    here = deviations(flat)
    return np.asarray((flat <= _DEAD * here.level) & (np.abs(here.values) > threshold * here.sigma))
