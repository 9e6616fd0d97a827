"""Pictures of maps, spectra and frames as PNG files, drawn without a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.colour_mix import ColourMix
from napari_xanes.colours import DIVERGING, about_zero, colour_of, label_colours
from napari_xanes.parameter_map import MapSet, is_difference
from napari_xanes.picture_places import axes_in, plain_texts
from napari_xanes.saving.replacing import replacing
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_EXCLUDED = "#d9d9d9"
"""Colour of pixels that a map's mask excludes."""
_SIZE, _DPI = (4.6, 4.0), 130
"""Width and height of the picture of one map in inches, and pixels in an inch."""


def _figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout, dpi=_DPI)
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as file, plain_texts(figure):
        figure.canvas.print_png(file)  # type: ignore[attr-defined]  # savefig would lay out and draw everything twice


def unit_text(unit: str) -> str:
    """Return a unit in brackets, an empty text if there is none.

    Examples
    --------
    >>> unit_text("eV"), unit_text("1")
    (' (eV)', '')
    """
    return "" if unit in ("", "1") else f" ({unit})"


def _plane(values: Any) -> Any:
    """Return the image of a map; of a volume, its middle slice."""
    return values if values.ndim == 2 else values[values.shape[0] // 2]


def _slice_text(shape: tuple[int, ...]) -> str:
    return "" if len(shape) == 2 else f", slice {shape[0] // 2 + 1} of {shape[0]}"


def _extent(maps: MapSet, shape: tuple[int, ...]) -> tuple[float, float, float, float] | None:
    if maps.pixel_size is None:
        return None
    return (0, shape[1] * maps.pixel_size[-1], shape[0] * maps.pixel_size[-2], 0)


def draw_map(axes: Any, maps: MapSet, name: str, bar_axes: Any = None) -> None:
    """Draw one map, or the middle slice of a volume, with colour bar or legend; pixels outside its mask are grey.

    Parameters
    ----------
    axes : matplotlib axes
        Axes to draw on.
    maps : MapSet
        Set of maps.
    name : str
        Name of the map in the set.
    bar_axes : matplotlib axes, optional
        Axes for the colour bar, hidden if there is none; by default a part of `axes`.
    """
    parameter_map = maps[name]
    values = _plane(parameter_map.valid())
    title = f"{name.replace('_', ' ')}{unit_text(parameter_map.unit)}{_slice_text(parameter_map.data.shape)}"
    length = "µm" if maps.pixel_size else "pixel"
    axes.set(xlabel=f"x ({length})", ylabel=f"y ({length})", title=title, facecolor=_EXCLUDED)
    if parameter_map.labels is not None:
        _draw_labels(axes, maps, parameter_map.labels, values)
        if bar_axes is not None:
            bar_axes.set_visible(False)
        return
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 1.0)
    low, high = about_zero(low, high) if is_difference(name) else (low, high)
    colours = DIVERGING if is_difference(name) else "magma" if parameter_map.companion else "viridis"
    image = axes.imshow(values, cmap=colours, vmin=low, vmax=max(high, low + 1e-9), extent=_extent(maps, values.shape))
    axes.figure.colorbar(image, **({"ax": axes, "shrink": 0.85} if bar_axes is None else {"cax": bar_axes}))
    if parameter_map.sigma is not None and finite.size:
        typical = float(np.nanmedian(np.where(_plane(parameter_map.mask), _plane(parameter_map.sigma), np.nan)))
        axes.set_title(f"{title}, median ± {typical:.2g}")


def _draw_labels(axes: Any, maps: MapSet, labels: Mapping[int, str], values: Any) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    picture = np.full((*values.shape, 3), to_rgb(_EXCLUDED))
    patches = []
    total = max(1, int((values != 0).sum()))
    for label, colour in label_colours(labels, maps.metadata).items():
        picture[values == label] = to_rgb(colour)
        share = 100 * int((values == label).sum()) / total
        patches.append(Patch(color=colour, label=f"{labels[label]} {share:.0f} %"))
    axes.imshow(picture, extent=_extent(maps, values.shape))
    axes.legend(handles=patches, fontsize="small", loc="upper right")


def save_colour_mix(maps: MapSet, mix: ColourMix, path: Path, *, depth: int | None = None) -> None:
    """Write a PNG of maps as the colours of one image, with the triangle that says which colour is which mixture.

    Parameters
    ----------
    maps : MapSet
        The maps.
    mix : ColourMix
        Which of them are which colours.
    path : Path
        File to write.
    depth : int, optional
        The slice of a volume; by default the middle one.
    """
    image, text = mix.image(maps), ""
    if image.ndim == 4:
        depth, slices = image.shape[0] // 2 if depth is None else depth, image.shape[0]
        image, text = image[depth], f", slice {depth + 1} of {slices}"
    figure = _figure(7.4, 4.6)
    axes, legend = figure.subplots(1, 2, width_ratios=(3, 1))
    length = "µm" if maps.pixel_size else "pixel"
    axes.imshow(image, extent=_extent(maps, image.shape[:2]))
    axes.set(xlabel=f"x ({length})", ylabel=f"y ({length})", title=f"{maps.name}{text}", facecolor=_EXCLUDED)
    triangle = mix.triangle(400)
    rows, size = triangle.shape[:2]
    legend.imshow(triangle)
    legend.axis("off")
    top, left, right = mix.corners(maps)
    legend.text(size / 2, -0.04 * size, top, ha="center", va="bottom", fontsize="small")
    for x, corner in ((0, left), (size, right)):
        legend.text(x, rows + 0.04 * size, corner, ha="center", va="top", fontsize="small")
    if mix.gamma != 1:
        legend.set_title(f"gamma {mix.gamma:.3g}", fontsize="small", y=-0.55)
    _save(figure, path)


def save_maps(maps: MapSet, folder: Path) -> list[Path]:
    """Write one PNG per map, with unit, colour bar or legend, and one PNG with all main maps.

    Parameters
    ----------
    maps : MapSet
        The maps.
    folder : Path
        Existing folder; files are named after the maps.

    Returns
    -------
    list of Path
        Files that were written.
    """
    written, main = [], []
    for name, parameter_map in maps.items():
        picture = _picture_of(maps, name)
        written.append(folder / f"{file_name(name)}.png")
        _write(picture, written[-1])
        if not parameter_map.companion:
            main.append(picture)
    written.append(folder / "maps.png")
    _write(_side_by_side(main, maps.name), written[-1])
    return written


def _picture_of(maps: MapSet, name: str) -> NDArray[np.uint8]:
    figure = _figure(*_SIZE, layout=None)
    rows, columns = maps[name].data.shape[-2:]
    height, width = (maps.pixel_size or (1.0, 1.0))[-2:]
    axes, bar_axes = axes_in(figure, rows * height / (columns * width))
    draw_map(axes, maps, name, bar_axes)
    return _drawn(figure)


def _side_by_side(pictures: Sequence[NDArray[np.uint8]], title: str) -> NDArray[np.uint8]:
    """Put pictures of one size into rows of three, below a title. They are not drawn again: that costs most."""
    columns = min(3, len(pictures))
    empty = np.full_like(pictures[0], 255)
    filled = [*pictures, *[empty] * (-len(pictures) % columns)]
    rows = [np.concatenate(filled[i : i + columns], axis=1) for i in range(0, len(filled), columns)]
    # The width in pixels is rounded down by Matplotlib 3.9, so 1793.9999 were one too few.
    heading = _figure((rows[0].shape[1] + 0.25) / _DPI, 0.35, layout=None)
    heading.text(0.5, 0.5, title, ha="center", va="center", fontsize="large")
    return np.concatenate([_drawn(heading), *rows])


def _drawn(figure: Figure) -> NDArray[np.uint8]:
    """Return a figure as an image, shape (Y, X, 4)."""
    with plain_texts(figure):
        figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]


def _write(picture: NDArray[np.uint8], path: Path) -> None:
    from matplotlib.image import imsave

    with replacing(path) as file:
        imsave(cast("BinaryIO", file), picture, format="png", dpi=_DPI)


def file_name(text: str) -> str:
    """Return a name as a file name: letters, digits, dot, plus and minus stay, others become underscores.

    Examples
    --------
    >>> file_name("Ni2+ model / rim")
    'Ni2+_model_rim'
    """
    words = "".join(c if c.isalnum() or c in "+-." else " " for c in text).split()
    return "_".join(words).strip(".") or "map"


def save_spectra(spectra: Sequence[Spectrum], path: Path, *, ylabel: str, title: str = "") -> None:
    """Write a PNG of spectra over photon energy, with a band of ± sigma where sigma is known.

    Parameters
    ----------
    spectra : sequence of Spectrum
        Spectra, in the order of the colours.
    path : Path
        File to write.
    ylabel : str
        Name and unit of the values.
    title : str
        Title of the picture.
    """
    figure = _figure(6.4, 4.2)
    axes = figure.add_subplot()
    for number, spectrum in enumerate(spectra, start=1):
        colour = colour_of(number)
        axes.plot(spectrum.energy, spectrum.mu, color=colour, label=spectrum.name, linewidth=1.5)
        if spectrum.sigma is not None:
            low, high = spectrum.mu - spectrum.sigma, spectrum.mu + spectrum.sigma
            axes.fill_between(spectrum.energy, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set(xlabel="photon energy (eV)", ylabel=ylabel, title=title)
    # Left of an edge the upper corner is empty; matplotlib's search for a free place warns on busy machines.
    axes.legend(loc="upper left", fontsize="small")
    _save(figure, path)


def save_errors(time: Float64Array, error: Float64Array, path: Path, *, ylabel: str, target: float | None) -> None:
    """Write a PNG of the error of a map against the time that is measured.

    Parameters
    ----------
    time : ndarray, shape (n,)
        In s.
    error : ndarray, shape (n,)
        In the unit of the map; NaN leaves a gap.
    path : Path
        File to write.
    ylabel : str
        Name and unit of the error.
    target : float, optional
        The error that was asked for, drawn as a line.
    """
    figure = _figure(5.2, 3.6)
    axes = figure.add_subplot()
    axes.plot(time, error, color=colour_of(1), marker=".", linewidth=1.5)
    if target is not None:
        axes.axhline(target, color=colour_of(2), linestyle="--", linewidth=1)
    axes.set(xlabel="time (s)", ylabel=ylabel, ylim=(0, None), xlim=(0, None))
    _save(figure, path)


def save_frame(stack: SpectralStack, path: Path) -> None:
    """Write a PNG of the frame in the middle of a stack, with a colour bar in the stack's unit.

    Parameters
    ----------
    stack : SpectralStack
        The stack.
    path : Path
        File to write.
    """
    index = stack.energy.size // 2
    frame = _plane(np.asarray(stack.data[index], dtype=np.float32))
    figure = _figure(4.6, 4.0)
    axes = figure.add_subplot()
    image = axes.imshow(frame, cmap="gray")
    figure.colorbar(image, ax=axes, label=f"{stack.quantity.replace('_', ' ')}{unit_text(stack.unit)}", shrink=0.85)
    axes.set(title=f"{stack.name}, {stack.energy[index]:.1f} eV", xlabel="x (pixel)", ylabel="y (pixel)")
    _save(figure, path)
