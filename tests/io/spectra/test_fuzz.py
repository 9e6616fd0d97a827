"""Damaged files of each format of spectra give finite spectra or an error that names the file."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io import samples
from tests.io.fuzzing import assert_documented

from napari_xanes import read_spectra

SIGNS = st.one_of(st.sampled_from(b"0123456789-+.,;:#=|\t\n\r eEnN\0\"'[]{}()"), st.integers(0, 255))
WORDS = st.sampled_from([b"nan", b"-1", b"1e400", b"1e12", b"0", b"eV", b"keV", b"7,5", b"energy", b"deg", b"\xb5"])


@pytest.mark.parametrize("name", list(samples.SPECTRA))
def test_damaged_spectra(name, tmp_path_factory):
    folder = tmp_path_factory.mktemp(name)
    opened, target = samples.SPECTRA[name](folder)[0]
    whole = (folder / target).read_bytes()

    @settings(max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(data=st.data())
    def damaged(data):
        content = bytearray(whole)
        places = st.one_of(st.integers(0, min(300, len(whole) - 1)), st.integers(0, len(whole) - 1))
        for at, value in data.draw(st.lists(st.tuples(places, SIGNS), max_size=6)):
            content[at] = value
        if data.draw(st.booleans()):
            words = bytes(content).split(b" ")
            words[data.draw(st.integers(0, len(words) - 1))] = data.draw(WORDS)
            content = bytearray(b" ".join(words))
        del content[data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content)))) :]
        (folder / target).write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                spectra = read_spectra(folder / opened)
            except (OSError, ValueError) as error:
                assert_documented(error, target)
                return
        assert spectra
        for spectrum in spectra:
            assert np.isfinite(spectrum.energy).all()
            assert np.isfinite(spectrum.mu).all()
            assert (np.diff(spectrum.energy) > 0).all()
            assert spectrum.energy.nbytes <= 64 * len(content)

    damaged()
