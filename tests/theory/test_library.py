"""Libraries: values, files, sources, and the shipped libraries."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from napari_xanes import Spectrum
from napari_xanes.theory import ChargeTransfer, Grid, Library, build_library, l_edge_spectrum, load_library
from napari_xanes.theory.library.archive import LOSS
from napari_xanes.theory.library.shipped import GRIDS

AXIS = np.arange(600, 660.01, 0.05)


def line(centre: float, width: float = 1.0) -> np.ndarray:
    return np.exp(-0.5 * ((AXIS - centre) / width) ** 2)


def lines(**more: object) -> Library:
    table = {"charge": [2, 3], "offset": [0.0, 1.0], "element": ["Mn", "Mn"], **more}
    return Library("lines", AXIS, np.array([line(630), line(640, 2)]), table)


def test_broadening_is_a_gaussian_convolution() -> None:
    at = np.linspace(625, 650, 41)
    actual = lines().at(at, broadening=1.5, shift=0.3)
    sigma = 1.5 / (2 * np.sqrt(2 * np.log(2)))
    for row, (centre, width) in enumerate(((630.3, 1.0), (641.3, 2.0))):
        wide = np.hypot(width, sigma)
        np.testing.assert_allclose(actual[row], width / wide * np.exp(-0.5 * ((at - centre) / wide) ** 2), atol=2e-6)


def test_narrow_broadening_interpolates_and_keeps_the_ends() -> None:
    np.testing.assert_allclose(lines().at(AXIS, broadening=0.0)[0], line(630), atol=1e-6)
    flat = Library("flat", AXIS, np.ones((1, AXIS.size)), {"charge": [2], "offset": [0.0]})
    np.testing.assert_allclose(flat.at([600.0, 600.4, 660.0], broadening=0.5), 1, rtol=1e-5)
    assert flat.at([599.0, 661.0]).tolist() == [[0, 0]]


def test_long_axis_costs_no_square_of_its_points() -> None:
    axis = np.arange(8000, 8800, 0.05)
    spectra = np.array([np.exp(-0.5 * ((axis - 8345) / 3) ** 2), np.ones(axis.size)])
    library = Library("long", axis, spectra, {"charge": [2, 3], "offset": [0.0, 0.0]})
    tracemalloc.start()
    actual = library.at(axis, broadening=0.5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e8  # all pairs of points would be 2e9
    wide = np.hypot(3, 0.5 / (2 * np.sqrt(2 * np.log(2))))
    np.testing.assert_allclose(actual[0], 3 / wide * np.exp(-0.5 * ((axis - 8345) / wide) ** 2), atol=2e-6)
    np.testing.assert_allclose(actual[1], 1, rtol=1e-6)


def test_a_library_is_frozen_and_named() -> None:
    library = lines(ten_dq=[0.5, 1.0])
    assert library.species == ["Mn2+", "Mn3+"]
    assert library.label(1) == "Mn3+ 10Dq 1 eV"
    assert library.span == pytest.approx((601.0, 660.0))
    with pytest.raises(ValueError, match="read-only"):
        library.spectra[0, 0] = 1
    spectrum = library.spectrum(1)
    assert spectrum.valence == 3
    assert spectrum.metadata["parameters"]["ten_dq"] == 1.0
    assert len(library.members([1])) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy": np.arange(600, 661, 0.1)}, "even steps of 0.05 eV"),
        ({"spectra": np.zeros((2, AXIS.size))}, "spectrum 0 is not finite or zero"),
        ({"spectra": np.ones((2, 5))}, "but spectra of shape"),
        ({"table": {"charge": [2, 3]}}, "no offset"),
        ({"table": {"charge": [2, 3], "offset": [0, 0], "colour": [1, 2]}}, "no column is called 'colour'"),
        ({"table": {"charge": [2], "offset": [0, 0]}}, "column charge"),
    ],
)
def test_errors_name_what_is_wrong(change: dict[str, object], message: str) -> None:
    whole = lines()
    arguments = {"energy": AXIS, "spectra": whole.spectra, "table": whole.table} | change
    with pytest.raises(ValueError, match=message):
        Library("wrong", **arguments)  # type: ignore[arg-type]


def test_tracks_differ_in_ten_dq_only() -> None:
    library = load_library("mn-l23-oh")
    assert [len(track) for track in library.tracks] == [26, 26, 26]
    for track in library.tracks:
        np.testing.assert_allclose(library.table["ten_dq"][track], np.arange(26) / 10)
    assert [len(track) for track in lines().tracks] == [1, 1]


def test_saved_libraries_are_read_unchanged(tmp_path: Path) -> None:
    library = load_library("mn-l23-oh")
    library.save(tmp_path / "mine.npz")
    restored = load_library(tmp_path / "mine.npz")
    np.testing.assert_array_equal(restored.spectra, library.spectra)
    for name, column in library.table.items():
        np.testing.assert_array_equal(restored.table[name], column)
    assert restored.to_plain() == str((tmp_path / "mine.npz").resolve())
    assert library.to_plain() == "mn-l23-oh"
    library.save(tmp_path / "small.npz", compress=True)
    small = load_library(tmp_path / "small.npz")
    np.testing.assert_allclose(small.spectra, library.spectra, atol=1.01 * LOSS * library.spectra.max())
    assert (tmp_path / "small.npz").stat().st_size < (tmp_path / "mine.npz").stat().st_size / 2
    assert {path.name for path in tmp_path.iterdir()} == {"mine.npz", "small.npz"}
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"bad\.npz: not a library of napari-xanes"):
        load_library(tmp_path / "bad.npz")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(ValueError, match=r"other\.npz: not a library of napari-xanes"):
        load_library(tmp_path / "other.npz")


def test_spectra_that_are_compressed_as_patterns_are_read(tmp_path: Path) -> None:
    """Files that earlier versions wrote: spectra are weights times patterns, both in multiples of a unit."""
    weights, patterns = np.array([[2, 0, 1], [0, 3, 1]], np.int16), np.array([[1, 2, 3, 4], [5, 0, 0, 1]], np.int16)
    table = {"column_charge": [2.0, 3.0, 4.0], "column_offset": np.zeros(3)}
    about = {"format": "napari-xanes library 1", "name": "a", "start": 0.0, "provenance": "{}"}
    np.savez_compressed(tmp_path / "a.npz", weights=weights, patterns=patterns, unit=0.5, **table, **about)
    expected = [[0.5, 1.0, 1.5, 2.0], [3.75, 0.0, 0.0, 0.75], [1.5, 0.5, 0.75, 1.25]]
    np.testing.assert_array_equal(load_library(tmp_path / "a.npz").spectra, expected)


@pytest.mark.parametrize("name", GRIDS)
def test_shipped_libraries_match_their_grids(name: str) -> None:
    library = load_library(name)
    points = [point for grid in GRIDS[name] for point in grid.points()]
    assert len(library) == len(points)
    for column in ("charge", "ten_dq", "slater_scale", "spin_orbit_scale", "ds", "dt", "offset"):
        np.testing.assert_allclose(library.table[column], [point[column] for point in points], err_msg=column)
    delta = [point["charge_transfer"].delta if point["charge_transfer"] else np.nan for point in points]
    np.testing.assert_array_equal(library.column("delta"), delta)
    alone = [row for row, point in enumerate(points) if point["charge_transfer"] is None]
    middle = alone[len(alone) // 2]
    point = points[middle]
    fresh = build_library(
        [
            Grid(
                f"{point['element']}{point['charge']}+",
                [point["ten_dq"]],
                [point["slater_scale"]],
                [point["spin_orbit_scale"]],
                [(point["ds"], point["dt"])],
                [point["charge_transfer"]],
            )
        ],
        model_error=False,
    )
    np.testing.assert_allclose(library.spectra[middle], fresh.spectra[0], atol=1.01 * LOSS * library.spectra.max())


@pytest.mark.parametrize("charge", [2, 3, 4])
def test_shipped_members_with_charge_transfer_can_be_computed_again(charge: int) -> None:
    library = load_library("mn-l23")
    rows = np.flatnonzero((library.table["charge"] == charge) & np.isfinite(library.column("delta")))
    row = int(rows[rows.size // 2])
    member = library.parameters(row)
    transfer = ChargeTransfer(*(member[name] for name in ("delta", "v_eg", "v_t2g", "u_dd", "u_pd")))
    grid = Grid(
        f"Mn{charge}+",
        [member["ten_dq"]],
        [member["slater_scale"]],
        [member["spin_orbit_scale"]],
        [(member["ds"], member["dt"])],
        [transfer],
        [member["offset"]],
    )
    fresh = build_library([grid], model_error=False)
    # Lanczos lines halfway between L3 and L2 can change from one edge to the other, with another width. The broadening
    # of the instrument hides this.
    axis = np.arange(635.0, 670.0, 0.1)
    expected, spectrum = library.at(axis, broadening=0.25, rows=[row])[0], fresh.at(axis, broadening=0.25)[0]
    np.testing.assert_allclose(spectrum, expected, rtol=0, atol=1.01 * LOSS * library.spectra.max())


def test_the_78_spectra_of_the_paper() -> None:
    library = load_library("mn-l23-oh")
    assert len(library) == 78
    assert sorted(set(library.table["charge"])) == [2, 3, 4]
    sigma = library.table["ten_dq_sigma"]
    assert (sigma[library.table["charge"] == 3] >= 0.5).all()
    assert (sigma >= 0.15).all()


def test_build_agrees_with_the_engine_and_reports_progress() -> None:
    reports: list[float] = []
    library = build_library(
        "Ni2+", [1.0, 1.2], model_error=False, progress=lambda done, text: reports.append(done), name="ni"
    )
    energy = np.arange(845.0, 880.0, 0.1)
    zero = library.table["offset"][0]
    expected = l_edge_spectrum(energy, element="Ni", charge=2, ten_dq=1.0, gauss=0.3, offset=zero)
    np.testing.assert_allclose(library.at(energy, broadening=0.3)[0], expected, atol=0.01 * expected.max())
    assert reports[-1] == 1
    assert np.diff(reports).min() >= 0
    reloaded = load_library(library.to_plain())
    np.testing.assert_array_equal(reloaded.spectra, library.spectra)
    transfer = build_library("Ni2+", 1.0, charge_transfer=(None, ChargeTransfer(4.7, 2.06)), model_error=False)
    assert transfer.column("delta").tolist()[1] == 4.7
    assert len(transfer.tracks) == 2
    with pytest.raises(ValueError, match="positive full width"):
        build_library("Ni2+", 1.0, broadening=0)
    with pytest.raises(ValueError, match="at least one ion"):
        build_library([])


def test_measured_spectra_make_a_library(tmp_path: Path) -> None:
    spectra = [Spectrum("MnO", AXIS, line(630), 2), Spectrum("Mn3+ oxide", AXIS[40:], line(640)[40:])]
    library = load_library(spectra)
    assert library.species == ["MnO", "Mn3+ oxide"]
    assert library.table["charge"].tolist() == [2, 3]
    assert library.span[0] == pytest.approx(602)
    np.testing.assert_allclose(library.at(AXIS[100:-1], broadening=0)[0], line(630)[100:-1], atol=1e-6)
    reloaded = load_library(library.to_plain())
    np.testing.assert_allclose(reloaded.spectra, library.spectra)
    with pytest.raises(ValueError, match="must overlap in energy"):
        load_library([spectra[0], Spectrum("Fe", AXIS + 90, line(630), 2)])
    with pytest.raises(ValueError, match="no library and no file 'mn-l99'"):
        load_library("mn-l99")


def test_text_files_of_other_programs_are_read(tmp_path: Path) -> None:
    rows = np.column_stack([AXIS, line(640)])
    np.savetxt(tmp_path / "Mn2+ 10Dq 0.9.xy", rows)
    np.savetxt(tmp_path / "Mn2+ 10Dq 1.0.xy", rows * [1, 2])
    both = load_library(tmp_path)
    assert both.table["ten_dq"].tolist() == [0.9, 1.0]
    assert both.species == ["Mn2+", "Mn2+"]
    axis = np.arange(-20, 20, 0.1)
    peak = np.exp(-(axis**2))
    header = "#Spectra: 1\n" + "Energy Re[0] Im[0]\n"
    text = "\n".join(f"{e:.3f} {0:.6f} {-p:.6f}" for e, p in zip(axis, peak, strict=True))
    quanty = tmp_path / "q" / "Mn2+.spec"
    quanty.parent.mkdir()
    quanty.write_text(header + text)
    actual = load_library(quanty)
    assert actual.energy[actual.spectra[0].argmax()] == pytest.approx(642.47, abs=0.06)
    nameless = tmp_path / "q" / "calc.txt"
    nameless.write_text("\n".join(f"{e:.3f} {p:.6f}" for e, p in zip(axis, peak, strict=True)))
    with pytest.raises(ValueError, match="energies of -20 to 19.9 eV are relative"):
        load_library(nameless)
    feff = tmp_path / "q" / "xmu.dat"
    feff.write_text("# omega e k mu mu0 chi\n" + "\n".join(f"{e:.2f} 0 0 {m:.5f} 1 0" for e, m in rows[::10]))
    assert load_library(feff).energy[load_library(feff).spectra[0].argmax()] == pytest.approx(640, abs=0.3)
