"""The card of a stack: what was read and guessed, where it comes from, and keywords that correct it."""

from __future__ import annotations

import warnings
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.io.samples import STACKS

import napari_xanes as nx
from napari_xanes.guesses import Guess, guesses
from napari_xanes.history import READ_KEYWORDS
from napari_xanes.io.energies import ev_per_unit
from napari_xanes.io.facts import Facts, corrected

ENERGY = np.linspace(8280, 8440, 81)
EDGE = 0.2 + 0.6 / (1 + np.exp(-(ENERGY - 8343) / 1.5))


def card(stack: nx.SpectralStack, **keywords: Any) -> dict[str, Guess]:
    return {guess.name: guess for guess in guesses(stack, **keywords)}


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Return counts behind a nickel sample in keV, with flats, and an I0 that no reader takes."""
    rng = np.random.default_rng(0)
    flat = rng.poisson(10_000, (81, 6, 7))
    counts = rng.poisson(10_000 * np.exp(-EDGE)[:, None, None], (81, 6, 7))
    counts[20] = 0
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["exchange/data"], file["exchange/energy"] = counts.astype("u2"), ENERGY / 1000
        file["exchange/data_white"] = flat.astype("u2")
        file["measurement/i0"] = np.ones(81)
    return tmp_path / "scan.h5"


def read(path: Path, **keywords: Any) -> nx.SpectralStack:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return nx.read(path, **keywords)


def test_each_line_says_where_it_comes_from(scan: Path) -> None:
    lines = card(read(scan))
    assert lines["quantity"] == Guess("quantity", "counts", "the format (APS Data Exchange)", "quantity")
    assert lines["energies"] == Guess("energies", "81 from 8280 to 8440 eV", "exchange/energy", "energies")
    assert lines["energy unit"] == Guess("energy unit", "keV", "guessed: below 100", "energy_unit")
    assert lines["I0"] == Guess("I0", "none", "not used: measurement/i0", "optical_depth(i0=)")
    assert lines["flats"].value == "81, one for each energy"
    assert lines["flats"].source == "exchange/data_white"
    assert lines["darks"].value == "none"
    assert lines["pixel size"] == Guess("pixel size", "not known", "the file does not say", "pixel_size")
    assert lines["spoiled frames"].value.startswith("20 (8320.0 eV): empty")
    assert lines["element and edge"].value == "Ni K"
    assert "rises most at 834" in lines["element and edge"].source


def test_without_a_look_no_values_are_read_and_lazy_stacks_are_never_computed(scan: Path) -> None:
    assert card(read(scan), look=False)["spoiled frames"].value == "not looked for"
    lazy = card(read(scan, memory_limit=0))
    assert lazy["element and edge"] == Guess(
        "element and edge", "not looked for", "the values stay in the file", "absorber"
    )
    assert lazy["energies"].source == "exchange/energy"


def test_keywords_correct_each_line_and_say_so(scan: Path) -> None:
    given = {"quantity": "transmission", "pixel_size": 0.04, "exposure": 0.5, "absorber": "Co K", "energy_unit": "eV"}
    with h5py.File(scan, "a") as file:
        file["exchange/energy"][...] = np.linspace(55, 90, 81)
    stack = read(scan, **given)
    assert (stack.quantity, stack.pixel_size) == ("transmission", (0.04, 0.04))
    np.testing.assert_allclose(stack.energy, np.linspace(55, 90, 81), rtol=1e-12)
    lines = card(stack)
    assert [lines[name].source for name in ("quantity", "pixel size", "exposure", "element and edge")] == [
        "given by quantity=",
        "given by pixel_size=",
        "given by exposure=",
        "given by absorber=",
    ]
    assert lines["energy unit"].source == "given by energy_unit="
    assert lines["exposure"].value == "0.5 s"
    assert lines["element and edge"].value == "Co K"
    assert dict(stack.source.reading) == given  # type: ignore[union-attr]


def test_a_correction_of_an_open_stack_equals_reading_it_so(scan: Path) -> None:
    facts = Facts("transmission", "keV", (0.04, 0.05), 0.5, "Ni K")
    by_keywords = read(scan, **facts.to_plain())
    by_hand = corrected(read(scan), facts)
    assert by_hand.source == by_keywords.source
    assert set(by_hand.metadata) == set(by_keywords.metadata)
    for name in ("energy_unit", "quantity_source", "exposure", "element", "edge", "contents"):
        assert by_hand.metadata[name] == by_keywords.metadata[name]
    assert (by_hand.quantity, by_hand.pixel_size) == (by_keywords.quantity, by_keywords.pixel_size)
    np.testing.assert_array_equal(by_hand.energy, by_keywords.energy)
    again = corrected(by_hand, facts)
    np.testing.assert_array_equal(again.energy, by_hand.energy)
    paths, keywords = by_hand.source.to_read()  # type: ignore[union-attr]
    assert read(Path(str(paths)), **keywords).pixel_size == (0.04, 0.05)


def test_what_a_step_has_used_is_not_changed_behind_it(scan: Path) -> None:
    depth = nx.run([nx.Step("optical_depth")], read(scan))
    with pytest.raises(ValueError, match="went through optical_depth, so its quantity can't be changed"):
        corrected(depth, Facts(quantity="transmission"))
    assert corrected(depth, Facts(pixel_size=0.1)).pixel_size == (0.1, 0.1)
    lines = card(depth)
    assert lines["quantity"].value == "optical depth (OD)"
    assert lines["quantity"].source == "after optical_depth"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"quantity": "colour"}, "quantity 'colour' is none of counts"),
        ({"energy_unit": "nm"}, "energy_unit 'nm' is none of eV, keV, J"),
        ({"pixel_size": -1}, "positive lengths in µm, not -1"),
        ({"pixel_size": (0.1, 0.1, 0.1)}, "has 3 lengths, but 'scan' has 2 spatial axes"),
        ({"exposure": 0}, "exposure=0 must be a time in s"),
        ({"exposure": float("nan")}, "exposure=nan must be a time in s"),
        ({"exposure": True}, "exposure=True must be a time in s"),
        ({"absorber": "Ni Q"}, "'Ni Q' is no tabulated edge"),
        ({"absorber": ""}, "is no tabulated edge"),
    ],
)
def test_what_can_not_be_is_refused(scan: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(scan, **given)


def test_facts_are_keywords_of_read_and_of_sources() -> None:
    names = {field.name for field in fields(Facts)}
    assert names < set(READ_KEYWORDS)
    assert names < set(signature(nx.read).parameters)


def test_a_stack_of_the_users_own_arrays_has_a_card() -> None:
    stack = nx.SpectralStack(np.repeat(EDGE, 4).reshape(81, 2, 2), ENERGY, "optical_depth", (0.1, 0.2))
    lines = card(stack)
    assert lines["pixel size"].value == "0.1 x 0.2 µm"
    assert lines["element and edge"].value == "Ni K"
    assert {lines[name].source for name in ("quantity", "energies", "pixel size")} == {"given"}


@pytest.mark.parametrize("name", STACKS)
def test_stacks_of_every_format_have_a_card(name: str, tmp_path: Path) -> None:
    for opened in {opened for opened, _ in STACKS[name](tmp_path)}:
        stack = read(tmp_path / opened)
        lines = card(stack)
        assert all(guess.value and guess.source and "\n" not in guess.value + guess.source for guess in lines.values())
        contents = stack.metadata.get("contents", ())
        assert not contents or [use.used_as for use in contents].count("frames") >= 1
        unit = lines["energy unit"].value
        assert unit == "not known" or ev_per_unit(unit) is not None
        corrected(stack, Facts(pixel_size=0.5, quantity=None if stack.history else stack.quantity))


def test_a_unit_that_no_number_had_can_not_be_corrected() -> None:
    stack = nx.SpectralStack(np.ones((2, 1, 1)), [7100, 7110], metadata={"energy_unit": "guessed from BraggE"})
    with pytest.raises(ValueError, match=r"guessed from BraggE\); give them as energies="):
        corrected(stack, Facts(energy_unit="keV"))
    assert card(stack)["energy unit"] == Guess("energy unit", "not known", "guessed from BraggE", "energy_unit")


@pytest.mark.parametrize("unit", ["keV", "J"])
def test_a_unit_that_leaves_no_edge_is_refused(unit: str) -> None:
    stack = nx.SpectralStack(np.ones((2, 1, 1)), [7100, 7110], metadata={"energy_unit": "eV"})
    with pytest.raises(ValueError, match=r"where no X-ray edge lies; as read they are 7100 to 7110 eV"):
        corrected(stack, Facts(energy_unit=unit))


def test_a_pixel_size_is_not_corrected_behind_binning(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=np.ones((3, 4, 4), np.float32), energy=[8330, 8340, 8350], pixel_size=[0.1, 0.1])
    binned = nx.ops.bin(read(tmp_path / "a.npz", quantity="optical_depth"), pixels=2)
    with pytest.raises(ValueError, match="went through bin, so its pixel size can't be changed any more"):
        corrected(binned, Facts(pixel_size=0.5))
    again = corrected(read(tmp_path / "a.npz", quantity="optical_depth"), Facts(pixel_size=0.5))
    paths, keywords = again.source.to_read()  # type: ignore[union-attr]
    assert nx.ops.bin(read(paths, **keywords), pixels=2).pixel_size == (1.0, 1.0)


def test_files_of_our_own_keep_what_their_steps_have_used(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=np.full((3, 4, 4), 0.5, np.float32), energy=[8330, 8340, 8350])
    depth = nx.ops.optical_depth(read(tmp_path / "a.npz", quantity="transmission"))
    nx.write(depth, tmp_path / "own.h5")
    for given in ({"quantity": "transmission"}, {"energy_unit": "keV"}, {"exposure": 2.0}):
        with pytest.raises(ValueError, match="went through optical_depth, so its"):
            read(tmp_path / "own.h5", **given)  # type: ignore[arg-type]
    again = read(tmp_path / "own.h5", quantity="optical_depth", pixel_size=0.5)
    assert again.pixel_size == (0.5, 0.5)
    assert again.source is not None
    paths, keywords = again.source.to_read()
    assert read(paths, **keywords).pixel_size == (0.5, 0.5)
