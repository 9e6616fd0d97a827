"""Stripes of scans: lines of an image that are brighter or darker because the beam flickered while they were taken."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.computing import computed, frames_of
from napari_xanes.denoising.principal_components import eigenvalues_of_noise, find_components
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.ops.slices import each_slice, stack_slices
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack

Along = Literal["x", "y"]

_LINES = 64
"""About so many lines serve to measure noise."""

_FEWEST_FREE = 4
"""So many energies more than components are needed to tell stripes from the sample."""


@method(looks_at="stack")
def remove_stripes(
    stack: SpectralStack,
    /,
    *,
    along: Annotated[Along, Param(label="lines along")] = "x",
    components: Annotated[int | None, Param(ge=1, le=50, auto="from the noise")] = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Subtract from each line of a scan what its pixels share and the sample can't be the reason of.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, in which a beam that flickers adds a constant to a line. Slices of a volume are treated one by
        one.
    along : {"x", "y"}
        Direction in which lines were scanned.
    components : int, optional
        Number of spectra that the sample is made of, beside its mean; found by parallel analysis if not given.

    Returns
    -------
    SpectralStack
        float32. ``metadata["stripes"]`` says in words how strong the stripes were, and how many lines were not treated.

    Raises
    ------
    ValueError
        If the stack is no optical depth, a frame holds no value, or there are too few energies.

    Notes
    -----
    The spectra of the sample are the principal components of pixels less the mean of their line, which stripes do not
    touch, the mean spectrum, and what the means of many lines share, as layers do. The mean of a line is projected on
    what these spectra do not span; this is the stripe at each energy. What lies within their span stays, the share of
    these spectra among energies, because there a stripe can't be told from the sample. Where stripes are no stronger
    than noise makes them, nothing is subtracted.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> energy = np.arange(700.0, 740)
    >>> clean = (energy > 720)[:, None, None] * rng.uniform(0.5, 1, (30, 40)) + 0.01 * rng.standard_normal((40, 30, 40))
    >>> striped = clean + 0.05 * rng.standard_normal((40, 30, 1))
    >>> stack = SpectralStack(striped.astype(np.float32), energy, "optical_depth")
    >>> bool(np.std(remove_stripes(stack).data - clean) < 0.3 * np.std(striped - clean))
    True
    """
    if stack.quantity != "optical_depth":
        raise ValueError(
            f"remove_stripes needs optical depth, to which a flicker of the beam is added, but {stack.name!r} holds "
            f"{stack.quantity.replace('_', ' ')}"
        )
    raise_if_frame_empty(stack)

    def clean(image: SpectralStack, progress: Progress | None) -> SpectralStack:
        return _without_stripes(image, -1 if along == "x" else -2, components, progress)

    if len(stack.shape) == 3:
        return clean(stack, progress)
    slices = each_slice(stack, clean, progress)
    text = [f"slice {z}: {sentence}" for z, image in enumerate(slices) for sentence in image.metadata["stripes"]]
    return stack.with_data(stack_slices([image.data for image in slices]), metadata={"stripes": text})


def _without_stripes(
    stack: SpectralStack, axis: int, components: int | None, progress: Progress | None
) -> SpectralStack:
    """Return images (E, Y, X) without stripes along an axis."""
    means = _line_means(stack, axis)
    # Noise is measured: photons follow from the absorption, which is not that of the centred images.
    centred = stack.with_data((stack.data - np.expand_dims(means, axis)).astype(np.float32), metadata={"noise": None})
    found = find_components(centred, components, part(progress, 0.0, 0.9))
    known = np.isfinite(means).all(axis=0)
    basis = np.linalg.qr(np.column_stack([means[:, known].mean(axis=1), found.spectra]))[0]
    basis = np.column_stack([basis, _shared_by_lines(_beside(basis, means[:, known]))])
    n_free = len(basis) - basis.shape[1]
    if n_free < _FEWEST_FREE:
        raise ValueError(
            f"{stack.name!r} has {len(basis)} energies for {basis.shape[1]} spectra of the sample: stripes can't be "
            "told from it; give fewer components"
        )
    stripes = np.zeros_like(means)
    stripes[:, known] = _beside(basis, means[:, known])
    strength = float(np.sum(stripes**2) / max(n_free * int(known.sum()), 1))
    noise = _noise_of_means(centred, axis, basis)
    share = 1.0 - noise / strength if strength > 2 * noise else 0.0
    offsets = np.expand_dims((share * stripes).astype(np.float32), axis)
    told = [_words(np.sqrt(share * strength), np.sqrt(noise), basis.shape[1] / len(basis))]
    if not known.all():
        n = int(np.count_nonzero(~known))
        lines = "1 line has" if n == 1 else f"{n} lines have"
        told.append(f"{lines} no value in some frame: nothing is subtracted there; drop frames without values.")
    return stack.with_data((stack.data - offsets).astype(np.float32), metadata={"stripes": told})


def _line_means(stack: SpectralStack, axis: int) -> Float64Array:
    """Return the mean spectra of lines, (E, L), frame by frame; NaN where a line has no value."""
    means = np.empty((stack.shape[0], stack.shape[2 if axis == -2 else 1]))
    for i, frame in enumerate(frames_of(stack.data)):
        values = frame.astype(np.float64, copy=False)
        finite = np.isfinite(values)
        with np.errstate(invalid="ignore"):
            means[i] = np.where(finite, values, 0).sum(axis=axis) / finite.sum(axis=axis)
    return means


def _beside(basis: Float64Array, spectra: Float64Array) -> Float64Array:
    """Return the part of spectra (E, P) that an orthogonal basis (E, K) does not span."""
    beside: Float64Array = spectra - basis @ (basis.T @ spectra)
    return beside


def _shared_by_lines(spectra: Float64Array) -> Float64Array:
    """Return the spectra (E, K) that many lines (E, L) share, as layers of a sample do and stripes do not."""
    n_energies, n_lines = spectra.shape
    vectors, values, _ = np.linalg.svd(spectra, full_matrices=False)
    typical, limit = eigenvalues_of_noise(n_energies, n_lines)
    rank = int((values > 1e-6 * values.max(initial=0.0)).sum())
    if rank < 2:
        return vectors[:, :0]
    variances = values[:rank] ** 2 / n_lines
    noise = np.median(variances) / np.median(typical[:rank])
    shared: Float64Array = vectors[:, :rank][:, variances > limit * noise]
    return shared


def _noise_of_means(centred: SpectralStack, axis: int, basis: Float64Array) -> float:
    """Return the variance that noise of single pixels gives the mean of a line, from the scatter within some lines."""
    n_lines = centred.shape[2 if axis == -2 else 1]
    chosen: tuple[slice, ...] = (slice(None), slice(None, None, max(1, n_lines // _LINES)))
    lines = computed(np.moveaxis(centred.data, axis, -1)[chosen])
    variances = []
    for line in np.moveaxis(lines, 1, 0):
        pixels = _beside(basis, line[:, np.isfinite(line).all(axis=0)].astype(np.float64))
        n_free, n = len(basis) - basis.shape[1], pixels.shape[1]
        if n > 1:
            variances.append(float(np.sum(pixels**2)) / (n_free * (n - 1) * n))
    return float(np.median(variances)) if variances else 0.0


def _words(strength: float, noise: float, kept: float) -> str:
    """Say how strong the stripes were."""
    if strength == 0:
        return f"No stripes were seen: lines differ by {noise:.2g} OD, as noise makes them."
    return (
        f"Stripes of {strength:.2g} OD (root mean square) were subtracted; {kept:.0%} of their variance can't be told "
        "from the sample and stays."
    )
