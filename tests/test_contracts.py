"""What holds for every operation and every estimator, whoever wrote it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import MapSet, Recipe, SpectralStack, Spectrum, Step
from napari_xanes.maps import ESTIMATORS
from napari_xanes.ops import OPERATIONS
from napari_xanes.recipe import method_of

METHODS = [*OPERATIONS, *ESTIMATORS]

PIXELWISE = [name for name in METHODS if not name.startswith("denoise")]
"""Methods that look at each pixel for itself, after what they settled once. What holds for the others instead is in
their own tests."""


@pytest.fixture
def stack_for(
    count_stack: SpectralStack, depth_stack: SpectralStack, l_edge_stack: SpectralStack
) -> Mapping[str, SpectralStack]:
    special = {"optical_depth": count_stack, "match_library": l_edge_stack}
    return {name: special.get(name, depth_stack) for name in METHODS}


@pytest.fixture
def needed(references: list[Spectrum]) -> dict[str, dict[str, Any]]:
    """Values for the parameters that have no default."""
    by_kind = {"references": references}
    made = {
        name: {p.name: by_kind[p.kind] for p in method_of(name).parameters.values() if p.required} for name in METHODS
    }
    made["match_library"] = {"library": "mn-l23-oh"}
    return made


def values_of(result: SpectralStack | MapSet) -> dict[str, np.ndarray]:
    if isinstance(result, MapSet):
        found = {name: np.asarray(one.data) for name, one in result.items()}
        return found | {f"{name} sigma": one.sigma for name, one in result.items() if one.sigma is not None}
    return {"data": np.asarray(result.data)}


def tile(stack: SpectralStack, rows: slice) -> SpectralStack:
    """Some rows of a stack, with what belongs to them."""
    return stack.isel(box=(rows, slice(None)))


def as_lazy(stack: SpectralStack) -> SpectralStack:
    import dask.array as da

    return stack.with_data(da.from_array(stack.data, chunks=(7, 2, 3)))


@pytest.mark.parametrize("name", PIXELWISE)
def test_tiles_give_the_same_as_the_whole(name: str, stack_for: Any, needed: Any) -> None:
    whole = method_of(name)(stack_for[name], **needed[name])
    step = whole.history[-1]
    parts = [
        nx.run([Step(name, step.parameters, step.state)], tile(stack_for[name], rows))
        for rows in (slice(0, 2), slice(2, 6))
    ]
    for key, values in values_of(whole).items():
        joined = np.concatenate([values_of(part)[key] for part in parts], axis=-2)
        np.testing.assert_allclose(joined, values, rtol=2e-5, atol=2e-6, err_msg=key)


@pytest.mark.parametrize("name", METHODS)
def test_lazy_gives_the_same_as_in_memory(name: str, stack_for: Any, needed: Any) -> None:
    whole = method_of(name)(stack_for[name], **needed[name])
    lazy = method_of(name)(as_lazy(stack_for[name]), **needed[name])
    if isinstance(lazy, SpectralStack):
        assert lazy.is_lazy
    for key, values in values_of(whole).items():
        np.testing.assert_allclose(values_of(lazy)[key], values, rtol=2e-5, atol=2e-6, err_msg=key)


@pytest.mark.parametrize("name", METHODS)
def test_nothing_that_goes_in_is_changed(name: str, stack_for: Any, needed: Any) -> None:
    stack = stack_for[name]
    data = stack.data.copy()
    arrays = {key: value.copy() for key, value in stack.metadata.items() if isinstance(value, np.ndarray)}
    stack.data.flags.writeable = False
    method_of(name)(stack, **needed[name])
    np.testing.assert_array_equal(stack.data, data)
    for key, value in arrays.items():
        np.testing.assert_array_equal(stack.metadata[key], value)


@pytest.mark.parametrize("name", METHODS)
def test_nan_in_is_nan_or_masked_out(name: str, stack_for: Any, needed: Any) -> None:
    data = stack_for[name].data.copy()
    data[:, 1, 2] = np.nan
    data[20, 3, 4] = np.nan
    result = method_of(name)(stack_for[name].with_data(data), **needed[name])
    if isinstance(result, MapSet):
        for key, one in result.items():
            assert not one.mask[1, 2], key
            assert not one.mask[3, 4], key
            assert one.labels is not None or not np.isfinite(one.data[1, 2]), key
    else:
        assert np.isnan(result.data[:, 1, 2]).all()


@pytest.mark.parametrize("name", METHODS)
def test_results_are_float32_and_have_units(name: str, stack_for: Any, needed: Any) -> None:
    result = method_of(name)(stack_for[name], **needed[name])
    assert result.pixel_size == stack_for[name].pixel_size
    if isinstance(result, MapSet):
        assert all(one.labels is not None or one.data.dtype == np.float32 for one in result.values())
        assert all(one.unit for one in result.values())
        main = [one for one in result.values() if one.labels is None and not one.companion]
        assert all(one.sigma is not None for one in main)
    else:
        assert result.data.dtype == np.float32


@pytest.mark.parametrize("name", PIXELWISE)
def test_volumes_work_like_images(name: str, stack_for: Any, needed: Any) -> None:
    flat = stack_for[name]
    cut = {k: v.reshape(*v.shape[:-2], 2, 3, 7) for k, v in flat.metadata.items() if getattr(v, "ndim", 0) >= 2}
    volume = SpectralStack(
        flat.data.reshape(-1, 2, 3, 7), flat.energy, flat.quantity, 0.05, metadata={**flat.metadata, **cut}
    )
    expected = method_of(name)(flat, **needed[name])
    found = method_of(name)(volume, **needed[name])
    for key, values in values_of(expected).items():
        np.testing.assert_allclose(
            values_of(found)[key].reshape(values.shape), values, rtol=2e-5, atol=2e-6, err_msg=key
        )


@pytest.mark.parametrize("name", METHODS)
def test_steps_survive_yaml(name: str, stack_for: Any, needed: Any) -> None:
    done = method_of(name)(stack_for[name], **needed[name]).history[-1]
    assert set(done.parameters) == set(method_of(name).parameters)
    back = Recipe.from_yaml(Recipe([done]).to_yaml(exact=True))[0]
    assert back == done


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_survives_yaml(name: str, needed: Any) -> None:
    method = method_of(name)
    for parameter in method.parameters.values():
        for value in _values_to_try(parameter):
            step = Step(name, {**needed[name], parameter.name: value})
            back = Recipe.from_yaml(Recipe([step]).to_yaml())[0]
            assert back == step
            checked = method.validated(back.parameters)[parameter.name]
            assert checked == (tuple(value) if isinstance(checked, tuple) else value)


def _values_to_try(parameter: Any) -> list[Any]:
    low, high = parameter.spec.ge, parameter.spec.le
    numbers = [v for v in (1e-6, 12658.0, -0.5) if (low is None or v >= low) and (high is None or v <= high)]
    return {
        "float": numbers,
        "int": [int(v) for v in (low, high) if v is not None],
        "bool": [True, False],
        "choice": list(parameter.choices),
        "text": ["µm, 'quoted'"],
        "range": [[a, b] for a in numbers for b in numbers if a < b],
        "numbers": [numbers],
    }.get(parameter.kind, [])


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_is_documented(name: str) -> None:
    method = method_of(name)
    text = inspect.getdoc(method) or ""
    assert method.summary.endswith(".")
    assert "shape (E, Y, X)" in text
    for section in ("Parameters", "Returns", "Raises", "Examples"):
        assert f"\n{section}\n" in text, section
    for parameter in method.parameters.values():
        assert parameter.description, parameter.name
        if parameter.spec.unit and parameter.spec.unit != "1":
            assert parameter.spec.unit in parameter.description, f"{parameter.name}: no {parameter.spec.unit}"


@pytest.mark.parametrize("name", METHODS)
def test_an_all_nan_frame_is_named(name: str, stack_for: Any, needed: Any) -> None:
    data = stack_for[name].data.copy()
    data[20] = np.nan
    stack = stack_for[name].with_data(data)
    if name in ("crop", "optical_depth"):  # frames stand for themselves here
        assert np.isnan(method_of(name)(stack, **needed[name]).data[20]).all()
        return
    with pytest.raises(ValueError, match=rf"frame 20 \({stack.energy[20]:.1f} eV\)"):
        method_of(name)(stack, **needed[name])


def test_public_functions_are_documented() -> None:
    for function in (nx.read, nx.read_maps, nx.read_spectra, nx.write, nx.run):
        text = inspect.getdoc(function) or ""
        assert "Parameters\n" in text, function
        assert "Raises\n" in text, function


def test_names_lead_to_the_functions() -> None:
    assert nx.ops.crop is OPERATIONS["crop"]
    assert nx.maps.fit_references is ESTIMATORS["fit_references"]
    with pytest.raises(AttributeError, match="there are crop"):
        nx.ops.sharpen  # noqa: B018


def test_registered_files_exist() -> None:
    for package, registry in (("ops", OPERATIONS), ("maps", ESTIMATORS)):
        for name, method in registry.items():
            home = Path(inspect.getfile(method.function))
            assert home.parent.name == package
            assert method.name == name
