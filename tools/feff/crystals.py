"""Crystal structures of oxides of Ni, Mn, Fe and Co from the literature. The K-edge libraries are computed from them.

Some publications give bond lengths but no position of oxygen. The position here then follows from these lengths, and
``source`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tools.feff.geometry import Crystal, Site

_SASAKI = "Sasaki, Fujino & Takeuchi, Proc. Jpn. Acad. B 55, 43 (1979)"


def _cell(
    a: float, b: float | None = None, c: float | None = None, *, beta: float = 90.0, gamma: float = 90.0
) -> tuple[float, float, float, float, float, float]:
    return a, b or a, c or a, 90.0, beta, gamma


def _hexagonal(a: float, c: float) -> tuple[float, float, float, float, float, float]:
    return _cell(a, a, c, gamma=120.0)


def _rock_salt(metal: str, a: float, source: str = _SASAKI) -> Crystal:
    sites = (Site(metal, (0, 0, 0)), Site("O", (0.5, 0.5, 0.5)))
    return Crystal(f"{metal}O", "Fm-3m", _cell(a), sites, metal, 2, source)


def _layered(name: str, metal: str, a: float, c: float, z: float, source: str) -> Crystal:
    sites = (Site(metal, (0, 0, 0)), Site("Li", (0, 0, 0.5)), Site("O", (0, 0, z)))
    return Crystal(name, "R-3m", _hexagonal(a, c), sites, metal, 3, source)


def _spinel(name: str, a: float, u: float, tetrahedral: str, octahedral: str, of: tuple[str, float, str]) -> Crystal:
    sites = (Site(tetrahedral, (0.125, 0.125, 0.125)), Site(octahedral, (0.5, 0.5, 0.5)), Site("O", (u, u, u)))
    return Crystal(name, "Fd-3m", _cell(a), sites, *of)


def _perovskite(name: str, a: float, large: str, metal: str, source: str) -> Crystal:
    sites = (Site(large, (0.5, 0.5, 0.5)), Site(metal, (0, 0, 0)), Site("O", (0.5, 0, 0)))
    return Crystal(name, "Pm-3m", _cell(a), sites, metal, 4, source)


def _tilted(name: str, a: float, c: float, x: float, metal: str, source: str) -> Crystal:
    sites = (Site("La", (0, 0, 0.25)), Site(metal, (0, 0, 0)), Site("O", (x, 0, 0.25)))
    return Crystal(name, "R-3c", _hexagonal(a, c), sites, metal, 3, source)


NI = (
    _rock_salt("Ni", 4.178),
    Crystal(
        "La2NiO4",
        "I4/mmm",
        _cell(3.868, c=12.679),
        (Site("La", (0, 0, 0.3615)), Site("Ni", (0, 0, 0)), Site("O", (0.5, 0, 0)), Site("O", (0, 0, 0.1755))),
        "Ni",
        2,
        "Jorgensen, Dabrowski, Pei, Richards & Hinks, Phys. Rev. B 40, 2187 (1989)",
    ),
    _layered(
        "LiNiO2", "Ni", 2.878, 14.19, 0.2585, "Rougier, Gravereau & Delmas, J. Electrochem. Soc. 143, 1168 (1996)"
    ),
    Crystal(
        "NaNiO2",
        "C2/m",
        _cell(5.3192, 2.8451, 5.5826, beta=110.449),
        (Site("Ni", (0, 0, 0)), Site("Na", (0, 0, 0.5)), Site("O", (0.28368, 0, 0.80572))),
        "Ni",
        3,
        "Dick, Müller, Preissinger & Zeiske, Powder Diffr. 12, 239 (1997); O from their Ni-O of 1.911 and 2.144 Å",
    ),
    _tilted("LaNiO3", 5.4573, 13.1462, 0.5456, "Ni", "García-Muñoz et al., Phys. Rev. B 46, 4414 (1992)"),
    Crystal(
        "NiO2",
        "C2/m",
        _cell(4.875, 2.8141, 5.582, beta=125.836),
        (Site("Ni", (0, 0, 0)), Site("O", (0.47339, 0, 0.20897))),
        "Ni",
        4,
        "Tarascon et al., J. Solid State Chem. 147, 410 (1999); O from Ni-O of 1.88 Å by EXAFS",
    ),
    Crystal(
        "BaNiO3",
        "P6_3/mmc",
        _hexagonal(5.629, 4.811),
        (Site("Ba", (1 / 3, 2 / 3, 0.75)), Site("Ni", (0, 0, 0)), Site("O", (0.1462, 0.2924, 0.25))),
        "Ni",
        4,
        "Takeda, Kanamaru, Shimada & Koizumi, Acta Cryst. B 32, 2464 (1976)",
    ),
)
MN = (
    _rock_salt("Mn", 4.446),
    Crystal(
        "Mn3O4",
        "I4_1/amd",
        _cell(5.765, c=9.442),
        (Site("Mn a", (0, 0.75, 0.125)), Site("Mn b", (0, 0.5, 0.5)), Site("O", (0, 0.4724, 0.2595))),
        "Mn",
        8 / 3,
        "Jarosch, Mineral. Petrol. 37, 15 (1987)",
    ),
    Crystal(
        "Mn2O3",
        "Ia-3",
        _cell(9.4146),
        (Site("Mn a", (0, 0, 0)), Site("Mn b", (0.28508, 0, 0.25)), Site("O", (0.12913, 0.14717, 0.91615))),
        "Mn",
        3,
        "Geller, Acta Cryst. B 27, 821 (1971)",
    ),
    Crystal(
        "LaMnO3",
        "Pbnm",
        _cell(5.5367, 5.7473, 7.6929),
        (
            Site("La", (-0.0078, 0.0490, 0.25)),
            Site("Mn", (0.5, 0, 0)),
            Site("O", (0.0745, 0.4874, 0.25)),
            Site("O", (0.7256, 0.3066, 0.0384)),
        ),
        "Mn",
        3,
        "Rodríguez-Carvajal et al., Phys. Rev. B 57, R3189 (1998)",
    ),
    _spinel(
        "LiMn2O4",
        8.248,
        0.2632,
        "Li",
        "Mn",
        ("Mn", 3.5, "Mosbah, Verbaere & Tournoux, Mater. Res. Bull. 18, 1375 (1983)"),
    ),
    Crystal(
        "Li2MnO3",
        "C2/m",
        _cell(4.937, 8.532, 5.030, beta=109.46),
        (
            Site("Li", (0, 0.5, 0)),
            Site("Li", (0, 0, 0.5)),
            Site("Li", (0, 0.6606, 0.5)),
            Site("Mn", (0, 0.16708, 0)),
            Site("O", (0.2189, 0, 0.2273)),
            Site("O", (0.2540, 0.32119, 0.2233)),
        ),
        "Mn",
        4,
        "Strobel & Lambert-Andron, J. Solid State Chem. 75, 90 (1988)",
    ),
    _perovskite("SrMnO3", 3.805, "Sr", "Mn", "Chmaissem et al., Phys. Rev. B 64, 134412 (2001)"),
    Crystal(
        "MnO2",
        "P4_2/mnm",
        _cell(4.4041, c=2.8765),
        (Site("Mn", (0, 0, 0)), Site("O", (0.3046, 0.3046, 0))),
        "Mn",
        4,
        "Bolzan, Fong, Kennedy & Howard, Aust. J. Chem. 46, 939 (1993)",
    ),
)
FE = (
    _rock_salt("Fe", 4.310, "Fjellvåg, Grønvold, Stølen & Hauback, J. Solid State Chem. 124, 52 (1996), taken as FeO"),
    Crystal(
        "FeTiO3",
        "R-3",
        _hexagonal(5.0881, 14.0855),
        (Site("Fe", (0, 0, 0.35537)), Site("Ti", (0, 0, 0.14640)), Site("O", (0.31743, 0.02332, 0.24506))),
        "Fe",
        2,
        "Wechsler & Prewitt, Am. Mineral. 69, 176 (1984)",
    ),
    _spinel("Fe3O4", 8.3941, 0.2549, "Fe a", "Fe b", ("Fe", 8 / 3, "Fleet, Acta Cryst. B 37, 917 (1981)")),
    Crystal(
        "Fe2O3",
        "R-3c",
        _hexagonal(5.038, 13.772),
        (Site("Fe", (0, 0, 0.3553)), Site("O", (0.3059, 0, 0.25))),
        "Fe",
        3,
        "Blake et al., Am. Mineral. 51, 123 (1966)",
    ),
    Crystal(
        "LaFeO3",
        "Pbnm",
        _cell(5.5563, 5.5663, 7.8547),
        (
            Site("La", (-0.0073, 0.0292, 0.25)),
            Site("Fe", (0.5, 0, 0)),
            Site("O", (0.0769, 0.4878, 0.25)),
            Site("O", (0.7190, 0.2818, 0.0397)),
        ),
        "Fe",
        3,
        "Marezio & Dernier, Mater. Res. Bull. 6, 23 (1971)",
    ),
)
CO = (
    _rock_salt("Co", 4.261),
    _spinel("Co3O4", 8.0835, 0.2631, "Co a", "Co b", ("Co", 8 / 3, "Smith & Hobson, Acta Cryst. B 29, 362 (1973)")),
    _layered("LiCoO2", "Co", 2.8161, 14.0536, 0.26032, "Akimoto, Gotoh & Oosawa, J. Solid State Chem. 141, 298 (1998)"),
    _tilted("LaCoO3", 5.4438, 13.0936, 0.5523, "Co", "Thornton, Tofield & Hewat, J. Solid State Chem. 61, 301 (1986)"),
    Crystal(
        "CoO2",
        "P-3m1",
        _hexagonal(2.822, 4.29),
        (Site("Co", (0, 0, 0)), Site("O", (1 / 3, 2 / 3, 0.219))),
        "Co",
        4,
        "Amatucci, Tarascon & Klein, J. Electrochem. Soc. 143, 1114 (1996); O from Co-O of 1.88 Å, not reported",
    ),
)
CRYSTALS: Mapping[str, tuple[Crystal, ...]] = MappingProxyType({"ni-k": NI, "mn-k": MN, "fe-k": FE, "co-k": CO})
"""Members of each library, in order of increasing valence. Fe has no member with valence 4: the theory's chemical shift
is too small for Fe, so a fit would use such a member in place of Fe2O3."""
