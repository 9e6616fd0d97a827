"""`cluster`: pixels with the same spectrum, found without references, and the mean spectra of such pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np

from napari_xanes._typing import Block, Float64Array
from napari_xanes.denoising.bands import over_bands
from napari_xanes.edge import Range, raise_if_frame_empty
from napari_xanes.exploring.basis import Basis
from napari_xanes.exploring.cluster_search import MOST, Algorithm, find_clusters, one_cluster
from napari_xanes.exploring.clusters import Clusters, ClustersArgument, Distance, Points
from napari_xanes.exploring.faults import are_single
from napari_xanes.exploring.stacks import NOTHING, at_energies_of, doubts_of, find_basis, within
from napari_xanes.exploring.whitened import WhitenedScores, pixels_of
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.region_means import COVARIANCE_LENGTH
from napari_xanes.region_spectra import RegionSpectrum, as_spectrum
from napari_xanes.registry import method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import counted

_SAMPLE = 5000
"""Clusters are found from so many pixels."""

_TOO_NOISY = 3.0
"""Clusters are found from pixels whose noise has at most this multiple of the variance of a typical pixel."""

_AT_ONCE = 1024
"""So many pixels and what is made of them fit into the cache."""

_FEW_PIXELS = 4
"""A cluster of fewer pixels is a spot or faulty."""


def _fit_state(
    stack: SpectralStack,
    *,
    count: int | None,
    algorithm: Algorithm,
    distance: Distance,
    energy: Range | None,
    seed: int,
    basis: Any,
    clusters: Any,
    **_: Any,
) -> Mapping[str, Any]:
    """Find components and clusters from the whole stack."""
    basis = basis or find_basis(stack, "cluster", None, energy)
    if clusters is None:
        if algorithm == "hdbscan" and count is not None:
            raise ValueError(f"hdbscan finds the number of clusters itself: leave out count = {count}")
        stack = at_energies_of(basis, within(stack, "cluster", energy))
        clusters = _found(WhitenedScores(basis), stack, count, algorithm, distance, seed)
    return {"basis": basis, "clusters": clusters}


@method(looks_at="pixel", fit=_fit_state)
def cluster(
    stack: SpectralStack,
    /,
    *,
    count: Annotated[int | None, Param(ge=1, le=MOST, auto="stable, with gaps between")] = None,
    algorithm: Algorithm = "k-means",
    distance: Distance = "angle",
    energy: Annotated[Range | None, Param(unit="eV", ge=0, auto="all")] = None,
    min_probability: Annotated[float, Param(ge=0, le=1, step=0.05, label="least probability")] = 0.75,
    seed: Annotated[int, Param(ge=0)] = 0,
    basis: Basis = None,
    clusters: ClustersArgument = None,
    progress: Progress | None = None,
) -> MapSet:
    """Clusters of pixels with the same spectrum, and the mean spectra of their pixels.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence, normalized or scaled absorption.
    count : int, optional
        Number of clusters; by default the largest one that is stable and has gaps between the clusters, which is 1 for
        a continuum of mixtures. HDBSCAN finds the number itself.
    algorithm : {"k-means", "gaussian mixture", "hdbscan"}
        k-means divides pixels by the nearest centre; a Gaussian mixture has clusters of different extent; HDBSCAN
        clusters of any form, and leaves out pixels that are far from all of them.
    distance : {"angle", "euclidean"}
        What differs between clusters: the shape of the spectrum, so that thickness is divided out; or the spectrum,
        so that thick and thin pixels of one substance may be two clusters.
    energy : tuple of float, optional
        Range of energies to use in eV, both ends included.
    min_probability : float
        Pixels whose most probable cluster is less probable than this lie between clusters and have no label.
    seed : int
        For random numbers: the same seed gives the same labels.
    basis : ComponentBasis, optional
        Components that an earlier run has found, at the same energies.
    clusters : Clusters, optional
        Clusters that an earlier run has found with this basis, so that labels of stacks can be compared.

    Returns
    -------
    MapSet
        ``cluster``, labels from 1, largest cluster first; 0 where a pixel holds nothing, lies between clusters or far
        from all, or lacks a value. The companion ``probability`` is that of the most probable cluster.
        ``metadata["spectra"]`` holds the mean spectra of the labelled pixels in the stack's own values, with standard
        errors, and the spread of the pixels as ``standard_deviation`` in their metadata. ``metadata["clusters"]`` has
        ``number``, ``stability``, both in ``words``, and ``n_pixels``.

    Raises
    ------
    ValueError
        If the stack is no absorption or has too few energies, no pixels hold values at all energies, fewer pixels
        differ than there are clusters, or a basis is of other energies.

    Notes
    -----
    Pixels are compared by their scores along the components that stand out from the noise, in units of the noise. The
    probability of a cluster follows from Gaussian densities with the spread of its pixels plus the noise of the pixel,
    which its residual tells. Algorithms are those of scikit-learn, with 5000 pixels drawn at random. The number: two
    halves of the pixels must lead to the same clusters (Lange et al., Neural Comput. 16, 1299, 2004), with fewer pixels
    between clusters than around their centres.

    Examples
    --------
    >>> energy = np.linspace(8330, 8400, 30)
    >>> spectra = np.stack([np.arctan(energy - 8343), np.arctan(energy - 8347)]) + 1.5
    >>> rng = np.random.default_rng(0)
    >>> data = spectra[np.repeat([0, 1], 20)].T[:, :, None] * rng.uniform(0.5, 1, (1, 40, 30))
    >>> stack = SpectralStack(data + 0.01 * rng.standard_normal(data.shape), energy, "optical_depth")
    >>> maps = cluster(stack)
    >>> maps.metadata["clusters"]["words"]
    '2 clusters, with gaps between them; stable: two halves of the pixels agree by 1.00'
    """
    found_basis = basis or find_basis(stack, "cluster", None, energy, part(progress, 0.0, 0.4))
    stack = at_energies_of(found_basis, within(stack, "cluster", energy))
    scores = WhitenedScores(found_basis)
    found = clusters or _found(scores, stack, count, algorithm, distance, seed)
    if found.centres.shape[1] != len(found_basis.spectra):
        raise ValueError(
            f"the clusters were found with {found.centres.shape[1]} components, the basis has "
            f"{len(found_basis.spectra)}: give both from one run, or leave both out"
        )
    labels = _Labels(stack, scores, found, min_probability)
    labels.run(part(progress, 0.4, 1.0))
    return labels.maps()


def _found(
    scores: WhitenedScores, stack: SpectralStack, count: int | None, algorithm: Algorithm, distance: Distance, seed: int
) -> Clusters:
    """Find clusters from a sample of the pixels."""
    n_pixels = int(np.prod(stack.shape[1:]))
    drawn = np.random.default_rng(seed).choice(n_pixels, min(n_pixels, _SAMPLE), replace=False, shuffle=False)
    points = scores.points(*pixels_of(stack, np.sort(drawn)), distance)
    if not points.holds.size:
        raise_if_frame_empty(stack)
        raise ValueError(f"few pixels of {stack.name!r} hold values at all energies; crop to where they do")
    if not scores.stand_out:
        return one_cluster(points, distance, f"one cluster: {NOTHING}", of_noise=True)
    if not points.holds.any():
        why = "one cluster: no single pixel stands out from the noise; bin or denoise the stack"
        return one_cluster(points, distance, why, of_noise=True)
    clear = points.holds & (points.variance <= _TOO_NOISY * np.median(points.variance[points.holds]))
    sample = Points(points.values[:, clear], points.variance[clear], points.holds[clear])
    return find_clusters(sample, algorithm, distance, count, seed)


class _Sums(NamedTuple):
    """Over the pixels of each cluster: their number (C,), and sums of values and of squares (E, C), in units of the
    noise, from the middle of the pixels."""

    n_pixels: Float64Array
    values: Float64Array
    squares: Float64Array

    def plus(self, other: _Sums) -> _Sums:
        return _Sums(self.n_pixels + other.n_pixels, self.values + other.values, self.squares + other.squares)


class _Labels:
    """Labels of a stack and mean spectra of the pixels that have one, in one pass."""

    def __init__(self, stack: SpectralStack, scores: WhitenedScores, found: Clusters, least: float) -> None:
        self.stack, self.scores, self.found, self._least = stack, scores, found, least
        n_pixels = int(np.prod(stack.shape[1:]))
        self.labels, self.probability = np.zeros(n_pixels, np.uint8), np.full(n_pixels, np.nan, np.float32)
        self.n_empty, shape = 0, (stack.energy.size, found.number)
        self._sums = self._nothing = _Sums(np.zeros(found.number), np.zeros(shape), np.zeros(shape))

    def run(self, progress: Progress | None) -> None:
        """Label all pixels."""
        images = self.stack.data.reshape(self.stack.energy.size, -1, self.stack.shape[-1])
        over_bands(self._band, images, collect=self._add, progress=progress, message="clusters")
        if not np.isfinite(self.probability).any():
            raise_if_frame_empty(self.stack)

    def _band(self, band: Block, rows: slice) -> tuple[_Sums, int]:
        block, start = band.reshape(len(band), -1), rows.start * band.shape[2]
        found, n_empty = self._nothing, 0
        for a in range(0, block.shape[1], _AT_ONCE):
            few = block[:, a : a + _AT_ONCE]
            sums, empty = self._few(few, slice(start + a, start + a + few.shape[1]))
            found, n_empty = found.plus(sums), n_empty + empty
        return found, n_empty

    def _few(self, block: Block, pixels: slice) -> tuple[_Sums, int]:
        values, finite, points = self.scores.whitened(block, self.found.distance)
        numbers, probability = self.found.assign(points)
        holds = finite & (points.holds | self.found.of_noise)
        self.probability[pixels] = np.where(finite, np.where(holds, probability, 0), np.nan)
        # Compared as it is kept, so that nobody finds a label with too small a probability.
        self.labels[pixels] = numbers * (holds & (self.probability[pixels] >= self._least))
        members = (self.labels[pixels, None] == np.arange(1, self.found.number + 1)).astype(np.float32)
        sums = values @ members
        np.square(values, out=values)
        empty = int((finite & ~holds).sum())
        return _Sums(members.sum(axis=0, dtype=np.float64), sums.astype(np.float64), values @ members), empty

    def _add(self, band: tuple[_Sums, int]) -> None:
        sums, n_empty = band
        self._sums = self._sums.plus(sums)
        self.n_empty += n_empty

    def spectra(self) -> list[Spectrum]:
        """Return the mean spectra of those clusters that have pixels."""
        count, noise = self._sums.n_pixels, self.scores.basis.noise[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            means = self._sums.values / count
            deviations = np.sqrt(np.maximum(self._sums.squares / count - means**2, 0)) * noise
            means = self.scores.middle[:, None] + means * noise
        length = float(self.stack.metadata.get(COVARIANCE_LENGTH, 1.0))
        facts = {"quantity": self.stack.quantity, "stack": self.stack.name}
        counts = np.broadcast_to(count.astype(np.int64), means.shape)
        return [
            as_spectrum(
                f"cluster {i + 1}",
                self.stack.energy,
                RegionSpectrum(means[:, i], deviations[:, i], counts[:, i]),
                facts,
                length,
            )
            for i in np.flatnonzero(count)
        ]

    def maps(self) -> MapSet:
        """Return the labels as maps."""
        stack, found, shape = self.stack, self.found, self.stack.shape[1:]
        names = {number: f"cluster {number}" for number in range(1, found.number + 1)}
        labels, probability = self.labels.reshape(shape), self.probability.reshape(shape)
        metadata = {
            "name": stack.name,
            "warnings": [*self._doubts(), *doubts_of(stack, self.scores.basis)],
            "spectra": self.spectra(),
            "clusters": {
                "number": found.number,
                "stability": found.stability,
                "words": found.words + self._empty(),
                "n_pixels": self._sums.n_pixels.astype(int).tolist(),
            },
        }
        maps = {
            "cluster": ParameterMap(labels, labels=names),
            "probability": ParameterMap(probability, "1", mask=labels > 0, companion="cluster"),
        }
        return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)

    def _empty(self) -> str:
        """Say how many pixels hold nothing, as those beside a sample do."""
        if not self.n_empty:
            return ""
        return f"; {counted(self.n_empty, 'pixel holds', 'pixels hold')} no more than noise, without a label"

    def _doubts(self) -> list[str]:
        """Say in sentences what makes the clusters doubtful."""
        doubts = [self.found.words] if "not stable" in self.found.words else []
        for number, count in enumerate(self._sums.n_pixels.astype(int).tolist(), start=1):
            if count < min(_FEW_PIXELS, self.labels.size / self.found.number):
                pixels = f"only {counted(count, 'pixel is', 'pixels are')}" if count else "no pixel is"
                doubts.append(f"{pixels} cluster {number}: a spot, or faulty pixels (see repair)")
            elif are_single((self.labels == number).reshape(self.stack.shape[1:])):
                doubts.append(
                    f"cluster {number} is {count} single pixels, as hot and dead pixels are; run repair first"
                )
        return doubts
