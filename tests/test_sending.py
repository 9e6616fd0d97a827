"""Values are sent to other processes, copied, and used in processes that were forked."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap, Source, SpectralStack, Spectrum, Step, blocks, history
from napari_xanes.field_mapping import FrozenMapping
from napari_xanes.noise import PhotonNoise

ENERGY = np.linspace(8300.0, 8400, 6)
COUNTS = np.random.default_rng(5).poisson(900, (6, 8, 7)).astype(np.float32)
SPECTRUM = Spectrum("NiO", ENERGY, np.arange(6.0), 2, np.ones(6), {"normalized": True})
STEPS = (Step("crop", {"energy": [8310, 8390]}, {"energy": [8310.0, 8390.0]}, "0.1"), Step("denoise_pca"))
SOURCE = Source("/data/scan.h5", "sha256:0", {"select": 1}, ("frames sorted by energy",))
STACK = SpectralStack(
    COUNTS,
    ENERGY,
    "counts",
    0.04,
    STEPS,
    SOURCE,
    {"i0": np.full(6, 1e3), "references": [SPECTRUM], "nested": {"gain": 2.0}},
)
MAP = ParameterMap(COUNTS[0].astype(np.int32) % 2, "1", labels={1: "NiO"})
MAPS = MapSet({"phase": MAP, "e0": ParameterMap(COUNTS[0], "eV", COUNTS[1])}, STEPS, SOURCE, 0.04, {"fit": {"a": 1}})

VALUES = [STEPS[0], SOURCE, SPECTRUM, STACK, MAP, MAPS, STACK.corrections, PhotonNoise(COUNTS, beam=np.ones(6))]

WAYS = [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]


def plain(value: Any) -> Any:
    """Return all fields of a value as numbers, text, lists and mappings."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict | FrozenMapping):
        return {key: plain(item) for key, item in value.items()}
    return history.to_plain(value)


@pytest.mark.parametrize("way", WAYS, ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_copy_of_a_value_has_all_its_fields(value: Any, way: Callable[[Any], Any]) -> None:
    received = way(value)
    assert type(received) is type(value)
    assert plain(received) == plain(value)


def test_the_metadata_of_a_layer_can_be_copied() -> None:
    copied = copy.deepcopy({"xanes": {"metadata": STACK.metadata, "history": STACK.history}})
    assert plain(copied["xanes"]["metadata"]) == plain(STACK.metadata)
    assert copied["xanes"]["metadata"]["references"][0] is not SPECTRUM


def test_frozen_mappings_stay_frozen() -> None:
    items = {"gain": 4.0}
    frozen = pickle.loads(pickle.dumps(FrozenMapping(items)))
    items["gain"] = 5.0
    assert frozen == {"gain": 4.0} == FrozenMapping({"gain": 4.0})
    assert ({"gain": 1} | frozen, frozen | {"gain": 1}, frozen.copy()) == ({"gain": 4.0}, {"gain": 1}, {"gain": 4.0})
    with pytest.raises(TypeError):
        frozen["gain"] = 1


def test_what_was_kept_for_speed_is_not_sent() -> None:
    noise = PhotonNoise(COUNTS)
    n_bytes = len(pickle.dumps(noise))
    noise.variance(np.zeros((6, 56), np.float32), slice(None))
    assert len(pickle.dumps(noise)) == n_bytes


@pytest.mark.parametrize("way", WAYS, ids=["deepcopy", "pickle"])
def test_a_lazy_stack_is_sent_as_its_source_and_its_operations(tmp_path: Path, way: Callable[[Any], Any]) -> None:
    edge = np.array([1, 1, 0.9, 0.4, 0.4, 0.4], np.float32)[:, None, None]
    nx.write(SpectralStack(COUNTS * edge, ENERGY), tmp_path / "a.h5")
    stack = nx.read(tmp_path / "a.h5", memory_limit=1)
    i0 = Spectrum("I0", ENERGY, np.full(6, 1e3))
    depth = nx.ops.normalize_edge(nx.ops.optical_depth(stack, i0=i0), e0=8340.0, pre=(-40, -10), post=(20, 60))
    for lazy in (stack, depth):
        received = way(lazy)
        assert received.is_lazy
        assert received.history == lazy.history
        np.testing.assert_array_equal(np.asarray(received.data), np.asarray(lazy.data))


def test_a_lazy_stack_takes_few_bytes(tmp_path: Path) -> None:
    nx.write(SpectralStack(np.zeros((6, 128, 128), np.float32), ENERGY), tmp_path / "a.h5")
    assert len(pickle.dumps(nx.read(tmp_path / "a.h5", memory_limit=1))) < 10_000


class Library:
    """A linear algebra library that counts its threads."""

    n_threads = 4

    def limit(self, *, limits: int, user_api: str) -> Library:
        assert user_api == "blas"
        self.original, Library.n_threads = Library.n_threads, limits
        return self

    def restore_original_limits(self) -> None:
        Library.n_threads = self.original


def test_matrix_products_get_their_cores_back_after_the_last_of_overlapping_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "_blas", Library)
    first, second = blocks.single_threaded_blas(), blocks.single_threaded_blas()
    first.__enter__()
    second.__enter__()
    assert Library.n_threads == 1
    first.__exit__(None, None, None)
    assert Library.n_threads == 1
    second.__exit__(None, None, None)
    assert Library.n_threads == 4


def _sum_of(stack: SpectralStack) -> float:
    totals: list[float] = []
    blocks.over_pixels(lambda block, pixels: totals.append(float(block.sum(dtype=np.float64))), stack.data, threads=2)
    return sum(totals)


def _put_sum(stack: SpectralStack, queue: Any) -> None:
    queue.put((_sum_of(stack), float(stack.data.sum().compute())))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="processes can't fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_a_forked_process_computes_after_threads_ran(suffix: str, tmp_path: Path) -> None:
    nx.write(SpectralStack(COUNTS, ENERGY), tmp_path / f"a{suffix}")
    stack = nx.read(tmp_path / f"a{suffix}", memory_limit=1)
    expected = pytest.approx(COUNTS.sum(dtype=np.float64), rel=1e-5)
    assert (_sum_of(stack), float(stack.data.sum().compute())) == (expected, expected)
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with blocks.single_threaded_blas():
            inside.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_put_sum, args=(stack, queue))
    process.start()
    try:
        assert queue.get(timeout=120) == (expected, expected)
    finally:
        process.kill()
        process.join()
        done.set()
        thread.join()
