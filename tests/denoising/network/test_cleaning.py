"""The network and its weights: shipped weights, maps in tiles, training, and resumed training."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from tools.training.examples import Example, example
from typer.testing import CliRunner

from napari_xanes.denoising.network import cleaning
from napari_xanes.denoising.network.candidates import NoisyMaps, candidates, map_statistics
from napari_xanes.denoising.network.cleaning import WEIGHTS, WEIGHTS_SHA256, clean_maps, load_network
from napari_xanes.denoising.network.mixture_net import MixtureNet

IMAGES = ("weighted_estimate", "information", "jump", "absorption", "absorption_sigma")
Cleaned = list[tuple[Example, tuple[np.ndarray, np.ndarray]]]


@pytest.fixture(scope="module")
def cleaned_examples() -> Cleaned:
    return [(noisy, cleaned(noisy)) for noisy in map(drawn, range(12))]


def drawn(seed: int, size: int = 96) -> Example:
    return example(np.random.default_rng((10**7, seed)), (size, size))


def cleaned(noisy: Example, **options: object) -> tuple[np.ndarray, np.ndarray]:
    network = load_network("cpu")
    clean, sigma = clean_maps(
        noisy.weighted_estimate[None],
        noisy.information[None],
        noisy.jump,
        noisy.absorption,
        noisy.absorption_sigma,
        network=network,
        **options,
    )
    return clean[0], sigma[0]


def test_model_card_describes_the_shipped_weights() -> None:
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert digest == WEIGHTS_SHA256
    card = Path(__file__).parents[3] / "docs" / "model-card.md"
    assert digest in card.read_text(encoding="utf-8")
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


def test_the_network_beats_every_candidate(cleaned_examples: Cleaned) -> None:
    """Every candidate has a larger mean error than the network, on maps that were not used for training."""
    network_errors, candidate_errors = [], []
    for noisy, (clean, _) in cleaned_examples:
        weight = noisy.weight / noisy.weight.sum()
        images = {name: torch.from_numpy(getattr(noisy, name))[None] for name in IMAGES}
        maps = NoisyMaps(**images, mean=torch.tensor([noisy.mean], dtype=torch.float32))
        images_of_candidates = candidates(maps, map_statistics(maps))[0][0].numpy()
        network_errors.append(np.sqrt((weight * (clean - noisy.truth) ** 2).sum()))
        candidate_errors.append(np.sqrt((weight * (images_of_candidates - noisy.truth) ** 2).sum(axis=(1, 2))))
    relative = np.array(network_errors)[:, None] / np.array(candidate_errors)
    assert np.exp(np.log(relative).mean(axis=0)).max() < 1


def test_network_errors_cover_the_truth(cleaned_examples: Cleaned) -> None:
    scores = []
    for noisy, (clean, sigma) in cleaned_examples:
        scores.append(np.abs((clean - noisy.truth) / sigma)[noisy.weight > 0.5])
    assert 0.9 < np.mean(np.concatenate(scores) < 2) < 0.995


def test_tiles_give_the_same_result_as_the_whole_map(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = drawn(3, size=224)
    whole = cleaned(noisy)
    monkeypatch.setattr(cleaning, "TILE", 112)  # a tile with its margin is still smaller than the map
    for tiled, expected in zip(cleaned(noisy), whole, strict=True):
        np.testing.assert_allclose(tiled, expected, atol=1e-4)


def test_maps_of_any_size_are_cleaned() -> None:
    rng = np.random.default_rng(0)
    information = np.full((1, 37, 53), 20, np.float32)
    estimate = 0.4 + 0.2 * rng.standard_normal(information.shape)
    weighted_estimate = information * estimate.astype(np.float32)
    even = np.ones((37, 53), np.float32)
    clean, sigma = clean_maps(weighted_estimate, information, even, even, 0.01 * even, network=load_network("cpu"))
    assert np.abs(clean - 0.4).max() < 0.15
    assert np.isfinite(sigma).all()


def test_interrupted_training_is_resumed_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.training import train

    monkeypatch.setattr(train, "SIZE", 40)
    monkeypatch.setattr(train, "CROP", 32)
    monkeypatch.setattr(train, "ROUND", 2)
    monkeypatch.setattr(train, "FRESH", 2)
    monkeypatch.setattr(train, "KEEP", 4)
    monkeypatch.setattr(train, "HELD_OUT", 2)
    monkeypatch.setattr(train, "REPORT", 4)
    monkeypatch.setattr(train, "BATCH", 2)

    def trained(name: str) -> dict[str, torch.Tensor]:
        train.main(tmp_path / name, steps=8, seed=1, weights=tmp_path / f"{name}.weights")
        return torch.load(tmp_path / f"{name}.weights", weights_only=True)

    whole = trained("whole")
    half = torch.load(tmp_path / "whole", weights_only=True)
    assert half["step"] == 8

    class Interrupted(Exception): ...

    save = train._State.save

    def save_and_stop(self: object, path: Path) -> None:
        save(self, path)
        raise Interrupted

    with monkeypatch.context() as once:
        once.setattr(train._State, "save", save_and_stop)
        with pytest.raises(Interrupted):
            trained("parts")
    assert torch.load(tmp_path / "parts", weights_only=True)["step"] == 4
    for name, value in trained("parts").items():
        torch.testing.assert_close(value, whole[name], atol=0, rtol=0)
    MixtureNet().load_state_dict(whole)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    import typer
    from tools.training import train

    train._State(train.Run(0, 16), "cpu").save(tmp_path / "run")
    app = typer.Typer()
    app.command()(train.main)
    result = CliRunner().invoke(app, ["--out", str(tmp_path / "run"), "--steps", "32"])
    assert isinstance(result.exception, ValueError)
    assert "'steps': 16" in str(result.exception)
    assert "'steps': 32" in str(result.exception)


def test_training_begins_from_given_weights() -> None:
    from tools.training import train

    state = train._start(Path("no such file"), train.Run(0, 16, start=WEIGHTS_SHA256), WEIGHTS, "cpu")
    for mine, shipped in zip(state.average.parameters(), load_network("cpu").parameters(), strict=True):
        torch.testing.assert_close(mine, shipped, atol=0, rtol=0)


def test_a_batch_holds_one_part_of_each_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """All images of an example are cut, turned and mirrored alike."""
    from tools.training import train

    monkeypatch.setattr(train, "SIZE", 40)
    monkeypatch.setattr(train, "CROP", 24)
    position = torch.arange(1600.0).reshape(40, 40)
    examples = [
        {"candidates": (1600 * i + position)[None], "features": position[None], "truth": position, "weight": position}
        for i in range(3)
    ]
    places = set()
    for seed in range(20):
        batch = train._batch(examples, np.random.default_rng(seed))
        assert batch["truth"].shape == (3, 24, 24)
        torch.testing.assert_close(batch["features"][:, 0], batch["truth"])
        torch.testing.assert_close(batch["candidates"][:, 0] - 1600 * torch.arange(3.0)[:, None, None], batch["truth"])
        places |= set(batch["truth"].amin((1, 2)).tolist())
    assert len(places) > 30


def test_cpu_is_used_if_the_graphics_card_has_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = drawn(5)
    expected = cleaned(noisy)
    clean_in_tiles = cleaning._clean_in_tiles
    calls = []

    def fail_once(maps: object, *others: object) -> None:
        calls.append(maps)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("out of memory")
        clean_in_tiles(maps, *others)

    monkeypatch.setattr(cleaning, "_clean_in_tiles", fail_once)
    for maps, right in zip(cleaned(noisy, device="cpu:0"), expected, strict=True):
        np.testing.assert_allclose(maps, right, atol=1e-6)
    assert len(calls) == 2


def test_weights_of_runs_are_averaged_by_their_shares(tmp_path: Path) -> None:
    from tools.training import average

    runs = [tmp_path / "one", tmp_path / "two"]
    for run, value in zip(runs, (1.0, 4.0), strict=True):
        torch.save({"layer": torch.full((2,), value).half()}, run)
    average.main(runs, tmp_path / "mean", share=[1, 2])
    mean = torch.load(tmp_path / "mean", weights_only=True)["layer"]
    torch.testing.assert_close(mean, torch.full((2,), 3.0).half())
    with pytest.raises(ValueError, match="one --share for each"):
        average.main(runs, tmp_path / "mean", share=[1])
