"""Maps of a scan that grows, and the final ones."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from dask import delayed
from tests.live.writers import age, fit_recipe, frame_path, transmission, write_frame

import napari_xanes as nx
from napari_xanes.io.unchanged import FileChangedError
from napari_xanes.live.ending import Ending
from napari_xanes.live.following import Update, described, follow
from napari_xanes.live.frame_folder import FrameFolder
from napari_xanes.live.quick import DIFFERENCE, SINGLE
from napari_xanes.live.so_far import MapsSoFar
from napari_xanes.live.source import View

READING = {"quantity": "transmission"}


@pytest.fixture(scope="module")
def stack() -> nx.SpectralStack:
    return transmission(size=10, every=2)


def looked(source: FrameFolder, recipe: nx.Recipe) -> Update:
    (update,) = follow(source, recipe, once=True)
    return update


def test_maps_grow_with_the_scan(tmp_path: Path, stack: nx.SpectralStack) -> None:
    recipe, n = fit_recipe(), stack.energy.size
    source = FrameFolder(tmp_path, READING, Ending(energies=n))
    updates = follow(source, recipe, poll=0.001)
    seen = []
    for i in range(n - 1):
        write_frame(tmp_path, stack, i)
        update = next(updates)
        assert update.maps is not None
        assert update.maps.metadata["so_far"]["energies"] == i + 1
        assert any(text.startswith("not final") for text in update.maps.metadata["warnings"])
        seen.append(set(update.maps))
    assert seen[0] == {SINGLE}
    assert seen[1] == {DIFFERENCE}
    assert {"valence", "edge_jump"} <= seen[-1]
    direct = nx.run(recipe, nx.read(tmp_path, **READING))
    assert isinstance(update.maps, nx.MapSet)
    assert isinstance(direct, nx.MapSet)
    both = direct["valence"].mask & update.maps["valence"].mask
    assert both.any()
    np.testing.assert_allclose(update.maps["valence"].data[both], direct["valence"].data[both], rtol=1e-5)


def test_volumes_grow_as_images_do(tmp_path: Path, stack: nx.SpectralStack) -> None:
    images = np.asarray(stack.data)
    slices = [images, images[:, ::-1], images[:, :, ::-1]]
    volume = nx.SpectralStack(np.stack(slices, axis=1), stack.energy, "transmission")
    recipe, n = fit_recipe(), stack.energy.size
    for i in range(n - 1):
        write_frame(tmp_path, volume, i)
    source = FrameFolder(tmp_path, READING)
    so_far = looked(source, recipe).maps
    assert isinstance(so_far, nx.MapSet)
    direct = nx.run(recipe, volume.isel(slice(0, n - 1)))
    assert isinstance(direct, nx.MapSet)
    assert so_far["valence"].data.shape == (3, 10, 10)
    both = direct["valence"].mask & so_far["valence"].mask
    assert both.any(axis=(1, 2)).all()
    np.testing.assert_allclose(so_far["valence"].data[both], direct["valence"].data[both], rtol=1e-4)
    write_frame(tmp_path, volume, n - 1)
    final = list(nx.watch(tmp_path, recipe, poll=0.01, reading=READING, ending=Ending(energies=n)))[-1].maps
    assert isinstance(final, nx.MapSet)
    whole = nx.run(recipe, nx.read(tmp_path, **READING))
    assert isinstance(whole, nx.MapSet)
    np.testing.assert_array_equal(final["valence"].data, whole["valence"].data)


def test_a_recipe_without_steps_gives_the_stack_so_far(tmp_path: Path, stack: nx.SpectralStack) -> None:
    for i in range(3):
        write_frame(tmp_path, stack, i)
    so_far = looked(FrameFolder(tmp_path, READING), nx.Recipe(())).maps
    assert isinstance(so_far, nx.SpectralStack)
    np.testing.assert_array_equal(so_far.data, stack.data[:3])


def test_the_last_maps_are_those_of_run(tmp_path: Path, stack: nx.SpectralStack) -> None:
    recipe = fit_recipe()

    def measure() -> None:
        for i in np.random.default_rng(1).permutation(stack.energy.size):
            write_frame(tmp_path, stack, int(i))

    instrument = threading.Thread(target=measure)
    instrument.start()
    ending = Ending(energies=stack.energy.size)
    updates = list(nx.watch(tmp_path, recipe, poll=0.01, reading=READING, ending=ending))
    instrument.join()
    assert [update.is_final for update in updates] == [False] * (len(updates) - 1) + [True]
    direct = nx.run(recipe, nx.read(tmp_path, **READING))
    last = updates[-1].maps
    assert isinstance(last, nx.MapSet)
    assert "so_far" not in last.metadata
    for name, one in direct.items():
        np.testing.assert_array_equal(last[name].data, one.data)
        if one.sigma is not None:
            np.testing.assert_array_equal(last[name].sigma, one.sigma)


def test_a_frame_that_is_written_again_replaces_the_first(tmp_path: Path, stack: nx.SpectralStack) -> None:
    recipe = fit_recipe()
    source = FrameFolder(tmp_path, READING)
    for i in range(stack.energy.size):
        write_frame(tmp_path, stack, i)
    other = nx.SpectralStack(stack.data * np.float32(0.5), stack.energy, "transmission")
    updates = follow(source, recipe, poll=0.001)
    first = next(updates)
    write_frame(tmp_path, other, 3)
    age(frame_path(tmp_path, stack.energy[3]), 50)
    second = next(updates)
    assert second.view.told
    direct = nx.run(recipe, nx.read(tmp_path, **READING))
    for update, same in ((first, False), (second, True)):
        assert np.allclose(update.maps["residual_rms"].data, direct["residual_rms"].data, rtol=1e-5) is same


def test_other_recipes_run_on_all_frames_so_far(tmp_path: Path, stack: nx.SpectralStack) -> None:
    recipe = nx.Recipe(
        [nx.Step("optical_depth"), nx.Step("difference_map", {"background": [8330, 8335], "signal": [8350, 8360]})]
    )
    source = FrameFolder(tmp_path, READING)
    for i in range(4):
        write_frame(tmp_path, stack, i)
    maps = looked(source, recipe).maps
    assert maps is not None
    assert list(maps) == [DIFFERENCE], "the ranges are not measured"
    assert maps.metadata["so_far"]["reason"]
    for i in range(stack.energy.size - 3):
        write_frame(tmp_path, stack, i)
    maps = looked(source, recipe).maps
    direct = nx.run(recipe, nx.read(tmp_path, **READING))
    for name, one in direct.items():
        np.testing.assert_array_equal(maps[name].data, one.data)


def test_frames_that_the_recipe_leaves_out(tmp_path: Path, stack: nx.SpectralStack) -> None:
    ranges = [[8325, 8345], [8350, 8400]]
    recipe = nx.Recipe([nx.Step("crop", {"energy": ranges, "region": [1, 7, 2, 9]}), *fit_recipe()])
    source = FrameFolder(tmp_path, READING)
    for i in range(stack.energy.size):
        write_frame(tmp_path, stack, i)
    maps, direct = looked(source, recipe).maps, nx.run(recipe, nx.read(tmp_path, **READING))
    assert maps["edge_jump"].data.shape == (6, 7)
    np.testing.assert_allclose(maps["edge_jump"].data, direct["edge_jump"].data, rtol=1e-5, atol=1e-6)


def test_a_recipe_that_can_never_run_is_refused_at_once(tmp_path: Path) -> None:
    recipe = nx.Recipe([nx.Step("optical_depth", {"io": "flat"})])
    with pytest.raises(ValueError, match="no parameter 'io'"):
        next(nx.watch(tmp_path, recipe))


def test_a_file_that_grows_between_look_and_reading_is_looked_at_again(
    stack: nx.SpectralStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Grows:
        name, path, looks = "scan", None, 0

        def whole(self) -> nx.SpectralStack:
            return stack

        def look(self) -> View:
            self.looks += 1
            return View(stack, is_complete=self.looks > 3)

    update = MapsSoFar.update
    fails = [FileChangedError("scan.h5: the file has grown since it was opened; open it again")]

    def grown(self: MapsSoFar, *arguments: Any) -> Any:
        if fails:
            raise fails.pop()
        return update(self, *arguments)

    monkeypatch.setattr(MapsSoFar, "update", grown)
    first, second, *_, last = follow(Grows(), fit_recipe(), poll=0.001)
    assert first.maps is None
    assert "the file has grown" in described(first)
    assert second.maps is not None
    assert "the file has grown" not in described(second)
    assert last.view.is_complete


def test_a_stop_ends_it_without_final_maps(tmp_path: Path, stack: nx.SpectralStack) -> None:
    write_frame(tmp_path, stack, 0)
    answers = iter([False, True])
    updates = list(nx.watch(tmp_path, fit_recipe(), poll=0.001, reading=READING, stop=lambda: next(answers)))
    assert [update.is_final for update in updates] == [False]


def test_words_for_a_status_line(stack: nx.SpectralStack) -> None:
    assert described(Update(View())) == "waiting for the first frame"
    view = View(stack, expected=40, waiting=("a is still being written",))
    assert described(Update(view)).startswith(f"{stack.energy.size} of 40 energies, 8270 to ")
    assert described(Update(view)).endswith("1 not taken: a is still being written")
    assert described(Update(view, is_final=True)) == f"final maps of {stack.energy.size} energies"


def test_a_folder_that_goes_away_and_comes_back(tmp_path: Path, stack: nx.SpectralStack) -> None:
    """A network disk that was away ended the watch; while it is away, the scan is not silent."""
    scan, away = tmp_path / "scan", tmp_path / "away"
    scan.mkdir()
    for i in range(stack.energy.size - 1):
        write_frame(scan, stack, i)
    source = FrameFolder(scan, READING, Ending(energies=stack.energy.size))
    updates = follow(source, fit_recipe(), poll=0.01)
    assert next(updates).view.n_frames == stack.energy.size - 1
    scan.rename(away)
    update = next(updates)
    assert update.view.waiting[0].endswith("it is looked for again")
    assert (update.view.n_frames, update.maps) == (stack.energy.size - 1, None)
    write_frame(away, stack, stack.energy.size - 1)
    away.rename(scan)
    update = next(updates)
    assert update.view.is_complete
    assert update.view.generation == 0, "nothing is made anew"


def test_frames_that_can_not_be_read_after_the_look_are_read_again(stack: nx.SpectralStack) -> None:
    class Faulty:
        name, path, n_looks = "scan", None, 0

        def look(self) -> View:
            self.n_looks += 1
            bad = da.from_delayed(delayed(self.fail)(), stack.shape, np.float32)
            return View(stack if self.n_looks > 2 else stack.with_data(bad), expected=99)

        def fail(self) -> None:
            raise OSError("the disk does not answer")

        def whole(self) -> nx.SpectralStack:
            return stack

    updates = follow(Faulty(), fit_recipe(), poll=0.01)
    update = next(updates)
    assert (update.maps, update.view.waiting) == (None, ("the disk does not answer; it is read again",))
    assert next(updates).maps is not None
