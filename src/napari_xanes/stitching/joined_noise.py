"""The error model of a joined stack from those of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.noise import AmountNoise, Noise, PhotonNoise
from napari_xanes.stack import SpectralStack
from napari_xanes.stitching.blending import Plan, shares, taken
from napari_xanes.stitching.inputs import Frame, Kind


def joined_noise(
    plan: Plan, stacks: Sequence[SpectralStack], frames: Sequence[Frame], kind: Kind, names: Sequence[str]
) -> tuple[Noise | None, str]:
    """Return the error model of a joined stack, and why there is none.

    A mean of values with shares s has the sum of s**2 times their variances; resampling and a factor change the
    variance of a stack, too.
    """
    models = [stack.noise for stack in stacks]
    if all(model is None for model in models):
        return None, ""
    photons = [model for model in models if isinstance(model, PhotonNoise)]
    amounts = [model for model in models if isinstance(model, AmountNoise)]
    if len(photons) == len(models):
        if len({model.read_noise for model in photons}) > 1:
            return None, "the read noise of the stacks differs, so the joined stack has no error model"
        if any(model.busy is not None for model in photons):
            return None, "counts were corrected for dead time, so the joined stack has no error model"
        return _photons(plan, photons, stacks, frames), ""
    if len(amounts) == len(models):
        if kind == "tiles" and any(not _same(model.columns, amounts[0].columns) for model in amounts):
            return None, "the tiles were cleaned with other spectra, so the joined stack has no error model; clean it"
        return _amounts(plan, amounts, frames, kind), ""
    silent = [name for name, model in zip(names, models, strict=True) if model is None]
    reason = f"the noise of {', '.join(silent)} is not known" if silent else "the stacks have error models of two kinds"
    return None, f"{reason}, so the joined stack has no error model"


def _same(first: Any, second: Any) -> bool:
    return np.shape(first) == np.shape(second) and bool(np.allclose(first, second, rtol=1e-5))


def _photons(
    plan: Plan, models: list[PhotonNoise], stacks: Sequence[SpectralStack], frames: Sequence[Frame]
) -> PhotonNoise:
    """Return photons per pixel and frame that give the variances of the joined values."""
    inner = (*stacks[0].shape[1:-2], *plan.shape)
    own = models[0].flats is None or not all(_same(model.flats, models[0].flats) for model in models)
    # Where every frame comes from the same stacks and photons do not change with the energy, one image serves all.
    alike = len({tuple(k for k, _ in frame.made_from) for frame in frames}) == 1
    alike &= all(model.i0.shape[0] == 1 and model.variance_factor is None for model in models)
    alike &= all(_same_or_none(model.beam, models[0].beam) for model in models)
    beam = models[0].beam if alike else None
    some = frames[:1] if alike else frames
    if not alike and any(stack.is_lazy for stack in stacks):
        i0 = _lazy_images(plan, models, some, inner)
    else:
        i0 = np.stack([_photon_image(plan, models, frame.made_from, inner, with_beam=not alike) for frame in some])
    counted = [_flat_photons(models, frame.made_from) for frame in frames]
    same = all(value == counted[0] for value in counted)
    n_flat = counted[0][0] if same else np.array([n for n, _ in counted])
    exposure = counted[0][1] if same else np.array([e for _, e in counted])
    found = PhotonNoise(i0, n_flat, exposure, models[0].read_noise, beam)
    if own or not alike:
        return found
    return replace(found, flats=models[0].flats, n_flat=models[0].n_flat, flat_exposure=models[0].flat_exposure)


def _same_or_none(first: Any, second: Any) -> bool:
    return (first is None and second is None) or (first is not None and second is not None and _same(first, second))


def _lazy_images(plan: Plan, models: list[PhotonNoise], frames: Sequence[Frame], inner: tuple[int, ...]) -> Any:
    import dask
    import dask.array as da

    image = dask.delayed(_photon_image, pure=False)  # type: ignore[attr-defined]
    # The models of lazy files hold lazy images, which each frame reads where it needs them.
    fixed = [dask.delayed(value, traverse=False) for value in (plan, models)]  # type: ignore[attr-defined]
    parts = [
        da.from_delayed(image(*fixed, frame.made_from, inner, with_beam=True), inner, np.float32)  # type: ignore[no-untyped-call]
        for frame in frames
    ]
    return da.stack(parts)  # type: ignore[no-untyped-call]


def _photon_image(
    plan: Plan,
    models: list[PhotonNoise],
    made_from: Sequence[tuple[int, int]],
    inner: tuple[int, ...],
    *,
    with_beam: bool,
) -> Float32Array:
    """Return the photons without sample that give a frame of the joined stack its variance."""
    variance, shares = np.zeros(inner), np.zeros(inner)
    order = made_from if plan.choice != "last" else made_from[::-1]
    for k, m in order:
        found = plan.boxes(k)
        if found is None:
            continue
        place, part = found
        model = models[k]
        photons = np.asarray(model.i0[0 if model.i0.shape[0] == 1 else m], dtype=np.float64)
        if with_beam and model.beam is not None:
            photons = photons * float(np.asarray(model.beam).ravel()[m])
        whole = np.broadcast_to(photons, (*inner[:-2], *plan.tiles[k]))
        weight = np.broadcast_to(plan.weights(k)[part], whole[(..., *part)].shape)
        if plan.choice != "average":
            weight = np.where(shares[(..., *place)] == 0, weight, 0)
        own = plan.gain(k) * plan.factor[k] ** 2 * _factor(model, m)
        variance[(..., *place)] += weight**2 * own / np.maximum(whole[(..., *part)], 1e-30)
        shares[(..., *place)] += weight
    with np.errstate(invalid="ignore", divide="ignore"):
        image = shares**2 / variance
    # Nothing is there, so nothing depends on it; a number keeps means finite.
    known = np.isfinite(image)
    return np.where(known, image, image[known].mean() if known.any() else 1.0).astype(np.float32)


def _factor(model: PhotonNoise, m: int) -> float:
    return 1.0 if model.variance_factor is None else float(np.asarray(model.variance_factor).ravel()[m])


def _flat_photons(models: list[PhotonNoise], made_from: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the number of flats and their exposure for a frame; of several stacks those with the fewest photons.

    A flat that energies share becomes one of its own: stacks of several files share it in parts only.
    """
    told = []
    for k, m in made_from:
        model = models[k]
        exposure = _at(model.flat_exposure, m)
        if model.flats is not None:
            exposure = 1.0 if model.beam is None else 1 / float(np.asarray(model.beam).ravel()[m])
        told.append((_at(model.n_flat, m), exposure))
    return min(told, key=lambda pair: pair[0] * pair[1])


def _at(values: Any, m: int) -> float:
    numbers = np.ravel(np.asarray(values, dtype=np.float64))
    return float(numbers[0] if numbers.size == 1 else numbers[m])


def _amounts(plan: Plan, models: list[AmountNoise], frames: Sequence[Frame], kind: Kind) -> AmountNoise:
    """Return the errors of amounts: those of each stack are independent of those of the others."""
    inner = (*np.shape(models[0].factors)[2:-2], *plan.shape)
    spread = [np.asarray(model.factors) for model in models]
    parts = shares(plan, range(len(models)), inner) if kind == "tiles" else None
    sources = sum(factors.shape[1] for factors in spread)
    if parts is not None:
        joined = np.zeros((spread[0].shape[0], sources, *inner), np.float32)
    else:
        joined = np.zeros((sum(f.shape[0] for f in spread), sources, *inner), np.float32)
    row = column = 0
    for k, factors in enumerate(spread):
        found = plan.boxes(k)
        rows = slice(0, factors.shape[0]) if parts is not None else slice(row, row + factors.shape[0])
        if found is not None:
            place, part = found
            share = 1.0 if parts is None else parts[k][(..., *place)]
            joined[rows, column : column + factors.shape[1], ..., *place] = (
                factors[(..., *part)] * plan.factor[k] * share
            )
        row, column = row + factors.shape[0], column + factors.shape[1]
    if parts is not None:
        return AmountNoise(np.asarray(models[0].columns), joined)
    return AmountNoise(_block_columns(plan, models, frames), joined)


def _block_columns(plan: Plan, models: list[AmountNoise], frames: Sequence[Frame]) -> Float64Array:
    """Return spectra (E, sum N) of all segments, 0 in the frames of others."""
    columns = [np.asarray(model.columns, dtype=np.float64) for model in models]
    starts = np.cumsum([0, *(column.shape[1] for column in columns)])
    joined = np.zeros((len(frames), int(starts[-1])))
    for row, frame in zip(joined, frames, strict=True):
        chosen = taken(plan, frame)
        total = sum(plan.weight[k] for k, _ in chosen)
        for k, m in chosen:
            row[starts[k] : starts[k + 1]] = columns[k][m] * plan.weight[k] / total
    return joined
