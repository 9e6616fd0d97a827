"""How far `normalize_edge` is from Larch's `pre_edge` on measured K-edge spectra.

    python -m benchmarks.larch_agreement            # beside the numbers of Larch that are kept
    python -m benchmarks.larch_agreement --record   # measures them again: pip install xraylarch==2026.3.1

Spectra are read from ``../shared/data`` or ``$NAPARI_XANES_DATA``. Larch chooses E0, the ranges and the order of the
post-edge polynomial; ours is given the same, once as the same points, and once as the same ranges in eV. Larch takes
the points from the last one at or below the lower end of a range to the one before the nearest to its upper end; ours
are those in the range. Larch's E0 is one of the measured energies; ours lies between them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import napari_xanes as nx
from napari_xanes._typing import Float64Array
from napari_xanes.edge import EdgeLines, find_e0
from napari_xanes.edge.elements import absorbers_at

DATA = Path(os.environ.get("NAPARI_XANES_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data"))
KEPT = Path(__file__).with_name("larch_agreement.json")

PRE: dict[str, dict[str, int]] = {"constant": {"npre": 0}, "line": {}, "Victoreen": {"nvict": 4}}
POST = ("constant", "line", "quadratic")
AT = (-40.0, -10.0, 10.0, 30.0, 80.0, 150.0)
"""Where normalized values are compared, in eV from E0."""


class Measured(NamedTuple):
    """A spectrum: its file and name, energies in eV, absorption."""

    name: str
    energy: Float64Array
    mu: Float64Array


def spectra() -> list[Measured]:
    """Return every measured K edge of the folder that begins 40 eV below it and ends 80 eV above it."""
    found = []
    files = [*(DATA / "references").rglob("*.*"), *(DATA / "beamline_spectra").glob("*.*")]
    for path in sorted(files):
        for number, spectrum in enumerate(_read(path)):
            good = np.isfinite(spectrum.mu)
            energy, mu = spectrum.energy[good], spectrum.mu[good]
            if _is_wide(energy, mu):
                found.append(Measured(f"{path.name} {number} {spectrum.name}", energy, mu))
    return found


def _read(path: Path) -> list[nx.Spectrum]:
    """Return the absorption spectra of a file, none if it holds none."""
    try:
        return [spectrum for spectrum in nx.read_spectra(path) if spectrum.metadata.get("signal") != "I0"]
    except (ValueError, OSError):
        return []


def _is_wide(energy: Float64Array, mu: Float64Array) -> bool:
    try:
        e0 = find_e0(energy, mu)
    except ValueError:
        return False
    return energy[0] < e0 - 40 and energy[-1] > e0 + 80 and "K" in {edge for _, edge in absorbers_at(e0)}


def record() -> None:
    """Keep Larch's numbers for all spectra and forms."""
    from larch.math import index_nearest, index_of  # type: ignore[import-not-found]
    from larch.xafs.pre_edge import find_e0 as larch_e0  # type: ignore[import-not-found]
    from larch.xafs.pre_edge import preedge

    kept: dict[str, Any] = {}
    for name, energy, mu in spectra():
        e0 = float(larch_e0(energy, mu))
        made: dict[str, Any] = {}
        cases = {
            f"{pre}, {post}": {**options, "nnorm": POST.index(post)} for pre, options in PRE.items() for post in POST
        }
        for form, options in {"default": {}, **cases}.items():
            result = preedge(energy, mu, e0=e0, **options)
            ranges = []
            for low, high in (("pre1", "pre2"), ("norm1", "norm2")):
                first, last = index_of(energy, e0 + result[low]), index_nearest(energy, e0 + result[high])
                ranges.append([energy[first] - e0, energy[last - 1] - e0, result[low], result[high]])
            norm = np.interp(e0 + np.array(AT), energy, result["norm"], np.nan, np.nan)
            made[form] = {
                "order": result["nnorm"],
                "pre": np.round(ranges[0], 9).tolist(),
                "post": np.round(ranges[1], 9).tolist(),
                "jump": float(f"{result['edge_step']:.7g}"),
                "norm": [None if np.isnan(value) else round(float(value), 6) for value in norm],
            }
        kept[name] = {"e0": e0, "forms": made}
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(values)}" for name, values in kept.items())
    KEPT.write_text(f"{{\n{rows}\n}}\n")


class Difference(NamedTuple):
    """By how much ours differs: the jump as a share, and the largest of the normalized values."""

    jump: float
    normalized: float


def compared(spectrum: Measured, e0: float, form: str, larch: dict[str, Any], *, points: bool) -> Difference | None:
    """Return the difference from Larch with its points, or with its ranges in eV; None where the jump is negative."""
    pre_form = "line" if form == "default" else form.split(", ")[0]
    chosen = slice(0, 2) if points else slice(2, 4)
    pre, post = (tuple(larch[name][chosen]) for name in ("pre", "post"))
    forms = (pre_form, POST[larch["order"]])
    lines = EdgeLines(spectrum.energy, e0, pre, post, forms=forms)  # type: ignore[arg-type]
    found = lines.measure(spectrum.mu[:, None])
    made = lines.normalize(spectrum.mu[:, None], found)[:, 0]
    ours = np.interp(e0 + np.array(AT), spectrum.energy, made, np.nan, np.nan)
    theirs = np.array(larch["norm"], dtype=float)
    if not found.jump[0] > 0:
        return None
    return Difference(float(found.jump[0]) / larch["jump"] - 1, float(np.nanmax(np.abs(ours - theirs))))


def main() -> None:
    if not (DATA / "references").is_dir():
        print(f"there is no folder {DATA / 'references'}: nothing to measure")
        return
    if "--record" in sys.argv[1:]:
        record()
    kept, tables = json.loads(KEPT.read_text()), {}
    measured = [spectrum for spectrum in spectra() if spectrum.name in kept]
    print(f"{len(measured)} spectra, Larch 2026.3.1: difference of E0 in eV, beside the step of the energies there")
    for spectrum in measured:
        e0 = kept[spectrum.name]["e0"]
        step = np.diff(spectrum.energy)[np.abs(spectrum.energy - e0).argmin() - 1 :][:2].max()
        print(f"{spectrum.name[:48]:48s} {find_e0(spectrum.energy, spectrum.mu) - e0:+7.2f}  step {step:.2f}")
        for form, larch in kept[spectrum.name]["forms"].items():
            for points in (True, False):
                found = compared(spectrum, e0, form, larch, points=points)
                tables.setdefault((points, form), []).append((found, spectrum.name))
    print("\nlargest differences of jump (share) and normalized values; those within .5 % and .005; jumps below 0")
    for (points, form), rows in tables.items():
        found = [difference for difference, _ in rows if difference is not None]
        jumps, values = (np.abs([getattr(difference, name) for difference in found]) for name in Difference._fields)
        within = np.mean((jumps <= 0.005) & (values <= 0.005))
        print(
            f"{'same points' if points else 'same eV':12s} {form:24s} {jumps.max():8.1e} {values.max():8.1e} "
            f"{within:5.0%} {len(rows) - len(found):3d}"
        )


if __name__ == "__main__":
    main()
