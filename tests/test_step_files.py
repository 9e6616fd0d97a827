"""Files that recipes name: where they are looked for, and whether they have changed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import MapSet, Recipe, SpectralStack, Spectrum, Step, registry, step_files
from napari_xanes.io import formats
from napari_xanes.io.files import fingerprint
from napari_xanes.maps import ESTIMATORS
from napari_xanes.ops import OPERATIONS
from napari_xanes.recipe import method_of

FILE_KINDS = {"references", "calibration", "reference", "i0", "library", "shifts", "spectra_library"}
METHODS = [*OPERATIONS, *ESTIMATORS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipes").mkdir()
    return tmp_path / "recipes"


def shifted(spectra: list[Spectrum], by: float) -> list[Spectrum]:
    return [Spectrum(s.name, s.energy + by, s.mu, s.valence, metadata={"normalized": True}) for s in spectra]


def fit(text: str, folder: Path, stack: SpectralStack) -> MapSet:
    (folder / "recipe.yaml").write_text(text)
    maps = nx.run(Recipe.load(folder / "recipe.yaml"), stack)
    assert isinstance(maps, MapSet)
    return maps


def warnings_of(result: SpectralStack | MapSet) -> str:
    return "\n".join(result.metadata.get("warnings", ()))


def test_a_file_of_the_same_name_elsewhere_is_not_taken(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    depth_stack: SpectralStack,
    references: list[Spectrum],
) -> None:
    nx.write(references, folder / "refs.csv")
    nx.write(shifted(references, 2.0), tmp_path / "refs.csv")
    monkeypatch.chdir(tmp_path)
    text = "- fit_references: {references: [refs.csv]}\n"
    expected = nx.maps.fit_references(depth_stack, references=references)
    np.testing.assert_array_equal(fit(text, folder, depth_stack)["valence"].data, expected["valence"].data)
    (folder / "refs.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"recipe\.yaml: fit_references takes references from .*no such file"):
        fit(text, folder, depth_stack)


@pytest.mark.parametrize("name", METHODS)
def test_only_declared_parameters_name_files(name: str, folder: Path) -> None:
    """A file called ``auto``, or like any other word, changes nothing but the parameters that take this path."""
    (folder / "word").write_text("")
    for parameter in method_of(name).parameters.values():
        assert parameter.spec.files == (parameter.kind in FILE_KINDS)
        words = ["word", *parameter.spec.words]
        for word in words:
            (folder / word).write_text("")
            plain = Recipe([Step(name, {parameter.name: word}, {parameter.name: word})]).to_yaml(exact=True)
            (step,) = Recipe.from_yaml(plain, folder=folder)
            is_path = parameter.spec.files and word not in parameter.spec.words
            assert step.parameters[parameter.name] == (str(folder / word) if is_path else word)
            assert step.state[parameter.name] == step.parameters[parameter.name]


def test_a_file_with_the_name_of_a_word_keeps_its_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch, count_stack: SpectralStack
) -> None:
    nx.write(Spectrum("i0", count_stack.energy, np.full(50, 900.0)), folder / "i0.csv")
    (folder / "i0.csv").rename(folder / "auto")
    Recipe([Step("optical_depth", {"i0": str(folder / "auto")})]).save(folder / "recipe.yaml")
    assert "i0: ./auto" in (folder / "recipe.yaml").read_text()
    assert Recipe.load(folder / "recipe.yaml")[0].parameters["i0"] == str(folder / "auto")


@pytest.mark.parametrize(
    "written",
    ["sub/refs.csv", r"sub\refs.csv", "./sub/refs.csv", "../recipes/sub/refs.csv", "ABSOLUTE", "~/sub/refs.csv"],
)
def test_ways_to_name_one_file(
    written: str, folder: Path, monkeypatch: pytest.MonkeyPatch, depth_stack: SpectralStack, references: list[Spectrum]
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    (folder / "sub").mkdir()
    nx.write(references, folder / "sub" / "refs.csv")
    written = written.replace("ABSOLUTE", str(folder / "sub" / "refs.csv"))
    for reference in (f"['{written}']", f"[{{path: '{written}', name: two}}, {{path: '{written}', name: three}}]"):
        maps = fit(f"- fit_references: {{references: {reference}}}\n", folder, depth_stack)
        assert {"two", "three"} <= set(maps)
        assert warnings_of(maps) == warnings_of(nx.maps.fit_references(depth_stack, references=references))


def test_two_steps_may_take_one_file(folder: Path, references: list[Spectrum]) -> None:
    nx.write(references, folder / "refs.csv")
    text = "- denoise: {references: [refs.csv]}\n- fit_references: {references: [{path: refs.csv, name: two}]}\n"
    Recipe.from_yaml(text, folder=folder).save(folder / "recipe.yaml")
    steps = Recipe.load(folder / "recipe.yaml")
    path = str(folder / "refs.csv")
    assert steps[0].parameters["references"] == [path]
    assert steps[1].parameters["references"] == [{"path": path, "name": "two"}]
    assert [dict(step.files) for step in steps] == [{path: nx.io.fingerprint(path)}] * 2


def test_a_recipe_moves_together_with_its_files(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    depth_stack: SpectralStack,
    references: list[Spectrum],
) -> None:
    (folder / "data").mkdir()
    nx.write(references, folder / "data" / "refs.csv")
    monkeypatch.chdir(folder / "data")
    Recipe([Step("fit_references", {"references": ["refs.csv"]})]).save(folder / "recipe.yaml")
    assert "references: [data/refs.csv]" in (folder / "recipe.yaml").read_text()
    monkeypatch.chdir(tmp_path)
    folder.rename(tmp_path / "moved")
    maps = nx.run(Recipe.load(tmp_path / "moved" / "recipe.yaml"), depth_stack)
    assert "outside" not in warnings_of(maps)
    assert "holds something else" not in warnings_of(maps)


def test_files_outside_the_folder_are_taken_and_said(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    depth_stack: SpectralStack,
    references: list[Spectrum],
) -> None:
    nx.write(references, tmp_path / "refs.csv")
    monkeypatch.chdir(tmp_path)
    Recipe([Step("fit_references", {"references": ["refs.csv"]})]).save(folder / "recipe.yaml")
    monkeypatch.chdir(folder)
    maps = nx.run(Recipe.load("recipe.yaml"), depth_stack)
    assert f"the recipe takes {tmp_path / 'refs.csv'}, which is outside its folder" in warnings_of(maps)
    assert "refs.csv" in fit("- fit_references: {references: ../refs.csv}", folder, depth_stack).metadata["warnings"][0]


def test_a_missing_file_beside_the_recipe_is_hinted_at(folder: Path) -> None:
    (folder / "refs.csv").write_text("")
    for path in ("/old/place/refs.csv", r"C:\old\refs.csv"):
        with pytest.raises(FileNotFoundError, match=r"there is a 'refs\.csv' beside the recipe"):
            Recipe.from_yaml(f"- fit_references: {{references: ['{path}']}}", folder=folder)


@pytest.mark.parametrize("path", ["3", "[1]", "''", '"a\\0b"', "{a: 1}"])
def test_what_is_no_path_is_refused(path: str, folder: Path) -> None:
    with pytest.raises(ValueError, match="path of a file is text"):
        Recipe.from_yaml(f"- fit_references: {{references: [{{path: {path}}}]}}", folder=folder)


def test_changed_references_are_said(folder: Path, depth_stack: SpectralStack, references: list[Spectrum]) -> None:
    nx.write(references, folder / "refs.csv")
    Recipe([Step("fit_references", {"references": [str(folder / "refs.csv")]})]).save(folder / "recipe.yaml")
    assert nx.io.fingerprint(folder / "refs.csv") in (folder / "recipe.yaml").read_text()
    same = nx.run(Recipe.load(folder / "recipe.yaml"), depth_stack)
    assert "holds something else" not in warnings_of(same)
    nx.write(shifted(references, 0.5), folder / "refs.csv")
    maps = nx.run(Recipe.load(folder / "recipe.yaml"), depth_stack)
    assert f"fit_references: {folder / 'refs.csv'} holds something else than when" in warnings_of(maps)
    again = nx.run(Recipe(maps.history), depth_stack)
    assert "holds something else" not in warnings_of(again)  # the history holds the values, not the path


@pytest.mark.parametrize("exact", [False, True])
def test_changed_flats_are_said(exact: bool, folder: Path, count_stack: SpectralStack) -> None:
    flats = SpectralStack(np.full(count_stack.shape, 900.0, np.float32), count_stack.energy)
    nx.write(flats, folder / "flats.h5")
    depth = nx.run([Step("optical_depth", {"i0": str(folder / "flats.h5")})], count_stack)
    Recipe(depth.history).save(folder / "recipe.yaml", exact=exact)
    assert "path: flats.h5" in (folder / "recipe.yaml").read_text()
    assert "holds something else" not in warnings_of(nx.run(Recipe.load(folder / "recipe.yaml"), count_stack))
    nx.write(flats.with_data(flats.data * 2), folder / "flats.h5")
    assert "flats.h5 holds something else" in warnings_of(nx.run(Recipe.load(folder / "recipe.yaml"), count_stack))


def test_a_changed_library_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_xanes.step_files import changed_files, current_files

    nx.theory.load_library("mn-l23-oh").members([9, 35]).save(folder / "library.npz")
    Recipe([Step("match_library", {"library": str(folder / "library.npz")})]).save(folder / "recipe.yaml")
    parameters = method_of("match_library").parameters
    (step,) = Recipe.load(folder / "recipe.yaml")
    assert changed_files(parameters, step, current_files(parameters, step)) == []
    nx.theory.load_library("mn-l23-oh").members([9, 36]).save(folder / "library.npz")
    assert len(changed_files(parameters, step, current_files(parameters, step))) == 1


def test_the_history_knows_the_files_of_objects(
    folder: Path, depth_stack: SpectralStack, references: list[Spectrum]
) -> None:
    nx.write(references, folder / "refs.csv")
    spectra = nx.read_spectra(folder / "refs.csv")
    content = nx.io.fingerprint(folder / "refs.csv")
    nx.write(shifted(references, 1.0), folder / "refs.csv")
    maps = nx.maps.fit_references(depth_stack, references=spectra)
    assert dict(maps.history[-1].files) == {os.path.realpath(folder / "refs.csv"): content}
    nx.write(maps, folder / "maps.h5")
    assert nx.read_maps(folder / "maps.h5").history == maps.history
    assert Recipe.from_yaml(Recipe(maps.history).to_yaml(exact=True))[0].files == maps.history[-1].files


def test_another_version_is_said(folder: Path, depth_stack: SpectralStack) -> None:
    said = "made by napari-xanes 0.0.1"
    for text in ("version: 0.0.1\nsteps: [crop]", "steps: [{crop: {}, version: 0.0.1}]"):
        for steps in (Recipe.from_yaml(text), Recipe.from_yaml(Recipe.from_yaml(text).to_yaml())):
            assert said in warnings_of(nx.run(steps, depth_stack))
    history = [Step("crop", version="0.0.1"), Step("crop", version="0.0.2")]
    assert "napari-xanes 0.0.1, 0.0.2, this is" in warnings_of(nx.run(history, depth_stack))
    result = nx.run([Step("crop", version="0.0.1")], depth_stack)
    assert result.history[-1].version == nx.__version__
    for text in ("steps: [crop]", Recipe([Step("crop")]).to_yaml(), Recipe(result.history).to_yaml(exact=True)):
        assert warnings_of(nx.run(Recipe.from_yaml(text), depth_stack)) == ""


def test_a_change_of_the_file_behind_numbers_is_said(
    folder: Path, depth_stack: SpectralStack, references: list[Spectrum]
) -> None:
    nx.write(references, folder / "refs.csv")
    maps = nx.maps.fit_references(depth_stack, references=[str(folder / "refs.csv")])
    Recipe(maps.history).save(folder / "recipe.yaml")

    def told() -> str:
        return warnings_of(nx.run(Recipe.load(folder / "recipe.yaml"), depth_stack))

    assert "refs.csv" not in told()
    nx.write(shifted(references, 0.5), folder / "refs.csv")
    assert f"{folder / 'refs.csv'} holds something else than when this step was recorded; the values of then" in told()
    (folder / "refs.csv").unlink()
    assert "refs.csv" not in told()


def test_a_file_that_changes_between_reading_and_hashing_is_refused(
    folder: Path, depth_stack: SpectralStack, references: list[Spectrum], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hash would be that of other values than those that were used."""
    nx.write(references, folder / "both.csv")
    real = step_files.current_files

    def change_and_hash(*arguments: Any) -> dict[str, str]:
        nx.write([replace(s, mu=2 * s.mu) for s in references], folder / "both.csv")
        return real(*arguments)

    monkeypatch.setattr(registry, "current_files", change_and_hash)
    with pytest.raises(OSError, match=r"both\.csv: the file .* since it was opened"):
        nx.maps.fit_references(depth_stack, references=str(folder / "both.csv"))


@pytest.mark.parametrize("name", ["both.csv", "both.xdi"])
def test_spectra_that_change_while_they_are_read_are_refused(
    name: str, folder: Path, references: list[Spectrum], monkeypatch: pytest.MonkeyPatch
) -> None:
    nx.write(references[:1], folder / name)

    def change_and_hash(path: Path) -> str:
        nx.write([replace(s, mu=2 * s.mu) for s in references[:1]], folder / name)
        return fingerprint(path)

    monkeypatch.setattr(formats, "fingerprint", change_and_hash)
    with pytest.raises(OSError, match="since it was opened"):
        nx.read_spectra(folder / name)
