"""Charge and crystal field, or valence, of each pixel from a library of simulated or measured spectra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator

from napari_xanes import blocks
from napari_xanes.arguments import Reference
from napari_xanes.edge import raise_if_frame_empty, require_absorption
from napari_xanes.maps.matching.fit_state import settle
from napari_xanes.maps.matching.k_edge import settle_valence, valence_maps
from napari_xanes.maps.matching.l_edge import Limits, Matcher
from napari_xanes.maps.matching.l_edge_maps import charge_maps, charge_of, doubts
from napari_xanes.maps.matching.mixture import find_endmembers, mixture_maps
from napari_xanes.maps.matching.nearest_neighbours import Neighbours
from napari_xanes.maps.matching.projection import sample_of, usable
from napari_xanes.maps.matching.search_grid import prepare_nodes
from napari_xanes.parameter_map import MapSet
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.library.shipped import load_library

LibraryArgument = Annotated[Any, BeforeValidator(load_library), Param(kind="library")]
"""A Library, given as an object, a name, or a file."""

Method = Literal["pca", "mds", "isomap", "tsne"]
Background = Literal["linear", "constant", "none"]

_PATTERNS, _PICTURE = 32, 2


def _dimensions(asked: int | None, embedding: Method) -> int:
    return asked or (_PATTERNS if embedding == "pca" else _PICTURE)


def _patterns(asked: int | None, embedding: Method, n_energies: int) -> int:
    wanted = _dimensions(asked, embedding) if embedding == "pca" else _PATTERNS
    return max(1, min(wanted, n_energies - 4))


def _settle(
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
    embedding: Method,
    dimensions: int | None,
    **_: Any,
) -> Mapping[str, Any]:
    """Energy offset, broadening and spread of shifts, and what can't be told, from a sample of the pixels."""
    require_absorption(stack, "match_library", normalized=True)
    library = load_library(library)
    library.to_plain()  # what a recipe can't name is refused before the work, not after it
    if library.is_k_edge:
        return settle_valence(stack, library, calibration, offset, broadening, background)
    if calibration is not None:
        raise ValueError(f"calibration is for K edges; library {library.name!r} takes offset, or finds it")
    window = usable(stack, library, offset, _N_COLUMNS[background])
    # These products are so small that threads would wait for each other longer than they work.
    with blocks.single_threaded_blas():
        sample = sample_of(stack, window, background)
        found = settle(
            library,
            window,
            sample,
            offset=offset,
            broadening=broadening,
            spread=shift_spread,
            weights=track_weights,
            shift=shift,
            background=background,
            dimensions=_patterns(dimensions, embedding, window.energy.size),
        )
    usable(stack, library, found.offset, _N_COLUMNS[background])
    if mixture and endmembers is None:
        endmembers = find_endmembers(library, window, sample, found, background)
    return {
        "offset": found.offset,
        "broadening": found.broadening,
        "shift_spread": found.spread,
        "track_weights": found.weights,
        "ambiguous": found.unsure if ambiguous is None else ambiguous,
        "endmembers": endmembers,
    }


_N_COLUMNS = {"none": 0, "constant": 1, "linear": 2}


@method(looks_at="pixel", fit=_settle)
def match_library(
    stack: SpectralStack,
    /,
    *,
    library: LibraryArgument = "mn-l23",
    calibration: Annotated[Reference, Param(kind="reference", auto="none; K edges of theory need one")] = None,
    shift: Annotated[float, Param(unit="eV", ge=0, le=1, step=0.05, label="shift per pixel")] = 0.3,
    offset: Annotated[float | None, Param(unit="eV", ge=-10, le=10, step=0.1, auto="from the data")] = None,
    background: Background = "linear",
    broadening: Annotated[float | None, Param(unit="eV", ge=0, le=5, step=0.05, auto="from the data")] = None,
    min_signal: Annotated[float | None, Param(ge=0, label="smallest signal", auto="5 sigma")] = None,
    max_misfit: Annotated[float, Param(ge=0, le=1, step=0.01)] = 0.15,
    min_evidence: Annotated[float, Param(ge=0, step=1)] = 9.0,
    mixture: bool = False,
    embedding: Method = "pca",
    dimensions: Annotated[int | None, Param(ge=2, le=128, auto="32 for pca, 2 for the others")] = None,
    shift_spread: Annotated[float | None, Param(unit="eV", ge=0, le=1, auto="from the data")] = None,
    track_weights: Annotated[list[float] | None, Param(ge=1e-6, le=1, auto="from the data")] = None,
    ambiguous: Annotated[list[float] | None, Param(label="ambiguous charges", auto="from the data")] = None,
    endmembers: Annotated[list[float] | None, Param(label="end members", auto="from the data")] = None,
    progress: Progress | None = None,
) -> MapSet:
    """Charge and 10Dq of each pixel of an L edge, or valence at a K edge, by the spectra of a library that fit it best.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized absorption, with at least the L3 edge of the library's element, or
        its K edge from 3 eV below to 15 eV above half height.
    library : Library, name or file
        What to match: ``mn-l23``, ``mn-l23-oh``, ``ti-l23`` ... ``ni-l23``; ``ni-k``, ``mn-k``, ``fe-k``, ``co-k``; or
        whatever `load_library` reads.
    calibration : Spectrum or file, optional
        K edges only: one spectrum of known phase, measured as the stack was. It fixes the energy shift and the width
        of a library of theory, which is not used without. It has a valence, or is called as a member of the library;
        a member's name says the phase best: ``{path: standard.txt, name: NiO}``.
    shift : float
        How far a pixel's energies may be from the stack's, in eV; 0 for not at all. Of no meaning at a K edge, where a
        free shift would spoil the valence.
    offset : float, optional
        How much too high the stack's energies read, in eV, when that is known: 0 says that the axis is calibrated (to
        0.3 eV or better). Found within 2 eV otherwise, and then charges that only the axis could tell apart are
        ``ambiguous``. At a K edge from `calibration`.
    background : {"linear", "constant", "none"}
        What is fitted beside the spectrum, of either sign: a constant and a slope in energy, a constant, or nothing.
    broadening : float, optional
        Full width of a Gaussian in eV that stands for the instrument.
    min_signal : float, optional
        Pixels whose spectrum is not higher (peak to peak, in the stack's unit) are masked. By default five times the
        pixel's own error of it.
    max_misfit : float
        Pixels with a larger root mean square residual, as a share of the height of their spectrum, are not assigned.
    min_evidence : float
        Least rise of chi-square when the next charge is taken instead; below it a pixel is ambiguous. 9 is 3 sigma.
    mixture : bool
        Take each pixel for a mixture of one member per charge, and give their fractions and the mean valence too.
    embedding : {"pca", "mds", "isomap", "tsne"}
        Where pixels and library are compared: in the patterns that hold the library best, or, to compare methods, in an
        embedding of few dimensions by the nearest members.
    dimensions : int, optional
        How many dimensions the embedding has.
    shift_spread : float, optional
        Standard deviation of the pixels' shifts in eV. The smaller it is, the less noise a pixel's shift adds to 10Dq.
    track_weights : list of float, optional
        How common each track of the library (members that differ in 10Dq only) is on this stack, beside the commonest
        of its charge: all pixels together tell tracks apart that one pixel's noise mixes up.
    ambiguous : list of float, optional
        Charges that can't be told from each other on this stack.
    endmembers : list of float, optional
        Numbers of the library's members, counted from 0, that `mixture` mixes.

    Returns
    -------
    MapSet
        ``charge``, labels such as Mn2+, or ambiguous; ``ten_dq`` (eV), where the library has it; ``shift`` (eV), beyond
        the stack's offset. Companions: ``signal``, the height of the spectrum; ``misfit``, the root mean square
        residual over it; ``margin``, by how much the next charge fits worse: 0 as well, 1 not at all; ``assigned``, 1
        where nothing is doubtful, and ``doubt``, why not; ``ten_dq_noise``, ``ten_dq_grid`` and ``ten_dq_model``, the
        parts of the error of 10Dq. With `mixture` a fraction of atoms per end member, named after its charge, and
        ``valence``. Offset and broadening are in ``metadata["library"]``, what should be known in ``warnings``.
        At a K edge ``valence``, the mean of the members' valences in the non-negative mixture that fits best, and
        ``edge_jump``; companions ``valence_noise`` and ``valence_model``, ``misfit``, ``assigned``, ``doubt``, and each
        member's share.

    Raises
    ------
    ValueError
        If the stack is not absorption, does not overlap with the library, misses the L3 edge, has too few energies, or
        is flat.
        A K-edge library of theory needs a calibration.

    Notes
    -----
    Library and pixel have the background projected out. Scores are cosines in the space of the library's principal
    components, at steps of 0.1 eV in 10Dq and 0.15 eV in shift; the best is refined by Gauss-Newton steps on spectra
    drawn by splines. The shifts of a stack's pixels have a spread that is measured first and then used as their prior;
    so are the weights of the library's tracks, by maximum likelihood (expectation maximization). A track that no pixel
    prefers costs 9 of chi-square, so that a rare phase is found where it is 3 sigma clear. 10Dq is averaged over the
    tracks that fit a pixel about as well.

    The error of 10Dq has three parts, added in squares: noise, from the pixel's residual and the spread of 10Dq among
    tracks; grid, from drawing spectra
    between members; model, how far Slater integrals that are 10 % off move it, at least 0.15 eV (0.2 for d3, 0.5 for
    Jahn-Teller ions such as Mn3+, whose 10Dq an L edge does not tell). The idea of placing measured spectra among
    simulated ones to read charge and 10Dq is that of Suzuki et al. (2018).

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
    library = load_library(library)
    assert offset is not None
    assert broadening is not None
    if library.is_k_edge:
        return valence_maps(
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
    assert shift_spread is not None
    window = usable(stack, library, offset, _N_COLUMNS[background])
    with blocks.single_threaded_blas():
        nodes = prepare_nodes(
            library,
            window.energy,
            offset=offset,
            broadening=broadening,
            shift=shift,
            spread=shift_spread,
            background=background,
            dimensions=_patterns(dimensions, embedding, window.energy.size),
            weights=track_weights,
        )
    unsure = np.array([charge_of(library, name) in (ambiguous or []) for name in nodes.species])
    limits = Limits(min_signal, max_misfit, min_evidence, unsure)
    n_pixels = int(np.prod(stack.shape[1:]))
    matcher = Matcher(nodes, window.frames, limits, n_pixels)
    if embedding != "pca":
        matcher = Neighbours(
            nodes, window.frames, limits, n_pixels, library, embedding, _dimensions(dimensions, embedding)
        )
    share = 0.6 if mixture else 1.0
    blocks.over_pixels(matcher.block, stack.data, progress=part(progress, 0.0, share), message="matching the library")
    if (matcher.doubt == 5).all():
        raise_if_frame_empty(stack)
    maps = charge_maps(stack, library, matcher)
    warnings = [*window.warnings, *doubts(library, matcher, ambiguous or [])]
    how = {"name": library.name, "offset_eV": offset, "broadening_eV": broadening, "shift_spread_eV": shift_spread}
    fit = {"offset": offset, "broadening": broadening, "energy": window.energy, "background": background}
    if mixture:
        more, told = mixture_maps(
            stack, library, window, endmembers or [], offset, broadening, background, part(progress, share, 1.0)
        )
        maps |= more
        warnings += told
    metadata = {
        "name": stack.name,
        "warnings": warnings,
        "library": how,
        "match": {**fit, "library": library.to_plain()},
    }
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)
