"""Mean spectra of a stack beside a library, at any energy offset and broadening."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.maps.matching.basis import basis_of
from napari_xanes.theory.library.model import STEP, Library

NARROWEST, WIDEST = 0.1, 2.0
_FWHM = 2 * np.sqrt(2 * np.log(2))


@dataclass(frozen=True)
class Comparison:
    """Compares spectra (E, G) with some members of a library.

    Parameters
    ----------
    library : Library
        The library.
    rows : ndarray of int, shape (M,)
        Its members to compare with.
    energy : ndarray, shape (E,)
        Photon energies in eV.
    free : ndarray, shape (E, F)
        Orthonormal columns of the background.
    means, weights : ndarray, shape (E, G) and (G,)
        The spectra, and how much each counts.
    """

    library: Library
    rows: NDArray[np.intp]
    energy: Float64Array
    free: Float64Array
    means: Float64Array
    weights: Float64Array
    _broad: dict[float, Float32Array] = field(default_factory=dict, init=False)

    def squares(self, offset: float, width: float) -> Float64Array:
        """Misfit of each mean with each member, shape (G, M), as a share of the mean's square."""
        basis = basis_of(self.library)
        if width not in self._broad:
            self._broad[width] = _broadened(basis.patterns.spectra, width)
        broad, axis = self._broad[width], basis.patterns.energy
        zero = basis.patterns.table["offset"][0] + offset
        place = np.clip((self.energy - zero - axis[0]) / STEP, 0, axis.size - 1.001)
        low = place.astype(np.intp)
        part = (place - low).astype(np.float32)
        patterns = broad[:, low] * (1 - part) + broad[:, low + 1] * part
        patterns -= ((patterns @ self.free) @ self.free.T).astype(np.float32)
        weights = basis.weights[self.rows]
        norms = np.sqrt(np.einsum("me,me->m", *[weights @ patterns] * 2))
        cosines = (weights @ (patterns @ self.means)).T / np.maximum(norms, 1e-12)
        result: Float64Array = 1 - np.maximum(cosines, 0) ** 2
        return result

    def total(self, offset: float, width: float) -> float:
        """Misfit of all means, each with its best member."""
        return float(self.weights @ self.squares(offset, width).min(axis=1))

    def searched(self, offsets: Float64Array, widths: tuple[float, ...], width: float | None) -> tuple[float, float]:
        """The best of some offsets and widths (or of a given width), refined."""
        tried = widths if width is None else (width,)
        table = np.array([[self.total(by, wide) for by in offsets] for wide in tried])
        i, j = np.unravel_index(int(table.argmin()), table.shape)
        free_offset = offsets.size > 1
        return self.refined(float(offsets[j]), float(tried[i]), free_offset=free_offset, free_width=width is None)

    def refined(self, offset: float, width: float, *, free_offset: bool, free_width: bool) -> tuple[float, float]:
        """Offset and width at the nearest minimum, by steps that are halved where none helps."""
        near = Comparison(self.library, self._near(offset, width), self.energy, self.free, self.means, self.weights)
        best, step, factor = near.total(offset, width), 0.1, 1.25
        while step > 0.004:
            moves = [(by, 1.0) for by in (-step, step)] if free_offset else []
            moves += [(0.0, times) for times in (1 / factor, factor)] if free_width else []
            inside = [(by, times) for by, times in moves if NARROWEST <= width * times <= WIDEST]
            tries = [(near.total(offset + by, width * times), offset + by, width * times) for by, times in inside]
            if tries and min(tries)[0] < best:
                best, offset, width = min(tries)
            else:
                step, factor = step / 2, factor**0.5
        return offset, width

    def _near(self, offset: float, width: float) -> NDArray[np.intp]:
        """The best members and those beside them in 10Dq."""
        chosen = self.rows[self.squares(offset, width).argmin(axis=1)]
        ten_dq = self.library.column("ten_dq")
        near: set[int] = set()
        for rows in self.library.tracks:
            for row in np.intersect1d(rows, chosen):
                close = (np.abs(ten_dq[rows] - ten_dq[row]) <= 0.25) | (rows == row)
                near.update(rows[close].tolist())
        return np.array(sorted(near), dtype=np.intp)

    def unsure(self, offsets: Float64Array, offset: float, width: float, as_good: float) -> list[float]:
        """Charges that another charge explains as well when the whole axis is moved by any of `offsets`, in eV.

        As well means that the misfit of all means together is at most `as_good` times the best.
        """
        charge = self.library.table["charge"][self.rows]
        squares = self.squares(offset, width)
        own, best = charge[squares.argmin(axis=1)], float(self.weights @ squares.min(axis=1))
        found: set[float] = set()
        for by in offset + offsets:
            moved = self.squares(by, width)
            if self.weights @ moved.min(axis=1) > as_good * best:
                continue
            for before, after in zip(own, charge[moved.argmin(axis=1)], strict=True):
                if before != after and np.isfinite([before, after]).all():
                    found |= {float(before), float(after)}
        return sorted(found)


def _broadened(spectra: Float32Array, width: float) -> Float32Array:
    """Spectra with a Gaussian of full width `width`, on the library's axis."""
    from scipy.fft import irfft, rfft, rfftfreq

    n = spectra.shape[1] + 64
    filter_ = np.exp(-2 * (np.pi * rfftfreq(n, STEP) * width / _FWHM) ** 2).astype(np.float32)
    padded = np.pad(spectra, ((0, 0), (0, 64)), mode="edge")
    broad: Float32Array = irfft(rfft(padded, axis=1) * filter_, n, axis=1)[:, : spectra.shape[1]]
    return broad
