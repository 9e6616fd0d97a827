"""What the spectra of a stack are taken to be combinations of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float64Array


@dataclass(frozen=True)
class Design:
    """Columns of the fit, each row divided by the noise of its energy: references (E, K) and free ones (E, F).

    ``root`` (E,) is the factor that the rows were multiplied by. With ``sums`` the amounts of the references add up to
    the edge jump; without, they are scores of learned components, the first of which stands for the jump.
    """

    references: Float64Array
    free: Float64Array
    root: Float64Array
    sums: bool = True

    @property
    def all(self) -> Float64Array:
        """All columns, references first."""
        return np.concatenate([self.references, self.free], axis=1)

    def solver(self) -> Float64Array:
        """What spectra (not divided by the noise) are multiplied with to get the amounts, (K + F, E)."""
        result: Float64Array = np.linalg.pinv(self.all).astype(np.float64) * self.root
        return result

    def covariance(self) -> Float64Array:
        """Of the amounts, for pixels of unit precision."""
        result: Float64Array = np.linalg.inv(self.all.T @ self.all).astype(np.float64)
        return result
