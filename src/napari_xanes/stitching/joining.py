"""`stitch`: several stacks to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator

from napari_xanes._typing import Float64Array
from napari_xanes.filled_values import KEY as FILLED
from napari_xanes.history import to_plain
from napari_xanes.parameters import Param, Parameter, parameters_of, validator
from napari_xanes.progress import Progress, part
from napari_xanes.seams import Stitching
from napari_xanes.stack import SpectralStack
from napari_xanes.stitching import inputs, layout, words
from napari_xanes.stitching.blending import Choice, Plan, joined_data, plan_of, require_room, taken
from napari_xanes.stitching.images import with_kept_frames
from napari_xanes.stitching.inputs import Frame, Kind
from napari_xanes.stitching.intensity import Match, Matching, compared, matching
from napari_xanes.stitching.joined_filling import joined_filling
from napari_xanes.stitching.joined_noise import joined_noise
from napari_xanes.stitching.record import joined_along, joined_metadata, source_of
from napari_xanes.stitching.sampling import frame_variance, gap_between, values_of
from napari_xanes.stitching.words import Seam


def as_positions(value: Any) -> list[tuple[float, float]] | None:
    """Return positions from pairs (y, x), from text as ``"0, 0; 0, 60"``, or from a joined stack.

    Raises
    ------
    ValueError
        If they are no pairs of finite numbers.
    """
    if isinstance(value, SpectralStack):
        value = value.metadata.get("stitch")
    if isinstance(value, Stitching):
        value = value.position
    if value is None:
        return None
    if isinstance(value, str):
        value = [pair.replace(",", " ").split() for pair in value.split(";") if pair.strip()]
    try:
        found = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.ndim != 2 or found.shape[1] != 2 or not np.isfinite(found).all():
        raise ValueError(f"positions are a pair (y, x) in pixels for each stack, not {str(value)[:60]}")
    return [(float(y), float(x)) for y, x in found]


Positions = Annotated[
    Any, BeforeValidator(as_positions), Param(kind="positions", unit="pixels", auto="from the images")
]


def stitch(
    stacks: Sequence[SpectralStack],
    /,
    *,
    kind: Literal["auto", "segments", "tiles"] = "auto",
    positions: Positions = None,
    grid: Annotated[list[float] | None, Param(ge=0, auto="not used")] = None,
    place: Literal["register", "as given"] = "register",
    match: Match = "none",
    overlap: Choice = "average",
    tolerance: Annotated[float | None, Param(unit="eV", ge=0, auto="5 % of the smallest step")] = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Join stacks to one: parts of an energy scan, or tiles of a mosaic.

    Parameters
    ----------
    stacks : sequence of SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        At least two, of one quantity, pixel size and absorber, in any order. Counts become optical depth first.
    kind : {"auto", "segments", "tiles"}
        Stacks with the same energies are tiles, others segments of a scan.
    positions : list of pairs (y, x) in pixels, or a joined stack, optional
        Where the first pixel of each stack lies. With ``place="register"`` they are refined by the images.
    grid : list of three numbers, optional
        Rows, columns, and the overlap as a share of a tile: the stacks lie in rows, from left to right.
    place : {"register", "as given"}
        Whether the images decide where stacks lie, or nothing but the positions or the grid; segments then stay where
        they are.
    match : {"none", "offset", "factor", "offset + factor"}
        What brings the values of all stacks to those of the first, by their overlaps.
    overlap : {"average", "first", "last"}
        What is taken where several stacks have a value: the mean, weighted by the noise, or that of the first or last
        stack.
    tolerance : float, optional
        Energies that differ by no more, in eV, are one.
    progress : callable, optional
        Called with the fraction done and a message; it may raise `Cancelled`.

    Returns
    -------
    SpectralStack
        float32, in order of energy, NaN where no stack has a value; lazy if a stack is. ``metadata["stitch"]`` (see
        `Stitching`) says where each frame came from, and reports the seams; what is wrong there is in
        ``metadata["warnings"]``, too.

    Raises
    ------
    TypeError
        If something is not a stack.
    ValueError
        If the stacks can't be one, nothing says where a tile lies, or nothing tells what is to be matched.

    Examples
    --------
    >>> parts = [SpectralStack(np.ones((2, 1, 1)), energy, "optical_depth") for energy in ([700, 705], [705, 710])]
    >>> stitch(parts, kind="segments").energy.tolist()
    [700.0, 705.0, 710.0]
    """
    stacks = list(stacks)
    for stack in stacks:
        if not isinstance(stack, SpectralStack):
            raise TypeError(f"stitch joins stacks, not {type(stack).__name__}; read files with nx.read first")
    given = {"kind": kind, "positions": positions, "grid": grid, "place": place, "match": match}
    given = _check()(given | {"overlap": overlap, "tolerance": tolerance})
    names = _names(stacks)
    seen = with_kept_frames(stacks)
    told = inputs.require_alike(seen, names)
    same = inputs.same_energy(stacks, given["tolerance"])
    found_kind = inputs.kind_of(stacks, names, given["kind"], same)
    frames = inputs.joined_frames(stacks, found_kind, same)
    where = _layout(seen, names, found_kind, given, same, part(progress, 0.0, 0.3))
    told += where.warnings
    seams = _seams(seen, found_kind, where, same, part(progress, 0.3, 0.5))
    compared_seams = [seam for seam in seams if seam.agreement is not None]
    matched = matching(
        len(stacks),
        [(seam.i, seam.j) for seam in compared_seams],
        [seam.agreement for seam in compared_seams if seam.agreement is not None],
        given["match"],
        names,
    )
    variance = np.array([frame_variance(stack, _shared(frames, k)) for k, stack in enumerate(seen)])
    plan = plan_of(stacks, found_kind, where.position, matched, variance, given["overlap"])
    require_room(plan, names)
    along, left_out = joined_along(stacks, names, frames, found_kind, plan)
    told += left_out
    noise, why_no_noise = joined_noise(plan, stacks, frames, found_kind, names)
    told += [why_no_noise] if why_no_noise else []
    told += words.warnings_of(seams, names, stacks[0].unit, given["match"])
    result = _result(stacks, names, frames, found_kind, plan, where, matched, seams, given, told)
    data = joined_data(plan, stacks, frames, part(progress, 0.5, 1.0))
    size = next((stack.pixel_size for stack in stacks if stack.pixel_size), None)
    metadata = joined_metadata(stacks, names, frames, found_kind, plan, noise, told) | along | {"stitch": result}
    metadata[FILLED] = joined_filling(plan, stacks, frames)
    return SpectralStack(data, result.energy, stacks[0].quantity, size, metadata=metadata)


def parameters() -> Mapping[str, Parameter]:
    """Return the declared parameters of `stitch`, for forms and the command line."""
    return parameters_of(stitch)


@cache
def _check() -> Any:
    return validator("stitch", parameters_of(stitch))


def _names(stacks: Sequence[SpectralStack]) -> list[str]:
    """Return names of the stacks; those that several have get a number."""
    names = [stack.name for stack in stacks]
    return [f"{name} ({k + 1})" if names.count(name) > 1 else name for k, name in enumerate(names)]


def _layout(
    stacks: Sequence[SpectralStack],
    names: Sequence[str],
    kind: Kind,
    given: Mapping[str, Any],
    tolerance: float,
    progress: Progress | None,
) -> layout.Layout:
    start, said = layout.start_positions(stacks, given["positions"], given["grid"])
    register = given["place"] == "register"
    if kind == "tiles":
        return layout.tile_layout(stacks, names, start, said, register=register, progress=progress)
    return layout.segment_layout(stacks, names, start, said, register=register, tolerance=tolerance, progress=progress)


def _seams(
    stacks: Sequence[SpectralStack], kind: Kind, where: layout.Layout, tolerance: float, progress: Progress | None
) -> list[Seam]:
    """Compare the values of all stacks that share pixels and energies."""
    matched = {(pair.i, pair.j): pair for pair in where.pairs}
    pairs = layout.neighbours(stacks, tolerance) if kind == "segments" else _beside(stacks, where.position)
    seams = []
    for n, (i, j) in enumerate(sorted({*pairs, *matched})):
        offset = where.position[j] - where.position[i]
        values = values_of(stacks[i], stacks[j], offset, tolerance)
        agreement = None if values is None else compared(values.first, values.second, values.noise, values.bias)
        gap = gap_between(stacks[i], stacks[j], offset) if kind == "segments" and values is None else None
        pair = matched.get((i, j))
        seams.append(
            Seam(
                i,
                j,
                0 if values is None else len(inputs.common_frames(stacks[i], stacks[j], tolerance)),
                pair.overlap if pair else None,
                bool(pair and pair.accepted),
                pair.why_not if pair else "",
                agreement,
                values.bias if values and values.interpolated else None,
                gap,
            )
        )
        if progress is not None:
            progress((n + 1) / max(1, len(pairs)), "comparing at the seams")
    return seams


def _shared(frames: Sequence[Frame], k: int) -> list[int]:
    """Return the frames of stack k at energies that others have, too; all if there are none."""
    own = [(m, len(frame.made_from)) for frame in frames for n, m in frame.made_from if n == k]
    return [m for m, count in own if count > 1] or [m for m, _ in own]


def _beside(stacks: Sequence[SpectralStack], position: Float64Array) -> list[tuple[int, int]]:
    """Return the pairs of tiles that share pixels."""
    ends = position + np.array([stack.shape[-2:] for stack in stacks])
    return [
        (i, j)
        for i in range(len(stacks))
        for j in range(i + 1, len(stacks))
        if (np.minimum(ends[i], ends[j]) - np.maximum(position[i], position[j]) >= 1).all()
    ]


def _result(
    stacks: Sequence[SpectralStack],
    names: Sequence[str],
    frames: Sequence[Frame],
    kind: Kind,
    plan: Plan,
    where: layout.Layout,
    matched: Matching,
    seams: Sequence[Seam],
    given: Mapping[str, Any],
    told: Sequence[str],
) -> Stitching:
    members = np.zeros((len(frames), len(stacks)), dtype=bool)
    for row, frame in zip(members, frames, strict=True):
        chosen = frame.made_from if kind == "tiles" else taken(plan, frame)
        row[[k for k, _ in chosen]] = True
    position = plan.place + plan.fraction
    described = (position, where.sigma, where.placed_by)
    return Stitching(
        kind,
        tuple(source_of(stack, name) for stack, name in zip(stacks, names, strict=True)),
        members,
        position,
        where.sigma,
        where.placed_by,
        matched.factor,
        matched.offset,
        tuple(words.as_mapping(seam, names) for seam in seams),
        {name: to_plain(value) for name, value in given.items()},
        np.array([frame.energy for frame in frames]),
        words.report_of(kind, stacks, names, frames, described, seams, matched, given["match"], told),
    )
