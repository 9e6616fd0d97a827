"""Print how often the errors of fitted dead times hold, on simulated scans without sample.

python -m benchmarks.dead_time             # the numbers of docs/methods.md, eight minutes
python -m benchmarks.dead_time --seeds 20
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.dead_time.missed_counts import Model

DEAD_TIME = 0.1
"""In µs."""

EXPOSURE = 0.01
WHOLE = (0, 12, 0, 12)


def missed(rate: Any, model: Model, dead_time: float = DEAD_TIME) -> Any:
    share = 1e-6 * dead_time * rate
    return rate / (1 + share) if model == "non-paralyzable" else rate * np.exp(-share)


def scan(
    seed: int = 0,
    *,
    frames: int = 40,
    rate: float = 1e6,
    varies: float = 0.2,
    noise: float = 0.003,
    model: Model = "non-paralyzable",
    dead_time: float = DEAD_TIME,
    dark: float = 0.0,
    drift: Any = 0.0,
    wanders: float = 0.0,
    uneven: float = 0.0,
    shape: tuple[int, int] = (12, 12),
    **metadata: Any,
) -> tuple[SpectralStack, np.ndarray]:
    """Return counts without sample, and what another detector saw of the beam."""
    rng = np.random.default_rng(seed)
    beam = np.exp(varies * rng.standard_normal(frames))
    drift = drift + np.cumsum(wanders * rng.standard_normal(frames))
    light = np.linspace(1 - uneven, 1 + uneven, shape[1])
    true = (rate * beam * np.exp(drift))[:, None, None] * light + np.zeros(shape) + dark
    counted = missed(true, model, dead_time) * EXPOSURE
    # A detector that misses photons scatters less (Mueller 1973), to which `missed_variance` is tested.
    share = 1e-6 * dead_time * true
    spread = 1 / (1 + share) if model == "non-paralyzable" else np.sqrt(1 - 2 * share * np.exp(-share))
    counts = np.round(counted + spread * np.sqrt(counted) * rng.standard_normal(counted.shape))
    monitor = beam * np.exp(noise * rng.standard_normal(frames))
    stack = SpectralStack(counts, np.arange(700.0, 700.0 + frames), metadata={"exposure": EXPOSURE, **metadata})
    return stack, monitor


_SET_UPS: dict[str, dict[str, Any]] = {
    "40 frames, beam varies by 20 %": {},
    "beam varies by 5 %, monitor .1 %": {"varies": 0.05, "noise": 0.001},
    "monitor 2 %": {"noise": 0.02},
    "60 frames": {"frames": 60},
    "ratio drifts by 1 % as a walk": {"wanders": 0.002},
    "ratio drifts by 3 % as a sine": {"drift": 0.03 * np.sin(np.linspace(0, 6, 40))},
    "paralyzable": {"model": "paralyzable"},
    "15 frames": {"frames": 15},
    "zero of the monitor fitted": {"monitor_zero": None, "varies": 0.3},
}


def pulls(seeds: int, how: dict[str, Any]) -> tuple[list[float], int]:
    """Return the errors of fits over their standard errors, and how many fits were refused."""
    zero = {"monitor_zero": how.get("monitor_zero", 0.0)}
    model = how.get("model", "non-paralyzable")
    sampled = {name: value for name, value in how.items() if name != "monitor_zero"}
    found, refused = [], 0
    for seed in range(seeds):
        stack, monitor = scan(seed, **sampled)
        try:
            one = nx.fit_dead_time(stack, monitor=monitor, region=WHOLE, model=model, **zero)
        except ValueError:
            refused += 1
        else:
            found.append((one.dead_time - DEAD_TIME) / one.sigma)
    return found, refused


def main() -> None:
    """Print a line for each set-up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=80)
    seeds = parser.parse_args().seeds
    print(f"{'set-up':36} within 1 sigma, 2 sigma   bias (sigma)   refused")
    for name, how in _SET_UPS.items():
        found, refused = pulls(seeds, how)
        size = np.abs(found)
        told = f"{np.mean(size < 1):8.0%} {np.mean(size < 2):12.0%} {np.median(found):14.2f}" if found else 36 * " "
        print(f"{name:36} {told} {refused:9}")


if __name__ == "__main__":
    main()
