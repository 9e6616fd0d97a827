from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.io.energies import first_column
from napari_xanes.io.energy_columns import column_of_energies
from napari_xanes.io.energy_limits import looks_like_energies

ENERGY = [7100.5, 7101.0, 7102.25]


@pytest.mark.parametrize(
    "text",
    [
        ",energy\n0,7100.5\n1,7101.0\n2,7102.25\n",
        "frame,energy (eV)\n100,7100.5\n101,7101\n102,7102.25\n",
        "# image\tEnergy\tI0\n1\t7100.5\t20\n2\t7101\t21\n3\t7102.25\t22\n",
        "* no; photon energy\n1;7100,5\n2;7101,0\n3;7102,25\n",
        "1 7100.5\n2 7101\n3 7102.25\n",
        "0,7100.5\n1,7101.0\n2,7102.25\n",
        "energy i0\n7100.5 1\n7101 2\n7102.25 3\n",
        "7100.5 8000\n7101 8001\n7102.25 8002\n",
    ],
)
def test_the_column_that_holds_energies_is_taken(text):
    np.testing.assert_array_equal(first_column(text)[0], ENERGY)


def test_keV_beside_a_counter():
    np.testing.assert_array_equal(first_column("1 7.1\n2 7.2\n3 7.3\n")[0], [7.1, 7.2, 7.3])


@pytest.mark.parametrize("energy", [(7100.5, 7100.5, 7110.5), (7110.5, 7100.5, 7105.5), (7.1, 7.1, 7.11)])
def test_repeated_and_unsorted_energies_beside_a_counter(energy):
    table = "".join(f"{i} {value}\n" for i, value in enumerate(energy, 1))
    np.testing.assert_array_equal(first_column(table)[0], energy)


def test_a_counter_is_no_energy():
    assert not looks_like_energies(np.arange(1, 58))
    assert looks_like_energies([7.0, 8.0, 9.0])


def test_a_counter_that_could_be_energies_is_refused():
    with pytest.raises(
        ValueError, match="first column counts from 200 to 202, another one holds 7100.5 to 7102.25: keep"
    ):
        first_column("200 7100.5\n201 7101\n202 7102.25\n")


@pytest.mark.parametrize("text", ["700 .1\n701 .2\n702 .1", "700 5 6\n701 6 7", "700 700.2\n701 701.1", "700\n701"])
def test_energies_that_rise_by_one_stay(text):
    assert column_of_energies(text.splitlines(), "") is None


def test_a_line_of_many_numbers_is_no_table() -> None:
    assert column_of_energies(["7 " * 1000, "8 " * 1000], "") is None


@pytest.mark.parametrize("first", [(100, 110), (9000, 8999), (0, 10), (2, 4)])
def test_even_steps_beside_another_column_that_rises_are_refused(first):
    energy = [7100.5, 7101.0, 7102.25, 7110.0, 7120.0]
    text = "".join(f"{first[0] + i * (first[1] - first[0])} {value}\n" for i, value in enumerate(energy))
    with pytest.raises(ValueError, match="its first column counts from .* name their column energy"):
        first_column(text)
    np.testing.assert_array_equal(first_column(f"time energy\n{text}")[0], energy)


def test_energies_in_even_steps_beside_a_beam_that_goes_up_and_down_stay():
    np.testing.assert_array_equal(first_column("7100 900\n7110 905\n7120 895\n")[0], [7100, 7110, 7120])
    decaying = "".join(f"{7100 + 2 * i} {200 - 0.01 * i}\n" for i in range(9))
    np.testing.assert_array_equal(first_column(decaying)[0], 7100 + 2 * np.arange(9))


@pytest.mark.parametrize("text", ["7,100.50\n7,112.00\n", "7 100.50\n7 112.00\n", "7 100\n7 112\n8 001\n"])
def test_separators_of_thousands_are_refused(text):
    with pytest.raises(ValueError, match="separator of thousands, or two numbers; write it without separators"):
        first_column(text)
