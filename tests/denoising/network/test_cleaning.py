"""The network and its weights: published ones, in tiles, trained and resumed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from tools.training.examples import Example, example
from typer.testing import CliRunner

from napari_xanes.denoising.network import cleaning
from napari_xanes.denoising.network.candidates import Evidence, candidates, overview
from napari_xanes.denoising.network.cleaning import WEIGHTS, WEIGHTS_SHA256, clean_maps, load_network
from napari_xanes.denoising.network.mixture_net import MixtureNet


def drawn(seed: int, size: int = 96) -> Example:
    return example(np.random.default_rng((10**7, seed)), (size, size))


def cleaned(one: Example, **how: object) -> tuple[np.ndarray, np.ndarray]:
    network = load_network("cpu")
    clean, sigma = clean_maps(
        one.num[None], one.den[None], one.jump, one.total, one.total_sigma, network=network, **how
    )
    return clean[0], sigma[0]


def test_the_published_weights_are_those_of_the_model_card() -> None:
    found = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert found == WEIGHTS_SHA256
    card = Path(__file__).parents[3] / "docs" / "model-card.md"
    assert found in card.read_text(encoding="utf-8")
    assert WEIGHTS.stat().st_size < 4e6


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = bytearray(WEIGHTS.read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "weights.pt").write_bytes(damaged)
    monkeypatch.setattr(cleaning, "WEIGHTS", tmp_path / "weights.pt")
    load_network.cache_clear()
    with pytest.raises(OSError, match="damaged"):
        load_network("cpu")
    load_network.cache_clear()


def test_the_network_beats_what_it_chooses_from() -> None:
    """On maps that were never trained on, on average, each single candidate is worse."""
    ours, others = [], []
    for seed in range(12):
        one = drawn(seed)
        weight = one.weight / one.weight.sum()
        clean, _ = cleaned(one)
        images = [torch.from_numpy(image)[None] for image in (one.num, one.den, one.jump, one.total, one.total_sigma)]
        seen = Evidence(*images, torch.tensor([one.mean], dtype=torch.float32))
        found = candidates(seen, overview(seen))[0][0].numpy()
        ours.append(np.sqrt((weight * (clean - one.truth) ** 2).sum()))
        others.append(np.sqrt((weight * (found - one.truth) ** 2).sum(axis=(1, 2))))
    relative = np.array(ours)[:, None] / np.array(others)
    assert np.exp(np.log(relative).mean(axis=0)).max() < 1


def test_its_errors_are_about_right() -> None:
    scores = []
    for seed in range(12):
        one = drawn(seed)
        clean, sigma = cleaned(one)
        where = one.weight > 0.5
        scores.append(np.abs((clean - one.truth) / sigma)[where])
    assert 0.9 < np.mean(np.concatenate(scores) < 2) < 0.995


def test_tiles_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    one = drawn(3, size=320)
    whole = cleaned(one)
    monkeypatch.setattr(cleaning, "TILE", 160)
    for part, all_of_it in zip(cleaned(one), whole, strict=True):
        np.testing.assert_allclose(part, all_of_it, atol=1e-4)


def test_a_size_that_is_no_multiple_of_anything_works() -> None:
    rng = np.random.default_rng(0)
    den = np.full((1, 37, 53), 20, np.float32)
    num = den * (0.4 + 0.2 * rng.standard_normal(den.shape)).astype(np.float32)
    even = np.ones((37, 53), np.float32)
    clean, sigma = clean_maps(num, den, even, even, 0.01 * even, network=load_network("cpu"))
    assert np.abs(clean - 0.4).max() < 0.15
    assert np.isfinite(sigma).all()


def test_training_goes_on_as_if_it_had_not_been_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.training import train

    monkeypatch.setattr(train, "SIZE", 32)
    monkeypatch.setattr(train, "ROUND", 2)
    monkeypatch.setattr(train, "FRESH", 2)
    monkeypatch.setattr(train, "KEEP", 4)
    monkeypatch.setattr(train, "HELD_OUT", 2)
    monkeypatch.setattr(train, "REPORT", 4)

    def trained(name: str) -> dict[str, torch.Tensor]:
        train.main(tmp_path / name, steps=8, seed=1, weights=tmp_path / f"{name}.weights")
        return torch.load(tmp_path / f"{name}.weights", weights_only=True)

    whole = trained("whole")
    half = torch.load(tmp_path / "whole", weights_only=True)
    assert half["step"] == 8

    class Broken(Exception): ...

    saved = train._State.save

    def break_off(self: object, path: Path) -> None:
        saved(self, path)
        raise Broken

    with monkeypatch.context() as once:
        once.setattr(train._State, "save", break_off)
        with pytest.raises(Broken):
            trained("parts")
    assert torch.load(tmp_path / "parts", weights_only=True)["step"] == 4
    for name, value in trained("parts").items():
        torch.testing.assert_close(value, whole[name], atol=0, rtol=0)
    MixtureNet().load_state_dict(whole)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    import typer
    from tools.training import train

    train._State(0, 16, "cpu").save(tmp_path / "run")
    app = typer.Typer()
    app.command()(train.main)
    result = CliRunner().invoke(app, ["--out", str(tmp_path / "run"), "--steps", "32"])
    assert isinstance(result.exception, ValueError)
    assert "seed 0 and 16 steps" in str(result.exception)


def test_where_the_card_is_too_small_the_processor_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    one = drawn(5)
    expected = cleaned(one)
    real = cleaning._clean_in_tiles
    asked = []

    def full(seen: object, *others: object) -> None:
        asked.append(seen)
        if len(asked) == 1:
            raise torch.OutOfMemoryError("out of memory")
        real(seen, *others)

    monkeypatch.setattr(cleaning, "_clean_in_tiles", full)
    for found, right in zip(cleaned(one, device="cpu:0"), expected, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-6)
    assert len(asked) == 2
