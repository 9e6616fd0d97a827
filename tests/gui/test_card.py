"""The card of a stack: it shows what was read and guessed, and corrects the layer in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.prepare.card import StackCard
from napari_xanes.gui.prepare.dock import PrepareDock
from napari_xanes.history import Step

ENERGY = np.linspace(8280, 8440, 41)
EDGE = 0.2 + 0.6 / (1 + np.exp(-(ENERGY - 8343) / 1.5))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Return optical depth of nickel in keV, in the order of falling energy, and an array that no reader takes."""
    thickness = np.linspace(0.5, 1.5, 20).reshape(4, 5)
    noise = np.random.default_rng(0).normal(0, 1e-3, (41, 4, 5))
    np.savez(
        tmp_path / "scan.npz", data=(EDGE[:, None, None] * thickness + noise)[::-1], energy=ENERGY[::-1] / 1000,
        quantity="optical_depth", flat=np.ones((4, 5)),
    )  # fmt: skip
    return tmp_path / "scan.npz"


@pytest.fixture
def card(viewer: Any, scan: Path, wait: Any) -> StackCard:
    viewer.open(scan, plugin="napari-xanes")
    dock = PrepareDock(viewer)
    viewer.window.add_dock_widget(dock)
    dock.card_line.button.click()
    assert dock.card_line.card is not None
    wait(lambda: not dock.card_line.card.looking.running)
    return dock.card_line.card


def test_each_line_is_shown_with_its_source(card: StackCard) -> None:
    assert card.fields.widgets["quantity"].currentText() == "optical depth"
    assert card.values["energies"].text() == "41 from 8280 to 8440 eV"
    assert card.sources["energies"].text() == "energy"
    assert card.fields.widgets["energy_unit"].currentText() == "keV"
    assert card.sources["energy unit"].text() == "guessed: below 100"
    assert (card.values["flats"].text(), card.sources["flats"].text()) == ("none", "not used: flat")
    assert card.sources["pixel size"].text() == "the file does not say"
    assert card.values["spoiled frames"].text() == "none found"
    assert card.sources["element and edge"].text().startswith("Ni K, guessed: the mean spectrum rises most at 834")
    assert card.minimumSizeHint().width() <= 340


def test_the_contents_of_the_file_are_behind_a_button(card: StackCard) -> None:
    assert card.contents.isHidden()
    card.contents_button.click()
    assert not card.contents.isHidden()
    rows = [[card.contents.item(i, j).text() for j in range(3)] for i in range(card.contents.rowCount())]
    assert rows == [
        ["data", "41 x 4 x 5\nfloat64", "frames"],
        ["energy", "41\nfloat64", "energies"],
        ["flat", "4 x 5\nfloat64", "not used: the values are optical depth already"],
    ]
    card.contents_button.click()
    assert card.contents.isHidden()


def test_what_is_changed_corrects_the_layer_in_place(viewer: Any, card: StackCard, wait: Any) -> None:
    regions = viewer.add_labels(np.ones((4, 5), np.uint8), name="regions")
    elsewhere = viewer.add_labels(np.ones((4, 5), np.uint8), scale=(3.0, 3.0), name="elsewhere")
    (layer,) = (layer for layer in viewer.layers if "xanes" in layer.metadata)
    data = layer.data
    card.fields.widgets["quantity"].setCurrentText("fluorescence")
    card.fields.widgets["pixel_size"].setText("0.05 0.04")
    card.fields.widgets["exposure"].setText("0.5")
    card.fields.widgets["absorber"].setText("Ni K")
    card.apply()
    wait(lambda: not card.job.running and not card.looking.running)
    stack = stack_of(layer)
    assert layer.data is data
    assert (stack.quantity, stack.pixel_size, stack.metadata["exposure"]) == ("fluorescence", (0.05, 0.04), 0.5)
    assert (stack.metadata["element"], stack.metadata["edge"]) == ("Ni", "K")
    assert layer.name == "scan · fluorescence"
    np.testing.assert_allclose(layer.scale, (1, 0.05, 0.04))
    assert [str(unit) for unit in layer.units[1:]] == ["micrometer", "micrometer"]
    np.testing.assert_allclose(regions.scale, (0.05, 0.04))
    np.testing.assert_allclose(elsewhere.scale, (3, 3))
    given = {"quantity": "fluorescence", "pixel_size": [0.05, 0.04], "exposure": 0.5, "absorber": "Ni K"}
    assert dict(stack.source.reading) == given  # type: ignore[union-attr]
    assert card.sources["pixel size"].text() == "given by pixel_size="
    assert card.status.text() == "Done."


def test_the_unit_of_the_energies_is_corrected(viewer: Any, tmp_path: Path, wait: Any) -> None:
    np.savez(tmp_path / "soft.npz", data=np.ones((3, 4, 5)), energy=[54.0, 55, 56])  # the K edge of lithium in eV
    viewer.open(tmp_path / "soft.npz", plugin="napari-xanes")
    layer = viewer.layers[-1]
    assert stack_of(layer).energy.tolist() == [54000, 55000, 56000]
    card = StackCard(viewer, layer)
    card.fields.widgets["energy_unit"].setCurrentText("eV")
    card.apply()
    wait(lambda: not card.job.running and not card.looking.running)
    assert stack_of(layer).energy.tolist() == [54, 55, 56]
    assert card.values["energies"].text() == "3 from 54 to 56 eV"
    assert card.sources["energy unit"].text() == "given by energy_unit="


def test_other_energies_read_the_file_again(viewer: Any, card: StackCard, tmp_path: Path, wait: Any) -> None:
    before = stack_of(viewer.layers[0]).data.copy()
    np.savetxt(tmp_path / "energies.txt", ENERGY[::-1] + 5)
    card.attach(tmp_path / "energies.txt")
    wait(lambda: not card.job.running and not card.looking.running)
    stack = stack_of(viewer.layers[0])
    np.testing.assert_allclose(stack.energy, ENERGY + 5)
    np.testing.assert_array_equal(stack.data, before)
    assert card.sources["energies"].text() == "given by energies="


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("pixel_size", "4 nm", "is no length in µm"),
        ("pixel_size", "1 2 3", "has 3 lengths"),
        ("exposure", "long", "is no time in s"),
        ("absorber", "Ni Q", "is no tabulated edge"),
    ],
)
def test_nonsense_is_told_and_changes_nothing(
    viewer: Any, card: StackCard, wait: Any, name: str, text: str, message: str
) -> None:
    before = viewer.layers[0].metadata
    card.fields.widgets[name].setText(text)
    card.apply()
    wait(lambda: not card.job.running)
    assert message in card.status.text()
    assert viewer.layers[0].metadata == before
    card.fields.widgets["exposure"].setText("2")
    card.fields.widgets[name].setText("")
    if name != "exposure":
        card.apply()
        wait(lambda: not card.job.running)
        assert stack_of(viewer.layers[0]).metadata["exposure"] == 2


def test_nothing_is_done_where_nothing_was_changed(card: StackCard) -> None:
    card.apply()
    assert card.status.text() == "Nothing was changed."


def test_a_wrong_text_of_energies_is_told(viewer: Any, card: StackCard, tmp_path: Path, wait: Any) -> None:
    (tmp_path / "energies.txt").write_text("8300\n8310\n")
    card.attach(tmp_path / "energies.txt")
    wait(lambda: not card.job.running)
    assert "2 energies" in card.status.text()
    assert stack_of(viewer.layers[0]).energy.size == 41


def test_what_steps_have_used_can_not_be_changed(viewer: Any, add_stack: Any, stack: SpectralStack, wait: Any) -> None:
    depth = SpectralStack(stack.data, stack.energy, "optical_depth", history=(Step("optical_depth"),))
    card = StackCard(viewer, add_stack(depth))
    enabled = {name: widget.isEnabled() for name, widget in card.fields.widgets.items()}
    assert enabled == {
        "quantity": False, "energy_unit": False, "pixel_size": True, "exposure": False, "absorber": True
    }  # fmt: skip
    assert not card.energies_button.isEnabled()
    wait(lambda: not card.looking.running)


def test_a_layer_that_was_removed_is_told(viewer: Any, card: StackCard, wait: Any) -> None:
    card.fields.widgets["exposure"].setText("2")
    viewer.layers.clear()
    card.apply()
    wait(lambda: not card.job.running)
    assert "no longer in the window" in card.status.text()


def test_without_a_stack_there_is_no_card(viewer: Any) -> None:
    dock = PrepareDock(viewer)
    assert not dock.card_line.button.isEnabled()
    dock.card_line.open_card()
    assert dock.card_line.card is None


def test_a_text_that_was_taken_out_is_told(viewer: Any, card: StackCard, wait: Any) -> None:
    card.fields.widgets["exposure"].setText("2")
    card.apply()
    wait(lambda: not card.job.running and not card.looking.running)
    card.fields.widgets["exposure"].setText("")
    card.apply()
    assert card.status.text() == "Exposure: empty; type the right one, or 2 again"
    assert stack_of(viewer.layers[0]).metadata["exposure"] == 2


def test_energies_of_a_text_have_its_unit(viewer: Any, add_stack: Any, tmp_path: Path, wait: Any) -> None:
    metadata = {"energy_unit": "keV (guessed: below 100)"}
    layer = add_stack(SpectralStack(np.ones((3, 4, 5)), [54000, 55000, 56000], metadata=metadata))
    (tmp_path / "energies.txt").write_text("# eV\n7100\n7110\n7120\n")
    card = StackCard(viewer, layer)
    card.attach(tmp_path / "energies.txt")
    wait(lambda: not card.job.running and not card.looking.running)
    assert card.fields.widgets["energy_unit"].currentText() == "eV"
    assert (card.values["energy unit"].text(), card.sources["energies"].text()) == ("eV", "energies.txt")
