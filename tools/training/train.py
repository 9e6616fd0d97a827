"""Train the denoising network: ``python -m tools.training.train --steps 12000 --out checkpoint.pt``.

All random numbers depend only on the seed and the number of the round, so an interrupted run can be resumed with the
same result. The checkpoint holds the whole state of a run; ``--weights`` writes the file that the package ships, and
``--start`` begins from such a file instead of random numbers.

Maps are drawn and filtered whole, and the network learns from parts of them: kriging measures the spectrum of a whole
map, so it is better on a large one, and the network must know how good it is.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor

from napari_xanes.denoising.network.candidates import KRIGED, VARIATION, NoisyMaps, candidates, map_statistics
from napari_xanes.denoising.network.mixture_net import MixtureNet
from tools.training.examples import Example
from tools.training.examples import example as draw_example

SIZE, CROP = 256, 128
"""Sides in pixels of the maps that are drawn, and of their parts that the network learns from."""

BATCH = 4
ROUND, FRESH = 16, 4
"""Number of training steps and number of new examples in a round."""

_IMAGES = ("weighted_estimate", "information", "jump", "absorption", "absorption_sigma")

KEEP = 128
"""Number of examples in memory. About sixteen parts of each, a quarter of it, are used, rotated or mirrored, before a
newer one comes. With sixty, the network learns the examples by heart, and its error on others rises."""

PEAK_RATE, WARM_UP, DECAY = 1.5e-3, 60, 0.995
HELD_OUT, REPORT = 64, 640
"""Number of examples that are not used for training, and number of steps between two reports on them."""

_HELD_OUT_ROUND = 10**6  # the number of a round that training never reaches


def main(
    out: Annotated[Path, typer.Option(help="Checkpoint; an existing one is resumed.")],
    steps: Annotated[int, typer.Option(help="Training steps of the whole schedule.")] = 12000,
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    workers: Annotated[int, typer.Option(help="Processes that draw examples; 0 draws them in this process.")] = 0,
    weights: Annotated[Path | None, typer.Option(help="Write the averaged weights here at the end.")] = None,
    start: Annotated[Path | None, typer.Option(help="Weights to begin from.")] = None,
    rate: Annotated[float, typer.Option(help="Largest learning rate.")] = PEAK_RATE,
) -> None:
    """Train the network, print scores, and save."""
    state = _start(out, Run(seed, steps, rate, "" if start is None else _digest(start)), start, device)
    test = _prepared([_drawn(seed, _HELD_OUT_ROUND, i) for i in range(HELD_OUT)], device)
    stored: list[dict[str, Tensor]] = []
    with ProcessPoolExecutor(workers) if workers else nullcontext() as pool:
        first = state.step // ROUND
        for fresh in _rounds(seed, first, steps // ROUND + KEEP // FRESH - 1, pool):
            stored = (stored + _prepared(fresh, device))[-KEEP:]
            if len(stored) < KEEP:
                continue
            report = state.train(stored)
            if state.step % REPORT == 0 or state.step >= steps:
                typer.echo(json.dumps({"step": state.step, **report, **score(state.average, test)}))
                state.save(out)
    if weights is not None:
        half = {name: value.half() for name, value in state.average.state_dict().items()}
        torch.save(half, weights)


def _rounds(seed: int, first: int, last: int, pool: Any) -> Iterator[list[Example]]:
    """Yield the examples of each round; a pool of processes draws them in advance."""
    if pool is None:
        for number in range(first, last):
            yield [_drawn(seed, number, i) for i in range(FRESH)]
        return
    waiting: list[Any] = []
    for number in range(first, last + 2):
        if number < last:
            waiting.append([pool.submit(_drawn, seed, number, i) for i in range(FRESH)])
        if (len(waiting) > 2 or number >= last) and waiting:
            yield [job.result() for job in waiting.pop(0)]


def _drawn(seed: int, number: int, i: int) -> Example:
    return draw_example(np.random.default_rng((seed, number, i)), (SIZE, SIZE))


def _prepared(examples: list[Example], device: str) -> list[dict[str, Tensor]]:
    """Return candidates, features, truth and weight of each example; half precision saves memory."""

    def images(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(example, name) for example in examples])).to(device)

    mean = torch.tensor([example.mean for example in examples], dtype=torch.float32, device=device)
    with torch.no_grad():
        maps = NoisyMaps(**{name: images(name) for name in _IMAGES}, mean=mean)
        cleaned, features = candidates(maps, map_statistics(maps))
    truth, weight = images("truth"), images("weight")
    return [
        {"candidates": c.half(), "features": f.half(), "truth": t, "weight": w}
        for c, f, t, w in zip(cleaned, features, truth, weight, strict=True)
    ]


@dataclass(frozen=True)
class Run:
    """What defines a run: seed, number of steps, largest learning rate, and the SHA-256 of the weights at its start."""

    seed: int
    steps: int
    rate: float = PEAK_RATE
    start: str = ""


class _State:
    """A training run: network, its running average, optimizer, and number of steps."""

    def __init__(self, run: Run, device: str, start: Path | None = None) -> None:
        torch.manual_seed(run.seed)
        network = MixtureNet()
        if start is not None:
            network.load_state_dict({k: v.float() for k, v in torch.load(start, weights_only=True).items()})
        self.network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=run.rate, weight_decay=1e-3, betas=(0.9, 0.98))
        self.run, self.step, self.device = run, 0, device

    def save(self, path: Path) -> None:
        """Write the whole state; if the writing is interrupted, the old file stays."""
        part = path.with_suffix(".part")
        parts = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimizer")}
        torch.save({**parts, "step": self.step, "run": asdict(self.run)}, part)
        part.replace(path)

    def train(self, stored: list[dict[str, Tensor]]) -> dict[str, float]:
        """Train for one round on random batches of the stored examples."""
        rng = np.random.default_rng((self.run.seed, self.step, 7))
        sums = np.zeros(2)
        for _ in range(ROUND):
            rate = self.run.rate * min(1.0, (self.step + 1) / WARM_UP)
            rate *= 0.5 * (1 + math.cos(math.pi * min(1.0, self.step / self.run.steps))) + 0.003
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            batch = _batch([stored[i] for i in rng.integers(len(stored), size=BATCH)], rng)
            with torch.autocast(self.device, torch.bfloat16):
                clean, log_error = self.network(batch["candidates"], batch["features"])
            loss, losses = _loss(clean, log_error, batch)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 0.5)
            self.optimizer.step()
            self.step += 1
            keep = min(DECAY, (self.step + 1) / (self.step + 20))
            with torch.no_grad():
                for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                    mean.mul_(keep).add_(now, alpha=1 - keep)
            sums += losses
        return {"loss": round(sums[0] / ROUND, 4), "nll": round(sums[1] / ROUND, 3)}


def _start(path: Path, run: Run, start: Path | None, device: str) -> _State:
    """Return a new run, or resume the one in the checkpoint.

    Raises
    ------
    ValueError
        If the checkpoint belongs to another run.
    """
    state = _State(run, device, start)
    if path.exists():
        saved = torch.load(path, map_location=device, weights_only=True)
        if saved["run"] != asdict(run):
            raise ValueError(f"{path} belongs to the run {saved['run']}, not {asdict(run)}; choose another --out")
        for name in ("network", "average", "optimizer"):
            getattr(state, name).load_state_dict(saved[name])
        state.step = saved["step"]
    return state


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _batch(examples: list[dict[str, Tensor]], rng: np.random.Generator) -> dict[str, Tensor]:
    """Stack a part of each example, all rotated and mirrored in the same way."""
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    parts = [_part(example["weight"], rng) for example in examples]

    def oriented_stack(name: str) -> Tensor:
        cropped = [example[name][part] for example, part in zip(examples, parts, strict=True)]
        stack = torch.rot90(torch.stack(cropped).float(), turns, (-2, -1))
        return stack.flip(-1) if mirrored else stack

    batch = {name: oriented_stack(name) for name in examples[0]}
    batch["features"] = batch["features"].contiguous(memory_format=torch.channels_last)
    return batch


def _part(weight: Tensor, rng: np.random.Generator) -> tuple[Any, slice, slice]:
    """Return the place of one part of an example: of two random ones, the one with more material."""
    places = []
    for top, left in rng.integers(0, SIZE - CROP + 1, (2, 2)).tolist():
        places.append((..., slice(top, top + CROP), slice(left, left + CROP)))
    return max(places, key=lambda place: float(weight[place].sum()))


def _loss(clean: Tensor, log_error: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, np.ndarray[Any, Any]]:
    """Return the loss: the squared error divided by that of two candidates, so that noisy maps do not dominate."""
    truth, weight = batch["truth"], batch["weight"]
    norm = weight.sum((1, 2)).clamp(min=50.0)

    def mean(image: Tensor) -> Tensor:
        return (image * weight).sum((1, 2)) / norm

    error = clean - truth
    plain = [mean((batch["candidates"][:, i] - truth) ** 2) for i in (VARIATION, KRIGED)]
    plain_error = 0.5 * sum(plain) + 3e-4
    squares = (mean(error**2) / plain_error).clamp(max=20.0)
    across = ((error[:, :, 1:] - error[:, :, :-1]) ** 2 * weight[:, :, 1:]).sum((1, 2)) / norm
    down = ((error[:, 1:] - error[:, :-1]) ** 2 * weight[:, 1:]).sum((1, 2)) / norm
    likelihood = mean(0.5 * (error.detach() * torch.exp(-log_error)) ** 2 + log_error)
    loss = squares.mean() + 0.3 * ((across + down) / plain_error).mean() + 0.02 * likelihood.mean()
    return loss, np.array([squares.mean().item(), likelihood.mean().item()])


@torch.no_grad()
def score(network: MixtureNet, examples: list[dict[str, Tensor]]) -> dict[str, float]:
    """Return the root mean square error divided by that of two fixed candidates, and by that of the best candidate."""
    ratios = []
    for example in examples:
        batch = {name: value.float()[None] for name, value in example.items()}
        clean, _ = network(batch["candidates"], batch["features"])
        weight = batch["weight"] / batch["weight"].sum()
        error = ((clean - batch["truth"]) ** 2 * weight).sum().sqrt()
        plain = ((batch["candidates"][0] - batch["truth"]) ** 2 * weight).sum((1, 2)).sqrt()
        ratios.append((error + 0.005) / (torch.stack([plain[VARIATION], plain[KRIGED], plain.min()]) + 0.005))
    means = torch.stack(ratios).mean(dim=0).tolist()
    return {name: round(mean, 4) for name, mean in zip(("to_variation", "to_kriged", "to_best"), means, strict=True)}


if __name__ == "__main__":
    typer.run(main)
