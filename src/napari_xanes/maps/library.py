"""Charge and crystal field of each pixel from a library of simulated or measured spectra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator

from napari_xanes import blocks
from napari_xanes.edge import raise_if_frame_empty, require_absorption
from napari_xanes.maps.library_matcher import DOUBTS, Limits, Matcher
from napari_xanes.maps.library_mixture import find_endmembers, mixture_maps
from napari_xanes.maps.library_neighbours import Neighbours
from napari_xanes.maps.library_nodes import prepare_nodes
from napari_xanes.maps.library_settle import sample_of, settle, usable
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.registry import method
from napari_xanes.stack import MapSet, ParameterMap, SpectralStack
from napari_xanes.theory.library import Library
from napari_xanes.theory.shipped import load_library

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
    shift: float,
    offset: float | None,
    background: Background,
    broadening: float | None,
    shift_spread: float | None,
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
    window = usable(stack, library, offset, _N_COLUMNS[background])
    sample = sample_of(stack, window, background)
    found = settle(
        library,
        window,
        sample,
        offset=offset,
        broadening=broadening,
        spread=shift_spread,
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
        "ambiguous": found.unsure if ambiguous is None else ambiguous,
        "endmembers": endmembers,
    }


_N_COLUMNS = {"none": 0, "constant": 1, "linear": 2}


@method(fit=_settle)
def match_library(
    stack: SpectralStack,
    /,
    *,
    library: LibraryArgument = "mn-l23",
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
    ambiguous: Annotated[list[float] | None, Param(label="ambiguous charges", auto="from the data")] = None,
    endmembers: Annotated[list[float] | None, Param(label="end members", auto="from the data")] = None,
    progress: Progress | None = None,
) -> MapSet:
    """Charge and 10Dq of each pixel, by the spectrum of a library that fits it best.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized absorption, with at least the L3 edge of the library's element.
    library : Library, name or file
        What to match: ``mn-l23``, ``mn-l23-oh``, ``ti-l23`` ... ``ni-l23``, or whatever `load_library` reads.
    shift : float
        How far a pixel's energies may be from the stack's, in eV; 0 for not at all.
    offset : float, optional
        How much too high the stack's energies read, in eV, when that is known: 0 says that the axis is calibrated (to
        0.3 eV or better). Found within 2 eV otherwise, and then charges that only the axis could tell apart are
        ``ambiguous``.
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

    Raises
    ------
    ValueError
        If the stack is not absorption, does not overlap with the library, misses the L3 edge, has too few energies, or
        is flat.

    Notes
    -----
    Library and pixel have the background projected out. Scores are cosines in the space of the library's principal
    components, at steps of 0.1 eV in 10Dq and 0.15 eV in shift; the best is refined by Gauss-Newton steps on spectra
    drawn by splines. The shifts of a stack's pixels have a spread that is measured first and then used as their prior.

    The error of 10Dq has three parts, added in squares: noise, from the pixel's residual; grid, from drawing spectra
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
    assert shift_spread is not None
    window = usable(stack, library, offset, _N_COLUMNS[background])
    nodes = prepare_nodes(
        library,
        window.energy,
        offset=offset,
        broadening=broadening,
        shift=shift,
        spread=shift_spread,
        background=background,
        dimensions=_patterns(dimensions, embedding, window.energy.size),
    )
    unsure = np.array([_charge_of(library, name) in (ambiguous or []) for name in nodes.species])
    limits = Limits(shift_spread, min_signal, max_misfit, min_evidence, unsure)
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
    maps = _maps(stack, library, matcher)
    warnings = [*window.warnings, *_doubts(library, matcher, ambiguous or [])]
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


def _charge_of(library: Library, species: str) -> float:
    return float(library.table["charge"][library.species.index(species)])


def _labels(library: Library, species: list[str]) -> tuple[dict[int, str], int]:
    """Label of each species, its charge where that is unique, and the label of ambiguous pixels."""
    charges = [_charge_of(library, name) for name in species]
    whole = all(charge == round(charge) and charge > 0 for charge in charges) and len(set(charges)) == len(charges)
    labels = [int(charge) for charge in charges] if whole else list(range(1, len(species) + 1))
    return dict(zip(labels, species, strict=True)), max(labels) + 1


def _maps(stack: SpectralStack, library: Library, matcher: Matcher) -> dict[str, ParameterMap]:
    """The filled arrays as maps."""
    shape = stack.shape[1:]
    values = {name: array.reshape(shape) for name, array in matcher.values.items()}
    doubt, species = matcher.doubt.reshape(shape), matcher.species.reshape(shape)
    signal = np.isfinite(values["signal"]) & (doubt != 1) & (doubt != 5)
    assigned = doubt == 0
    names, ambiguous = _labels(library, matcher.nodes.species)
    label = np.array([*names, 0], dtype=np.int16)[species]
    label = np.where(doubt == 3, ambiguous, np.where(signal & (doubt != 2), label, 0)).astype(np.int16)
    told = {**names, ambiguous: "ambiguous"}
    maps = {"charge": ParameterMap(label, mask=label != 0, labels=told)}
    if np.isfinite(library.column("ten_dq")).any():
        parts = {name: values[f"ten_dq_{name}"] for name in ("noise", "grid", "model")}
        total = np.sqrt(sum(one.astype(np.float64) ** 2 for one in parts.values()))
        maps["ten_dq"] = ParameterMap(values["ten_dq"], "eV", total, assigned & np.isfinite(values["ten_dq"]))
        for name, one in parts.items():
            maps[f"ten_dq_{name}"] = ParameterMap(one, "eV", mask=assigned, companion="ten_dq")
    certain = signal & (doubt != 2)
    if matcher.fits_shift:
        maps["shift"] = ParameterMap(values["shift"], "eV", values["shift_sigma"], certain)
    maps["signal"] = ParameterMap(values["signal"], stack.unit, values["signal_sigma"], signal, companion="charge")
    for name in ("misfit", "margin"):
        maps[name] = ParameterMap(values[name], "1", mask=signal, companion="charge")
    maps["assigned"] = ParameterMap(assigned.astype(np.uint8), labels={1: "assigned"}, companion="charge")
    maps["doubt"] = ParameterMap(doubt, mask=(doubt != 0) & (doubt != 5), labels=DOUBTS, companion="charge")
    return maps


def _doubts(library: Library, matcher: Matcher, ambiguous: list[float]) -> list[str]:
    """What a user should hear about the result."""
    told = []
    seen = np.bincount(matcher.doubt, minlength=6)
    n_signal = int(seen[0] + seen[2:5].sum())
    names = [name for name in matcher.nodes.species if _charge_of(library, name) in ambiguous]
    if n_signal == 0:
        return ["no pixel has enough signal, so all are masked; lower min_signal or check the stack's quantity"]
    if names and seen[3]:
        told.append(
            f"{' and '.join(names)} fit about equally well at different energy offsets: their pixels are ambiguous; "
            "give offset if the energy axis is calibrated to 0.3 eV"
        )
    if seen[4] > 0.005 * n_signal:
        ends = library.column("ten_dq")
        told.append(
            f"10Dq of {seen[4]} of {n_signal} pixels lies beyond the library ({np.nanmin(ends):g} to "
            f"{np.nanmax(ends):g} eV) and is masked"
        )
    if seen[2] > 0.05 * n_signal:
        told.append(f"{seen[2]} of {n_signal} pixels fit no member of the library to max_misfit: not assigned")
    return told
