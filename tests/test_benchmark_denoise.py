"""Scores of the denoising benchmark on exact examples, and its simulation. The benchmark itself does not run here.

Longer than 300 lines because it tests all parts of one benchmark.
"""

from __future__ import annotations

from dataclasses import replace
from math import erf, sqrt

import numpy as np
import pytest

pytest.importorskip("benchmarks.denoise", reason="benchmarks are importable from the repository's root only")

from benchmarks.denoise.bars import BARS
from benchmarks.denoise.beam import Detector, expose
from benchmarks.denoise.block_matching import block_matching
from benchmarks.denoise.cases import CASES, Case, simulate
from benchmarks.denoise.ceiling import known_phase
from benchmarks.denoise.edges import k_edge, l_edge, positions
from benchmarks.denoise.figure import photons_for
from benchmarks.denoise.generators import GENERATORS
from benchmarks.denoise.odd_even import odd_even
from benchmarks.denoise.places import coverage_by_place, covered, mean_coverage, places, square_means
from benchmarks.denoise.rivals import (
    TUNED,
    TV_STRENGTHS,
    Estimate,
    likelihood_tv,
    matched_fractions,
    pca,
    prepare,
    raw,
    significant,
    valence_of,
)
from benchmarks.denoise.runs import OURS, Outcome, interval
from benchmarks.denoise.scores import (
    Score,
    amplitude_kept,
    average_precision,
    contrast_gain,
    coverage,
    grown,
    high_passed,
    rmse,
    score,
    unknown_amount,
)
from benchmarks.denoise.tables import summary_table

EVERYWHERE = np.ones((96, 96), bool)


@pytest.mark.parametrize("factor", [1, 2])
def test_coverage_of_gaussian_errors_is_that_of_the_normal_distribution(rng, factor):
    sigma = rng.uniform(0.5, 2.0, (200, 200))
    covered = coverage(sigma * rng.standard_normal(sigma.shape), sigma, 0 * sigma, np.ones(sigma.shape, bool), factor)
    assert covered == pytest.approx(erf(factor / sqrt(2)), abs=0.01)


def test_contrast_gain_is_the_share_of_kept_fine_structure_at_any_noise(rng):
    truth = rng.standard_normal(EVERYWHERE.shape)
    assert contrast_gain(truth, truth, EVERYWHERE) == pytest.approx(1)
    assert contrast_gain(0.3 * truth + 7, truth, EVERYWHERE) == pytest.approx(0.3)
    noise = rng.standard_normal(truth.shape)
    assert contrast_gain(0.3 * truth + noise, truth, EVERYWHERE) == pytest.approx(0.3, abs=0.05)
    assert np.isnan(contrast_gain(truth, 0 * truth + 0.5, EVERYWHERE))


def test_high_pass_ignores_pixels_outside_the_mask():
    where = EVERYWHERE.copy()
    where[:, 48:] = False
    assert np.allclose(high_passed(np.where(where, 3.0, np.nan), where), 0)


def test_amplitude_and_errors_in_closed_form():
    truth = np.arange(16.0).reshape(4, 4)
    where = truth > 4
    assert amplitude_kept(0.25 * truth, truth, where) == pytest.approx(0.25)
    assert rmse(truth + 3 * where, truth, where) == pytest.approx(3)
    assert average_precision(truth, where) == pytest.approx(1)
    assert average_precision(0 * truth, where) == pytest.approx(where.mean())


def test_grown_grows_a_mask():
    where = np.zeros((9, 9), bool)
    where[4, 4] = True
    assert grown(where, 2).sum() == 13


@pytest.mark.parametrize(
    "edge", [k_edge(), k_edge("Fe"), k_edge("Mn"), l_edge(), l_edge(3)], ids=["Ni K", "Fe K", "Mn K", "L", "L three"]
)
def test_amount_of_the_unknown_phase_ignores_references_and_background(edge):
    spectra = np.array([spectrum.at(edge.energy) for spectrum in (*edge.references, edge.unknown)])
    assert np.isfinite(spectra).all()
    assert edge.energy.size == 80
    mixed = np.tensordot(spectra.T, np.array([*[0.3] * len(edge.references), 0.2])[:, None, None], 1) + 0.4
    assert unknown_amount(mixed, edge) == pytest.approx(0.2)
    assert positions(edge.references)[[0, -1]].tolist() == [0, 1]


def test_photons_for_an_error_follow_a_power_law():
    photons = [100, 1000, 10000]
    errors = [0.1, 0.1 / sqrt(10), 0.01]
    assert photons_for(0.1 / sqrt(3), photons, errors) == pytest.approx(300)
    assert np.isnan(photons_for(0.001, photons, errors))


def test_interval_of_two_values_follows_students_t():
    assert interval(np.array([0.0, 2.0])) == pytest.approx((1 - 12.706, 1 + 12.706), abs=1e-3)
    assert np.isnan(interval(np.array([1.0]))[0])


def test_parallel_analysis_counts_components_above_the_noise(rng):
    values = np.linspace(1.2, 0.8, 30)
    assert significant(values * 0.8, 500) == 1
    values[:3] = 9, 5, 3
    assert significant(values, 500) == 3


def test_valence_is_the_share_of_the_last_reference():
    amounts = np.array([[[0.3]], [[0.1]]])
    assert valence_of(amounts, np.array([0.0, 1.0])) == pytest.approx(0.25)


def test_simulation_repeats_itself_and_shows_one_specimen_at_all_doses():
    measurement, repeated, brighter = (simulate(CASES[name], 3, size=64) for name in ("200", "200", "5000"))
    assert np.array_equal(measurement.stack.data, repeated.stack.data)
    assert np.array_equal(measurement.truth.valence, brighter.truth.valence)
    assert not np.array_equal(measurement.stack.data, simulate(CASES["200"], 4, size=64).stack.data)


@pytest.mark.parametrize("name", CASES)
def test_every_case_has_the_documented_properties(name):
    case, measurement = CASES[name], simulate(CASES[name], 0, size=64)
    inside = measurement.truth.jump > 0
    assert measurement.stack.shape == (80, 64, 64)
    assert measurement.truth.jump.max() <= 0.3 * case.dilution + 1e-9
    assert measurement.truth.jump[inside].min() >= 0.06 * case.dilution - 1e-9
    assert inside.all() == (case.texture == "filled")
    assert abs(measurement.offset) == case.offset
    if case.null:
        assert not measurement.truth.unknown.any()
        assert np.ptp(measurement.truth.valence) == 0
    else:
        assert measurement.truth.unknown.any()
        assert measurement.truth.valence[measurement.scored].std() == pytest.approx(0.21, abs=0.03)


@pytest.mark.parametrize("name", ["1000", "L edge, three"])
def test_rivals_find_the_truth_without_noise_and_patterns(name):
    measurement = simulate(replace(CASES[name], photons=1e9, pattern=0), 0, size=64)
    good = measurement.stack.metadata["flat"].mean(axis=0)
    measurement = replace(measurement, scored=measurement.scored & (np.abs(good / np.median(good) - 1) < 0.25))
    data = prepare(measurement)
    for estimate in (raw(data), pca(data), next(likelihood_tv(data)), next(matched_fractions(data))):
        assert score(estimate, measurement).rmse < 0.01
    assert score(raw(data), measurement).kept == pytest.approx(1, abs=0.01)


def test_stronger_total_variation_gives_flatter_maps():
    measurement = simulate(CASES["1000"], 0, size=64)
    spread = [
        np.abs(np.diff(estimate.valence, axis=0))[measurement.scored[1:]].mean()
        for estimate in likelihood_tv(prepare(measurement))
    ]
    assert len(spread) == len(TV_STRENGTHS)
    assert spread == sorted(spread, reverse=True)


def test_the_denoiser_is_not_told_the_gain_unless_asked():
    assert simulate(CASES["read noise"], 0, size=32).stack.corrections.gain is None
    told = simulate(CASES["read noise"], 0, size=32, gain=True).stack.corrections
    assert (told.gain, told.read_noise) == (2.3, 14.0)


def test_a_detector_multiplies_photons_and_adds_read_noise():
    nothing = np.zeros((1, 48, 48))
    spectra = np.ones((12, 1))

    def variances(detector: Detector) -> tuple[float, float, float]:
        rng = np.random.default_rng(0)
        counts, flats = expose(rng, nothing, spectra, photons=1000, pattern=0, jitter=0, flicker=0, detector=detector)
        ratio = counts / flats / (counts / flats).mean(axis=(1, 2), keepdims=True)
        good = np.abs(ratio - 1).max(axis=0) < 0.5
        below = ratio[:, 1:][:, good[1:] & good[:-1]] - ratio[:, :-1][:, good[1:] & good[:-1]]
        return float(counts.mean()), float(np.var(ratio[:, good])), float(np.var(below))

    plain, gained, noisy, moved = (
        variances(detector) for detector in (Detector(), Detector(3.0), Detector(3.0, 90.0), Detector(resampled=True))
    )
    assert gained == pytest.approx((3 * plain[0], plain[1], plain[2]), rel=1e-5)
    # 90 counts are 30 photons, so 900 photons are added to a variance of about 950.
    assert noisy[1] / plain[1] == pytest.approx(1 + 900 * 1000 / plain[0] / (plain[0] * 1.1), rel=0.2)
    # Neighbours share noise: their differences have less than twice the variance.
    assert plain[2] / plain[1] == pytest.approx(2, rel=0.05)
    assert moved[2] / moved[1] < 1.7


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_draw_new_specimens_of_their_own_with_empty_pixels_and_thin_ones(name):
    draw = GENERATORS[name]
    depth, valence = draw(np.random.default_rng(1), 96)
    again, other = draw(np.random.default_rng(1), 96), draw(np.random.default_rng(2), 96)
    for first, second, third in zip((depth, valence), again, other, strict=True):
        assert np.array_equal(first, second)
        assert not np.array_equal(first, third)
    assert depth.shape == valence.shape == (96, 96)
    assert depth.min() == 0
    assert 0.2 < depth.max() <= 1
    assert 0.03 < np.mean(depth == 0) < 0.8
    assert valence[depth > 0].std() > 0


def test_places_are_told_by_the_truth():
    measurement = simulate(Case(texture="gradients"), 0, size=96)
    valence = np.where(np.arange(96) < 48, 0.2, 0.8) * np.ones((96, 96))
    jump = np.full((96, 96), 0.2)
    jump[:10] = 0.0
    truth = replace(measurement.truth, jump=jump, valence=valence, unknown=np.zeros((96, 96)))
    found = places(replace(measurement, truth=truth, scored=jump > 0))
    assert np.flatnonzero(found["borders"].any(axis=0)).tolist() == [46, 47, 48]
    assert np.flatnonzero(found["rim"][:, 20]).tolist() == [10, 11, 12, 93, 94, 95]
    assert not (found["plateaus"] & found["borders"]).any()
    assert found["plateaus"][40, 20]
    assert not (found["spots"] | found["thin"]).any()


def test_coverage_by_place_is_that_of_the_errors_given(rng):
    measurement = simulate(CASES["1000"], 0, size=96)
    sigma = np.where(places(measurement)["borders"], 0.02, 0.05)
    error = sigma * rng.standard_normal(sigma.shape)
    estimate = Estimate(measurement.truth.valence + error, sigma=0.05 + 0 * sigma, sigma_of_mean=lambda box: 1.0)
    found = coverage_by_place(estimate, measurement)
    assert found["plateaus"].within_2 == pytest.approx(erf(sqrt(2)), abs=0.02)
    assert found["borders"].times == pytest.approx(0.4, abs=0.02)
    assert found["means of 8²"].within_1 == 1
    mean, lowest, highest = mean_coverage([found, {"all": covered(np.ones(10), np.full(10, 0.6))}])["all"]
    assert (lowest, highest) == (found["all"].within_2, 1.0)
    assert mean.count == found["all"].count + 10


def test_means_of_squares_leave_out_squares_with_few_pixels():
    scored = np.zeros((8, 8), bool)
    scored[:4] = scored[4:6, :4] = True
    error = np.arange(64.0).reshape(8, 8)
    means, sigmas = square_means(error, scored, 4, lambda box: float(box.sum()))
    assert means.tolist() == [13.5, 17.5]
    assert sigmas.tolist() == [16, 16]


def test_a_known_phase_is_found_wherever_photons_are_many():
    case = replace(CASES["1000"], photons=1e7, pattern=0)
    measurement = simulate(case, 0, size=64)
    assert known_phase(measurement, prepare(measurement)) > 0.97
    nothing = simulate(CASES["null"], 0, size=32)
    assert np.isnan(known_phase(nothing, prepare(nothing)))


def test_block_matching_finds_periodic_structure_below_the_noise(rng):
    y, x = np.indices((96, 96))
    truth = 0.5 + 0.2 * ((y // 6 + x // 6) % 2) + 0.002 * x
    sigma = np.where(x < 48, 0.1, 0.2).astype(np.float32)
    noisy = (truth + sigma * rng.standard_normal(truth.shape)).astype(np.float32)
    cleaned = block_matching(noisy, sigma)
    for half in (x < 48, x >= 48):
        assert rmse(cleaned, truth, half) < 0.45 * rmse(noisy, truth, half)
    assert block_matching(noisy + 1, sigma) == pytest.approx(cleaned + 1, abs=0.05)
    assert block_matching(noisy, 1e-4 * sigma) == pytest.approx(noisy, abs=1e-3)


def test_pairs_of_energies_train_away_noise_of_images_that_energies_share(rng):
    maps = np.sin(np.indices((64, 64)) / 5)
    spectra = rng.uniform(0.5, 1.5, (20, 2)).repeat(2, axis=0)
    truth = np.tensordot(spectra, maps, 1).astype(np.float32)
    noisy = truth + rng.normal(0, 0.5, truth.shape).astype(np.float32)
    *_, last = odd_even(noisy, np.full_like(noisy, 4.0))
    # Six components of twenty alone would leave 0.27.
    assert np.sqrt(np.mean((last - truth) ** 2)) < 0.22
    again = next(odd_even(noisy, np.full_like(noisy, 4.0)))
    assert np.array_equal(again, next(odd_even(noisy, np.full_like(noisy, 4.0))))


def test_summary_marks_what_misses_its_limit():
    def outcome(error: float, precision: float) -> Outcome:
        ours = Score(error, 0.0, contrast=0.7, precision=precision, within_2=0.95)
        rivals = {name: Score(0.1 if name == "ML-LCF + TV" else 0.2, 0.0) for name in TUNED}
        return Outcome(
            {"PCA k=5": Score(1.0, 0.0), **rivals, OURS: ours}, {}, {"all": covered(np.ones(9), np.ones(9))}, 0.8
        )

    table = summary_table(
        {"5000": [outcome(0.05, 0.8), outcome(0.05, 0.8)], "200": [outcome(0.05, 0.8), outcome(0.1, 0.3)]}
    )
    good, bad = table.splitlines()[1:3]
    assert "0.500 (0.500 to 0.500)" in good
    assert "*" not in good
    assert "0.750 (-2.427 to 3.927)*" in bad
    assert "1.000*" in bad
    assert "0.375*" in bad
    assert good.endswith("ML-LCF + TV")


def test_bars_belong_to_cases():
    assert set(BARS) <= set(CASES)
