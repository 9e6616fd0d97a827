"""Checks that every operation and estimator must pass.

The arguments of each check are a method, a stack that it accepts, and the parameters that it needs. `checks_of` lists
the checks for a method; they depend on the data that the method uses (``looks_at``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import MapSet, Recipe, SpectralStack, Spectrum, Step
from napari_xanes.exploring.basis import ComponentBasis
from napari_xanes.exploring.clusters import Clusters
from napari_xanes.exploring.phases import SmallPhases
from napari_xanes.exploring.pure_spectra import PureSpectra
from napari_xanes.exploring.sparse_model import SparseModel
from napari_xanes.history import to_plain
from napari_xanes.maps.fitting.error_model import ErrorModel
from napari_xanes.maps.searching.library import load_spectra_library
from napari_xanes.maps.searching.stack_search import StackReferences
from napari_xanes.parameters import Parameter
from napari_xanes.region_labels import LabelImage
from napari_xanes.registry import Method

Check = Callable[[Method[Any], SpectralStack, Mapping[str, Any]], None]


def checks_of(method: Method[Any]) -> list[Check]:
    """Return the checks that apply to a method."""
    checks: list[Check] = [
        lazy_and_in_memory_give_the_same_result,
        inputs_are_not_changed,
        nan_gives_nan_or_a_masked_pixel,
        results_are_float32_and_have_units,
        steps_from_yaml_repeat_the_result,
        yaml_keeps_every_parameter,
        everything_is_documented,
    ]
    if method.name == "complete_sparse":
        # Its purpose is to fill what is missing; its own tests say where it does not.
        checks.remove(nan_gives_nan_or_a_masked_pixel)
    if method.looks_at in ("frame", "pixel"):
        checks += [tiles_and_whole_give_the_same_result, volumes_work_like_images]
    else:
        checks += [slices_of_volumes_are_processed_like_images]
    if method.looks_at == "frame":
        checks += [an_all_nan_frame_stays_nan, one_frame_of_a_lazy_stack_is_computed_alone]
    else:
        checks += [error_names_an_all_nan_frame]
    return checks


def values_of(result: SpectralStack | MapSet) -> dict[str, np.ndarray]:
    """Return the arrays of a result by name."""
    if isinstance(result, MapSet):
        values = {name: np.asarray(item.data) for name, item in result.items()}
        return values | {f"{name} sigma": item.sigma for name, item in result.items() if item.sigma is not None}
    return {"data": np.asarray(result.data)}


def assert_same_values(actual: SpectralStack | MapSet, expected: SpectralStack | MapSet) -> None:
    for name, values in values_of(expected).items():
        np.testing.assert_allclose(values_of(actual)[name], values, rtol=2e-5, atol=2e-6, err_msg=name)


def as_lazy(stack: SpectralStack) -> SpectralStack:
    import dask.array as da

    return stack.with_data(da.from_array(stack.data, chunks=(7, 2, 3)))


def as_volume(stack: SpectralStack) -> SpectralStack:
    """Return a volume of two slices from the rows of an image, with all data that belong to pixels."""

    def folded(image: Any) -> Any:
        return image.reshape(*image.shape[:-2], 2, image.shape[-2] // 2, image.shape[-1])

    images = {name: folded(value) for name, value in stack.metadata.items() if getattr(value, "ndim", 0) >= 2}
    metadata = {**stack.metadata, **images}
    return SpectralStack(folded(stack.data), stack.energy, stack.quantity, 0.05, metadata=metadata)


def tiles_and_whole_give_the_same_result(
    method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]
) -> None:
    whole = method(stack, **parameters)
    step = whole.history[-1]
    tiles = [stack.isel(box=(rows, slice(None))) for rows in (slice(0, 2), slice(2, None))]
    parts = [nx.run([Step(step.name, step.parameters, step.state)], tile) for tile in tiles]
    for name, values in values_of(whole).items():
        joined = np.concatenate([values_of(part)[name] for part in parts], axis=-2)
        np.testing.assert_allclose(joined, values, rtol=2e-5, atol=2e-6, err_msg=name)


def lazy_and_in_memory_give_the_same_result(
    method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]
) -> None:
    lazy = method(as_lazy(stack), **parameters)
    if isinstance(lazy, SpectralStack):
        assert lazy.is_lazy
    assert_same_values(lazy, method(stack, **parameters))


def inputs_are_not_changed(method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]) -> None:
    data = stack.data.copy()
    arrays = {name: value.copy() for name, value in stack.metadata.items() if isinstance(value, np.ndarray)}
    stack.data.flags.writeable = False
    method(stack, **parameters)
    np.testing.assert_array_equal(stack.data, data)
    for name, value in arrays.items():
        np.testing.assert_array_equal(stack.metadata[name], value)


def nan_gives_nan_or_a_masked_pixel(method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]) -> None:
    data = stack.data.copy()
    data[:, 1, 2] = np.nan
    data[20, 3, 4] = np.nan
    result = method(stack.with_data(data), **parameters)
    if isinstance(result, MapSet):
        for name, item in result.items():
            assert not item.mask[1, 2], name
            assert not item.mask[3, 4], name
            assert item.labels is not None or not np.isfinite(item.data[1, 2]), name
    else:
        assert np.isnan(result.data[:, 1, 2]).all()
        assert np.isnan(result.data[20, 3, 4])


def results_are_float32_and_have_units(
    method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]
) -> None:
    result = method(stack, **parameters)
    assert result.pixel_size == stack.pixel_size
    if isinstance(result, MapSet):
        assert all(item.labels is not None or item.data.dtype == np.float32 for item in result.values())
        assert all(item.unit for item in result.values())
        main = [item for item in result.values() if item.labels is None and not item.companion]
        assert all(item.sigma is not None for item in main)
    else:
        assert result.data.dtype == np.float32


def volumes_work_like_images(method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]) -> None:
    image, volume = method(stack, **parameters), method(as_volume(stack), **parameters)
    for name, values in values_of(image).items():
        folded = values_of(volume)[name].reshape(values.shape)
        np.testing.assert_allclose(folded, values, rtol=2e-5, atol=2e-6, err_msg=name)


def slices_of_volumes_are_processed_like_images(
    method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]
) -> None:
    volume = stack.with_data(np.stack([stack.data, stack.data[:, ::-1]], axis=1), pixel_size=None)
    result = method(volume, **parameters)
    step = result.history[-1]
    for z in range(2):
        image = volume.isel(box=(z, slice(None), slice(None)))
        alone = nx.run([Step(step.name, step.parameters, step.state)], image)
        for name, values in values_of(alone).items():
            np.testing.assert_allclose(values_of(result)[name][..., z, :, :], values, rtol=1e-4, atol=1e-5)


def steps_from_yaml_repeat_the_result(method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]) -> None:
    first = method(stack, **parameters)
    done = first.history[-1]
    assert set(done.parameters) == set(method.parameters)
    reread = Recipe.from_yaml(Recipe([done]).to_yaml(exact=True))[0]
    assert reread == done
    for name, value in done.parameters.items():
        assert to_plain(method.validated(reread.parameters)[name]) == to_plain(method.validated(done.parameters)[name])
        assert to_plain(value) == reread.parameters[name]
    repeated = nx.run([reread], stack)
    for name, values in values_of(first).items():
        np.testing.assert_array_equal(values_of(repeated)[name], values, err_msg=name)


def yaml_keeps_every_parameter(method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]) -> None:
    for parameter in method.parameters.values():
        values = values_to_try(parameter)
        assert values, f"no value to try for {parameter.name}, a parameter of kind {parameter.kind!r}"
        for value in values:
            step = Step(method.name, {**parameters, parameter.name: value})
            reread = Recipe.from_yaml(Recipe([step]).to_yaml())[0]
            assert reread == step
            checked = method.validated(reread.parameters)[parameter.name]
            assert to_plain(checked) == to_plain(value), parameter.name
            assert type(checked) is type(method.validated(step.parameters)[parameter.name])


def values_to_try(parameter: Parameter) -> list[Any]:
    """Return values of the parameter's type, as a user gives them in Python; an empty list for an unknown type."""
    low, high = parameter.spec.ge, parameter.spec.le
    candidates = [1e-6, 12658.0, -0.5, *(bound for bound in (low, high) if bound is not None)]
    numbers = [v for v in candidates if (low is None or v >= low) and (high is None or v <= high)]
    grid = np.linspace(8300.0, 8400.0, 21)
    spectra = [
        Spectrum("NiO: 'µ'", grid, np.arctan(grid - 8343.1), 2.0, np.full(21, 0.1), {"normalized": False}),
        Spectrum("yes", grid + 0.1, np.arctan(grid - 8345.7) / 3, 3.5, metadata={"normalized": True}),
    ]
    mask = np.zeros((4, 5), dtype=bool)
    mask[0, 0] = mask[2, 1:4] = True
    regions = [(0, 2, 1, 3), mask, ~mask, np.stack([mask, ~mask])]
    values: dict[str, list[Any]] = {
        "float": numbers,
        "int": [int(bound) for bound in (low, high) if bound is not None] or [0],
        "bool": [True, False],
        "choice": list(parameter.choices),
        "text": ["µm, 'quoted'", "yes"],
        "range": [(a, b) for a in numbers for b in numbers if a < b],
        "ranges": [[(a, b) for a in numbers for b in numbers if a < b]],
        "numbers": [numbers],
        "integers": [[0, 3, -1]],
        "references": [spectra, spectra[:1]],
        "calibration": [spectra, spectra[:1]],
        "reference": spectra,
        "i0": ["auto", "flat", "empty", *spectra, *regions],
        "region": regions,
        "regions": [LabelImage(2 * mask), [(0, 2, 1, 3), mask], [np.stack([mask, ~mask])]],
        "error_model": [ErrorModel(grid, np.linspace(0.5, 1.5, 21), freedom=np.inf, warnings=["'µ': off"])],
        "component_basis": [
            ComponentBasis(grid, np.ones((2, 21)), np.full((2, 21), 0.1), np.full(21, 0.02), np.arange(21.0), 1.2)
        ],
        "spectra_library": [load_spectra_library(spectra), load_spectra_library("fe-k")],
        "stack_references": [StackReferences(grid, ["'µ'"], np.ones((1, 21)), 0.5, [{"misfit": 0.1}], [], ["off"])],
        "small_phases": [
            SmallPhases(grid, np.eye(2, 21), np.full(21, 0.02), np.eye(1, 21), np.array([7.5]), 400, ["'µ': off"]),
        ],
        "clusters": [
            Clusters("angle", np.eye(2), [1, 2], [0.4, 0.6], np.eye(2)[None], True, 0.9, "2 clusters"),  # type: ignore[arg-type]
        ],
        "pure_spectra": [
            PureSpectra(grid, np.ones(21), *np.ones((4, 2, 21)), np.eye(2)[None], ["a", "'µ'"], "2 spectra"),
        ],
        "sparse_model": [SparseModel(grid, np.ones((2, 21)), np.ones(2), np.eye(2), 1.1, 0.02, 0.019)],
        "shifts": [
            nx.Alignment([[0.1, -2.0], [1e-6, 0.0]]),
            nx.Alignment(
                [[0.5, 1.0]], [[np.nan, 0.1]], [np.nan], np.array([True]), [8343.1], 1.2, "frame 0: 'µ' is off"
            ),
        ],
        "library": [nx.theory.load_library("mn-l23-oh"), nx.theory.load_library(spectra)],
    }
    return values.get(parameter.kind, []) + ([None] if parameter.optional else [])


def everything_is_documented(method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]) -> None:
    text = inspect.getdoc(method) or ""
    assert method.summary.endswith(".")
    assert "shape (E, Y, X)" in text
    for section in ("Parameters", "Returns", "Raises", "Examples"):
        assert f"\n{section}\n" in text, section
    for parameter in method.parameters.values():
        assert parameter.description, parameter.name
        if parameter.spec.unit and parameter.spec.unit != "1":
            assert parameter.spec.unit in parameter.description, f"{parameter.name}: no {parameter.spec.unit}"


def with_an_empty_frame(stack: SpectralStack) -> SpectralStack:
    data = stack.data.copy()
    data[20] = np.nan
    return stack.with_data(data)


def an_all_nan_frame_stays_nan(method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]) -> None:
    assert np.isnan(method(with_an_empty_frame(stack), **parameters).data[20]).all()


def error_names_an_all_nan_frame(method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"frame 20 \({stack.energy[20]:.1f} eV\)"):
        method(with_an_empty_frame(stack), **parameters)


def one_frame_of_a_lazy_stack_is_computed_alone(
    method: Method[Any], stack: SpectralStack, parameters: Mapping[str, Any]
) -> None:
    import dask.array as da

    loaded: list[int] = []

    def load(block_info: Any = None) -> np.ndarray:
        frame = block_info[None]["chunk-location"][0]
        loaded.append(frame)
        return stack.data[frame : frame + 1]

    chunks = ((1,) * stack.shape[0], *((n,) for n in stack.shape[1:]))
    data = da.map_blocks(load, chunks=chunks, dtype=stack.data.dtype, meta=np.empty((0, 0, 0), stack.data.dtype))
    step = method(stack, **parameters).history[-1]
    result = nx.run([Step(step.name, step.parameters, step.state)], stack.with_data(data))
    assert loaded == []
    np.asarray(result.data[3])
    assert loaded == [3]
