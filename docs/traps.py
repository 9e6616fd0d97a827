"""Draw the figures of docs/traps.md and print its numbers: ``python docs/traps.py``.

Each trap is a function that draws into axes and returns the numbers of its section, as they are written there. Spectra
are models, so that what is right is known.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import nnls

import napari_xanes as nx
from napari_xanes.colours import OKABE_ITO
from napari_xanes.sample import k_edge_curve

HERE = Path(__file__).resolve().parent
BLUE, RED, GREY = OKABE_ITO[4], OKABE_ITO[5], "0.5"
ENERGY = np.concatenate([np.arange(8270, 8330, 6.0), np.arange(8330, 8362, 1.0), np.arange(8362, 8461, 4.0)])
TWO, FOUR = k_edge_curve(ENERGY, 8345.0, 0.65, 0.10), k_edge_curve(ENERGY, 8348.2, 0.42, 0.07)
"""Normalized models of Ni2+ and Ni4+."""

Numbers = tuple[str, ...]
Array = NDArray[np.float64]


def amounts(spectrum: Array, *references: Array) -> Array:
    """Return non-negative amounts of references in a spectrum, beside a constant."""
    columns = np.stack([*references, np.ones_like(spectrum), -np.ones_like(spectrum)], axis=1)
    found: Array = nnls(columns, spectrum)[0][: len(references)]
    return found


def valence_of(spectrum: Array, two: Array = TWO, four: Array = FOUR) -> float:
    """Return the valence of a spectrum by its amounts of Ni2+ and Ni4+."""
    found = amounts(spectrum, two, four)
    return float(found @ (2, 4) / found.sum())


def reference(name: str, mu: Array, valence: float) -> nx.Spectrum:
    """Return a normalized reference."""
    return nx.Spectrum(name, ENERGY, mu, valence, metadata={"normalized": True})


REFERENCES = [reference("Ni2+", TWO, 2.0), reference("Ni4+", FOUR, 4.0)]


def without_normalization(axes: Any) -> Numbers:
    """References as they were measured: one pellet is three times as thick as the other."""
    mixed = 0.5 * TWO + 0.5 * FOUR
    thick = 3 * TWO
    wrong = valence_of(mixed, thick, FOUR)
    axes.plot(ENERGY, thick, color=RED, label="Ni2+ as measured")
    axes.plot(ENERGY, FOUR, color=BLUE, label="Ni4+ as measured")
    axes.plot(ENERGY, mixed, color="k", label="half of each")
    return f"{valence_of(mixed):.2f}", f"{wrong:.2f}"


def short_windows(axes: Any) -> Numbers:
    """The post-edge line from ranges of different length, on a background that is slightly bent."""
    energy = np.arange(8250.0, 8601.0, 1.0)
    background = 0.8 * (energy / 8345) ** -3
    spectrum = background + k_edge_curve(energy, 8345.0, 0.65, 0.10) * (energy / 8345) ** -3
    ends = np.arange(8375.0, 8601.0, 5.0)
    jumps = []
    for end in ends:
        before, after = energy < 8330, (energy >= 8360) & (energy <= end)
        lines = [np.polyval(np.polyfit(energy[part] - 8345, spectrum[part], 1), 0) for part in (before, after)]
        jumps.append(lines[1] - lines[0])
    axes.plot(ends - 8345, jumps, color=RED, label="edge jump")
    axes.axhline(1, color="k", linewidth=0.8)
    axes.set(xlabel="end of the post-edge range above E0 (eV)", ylim=(0.5, 1.5))
    at = {end: jumps[int(np.flatnonzero(ends == end)[0])] for end in (8375.0, 8400.0, 8600.0)}
    return tuple(f"{jump:.2f}" for jump in at.values())


def static_residues(axes: Any) -> Numbers:
    """A drifting sample under a pattern that stays with the detector."""
    from skimage.registration import phase_cross_correlation

    rng = np.random.default_rng(0)
    size, frames, step = 96, 8, 0.75
    scene = ndimage.gaussian_filter(rng.normal(size=(size + 24, size + 24)), 4)
    scene = 0.3 * scene / scene.std()
    pattern = 0.15 * rng.normal(size=(size, size))
    true = step * np.arange(frames)
    drifting = [ndimage.shift(scene, (0, shift), order=3)[12:-12, 12:-12] for shift in true]
    images = np.stack([image + pattern + 0.02 * rng.normal(size=(size, size)) for image in drifting]) + 1.0
    plain = [0.0, *(phase_cross_correlation(image, images[0], upsample_factor=20)[0][1] for image in images[1:])]
    stack = nx.SpectralStack(images.astype(np.float32), ENERGY[:frames], "optical_depth")
    found = nx.ops.align(stack).metadata["align"]
    ours = found.shifts[:, 1] - found.shifts[0, 1]
    axes.plot(true, true, color="k", linewidth=0.8, label="true")
    axes.plot(true, plain, "s", color=RED, label="phase correlation")
    axes.plot(true, ours, "o", color=BLUE, markersize=4, label="align")
    axes.set(xlabel="drift (pixels)")
    return f"{true[-1]:.2f}", f"{plain[-1]:.2f}", f"{ours[-1]:.2f}"


def edge_in_i0(axes: Any) -> Numbers:
    """I0 from an area that holds a thin film of Ni2+."""
    jump, film = 0.3, 0.1
    true = 0.5 * TWO + 0.5 * FOUR
    measured = jump * true - film * TWO  # -ln(I / I0) with exp(-film) in I0
    axes.plot(ENERGY, jump * true, color="k", label="true I0")
    axes.plot(ENERGY, measured, color=RED, label="I0 with a film")
    return f"{valence_of(true):.2f}", f"{valence_of(measured):.2f}", f"{amounts(measured, TWO, FOUR).sum():.2f}"


def missing_phase(axes: Any) -> Numbers:
    """A compound of Ni2+ whose edge lies between those of the references."""
    third = 0.94 * (0.45 * TWO + 0.55 * FOUR) + 0.06 * k_edge_curve(ENERGY, 8346.8, 0.5, 0.09)
    photons, jump, shape = 2000.0, 0.3, (ENERGY.size, 24, 24)
    light = photons * np.exp(-0.3 - jump * third)[:, None, None]
    counts = np.random.default_rng(0).poisson(light, shape).astype(np.float32)
    corrections = {"flat": np.full(shape, photons, np.float32), "n_flat": 1000, "gain": 1.0}
    depth = nx.ops.optical_depth(nx.SpectralStack(counts, ENERGY, "counts", metadata=corrections))
    maps = nx.maps.fit_references(depth, references=REFERENCES)
    chi, valence = np.nanmedian(maps["chi_square"].data), np.nanmedian(maps["valence"].data)
    sigma = np.nanmedian(maps["valence"].sigma)
    axes.plot(ENERGY, third, color="k", label="a third phase, Ni2+")
    axes.plot(ENERGY, TWO, color=BLUE, linewidth=0.8, label="references")
    axes.plot(ENERGY, FOUR, color=BLUE, linewidth=0.8)
    return f"{chi:.2f}", f"{valence:.2f} ± {sigma:.2f}"


def few_photons(axes: Any) -> Numbers:
    """The mean of -ln(N / N0) over what Poisson statistics give, without the pixels of no photon."""
    from scipy.stats import poisson

    mean = np.geomspace(1, 200, 60)
    bias = []
    for photons in mean:
        n = np.arange(1, 1000)
        weight = poisson.pmf(n, photons)
        bias.append(float((weight * -np.log(n / photons)).sum() / weight.sum()))
    axes.semilogx(mean, bias, color=RED, label="mean of -ln, less the truth")
    axes.semilogx(mean, 1 / (2 * mean), "k:", label="1 / 2N")
    axes.set(xlabel="photons N behind the sample", ylim=(-0.3, 0.3))
    return tuple(f"{np.interp(photons, mean, bias):+.3f}" for photons in (3, 5, 10, 100))


def detector_gain(axes: Any) -> Numbers:
    """Error bars from the square root of counts, where a photon is four counts."""
    gain, photons, trials = 4.0, 400.0, 4000
    rng = np.random.default_rng(0)
    counts = gain * rng.poisson(photons, trials)
    error = (counts - gain * photons) / np.sqrt(counts)
    axes.hist(error, bins=60, density=True, color=GREY, label="error / sqrt(counts)")
    x = np.linspace(-8, 8, 200)
    axes.plot(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), color="k", label="what it should be")
    axes.set(xlabel="errors over their error bars")
    right = error / np.sqrt(gain)
    return tuple(f"{100 * np.mean(abs(one) < 1):.0f} %" for one in (error, right))


def mixed_edges(axes: Any) -> Numbers:
    """Fe L3 of a fluoride: the K edge of F lies 10 eV below it."""
    energy = np.arange(670.0, 760.0, 0.25)

    def step(at: float) -> Array:
        result: Array = 0.5 + np.arctan((energy - at) / 0.5) / np.pi
        return result

    iron = step(706.8) + 0.5 * step(719.9)
    spectrum = 0.2 + iron + 0.6 * step(696.7)
    jumps = []
    for low, high in ((672.0, 692.0), (690.0, 703.0), (698.5, 703.5)):
        before, after = (energy > low) & (energy < high), energy > 735
        lines = [np.polyval(np.polyfit(energy[part] - 706.8, spectrum[part], 1), 0) for part in (before, after)]
        jumps.append(lines[1] - lines[0])
    axes.plot(energy, spectrum, color="k", label="Fe L3,2 behind F K")
    axes.plot(energy, iron + 0.2, color=BLUE, label="Fe alone")
    return tuple(f"{jump:.2f}" for jump in jumps)


TRAPS: dict[str, Callable[[Any], Numbers]] = {
    trap.__name__.replace("_", "-"): trap
    for trap in (
        without_normalization, short_windows, static_residues, edge_in_i0,
        missing_phase, few_photons, detector_gain, mixed_edges,
    )
}  # fmt: skip


def draw(name: str, path: Path | None = None) -> Numbers:
    """Draw the figure of a trap, into a PNG file if a path is given; return its numbers."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 2.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_xlabel("photon energy (eV)")
    numbers = TRAPS[name](axes)
    axes.legend(fontsize=8, frameon=False)
    if path is not None:
        figure.savefig(path, dpi=100)
    return numbers


def main() -> None:
    """Draw all figures, and print the numbers of the page."""
    for name in TRAPS:
        print(name, *draw(name, HERE / "pictures" / f"trap-{name}.png"), sep="  ")


if __name__ == "__main__":
    main()
