"""What a column holds, from its name: energy, angle, I0, It, If, Iref, mu(E), dead time, or none of these.

Pure functions of names. Beamlines decorate names with hutches, devices, counters and units (``i0_eh2``, ``I0-32``,
``13IDE:En:Energy.VAL``, ``4_i0``); a name is therefore read word by word.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from napari_xanes.io.spectra.axis_source import READBACK, SETPOINT, Source, source_of

Role = Literal[
    "energy", "relative", "angle", "steps", "i0", "it", "iref", "if", "tey", "mu", "norm", "mu_ref", "icr", "ocr",
    "dead_time", "time", "index", "k", "background", "other", "unknown",
]  # fmt: skip
"""What a column can be. ``other`` is known to be no signal (a gain, a motor), ``unknown`` may be one."""

NORMALIZED = ("norm", "normmu", "nmu", "norm_mu", "normalized", "normalised", "flat", "flattened", "xanes", "<xanes>")
"""Names of normalized mu(E); of several in one file the first in this order is taken."""

RAW = ("mutrans", "mufluor", "mu", "xmu", "mux", "mu01", "absorbance", "absorption", "od", "mur")
"""Names of mu(E) as measured, in the order of preference."""


@dataclass(frozen=True)
class Meaning:
    """What the name of a column says.

    Parameters
    ----------
    role : Role
        What the column holds.
    source : {"plain", "readback", "setpoint"}
        Of an energy or angle: as measured, as requested, or not said.
    unit : str
        eV, keV, deg, mdeg, rad, urad, or empty.
    group : str
        Of fluorescence: the detector and line that the elements of one sum share.
    element : str
        Of fluorescence: which element of the detector.
    corrected : bool
        Of fluorescence: whether dead time is corrected already.
    total : bool
        Of fluorescence: whether the column is a sum of elements.
    """

    role: Role
    source: Source = "plain"
    unit: str = ""
    group: str = ""
    element: str = ""
    corrected: bool = False
    total: bool = False


_UNIT = re.compile(r"(?<![a-z])(kev|ev|mdeg|deg(?:rees?)?|mrad|urad|rad(?:ians?)?)(?![a-z])", re.IGNORECASE)
_UNITS = {"kev": "keV", "ev": "eV", "degree": "deg", "degrees": "deg", "radian": "rad", "radians": "rad"}
_LOG = re.compile(r"\b(?:log|ln)\s*\(?\s*\|?\s*([a-z]\w*)\s*/\s*([a-z]\w*)|^log(i[0o])(i\w{1,6})$", re.IGNORECASE)
_RATIO = re.compile(r"^[(\s]*([a-z]\w*)\s*/\s*([a-z]\w*)[)\s]*$", re.IGNORECASE)
_WORD = re.compile(r"[a-zµμ<]+>?\d*|\d+")

_OF_PHOTONS = {"real", "actual", "mono", "photon", "photons", "incident", "x", "ray"}
"""Words before eV that leave it the energy of photons."""

_TIME = re.compile(
    r"sec(s|ond|onds)?|time\w*|\w*time|clock|dwell\w*|epoch|delay|htime|ctime|duration|date|hours?|min(utes)?|e[rl]tm|"
    r"timer|livetm|realtm"
)
_INDEX = re.compile(
    r"index|points?|pts?|no|num|number|n|frames?|row|scan|event|eventid|id|step|seq|sequence|image|img|count(er)?\d*|idx"
)
_NO_SIGNAL = re.compile(
    r"\w*(gain|offset|sensitivity)|sens|i\d?off|\w+off|off|volts?|voltage|temp(erature)?\w*|current|ring\w*|sr|beam|"
    r"gap|slit\w*|motor\w*|pitch|roll|piezo|"
    r"stage|position|pos|\w*norm(?<!^norm)|pressure|shutter|filter\w*|stddev|std|sigma|error|err|deviation|[xyz]|h|l|"
    r"total_counts|tscaler|preslit|ipreslit|prekb|chi2|unixtime|flag|gate|dark\w*|bkgd?|bg|background|pedestal|zero|"
    r"rms|var(iance)?|amp\w*|hv|min(imum)?|max(imum)?|range|status|transmittance"
)
_ABSORPTION = {"absorption", "mu", "xanes", "intensity", "absorbance"}
_BACKGROUND = re.compile(r"n?bkg|fbkg|background|der|deriv(ative)?|pre_?edge|post_?edge|bg|mu0|nbkg|smooth")
_K = re.compile(r"k|r|chi\w{0,2}|kname|kw\d?|path\w*|q|re|im|mag|pha|wavelength|lambda|wl|nm")
_ENERGY = re.compile(r"\w*energ\w*|\w*nrj\w*|\w*nrg\w*|e|en|eng|ener|ev|kev|hv|hnu|omega|\w*xeng|mono_?e|emono|photon")
_NO_ENERGY = {
    "e0", "ring", "edge", "shift", "error", "sigma", "gap", "loss", "emission", "spread", "fermi", "resolution",
    "binding", "kinetic", "emitted",
}  # fmt: skip
_RELATIVE = re.compile(r"relative|rel|e-e0|e-e_edge|delta|e-ef")
_ANGLE = re.compile(r"angle|\w*theta|bragg\w*|th|ang|dcm_?th|mth")
_STEPS = re.compile(r"steps|pulses?|motorsteps")
_I0 = re.compile(r"i0[a-z]{0,12}|io|i00|izero|mon|monitor\d?|imon|ic0|ion0|incident|inc|i0det|ii|iin|i0m")
_IT = re.compile(r"i1[a-z]{0,12}|it|itrans|trans|transmission|transmitted|itr|ic1|ion1|it\d|itm")
_IREF = re.compile(r"i[23][a-z]{0,12}|ir|iref\w*|irefer|ref|reference|ic2|ion2|refer|foil|iir")
_FLUORESCENCE = re.compile(
    r"i?fluor\w*|fluo\d{0,2}|flu\d{0,2}|if\d{0,2}|iff|ff\d{0,2}|ifl\w*|t?fy\d?|pfy\d?|lytle\w*|pips\d?|vortex\w*|sdd\d*|sf|fl[ay]?\d{1,2}|"
    r"flatot|ge\d{1,3}|roi\d*|mca\d{1,3}|sca\d{1,3}|xmap\w*|xsp3\w*|xspress\w*|mercury\w*|ketek\w*|canberra\w*|ifch\d*|"
    r"diode|pin|counts?_?corr|pilatus\d*|eigerroi\d*|herfd|hires|cyberstar|nai"
)
_LINE = re.compile(r"(k[ab]?|l[abg]?|ma)\d?")
_ELEMENT_LINE = re.compile(r"(?:[bcfhiknopsuvwy]|[a-z][a-ik-z])(k[ab]|l[abg]|ma)\d?")
_SYMBOLS = frozenset(
    "b c n o f na mg al si p s cl k ca sc ti v cr mn fe co ni cu zn ga ge as se br rb sr y zr nb mo ru rh pd ag cd in "  # noqa: SIM905
    "sn sb te i cs ba la ce pr nd sm eu gd tb dy ho er tm yb lu hf ta w re os ir pt au hg tl pb bi th u".split()
)
_TEY = re.compile(r"tey\d?|ey|cey|pey|aey|drain\w*|electron\w*|isample")
_DEAD = re.compile(r"dead\w*|dt|dtfactor\w*|dtime|dtcorr\w*|deadtime\w*|live\w*")
_ICR = re.compile(r"icr\d*|trueicr\d*|iffast\d*|fast\d*|inputcounts|incounts")
_OCR = re.compile(r"ocr\d*|outputcounts|outcounts|ifslow\d*|slow\d*")
_TOTAL = {"sum", "tot", "total", "flatot", "all"}
_CORRECTED = {"corr", "corrected", "dtc", "c"}
_PLAIN_WORDS = {
    "sum", "tot", "total", "corr", "corrected", "dtc", "cps", "counts", "cts", "roi", "all", "dxp", "raw", "net",
}  # fmt: skip
_TRANSLATED = {
    "エネルギー": "energy", "能量": "energy", "에너지": "energy", "энергия": "energy", "ενέργεια": "energy",
    "角度": "angle", "각도": "angle", "угол": "angle", "吸光度": "absorbance", "吸収": "absorption",
}  # fmt: skip
_DEVICES = {"d", "mca", "det", "ch", "elem", "el"}
_DETECTORS = {
    "sca", "fla", "fl", "ge", "ifch", "icr", "ocr", "iffast", "ifslow", "sdd", "trueicr", "if", "ff", "fluo", "fluor",
    "ifluor", "vortex", "ketek",
}  # fmt: skip
"""Words that a number of the element follows; names of devices are no part of the line."""


@lru_cache(maxsize=4096)
def meaning_of(name: str) -> Meaning:
    """Return what the name of a column says.

    Parameters
    ----------
    name : str
        As the file writes it, with its unit.

    Examples
    --------
    >>> [meaning_of(name).role for name in ("1_Energy (keV)", "I0_EH2", "It-32", "V_Ka_mca1", "log(i0/it)", "chi")]
    ['energy', 'i0', 'it', 'if', 'mu', 'k']
    >>> meaning_of("V_Ka_mca1").group == meaning_of("V_Ka_mca2").group
    True
    """
    text = name.split("||")[0].strip()
    unit = match[1].lower() if (match := _UNIT.search(text)) else ""
    unit = _UNITS.get(unit, unit)
    text = _in_english(re.sub(r"^\d{1,3}[_)]\s*", "", text).strip("\"'*$ \t").lower())
    if formula := _formula(text):
        return Meaning(formula)
    bare = re.sub(r"[(\[].*?[)\]]|/\s*\w+$", " ", text)
    bare = re.sub(r"(?<=\w)_c\d{1,3}$", "", bare)
    bare = re.sub(r"\bi[_ ]([0-3otrf])\b", r"i\1", bare)
    # Some files write the observed and the calculated angle as Angle(o) and Angle(c).
    marks = set(re.findall(r"\(([oc])\)", text))
    words = _WORD.findall(bare.replace("_", " ").replace("µ", "mu").replace("μ", "mu"))
    if not words:
        return Meaning("unknown", unit=unit)
    role = _role(bare.strip(), words)
    if role == "unknown":
        role = _inside(text)
    meaning = Meaning(role, source_of(words, marks), unit)
    return _fluorescence(meaning, words) if role in ("if", "icr", "ocr", "tey") else meaning


def _inside(text: str) -> Role:
    """The role of a channel that is named in brackets, as in ``Ch3(I0)``."""
    for inner in re.findall(r"[(\[](.*?)[)\]]", text):
        words = _WORD.findall(inner.replace("_", " "))
        if words and (role := _role(inner.strip(), words)) in ("i0", "it", "iref", "if", "tey"):
            return role
    return "unknown"


def _in_english(text: str) -> str:
    """A name without accents, with the words for energy and angle in English."""
    if text.isascii():
        return text
    for word, english in _TRANSLATED.items():
        text = text.replace(word, english)
    plain = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _formula(text: str) -> Role | None:
    """The role of a column that is named by its formula, such as ``ln(I0/I1)`` or ``FF/I0``."""
    if match := _LOG.search(text):
        numerator, denominator = (match[1] or match[3]), (match[2] or match[4])
        if _IT.fullmatch(numerator) and _I0.fullmatch(denominator):
            return "mu" if text[: match.start()].rstrip(" (").endswith(("-", "−")) else "other"
        return "mu" if _I0.fullmatch(numerator) and _IT.fullmatch(denominator) else "mu_ref"
    if (match := _RATIO.match(text)) and any(
        _I0.fullmatch(a) and _IT.fullmatch(b) for a, b in (match.groups(), match.groups()[::-1])
    ):
        return "other"
    if (match := _RATIO.match(text)) and _I0.fullmatch(match[2]):
        return "mu" if any(p.fullmatch(match[1]) for p in (_FLUORESCENCE, _TEY, _ELEMENT_LINE)) else None
    return None


def _role(bare: str, words: list[str]) -> Role:
    """The role of a name, from the most certain word to the least."""
    if (known := _known(bare, words)) is not None:
        return known
    last_words = [word for word in words if not word.isdigit()]
    rules: tuple[tuple[Role, re.Pattern[str]], ...] = (
        ("dead_time", _DEAD),
        ("icr", _ICR),
        ("ocr", _OCR),
        ("time", _TIME),
        ("other", _NO_SIGNAL),
        ("tey", _TEY),
        ("iref", _IREF),
        ("i0", _I0),
        ("it", _IT),
        ("if", _FLUORESCENCE),
        ("if", _ELEMENT_LINE),
    )
    if len(words) > 1 and {"norm", "normalized"} & set(words):
        return "other"
    for role, pattern in rules:
        if any(pattern.fullmatch(word) for word in last_words):
            return role
    if any(a in _SYMBOLS and _LINE.fullmatch(b) for a, b in pairwise(words)):
        return "if"
    return "unknown"


def _known(bare: str, words: list[str]) -> Role | None:
    """The role of names that are known as a whole, and of axes."""
    squeezed = re.sub(r"[^a-z0-9<>]", "", bare)
    if bare in NORMALIZED or squeezed in NORMALIZED or (words[0] in NORMALIZED and words[-1] in _ABSORPTION):
        return "norm"
    if (
        "mu" in words
        or squeezed in RAW
        or (bare.startswith("absor") and not any(len(word) > 2 and _ENERGY.fullmatch(word) for word in words))
        or re.fullmatch(r"x?mu(r|\d\d|refer|trans\w*|fluor\w*)?", squeezed)
    ):
        reference = squeezed in ("mur", "xmur", "murefer") or {"ref", "refer", "reference"} & set(words)
        other_pair = re.fullmatch(r"mu(\d\d)", squeezed)
        return "mu_ref" if reference or (other_pair and other_pair[1] != "01") else "mu"
    if all(_K.fullmatch(word) for word in words):
        return "k"
    if _BACKGROUND.fullmatch(squeezed) or _BACKGROUND.fullmatch(bare.strip()):
        return "background"
    if all(_INDEX.fullmatch(word) for word in words):
        return "index"
    return _axis(bare, words)


def _axis(bare: str, words: list[str]) -> Role | None:
    """The role of energies, angles and steps of the monochromator."""
    if _RELATIVE.search(bare) and any(_ENERGY.fullmatch(word) for word in words):
        return "relative"
    if not _NO_ENERGY & set(words):
        if any(len(word) > 2 and _ENERGY.fullmatch(word) for word in words):
            return "energy"
        if words[-1] in ("ev", "kev") and set(words[:-1]) <= _OF_PHOTONS:
            return "energy"
        if _ENERGY.fullmatch(words[0]) and all(len(w) <= 3 or w in READBACK | SETPOINT for w in words):
            return "energy"
    if any(_ANGLE.fullmatch(word) for word in words):
        return "angle"
    return "steps" if any(_STEPS.fullmatch(word) for word in words) else None


def _fluorescence(meaning: Meaning, words: list[str]) -> Meaning:
    """Add which line, which element of the detector, and whether corrected or summed."""
    elements: list[str] = []
    group: list[str] = []
    for word in words:
        stem = word.rstrip("0123456789")
        if word.isdigit() or (stem != word and stem in _DEVICES | _DETECTORS):
            elements.append(word[len(stem) :])
            if stem in _DETECTORS:
                group.append(stem)
        elif word not in _PLAIN_WORDS and word not in _CORRECTED:
            group.append(word)
    return replace(
        meaning,
        group=" ".join(group) or ("mca" if any(w.startswith("mca") for w in words) else ""),
        element=" ".join(elements),
        corrected=bool(_CORRECTED & set(words)),
        total=bool(_TOTAL & set(words)),
    )
