"""Positions of atoms in a crystal: all atoms of a cell from the asymmetric unit, and the cluster around one atom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from napari_xanes._typing import Float64Array

_F = ("x,y+1/2,z+1/2", "x+1/2,y,z+1/2")
_I = ("x+1/2,y+1/2,z+1/2",)
_R = ("x+2/3,y+1/3,z+1/3",)
_CUBIC = ("-x,-y,z", "-x,y,-z", "z,x,y", "y,x,-z", "-x,-y,-z")

GENERATORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Pm-3m": _CUBIC,
        "Fm-3m": (*_CUBIC, *_F),
        "Fd-3m": (
            "-x+3/4,-y+1/4,z+1/2",
            "-x+1/4,y+1/2,-z+3/4",
            "z,x,y",
            "y+3/4,x+1/4,-z+1/2",
            "-x,-y,-z",
            *_F,
        ),
        "Ia-3": ("-x+1/2,-y,z+1/2", "-x,y+1/2,-z+1/2", "z,x,y", "-x,-y,-z", *_I),
        "P4_2/mnm": ("-x,-y,z", "-y+1/2,x+1/2,z+1/2", "-x+1/2,y+1/2,-z+1/2", "-x,-y,-z"),
        "I4/mmm": ("-x,-y,z", "-y,x,z", "-x,y,-z", "-x,-y,-z", *_I),
        "I4_1/amd": ("-x+1/2,-y,z+1/2", "-y+1/4,x+3/4,z+1/4", "-x+1/2,y,-z+1/2", "-x,-y,-z", *_I),
        "P-3m1": ("-y,x-y,z", "y,x,-z", "-x,-y,-z"),
        "R-3": ("-y,x-y,z", "-x,-y,-z", *_R),
        "R-3m": ("-y,x-y,z", "y,x,-z", "-x,-y,-z", *_R),
        "R-3c": ("-y,x-y,z", "y,x,-z+1/2", "-x,-y,-z", *_R),
        "P6_3/mmc": ("-y,x-y,z", "-x,-y,z+1/2", "y,x,-z", "-x,-y,-z"),
        "Pbnm": ("-x,-y,z+1/2", "x+1/2,-y+1/2,-z", "-x,-y,-z"),
        "C2/m": ("-x,y,-z", "-x,-y,-z", "x+1/2,y+1/2,z"),
    }
)
"""Generators of space groups, without the translations by whole cells, from International Tables for Crystallography A
(2016). The centre of inversion is at 0. Rhombohedral groups have hexagonal axes."""

_SAME = 1e-3
"""Two positions that differ by less than this fraction of the cell count as one position."""


@dataclass(frozen=True)
class Site:
    """An atom of the asymmetric unit.

    Parameters
    ----------
    label : str
        Element, with a letter if the element has several sites (``Fe a``). Sites with the same label share a potential.
    position : (float, float, float)
        Fractional coordinates in the cell.
    """

    label: str
    position: tuple[float, float, float]

    @property
    def element(self) -> str:
        """Chemical element of the atom."""
        return self.label.split()[0]


@dataclass(frozen=True)
class Crystal:
    """A crystal structure from the literature.

    Parameters
    ----------
    name : str
        Name of the compound.
    group : str
        Space group, a key of `GENERATORS`.
    cell : sequence of float
        a, b, c in angstrom and alpha, beta, gamma in degrees.
    sites : sequence of Site
        The asymmetric unit.
    absorber : str
        Element that absorbs.
    valence : float
        Mean formal valence of the absorber.
    source : str
        Publication that the numbers come from.
    """

    name: str
    group: str
    cell: tuple[float, float, float, float, float, float]
    sites: Sequence[Site]
    absorber: str
    valence: float
    source: str

    @property
    def absorbers(self) -> list[Site]:
        """All sites of the absorbing element."""
        return [site for site in self.sites if site.element == self.absorber]


@dataclass(frozen=True)
class Cluster:
    """Atoms around an absorber: their labels and positions in angstrom, by increasing distance.

    The first atom is the absorber itself.
    """

    labels: list[str]
    places: Float64Array

    @property
    def distances(self) -> Float64Array:
        """Distances from the absorber in angstrom."""
        distances: Float64Array = np.linalg.norm(self.places, axis=1)
        return distances


def lattice(cell: Sequence[float]) -> Float64Array:
    """Return the vectors of a cell (a, b, c in angstrom, angles in degrees) as rows of an array (3, 3)."""
    a, b, c = cell[:3]
    alpha, beta, gamma = np.deg2rad(cell[3:])
    x = np.cos(beta)
    y = (np.cos(alpha) - np.cos(beta) * np.cos(gamma)) / np.sin(gamma)
    vectors = [
        [a, 0, 0],
        [b * np.cos(gamma), b * np.sin(gamma), 0],
        [c * x, c * y, c * np.sqrt(1 - x**2 - y**2)],
    ]
    return np.array(vectors)


def orbit(position: Sequence[float], group: str) -> Float64Array:
    """Return all positions in the cell that are equivalent by symmetry to one, as fractional coordinates (N, 3).

    Examples
    --------
    >>> len(orbit((0, 0, 0), "Fm-3m")), len(orbit((0.123, 0.217, 0.381), "Fm-3m"))
    (4, 192)
    """
    operators = [_operator(text) for text in GENERATORS[group]]
    points = [np.mod(np.asarray(position, dtype=np.float64), 1)]
    for point in points:  # the list grows during the loop, until no operator gives a new position
        for rotation, move in operators:
            new = rotation @ point + move
            away = np.array(points) - new
            if np.abs(away - np.rint(away)).max(axis=1).min() > _SAME:
                points.append(np.mod(new, 1))
    return np.array(points)


def _operator(text: str) -> tuple[Float64Array, Float64Array]:
    """Convert text like ``-y,x-y,z+1/2`` to a matrix (3, 3) and a vector (3,)."""
    rotation, move = np.zeros((3, 3)), np.zeros(3)
    for row, part in enumerate(text.split(",")):
        for term in part.replace("-", "+-").split("+"):
            sign, name = (-1, term[1:]) if term.startswith("-") else (1, term)
            if name in ("x", "y", "z"):
                rotation[row, "xyz".index(name)] = sign
            elif name:
                move[row] += sign * float(Fraction(name))
    return rotation, move


def multiplicity(site: Site, crystal: Crystal) -> int:
    """Return the number of atoms in the cell that are equivalent to a site."""
    return len(orbit(site.position, crystal.group))


def cluster(crystal: Crystal, absorber: Site, radius: float) -> Cluster:
    """Return the atoms within `radius` (angstrom) of one site.

    Examples
    --------
    >>> salt = [Site("Ni", (0, 0, 0)), Site("O", (0.5, 0.5, 0.5))]
    >>> nio = Crystal("NiO", "Fm-3m", (4.178, 4.178, 4.178, 90, 90, 90), salt, "Ni", 2, "an example")
    >>> around = cluster(nio, salt[0], 3.0)
    >>> around.labels.count("O"), around.labels.count("Ni"), around.distances[1].round(3).item()
    (6, 13, 2.089)
    """
    vectors = lattice(crystal.cell)
    # The distance between opposite faces of a cell is one over the length of the reciprocal vector.
    reach = np.ceil(radius * np.linalg.norm(np.linalg.inv(vectors), axis=0)).astype(int) + 1
    cells = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), axis=-1).reshape(-1, 3)
    labels: list[str] = []
    places = []
    for site in crystal.sites:
        points = (orbit(site.position, crystal.group)[:, None] + cells).reshape(-1, 3)
        away = (points - np.asarray(absorber.position)) @ vectors
        near = away[np.linalg.norm(away, axis=1) <= radius]
        labels += [site.label] * len(near)
        places.append(near)
    all_places = np.concatenate(places)
    order = np.argsort(np.linalg.norm(all_places, axis=1).round(6), kind="stable")
    return Cluster([labels[i] for i in order], all_places[order])
