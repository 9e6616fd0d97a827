from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes import Recipe, SpectralStack, Spectrum, Step
from napari_xanes.cli import app, main


def invoke(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def counts_file(tmp_path: Path, count_stack: SpectralStack) -> Path:
    nx.write(count_stack, tmp_path / "counts.h5")
    return tmp_path / "counts.h5"


@pytest.fixture
def recipe_file(tmp_path: Path, references: list[Spectrum]) -> Path:
    steps = [Step("optical_depth"), Step("fit_references", {"references": references, "slope": True})]
    Recipe(steps).save(tmp_path / "recipe.yaml")
    return tmp_path / "recipe.yaml"


def test_info_of_a_stack(counts_file: Path) -> None:
    facts = json.loads(invoke("info", counts_file, "--json"))
    assert facts["shape"] == [50, 6, 7]
    assert facts["quantity"] == "counts"
    assert facts["energy_first_eV"] == 8270
    assert facts["pixel_size_um"] == [0.05, 0.05]
    assert {"flat", "dark"} <= set(facts["corrections"])
    text = invoke("info", counts_file)
    assert "8270" in text
    assert "counts" in text


def test_info_lists_what_is_in_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "scan.npz", data=np.ones((2, 3, 4)), energy=[7100, 7110], extra=np.ones((3, 4)))
    contents = json.loads(invoke("info", tmp_path / "scan.npz", "--json"))["contents"]
    assert contents[0] == {"name": "data", "shape": [2, 3, 4], "dtype": "float64", "used_as": "frames"}
    lines = invoke("info", tmp_path / "scan.npz").splitlines()
    assert "    data    2 x 3 x 4  float64  frames" in lines
    assert "    extra   3 x 4      float64  not used" in lines


def test_what_was_guessed_is_corrected_by_options(tmp_path: Path) -> None:
    np.savez(tmp_path / "scan.npz", data=np.ones((2, 3, 4)), energy=[54.0, 55.0])
    given = ["--energy-unit", "eV", "--pixel-size", 0.04, "--exposure", 0.5, "--absorber", "Li K", "--quantity"]
    given.append("transmission")
    (facts,) = [json.loads(invoke("info", tmp_path / "scan.npz", "--json", *given))]
    assert {guess["name"]: guess["source"] for guess in facts["guesses"]}["energy unit"] == "given by energy_unit="
    invoke("convert", tmp_path / "scan.npz", "-o", tmp_path / "scan.h5", *given)
    stack = nx.read(tmp_path / "scan.h5")
    assert (stack.energy.tolist(), stack.pixel_size, stack.quantity) == ([54, 55], (0.04, 0.04), "transmission")
    assert (stack.metadata["exposure"], stack.metadata["element"]) == (0.5, "Li")
    Recipe([Step("optical_depth")]).save(tmp_path / "recipe.yaml")
    invoke("run", tmp_path / "recipe.yaml", tmp_path / "scan.npz", "-o", tmp_path / "results", *given)
    depth = nx.read(tmp_path / "results" / "scan" / "stack.h5")
    assert (depth.energy.tolist(), depth.pixel_size) == ([54, 55], (0.04, 0.04))
    assert depth.source is not None
    assert depth.source.reading["absorber"] == "Li K"


def test_info_of_spectra_and_maps(tmp_path: Path, references: list[Spectrum], depth_stack: SpectralStack) -> None:
    nx.write(references, tmp_path / "references.csv")
    nx.write(nx.maps.fit_references(depth_stack, references=references), tmp_path / "maps.h5")
    spectra, maps = json.loads(invoke("info", tmp_path / "references.csv", tmp_path / "maps.h5", "--json"))
    assert [s["name"] for s in spectra["spectra"]] == ["two", "three"]
    assert "valence" in maps["maps"]
    assert maps["history"] == ["fit_references"]


def test_info_of_a_project(tmp_path: Path, references: list[Spectrum], depth_stack: SpectralStack) -> None:
    from napari_xanes.history import Source
    from napari_xanes.io.project_file import write_project
    from napari_xanes.project import Project, ProjectLayer

    layers = [ProjectLayer("made", depth_stack), ProjectLayer("scan", Source(str(tmp_path / "gone.h5")))]
    write_project(Project(layers, references, {"pins": []}), tmp_path / "project.h5")
    facts = json.loads(invoke("info", tmp_path / "project.h5", "--json"))
    assert facts["kind"] == "project"
    assert [(layer["name"], layer["kind"]) for layer in facts["layers"]] == [("made", "stack"), ("scan", "stack")]
    assert facts["references"] == ["two", "three"]
    assert "gone.h5 is not there" in facts["notes"][0]
    assert "scan" in invoke("info", tmp_path / "project.h5")


def test_columns_of_spectra_are_described_and_chosen(tmp_path: Path) -> None:
    rows = "".join(f"{e} 1000 {1000 - e / 10} {e / 10}\n" for e in range(7000, 7020))
    (tmp_path / "scan.dat").write_text(f"energy i0 it narrow\n{rows}")
    (facts,) = json.loads(invoke("info", tmp_path / "scan.dat", "--json"))["spectra"]
    assert (facts["column"], facts["unused_columns"]) == ("ln(i0/it)", ["narrow"])
    choice = ["--signal", "narrow", "--mode", "fluorescence"]
    (facts,) = json.loads(invoke("info", tmp_path / "scan.dat", *choice, "--json"))["spectra"]
    assert facts["column"] == "narrow/i0"
    invoke("convert", tmp_path / "scan.dat", *choice, "-o", tmp_path / "scan.xdi")
    (spectrum,) = nx.read_spectra(tmp_path / "scan.xdi")
    np.testing.assert_allclose(spectrum.mu, np.arange(7000, 7020) / 10 / 1000)
    assert spectrum.metadata["reading"] == {"signal": ["narrow"], "mode": "fluorescence"}
    (tmp_path / "counts.dat").write_text("energy a b\n" + "7000 900 800\n7001 900 800\n7002 900 700\n")
    for command in (["info"], ["convert", "-o", tmp_path / "x.xdi"]):
        with pytest.raises(ValueError, match=r"counts\.dat: no column of I0 was found among energy, a, b"):
            invoke(*command, tmp_path / "counts.dat")


def test_run_is_the_same_as_python(tmp_path: Path, counts_file: Path, recipe_file: Path) -> None:
    invoke("run", recipe_file, counts_file, "-o", tmp_path / "out")
    written = nx.read_maps(tmp_path / "out" / "counts" / "maps.h5")
    direct = nx.run(Recipe.load(recipe_file), nx.read(counts_file))
    assert list(written) == list(direct)
    for name in direct:
        np.testing.assert_array_equal(written[name].data, direct[name].data)
    replayed = nx.run(Recipe.load(tmp_path / "out" / "counts" / "recipe-as-run.yaml"), nx.read(counts_file))
    np.testing.assert_array_equal(replayed["valence"].data, direct["valence"].data)


def test_run_of_operations_gives_a_stack(tmp_path: Path, counts_file: Path) -> None:
    (tmp_path / "depth.yaml").write_text("- optical_depth\n")
    invoke("run", tmp_path / "depth.yaml", counts_file, "-o", tmp_path / "out")
    assert nx.read(tmp_path / "out" / "counts" / "stack.h5").quantity == "optical_depth"


def test_results_are_not_overwritten_by_default(tmp_path: Path, counts_file: Path, recipe_file: Path) -> None:
    invoke("run", recipe_file, counts_file, "-o", tmp_path / "out")
    before = (tmp_path / "out" / "counts" / "maps.h5").read_bytes()
    invoke("run", recipe_file, counts_file, "-o", tmp_path / "out")
    assert (tmp_path / "out" / "counts" / "maps.h5").read_bytes() == before, "nothing has changed"
    (tmp_path / "out" / "counts" / "run.json").unlink()
    with pytest.raises(ValueError, match="--overwrite"):
        invoke("run", recipe_file, counts_file, "-o", tmp_path / "out")
    assert (tmp_path / "out" / "counts" / "maps.h5").read_bytes() == before
    invoke("run", recipe_file, counts_file, "-o", tmp_path / "out", "--overwrite")


def test_ops_lists_every_parameter() -> None:
    from napari_xanes.recipe import method_of

    listed = json.loads(invoke("ops", "--json"))
    for group in listed.values():
        for entry in group:
            method = method_of(entry["name"])
            assert [p["name"] for p in entry["parameters"]] == list(method.parameters)
    text = invoke("ops")
    assert "eV" in text
    assert "fit_references" in text


def test_ops_shows_what_data_a_method_uses() -> None:
    operations = {entry["name"]: entry for entry in json.loads(invoke("ops", "--json"))["operations"]}
    assert operations["crop"]["looks_at"] == "frame"
    assert operations["denoise_pca"]["looks_at"] == "stack"


@pytest.mark.parametrize(("flags", "levels"), [((), ()), (("-v",), ("INFO",)), (("-v", "-v"), ("INFO", "DEBUG"))])
def test_the_log_goes_to_stderr_with_its_option(
    flags: tuple[str, ...], levels: tuple[str, ...], tmp_path: Path, counts_file: Path, recipe_file: Path
) -> None:
    words = [*flags, "run", recipe_file, counts_file, "-o", tmp_path / "out"]
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert [line for line in done.stdout.splitlines() if not Path(line).is_file()] == []
    assert ("step 1 of 2: optical_depth" in done.stderr) is ("INFO" in levels)
    assert ("optical_depth: from 'counts': i0 = 'flat'" in done.stderr) is ("INFO" in levels)
    assert ("fit took" in done.stderr) is ("DEBUG" in levels)
    logger = logging.getLogger("napari_xanes")
    assert (logger.level, logger.handlers) == (logging.NOTSET, [])


def test_errors_are_printed_as_one_line(tmp_path: Path, counts_file: Path) -> None:
    (tmp_path / "bad.yaml").write_text("- crop: {energy: [1, 2]}\n")
    done = subprocess.run(
        [sys.executable, "-m", "napari_xanes.cli", "run", tmp_path / "bad.yaml", counts_file, "-o", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().startswith("napari-xanes: no frame lies between 1 and 2 eV")
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{counts_file.stem}.log"]


def test_the_entry_point_exits_with_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys, "argv", ["napari-xanes", "info", "nowhere.h5"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert "nowhere.h5" in capsys.readouterr().err


def test_simulated_spectra_are_written(tmp_path: Path) -> None:
    invoke("simulate", "--ion", "Mn2+", "--ten-dq", "0.9", "--ten-dq", "1.2", "-o", tmp_path / "mno.csv")
    first, second = nx.read_spectra(tmp_path / "mno.csv")
    assert (first.name, first.valence) == ("Mn2+ 10Dq 0.9 eV", 2)
    assert first.energy[first.mu.argmax()] == pytest.approx(640.5, abs=0.2)
    assert not np.array_equal(first.mu, second.mu)


def test_members_of_a_library_are_written(tmp_path: Path) -> None:
    library = nx.theory.load_library("mn-l23-oh")
    invoke("simulate", "--library", "mn-l23-oh", "--broadening", "0.5", "-o", tmp_path / "all.csv")
    spectra = nx.read_spectra(tmp_path / "all.csv")
    assert len(spectra) == len({spectrum.name for spectrum in spectra}) == 78
    np.testing.assert_allclose(spectra[9].mu, library.at(spectra[9].energy, broadening=0.5, rows=[9])[0], atol=1e-6)
    assert spectra[9].metadata["parameters"] == library.parameters(9)
    reloaded = nx.theory.load_library(tmp_path / "all.csv")
    assert reloaded.species == library.species
    np.testing.assert_array_equal(reloaded.column("ten_dq"), library.column("ten_dq"))
    some = ("simulate", "--library", "mn-l23-oh", "--charge", 2, "--charge", 4, "--ten-dq", 0.9, "-o")
    for name in ("some.xdi", "some.npz"):
        invoke(*some, tmp_path / name)
        assert nx.theory.load_library(tmp_path / name).species == ["Mn2+", "Mn4+"]


def test_error_names_the_reason_for_an_impossible_simulation(tmp_path: Path) -> None:
    for words, why in (
        ((), "either --ion"),
        (("--ion", "Mn2+", "--library", "mn-l23"), "either --ion"),
        (("--ion", "Mn2+"), "add --ten-dq"),
        (("--library", "mn-l23-oh", "--charge", "7"), "has charge 7"),
        (("--library", "mn-l23"), "too many columns for XDI"),
        (("--library", "mn-l99"), "no library and no file 'mn-l99'"),
    ):
        with pytest.raises(ValueError, match=why):
            invoke("simulate", *words, "-o", tmp_path / "out.xdi")
    assert not any(tmp_path.iterdir())


def test_convert_keeps_the_stack(tmp_path: Path, counts_file: Path) -> None:
    invoke("convert", counts_file, "-o", tmp_path / "a.zarr")
    invoke("convert", tmp_path / "a.zarr", "-o", tmp_path / "b.nxs")
    first, last = nx.read(counts_file), nx.read(tmp_path / "b.nxs")
    np.testing.assert_array_equal(last.data, first.data)
    np.testing.assert_array_equal(last.metadata["flat"], first.metadata["flat"])
    with pytest.raises(FileExistsError, match=r"b\.nxs exists already.*--overwrite"):
        invoke("convert", counts_file, "-o", tmp_path / "b.nxs")
    invoke("convert", counts_file, "-o", tmp_path / "b.nxs", "--overwrite")


def test_convert_uses_the_reading_options(tmp_path: Path) -> None:
    data = np.arange(4, dtype=np.float32)[:, None, None] * np.ones((4, 2, 3), np.float32)
    np.save(tmp_path / "a.npy", data)
    (tmp_path / "e.txt").write_text("7100\n7110\n7100\n7110\n")
    options = ["--energies", tmp_path / "e.txt", "--quantity", "fluorescence", "--repeat", "2"]
    invoke("convert", tmp_path / "a.npy", "-o", tmp_path / "a.h5", *options)
    stack = nx.read(tmp_path / "a.h5")
    np.testing.assert_array_equal(stack.data[:, 0, 0], [2, 3])
    assert stack.quantity == "fluorescence"


def test_convert_spectra_and_maps(tmp_path: Path, references: list[Spectrum], depth_stack: SpectralStack) -> None:
    for spectrum in references:
        nx.write(spectrum, tmp_path / f"{spectrum.name}.csv")
    invoke("convert", *sorted(tmp_path.glob("*.csv")), "-o", tmp_path / "all.xdi")
    assert {s.name for s in nx.read_spectra(tmp_path / "all.xdi")} == {s.name for s in references}
    nx.write(nx.maps.fit_references(depth_stack, references=references), tmp_path / "maps.h5")
    invoke("convert", tmp_path / "maps.h5", "-o", tmp_path / "maps.tif")
    assert list(nx.read_maps(tmp_path / "maps.tif")) == list(nx.read_maps(tmp_path / "maps.h5"))
    with pytest.raises(ValueError, match=r"0 of 2 files are stacks \(maps\.h5, all\.xdi\)"):
        invoke("convert", tmp_path / "maps.h5", tmp_path / "all.xdi", "-o", tmp_path / "x.h5")


def test_results_whose_names_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("- crop\n")
    paths = [str(tmp_path / name) for name in ("Scan.tif", "scan.h5")]
    result = CliRunner().invoke(app, ["run", str(tmp_path / "recipe.yaml"), *paths, "-o", str(tmp_path / "out")])
    assert "two inputs would both be written" in str(result.exception)


def test_search_lists_answers(tmp_path: Path, references: list[Spectrum]) -> None:
    first, second = references
    mixed = Spectrum("unknown", first.energy, 0.7 * first.mu + 0.3 * second.at(first.energy))
    nx.write([mixed], tmp_path / "unknown.csv")
    nx.write(references, tmp_path / "library.csv")
    text = invoke("search", tmp_path / "unknown.csv", tmp_path / "library.csv", "--shift", 0)
    assert f"{first.name} 70 ± 2 %, {second.name} 30 ± 2 %" in text
    found = json.loads(invoke("search", tmp_path / "unknown.csv", tmp_path / "library.csv", "--shift", 0, "--json"))
    assert found[0]["in_library"]
    assert found[0]["answers"][0]["names"] == [first.name, second.name]
