"""Types of arrays, defined once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]
"""float64: energies, spectra, fits."""

Float32Array = NDArray[np.float32]
"""float32: images and processed stacks."""

Complex64Array = NDArray[np.complex64]
"""Fourier transforms of images."""

BoolArray = NDArray[np.bool_]
"""Masks."""

IndexArray = NDArray[np.intp]
"""Positions in another array."""

Block = NDArray[Any]
"""A matrix (E, P) of the spectra of P neighbouring pixels, of any real type."""
