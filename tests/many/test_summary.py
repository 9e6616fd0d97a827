"""What sums up a run over many files: table, Parquet, contact sheet, trend, logs."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.image import imread

import napari_xanes as nx
from napari_xanes.many import parquet
from napari_xanes.many.outcome import Outcome, summaries
from napari_xanes.many.running import run_many
from napari_xanes.many.sheet import write_sheet
from napari_xanes.many.summary import page_text, write_summary
from napari_xanes.many.table import table_columns
from napari_xanes.many.trend import Point, trend_svg
from napari_xanes.sample import nmc_ni_k

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Outcome]:
    """Return a function that saves a map of one value, masked on its left half, and returns the outcome."""

    def make(name: str, value: float, error: float = 0.1) -> Outcome:
        data = np.full((20, 20), value, np.float32)
        mask = np.broadcast_to(np.arange(20) >= 10, (20, 20))
        maps = nx.MapSet({"valence": nx.ParameterMap(data, "1", np.full_like(data, error), mask)})
        folder = tmp_path / name
        folder.mkdir()
        nx.write(maps, folder / "maps.h5")
        return Outcome(f"/scans/{name}.h5", str(folder), "done", 1.0, maps=summaries(maps), main="valence")

    return make


def test_maps_in_numbers() -> None:
    values = np.arange(1, 101, dtype=np.float32).reshape(10, 10)
    mask = np.ones((10, 10), bool)
    mask[0] = False
    one = summaries(nx.MapSet({"v": nx.ParameterMap(values, "eV", values / 10, mask)}))["v"]
    inside = values[1:]
    assert (one.value, one.sigma) == pytest.approx((np.median(inside), np.median(inside) / 10))
    assert (one.low, one.high) == pytest.approx(tuple(np.percentile(inside, (16, 84))))
    labels = summaries(nx.MapSet({"l": nx.ParameterMap(np.ones((2, 2), np.uint8), labels={1: "a"})}))["l"]
    assert all(map(math.isnan, (labels.value, labels.sigma, labels.low, labels.high)))


def test_all_maps_of_the_sheet_have_the_same_limits(made: Callable[..., Outcome], tmp_path: Path) -> None:
    """The same value must have the same colour in all pictures, and other values others."""
    outcomes = [made("a", 2.0), made("b", 3.0), made("c", 2.0), Outcome("/scans/d.h5", "/none", "failed", error="no")]
    assert write_sheet(outcomes, tmp_path / "sheet.png")
    image = imread(tmp_path / "sheet.png")[..., :3]
    colours = [image[40 + 10, 12 + 15 + k * 120] for k in range(3)]  # the right half of each picture
    np.testing.assert_allclose(colours[0], colours[2])
    assert abs(colours[0] - colours[1]).max() > 0.3
    grey = image[40 + 10, 12 + 4]
    np.testing.assert_allclose(grey, 0xD9 / 255, atol=0.01)
    assert not write_sheet(outcomes[3:], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_the_trend_shows_values_errors_and_spreads() -> None:
    points = [Point(x, y, 0.1, y - 0.5, y + 0.5, f"cell <{x}>") for x, y in ((25, 3.0), (100, 2.5), (250, 2.0))]
    points += [Point(math.nan, 9.0, 0.1, 8, 10, "no number"), Point(300, math.nan, 1, 1, 1, "no median")]
    drawing = ElementTree.fromstring(trend_svg(points, r"T=(\d+)C", "valence"))
    circles = drawing.findall(f"{SVG}circle")
    x, y = (np.array([float(one.attrib[name]) for one in circles]) for name in ("cx", "cy"))
    assert len(circles) == 3
    np.testing.assert_allclose(np.diff(x) / np.diff(x)[0], [1, 2], rtol=1e-2)
    assert (np.diff(y) > 0).all(), "smaller values lie lower"
    np.testing.assert_allclose(np.diff(y)[0], np.diff(y)[1], rtol=1e-2)
    thick = [one.attrib["d"] for one in drawing.findall(f"{SVG}path") if one.get("stroke-width") == "3"]
    ends = [sorted(float(end) for end in text.split(" ")[1].split("V")) for text in thick]
    np.testing.assert_allclose([high - low for low, high in ends], 0.2 * np.diff(y)[0] / 0.5, atol=0.11)
    assert circles[0][0].text == "cell <25>: 3 ± 0.1"
    assert not trend_svg(points[:1], "T", "valence")


def test_the_page_loads_nothing_and_shows_the_trend(made: Callable[..., Outcome], tmp_path: Path) -> None:
    outcomes = [made("T=25C", 2.0), made("T=250C", 3.0)]
    page = page_text(outcomes, tmp_path, r"T=(\d+)C")
    assert page.count("<circle") == 2
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<svg" not in page_text(outcomes, tmp_path)
    assert "<svg" not in page_text(outcomes, tmp_path, "(T)"), "no numbers"


def test_names_in_other_letters_and_of_bytes_that_are_no_text(made: Callable[..., Outcome], tmp_path: Path) -> None:
    """As a microscope with a system in Latin-1 gives them; one such name left a run without table and page."""
    there = made("Größe 試料 #2 %20 & <b>", 2.0)
    (Path(there.folder) / "maps.png").write_bytes(b"")
    bytes_ = "latin-\udce9"
    lost = Outcome(f"/scans/{bytes_}.h5", str(tmp_path / bytes_), "failed", error=f"{bytes_}: damaged")
    shown = Outcome(f"/scans/{bytes_}.h5", there.folder, "done", maps=there.maps, main=there.main)
    written = write_summary([there, lost, shown], tmp_path, r"(latin-.)")
    assert [path.name for path in written] == ["runs.csv", "contact-sheet.png", "index.html"]
    assert "/scans/latin-\\udce9.h5" in written[0].read_text(encoding="utf-8")
    page = written[2].read_text(encoding="utf-8")
    assert "latin-\\udce9: damaged" in page
    assert 'src="Gr%C3%B6%C3%9Fe%20%E8%A9%A6%E6%96%99%20%232%20%2520%20%26%20%3Cb%3E/maps.png"' in page


def test_parquet_holds_the_same_table(made: Callable[..., Outcome], tmp_path: Path) -> None:
    reading = pytest.importorskip("pyarrow.parquet")
    columns = table_columns([made("T=25C", 2.0), Outcome("x.h5", "x", "failed", error="no")], r"T=(\d+)C")
    parquet.write_parquet(columns, tmp_path / "runs.parquet")
    table = reading.read_table(tmp_path / "runs.parquet").to_pydict()
    assert list(table) == list(columns)
    assert table["median"] == [2.0, None]
    assert table["16th percentile"][0] == 2.0
    assert table["main map"] == [True, False]
    assert table[r"T=(\d+)C"] == ["25", ""]


def test_parquet_without_pyarrow_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'napari-xanes\[parquet\]'"):
        run_many(nx.Recipe([nx.Step("optical_depth")]), [tmp_path / "a.h5"], tmp_path / "out", parquet=True)
    assert not (tmp_path / "out").exists()


def test_each_file_has_a_log(tmp_path: Path) -> None:
    package = logging.getLogger("napari_xanes")
    before = package.level, list(package.handlers)
    nx.write(nmc_ni_k(size=8).stack, tmp_path / "good.h5")
    (tmp_path / "bad.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    recipe, out = nx.Recipe([nx.Step("optical_depth")]), tmp_path / "out"
    run_many(recipe, [tmp_path / "good.h5", tmp_path / "bad.h5"], out)
    good, bad = ((out / f"{name}.log").read_text(encoding="utf-8") for name in ("good", "bad"))
    assert "step 1 of 1: optical_depth" in good
    assert good.splitlines()[-1].endswith(str(out / "good"))
    assert "Traceback" in bad
    assert "bad.h5" not in good
    assert (package.level, package.handlers) == before
    run_many(recipe, [tmp_path / "good.h5"], out)
    assert (out / "good.log").read_text(encoding="utf-8") == good, "what was kept has the log of the run that made it"
