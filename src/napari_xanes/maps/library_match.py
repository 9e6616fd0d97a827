"""`match_library`: charge and crystal field, or valence, of each pixel from a library of spectra."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator

from napari_xanes import blocks
from napari_xanes.arguments import Reference
from napari_xanes.beam_jumps import told_about_lazy_drift
from napari_xanes.edge import raise_if_frame_empty, require_absorption
from napari_xanes.hidden_noise import on_hidden_noise
from napari_xanes.maps.matching.doubts import Doubt
from napari_xanes.maps.matching.endmembers import mixture_state, mixture_width
from napari_xanes.maps.matching.energy_window import energy_window
from napari_xanes.maps.matching.fit_state import estimate_fit_state
from napari_xanes.maps.matching.k_edge import k_edge_maps, k_edge_state
from napari_xanes.maps.matching.l_edge_maps import charge_of, l_edge_maps, l_edge_warnings
from napari_xanes.maps.matching.l_edge_matcher import Limits
from napari_xanes.maps.matching.mixture import MixtureSettings, mixture_maps
from napari_xanes.maps.matching.mixture_check import doubt_mixtures, mixed_warnings
from napari_xanes.maps.matching.nearest_neighbours import matcher_of
from napari_xanes.maps.matching.pixel_sample import sample_pixels
from napari_xanes.maps.matching.result import LibraryMatch, LibrarySettings
from napari_xanes.maps.matching.search_grid import build_search_grid
from napari_xanes.parameter_map import MapSet
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.registry import estimated, method
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding.methods import BuiltInMethod
from napari_xanes.theory.library.shipped import LIBRARIES, load_library

LibraryArgument = Annotated[
    Any, BeforeValidator(load_library), Param(kind="library", files=True, words=tuple(LIBRARIES))
]
"""A Library, given as an object, a name, or a file."""

Background = Literal["linear", "constant", "none"]

_OTHER_WIDTH = 0.1
"""Mixtures have their own width of the instrument if it differs by more than this share from that of single members."""

_N_COMPONENTS = 32
"""Principal components of the library by default; enough for all libraries of theory."""


def _n_components(dimensions: int | None, embedding: BuiltInMethod, n_energies: int) -> int:
    """How many principal components the library is compressed to."""
    count = dimensions if dimensions and embedding == "pca" else _N_COMPONENTS
    return max(1, min(count, n_energies - 4))


def _fit_state(
    stack: SpectralStack,
    *,
    library: Any,
    calibration: Any,
    shift: float,
    offset: float | None,
    background: Background,
    broadening: float | None,
    shift_spread: float | None,
    track_weights: list[float] | None,
    ambiguous: list[float] | None,
    mixture: bool,
    endmembers: list[float] | None,
    embedding: BuiltInMethod,
    dimensions: int | None,
    **_: Any,
) -> Mapping[str, Any]:
    """Estimate the parameters that were left as None from a sample of the pixels."""
    require_absorption(stack, "match_library", normalized=True)
    stack = stack.measured()
    library = load_library(library)
    library.to_plain()  # A library that no recipe can name is refused here, before the work.
    if library.is_k_edge:
        return k_edge_state(stack, library, calibration, offset, broadening, background)
    if calibration is not None:
        raise ValueError(f"calibration is for K edges: leave it out for library {library.name!r}, and give offset")
    window = energy_window(stack, library, offset, background)
    # The matrix products are so small that several threads would wait for each other longer than they work.
    with blocks.single_threaded_blas():
        sample = sample_pixels(stack, window, background)
        estimate = partial(
            estimate_fit_state,
            library,
            window,
            sample,
            offset=offset,
            shift_spread=shift_spread,
            track_weights=track_weights,
            shift=shift,
            background=background,
            n_components=_n_components(dimensions, embedding, window.energy.size),
        )
        state = estimate(broadening=broadening)
        if mixture and broadening is None:
            width = mixture_width(library, window, sample, state, background)
            if abs(np.log(width / state.broadening)) > _OTHER_WIDTH:
                state = estimate(broadening=width)
    energy_window(stack, library, state.offset, background)
    charges = state.ambiguous
    if mixture:
        endmembers, charges = mixture_state(
            library, window, sample, state, background, endmembers, tied=offset is not None
        )
    return {
        "offset": state.offset,
        "broadening": state.broadening,
        "shift_spread": state.shift_spread,
        "track_weights": state.track_weights,
        "ambiguous": charges if ambiguous is None else ambiguous,
        "endmembers": endmembers,
    }


@method(looks_at="pixel", fit=_fit_state)
def match_library(
    stack: SpectralStack,
    /,
    *,
    library: LibraryArgument = "mn-l23",
    calibration: Annotated[Reference, Param(auto="none; K edges of theory need one")] = None,
    shift: Annotated[float, Param(unit="eV", ge=0, le=1, step=0.05, label="shift per pixel")] = 0.3,
    offset: Annotated[float | None, Param(unit="eV", ge=-10, le=10, step=0.1, auto="from the data")] = None,
    background: Background = "linear",
    broadening: Annotated[float | None, Param(unit="eV", ge=0, le=5, step=0.05, auto="from the data")] = None,
    min_signal: Annotated[float | None, Param(ge=0, label="smallest signal", auto="5 sigma")] = None,
    max_misfit: Annotated[float, Param(ge=0, le=1, step=0.01)] = 0.15,
    min_evidence: Annotated[float, Param(ge=0, step=1)] = 9.0,
    mixture: bool = False,
    embedding: BuiltInMethod = "pca",
    dimensions: Annotated[int | None, Param(ge=2, le=128, auto="32 for pca, 2 for the others")] = None,
    shift_spread: Annotated[float | None, Param(unit="eV", ge=0, le=1, auto="from the data")] = None,
    track_weights: Annotated[list[float] | None, Param(ge=1e-6, le=1, auto="from the data")] = None,
    ambiguous: Annotated[list[float] | None, Param(label="ambiguous charges", auto="from the data")] = None,
    endmembers: Annotated[list[float] | None, Param(label="end members", auto="from the data")] = None,
    progress: Progress | None = None,
) -> MapSet:
    """Charge and 10Dq of each pixel of an L edge, or valence at a K edge, from the best fitting library spectra.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized absorption. It must cover at least the L3 edge of the library's
        element, or its K edge from 3 eV below to 15 eV above half height.
    library : Library, name or file
        The spectra to match: ``mn-l23``, ``mn-l23-oh``, ``ti-l23`` ... ``ni-l23``; ``ni-k``, ``mn-k``, ``fe-k``,
        ``co-k``; or anything that `load_library` reads.
    calibration : Spectrum or file, optional
        K edges only: one spectrum of known phase, measured as the stack was. It gives the energy shift and the width of
        a library of theory, which is not used without. The spectrum has a valence, or the name of a member of the
        library in its name, which is better: ``{path: standard.txt, name: NiO}``.
        An axis that may be 0.5 eV off is part of sigma; less after `calibrate_energy` or at the stack's own energies.
    shift : float
        Largest shift of a pixel's energies against the stack's, in eV; 0 for none. It is not used at a K edge, where a
        free shift would spoil the valence.
    offset : float, optional
        How much too high the stack's energies read, in eV, if this is known: 0 says that the energy axis is calibrated
        (to 0.3 eV or better). Otherwise it is searched within 2 eV, and charges that only a calibrated axis could tell
        apart are ``ambiguous``; at the end of this reach all are. At a K edge it comes from `calibration`.
    background : {"linear", "constant", "none"}
        What is fitted beside the spectrum, of either sign: a constant and a slope in energy, a constant, or nothing.
    broadening : float, optional
        Full width in eV of the Gaussian that describes the instrument.
    min_signal : float, optional
        Pixels whose spectrum has a smaller peak-to-peak height, in the stack's unit, are masked. By default five times
        the pixel's own error of the height.
    max_misfit : float
        Pixels whose root mean square residual is a larger share of the height of their spectrum are not assigned. At a
        K edge known photon noise does not count.
    min_evidence : float
        Least increase of chi-square when the next charge is taken instead; a pixel with less is ambiguous. 9 is 3
        sigma. The misfit of the theory counts as noise of few independent values: 9 then asks for squares 1.4 times as
        large.
    mixture : bool
        Fit each pixel as a mixture of one member per charge too, and return their fractions and the mean valence.
        ``ambiguous`` then holds the charges in mixtures whose valence depends on the energy offset.
    embedding : {"pca", "mds", "isomap", "tsne"}
        Where pixels and library are compared: in the library's principal components, or, to compare methods, with the
        nearest members in an embedding of few dimensions.
    dimensions : int, optional
        Number of dimensions of the embedding.
    shift_spread : float, optional
        Standard deviation of the pixels' shifts in eV. The smaller it is, the less noise a pixel's shift adds to 10Dq.
    track_weights : list of float, optional
        How common each track of the library (members that differ in 10Dq only) is on this stack, relative to the
        commonest of its charge. All pixels together distinguish tracks that the noise of one pixel confuses.
    ambiguous : list of float, optional
        Charges that can't be told apart on this stack.
    endmembers : list of float, optional
        Numbers of the library's members, counted from 0, that `mixture` uses.

    Returns
    -------
    MapSet
        ``charge``, labels such as Mn2+, or ambiguous; ``ten_dq`` (eV), if the library has it; ``shift`` (eV), in
        addition to the stack's offset. Companions: ``signal``, the height of the spectrum; ``misfit``, the root mean
        square residual over the height; ``margin``, how much worse the next charge fits: 0 equally well, 1 not at all;
        ``assigned``, 1 where nothing is doubtful, and ``doubt``, why not; ``ten_dq_noise``, ``ten_dq_grid`` and
        ``ten_dq_model``, the parts of the error of 10Dq. With `mixture`, a fraction of atoms per end member, named
        after its charge, and ``valence``, with the companions ``valence_noise``, ``valence_grid``, ``valence_model``,
        ``mixture_assigned`` and ``mixture_doubt``. ``metadata["library"]`` has offset and broadening, ``warnings`` what
        a user should know.
        At a K edge ``valence``, the mean of the members' valences in the non-negative mixture that fits best, and
        ``edge_jump``; companions ``valence_noise`` and ``valence_model``, ``misfit``, ``assigned``, ``doubt``, and the
        share of each member.

    Raises
    ------
    ValueError
        If the stack is not absorption, does not overlap with the library, misses the L3 edge, has too few energies, or
        is flat; if a K-edge library of theory has no calibration.

    Notes
    -----
    The background is projected out of library and pixel. Both are compared as unit vectors in the space of the
    library's principal components. A coarse search takes steps of 0.1 eV in 10Dq and 0.15 eV in shift; its best node
    is refined by Gauss-Newton steps on spectra that are interpolated by splines. The spread of the pixels' shifts is
    estimated first and then used as their prior, and so are the weights of the library's tracks, by maximum likelihood
    (expectation maximization). A track that no pixel prefers costs 9 of chi-square, so a rare phase is found where it
    is 3 sigma better. 10Dq is averaged over the tracks that fit a pixel about equally well.

    The error of 10Dq has three parts, added in squares: noise, from the pixel's residual and the spread of 10Dq among
    tracks; grid, from the interpolation between members; model, from Slater integrals that are 10 % off, at least 0.15
    eV (0.2 for d3; 0.5 for d6 such as Fe2+ and Jahn-Teller ions such as Mn3+, whose 10Dq an L edge hardly determines).
    The model part grows with the misfit that noise does not explain. So does that of the valence, whose size was
    measured on known compounds (docs/theory.md). The idea of placing measured spectra among simulated ones to read
    charge and 10Dq is that of Suzuki et al. (2018).

    Examples
    --------
    >>> library = load_library("mn-l23-oh")
    >>> energy = np.linspace(635, 660, 120)
    >>> data = library.at(energy, rows=[9, 60]).T.reshape(-1, 1, 2)
    >>> maps = match_library(SpectralStack(data, energy, "optical_depth"), library=library, offset=0, broadening=0.25)
    >>> [maps["charge"].labels[label] for label in maps["charge"].data.ravel()]
    ['Mn2+', 'Mn4+']
    >>> [f"{value:.2f}" for value in maps["ten_dq"].data.ravel()]
    ['0.90', '0.80']
    """
    require_absorption(stack, "match_library", normalized=True)
    stack = stack.measured()
    library = load_library(library)
    offset = estimated("offset", offset)
    broadening = estimated("broadening", broadening)
    if library.is_k_edge:
        return k_edge_maps(
            stack,
            library,
            calibration=calibration,
            offset=offset,
            broadening=broadening,
            background=background,
            min_signal=min_signal,
            max_misfit=max_misfit,
            progress=progress,
        )
    shift_spread = estimated("shift_spread", shift_spread)
    window = energy_window(stack, library, offset, background)
    with blocks.single_threaded_blas():
        grid = build_search_grid(
            library,
            window.energy,
            offset=offset,
            broadening=broadening,
            shift=shift,
            spread=shift_spread,
            background=background,
            n_components=_n_components(dimensions, embedding, window.energy.size),
            weights=track_weights,
        )
    ambiguous = ambiguous or []
    flags = np.array([charge_of(library, name) in ambiguous for name in grid.species])
    limits = Limits(min_signal, max_misfit, min_evidence, flags)
    matcher = matcher_of(stack, library, grid, window, limits, embedding, dimensions)
    share = 0.6 if mixture else 1.0
    blocks.over_pixels(matcher.block, stack.data, progress=part(progress, 0.0, share), message="matching the library")
    matcher.settle()
    with blocks.single_threaded_blas():
        groups = doubt_mixtures(matcher, library, stack, window, offset, broadening, background)
    if (matcher.doubt == Doubt.NOT_FINITE).all():
        raise_if_frame_empty(stack)
    maps = l_edge_maps(stack, library, matcher)
    warnings = [*window.warnings, *l_edge_warnings(library, matcher, ambiguous, offset), *on_hidden_noise(stack)]
    warnings += [*mixed_warnings(library, groups, mixture=mixture), *told_about_lazy_drift(stack)]
    if mixture:
        mixed = MixtureSettings(library, endmembers or [], window, offset, broadening, background, ambiguous)
        fractions, mixture_warnings = mixture_maps(stack, mixed, matcher, progress=part(progress, share, 1.0))
        maps |= fractions
        warnings += mixture_warnings
    settings = LibrarySettings(library.name, offset, broadening, shift_spread)
    match = LibraryMatch(offset, broadening, window.energy, background, library.to_plain())
    metadata = {"name": stack.name, "warnings": warnings, "library": settings, "match": match}
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)
