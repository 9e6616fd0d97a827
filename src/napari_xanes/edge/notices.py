"""What a user should know about the lines of an edge, in words."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge.elements import own_later_edges
from napari_xanes.edge.lines import EdgeLines
from napari_xanes.edge.other_edges import other_edges
from napari_xanes.edge.position import close_groups
from napari_xanes.edge.ranges import HARD, is_left_out, start_behind
from napari_xanes.wording import one_or_more

_LARGE, _LARGE_SOFT = 0.12, 0.3
"""An error of the jump that counting does not reduce is told from this share on. Soft X-ray edges always have some."""

_SHARED = 0.02
"""An error of the jump that noise causes in all pixels together is told from this share on."""

_SHORT_PRE, _SHORT_POST = 15.0, 25.0
"""A hard X-ray edge rises from so far below E0, and its white line ends so far above, in eV; soft ones a quarter."""


def notices_of(lines: EdgeLines, mu: Float64Array, element: str | None = None, edge: str | None = None) -> list[str]:
    """Say what is wrong with the lines of a mean spectrum; nothing where all is well.

    Parameters
    ----------
    lines : EdgeLines
        The lines, with their error.
    mu : ndarray, shape (E,)
        Mean absorption of the pixels that they are fitted to, NaN where there is none.
    element, edge : str, optional
        As in `choose_edge_lines`.
    """
    own = own_later_edges(lines.e0, element, edge)
    used = ~is_left_out(lines.energy, lines.left_out)
    others = other_edges(lines.energy[used], mu[used], lines.e0, tuple(distance for _, distance in own))
    found = [
        _on_spoiled_frames(lines),
        _on_close_energies(lines),
        *(_on_another_edge(lines, distance) for distance in others),
    ]
    close = [(name, distance) for name, distance in own if distance < start_behind([distance])]
    if close and lines.post[0] < start_behind([distance for _, distance in close]):
        name, distance = close[-1]
        found.append(
            f"the post-edge range ({_range(lines.post)} from E0) does not lie behind {name}, {distance:.0f} eV above "
            f"E0, so the edge jump is not that of the step: measure to {distance + 30:.0f} eV above E0, set post "
            f"behind {name}, or fit references to optical depth"
        )
    else:
        found += [_on_short_ranges(lines), _on_error(lines), _on_unknown_noise(lines), _on_shared_noise(lines, mu)]
    return [text for text in found if text]


def _range(limits: tuple[float, float]) -> str:
    return f"{limits[0]:.0f} to {limits[1]:.0f} eV"


def _on_spoiled_frames(lines: EdgeLines) -> str:
    if not lines.left_out:
        return ""
    energies = ", ".join(f"{energy:.1f}" for energy in lines.left_out)
    return (
        f"{len(lines.left_out)} of {lines.energy.size} frames {one_or_more(len(lines.left_out), 'does', 'do')} not "
        f"belong to the spectrum ({energies} eV): E0 and the lines leave "
        + one_or_more(len(lines.left_out), "it out, but its values stay", "them out, but their values stay")
        + " as measured; look at the images and at their flats"
    )


def _on_close_energies(lines: EdgeLines) -> str:
    joined = np.flatnonzero(np.diff(close_groups(lines.energy)) == 0)
    if not joined.size:
        return ""
    first, second = lines.energy[joined[0] : joined[0] + 2]
    return (
        f"{joined.size} of {lines.energy.size} energies {one_or_more(joined.size, 'is', 'are')} nearer to the "
        f"one before than a fifth of the step around (first {first:.4f} and {second:.4f} eV): E0 is found with the "
        "means"
    )


def _on_another_edge(lines: EdgeLines, distance: float) -> str:
    name, limits = ("pre", lines.pre) if distance < 0 else ("post", lines.post)
    other = f"the spectra show another edge at {lines.e0 + distance:.0f} eV, {abs(distance):.0f} eV "
    other += "below E0" if distance < 0 else "above E0"
    if limits[0] - 5 < distance < limits[1] + 5:
        return (
            f"{other}, in the {name}-edge range ({_range(limits)} from E0), so the edge jump is wrong: shorten {name}"
        )
    return f"{other}; the {name}-edge range ({_range(limits)} from E0) does not reach over it"


def _on_short_ranges(lines: EdgeLines) -> str:
    share = 1.0 if lines.e0 > HARD else 0.25
    before, behind = lines.e0 - lines.energy[0], lines.energy[-1] - lines.e0
    if before < _SHORT_PRE * share:
        return (
            f"the stack begins {before:.0f} eV below E0, where the edge rises already, so the pre-edge line is "
            f"not known: measure from {4 * _SHORT_PRE * share:.0f} eV below E0"
        )
    if behind < _SHORT_POST * share:
        return (
            f"the stack ends {behind:.0f} eV above E0, so the edge jump is not known: measure to "
            f"{6 * _SHORT_POST * share:.0f} eV above E0"
        )
    return ""


def _on_error(lines: EdgeLines) -> str:
    if lines.model_error <= (_LARGE if lines.e0 > HARD else _LARGE_SOFT):
        return ""
    return (
        f"the edge jump is uncertain by {lines.model_error:.0%}, whatever the counts: on ranges of {_range(lines.pre)} "
        f"and {_range(lines.post)} from E0, the lines depend on fine structure; longer ranges make the error smaller"
    )


def _on_unknown_noise(lines: EdgeLines) -> str:
    if lines.knows_noise:
        return ""
    return (
        f"the ranges of {_range(lines.pre)} and {_range(lines.post)} from E0 hold two energies each, which do not show "
        "noise: the error of the edge jump may be that of the lines alone; measure more energies, or fit references"
    )


def _on_shared_noise(lines: EdgeLines, mu: Float64Array) -> str:
    jump = float(lines.measure(mu[:, None]).jump[0])
    if not lines.shared_error > _SHARED * jump or not jump > 0:
        return ""
    return (
        f"all pixels share noise of {lines.shared_noise:.2g} at each energy, as if the beam had flickered since the "
        f"flats: it moves the edge jumps of all pixels together, by about {lines.shared_error:.2g} "
        f"({lines.shared_error / jump:.0%}); take I0 from an empty area of the same images"
    )
