"""Average the weights of several runs: ``python -m tools.training.average first.pt second.pt --out weights.pt``.

Where runs begin from each other's weights, their errors differ, and the average has a smaller one than each (Wortsman
et al., Model soups, ICML 2022). It also keeps more of what the first run knew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer


def main(
    runs: Annotated[list[Path], typer.Argument(help="Weights that `tools.training.train --weights` wrote.")],
    out: Annotated[Path, typer.Option(help="Where to write the average.")],
    share: Annotated[list[float] | None, typer.Option(help="Share of each run; equal ones without.")] = None,
) -> None:
    """Write the weighted mean of the parameters of each run."""
    shares = share or [1.0] * len(runs)
    if len(shares) != len(runs):
        raise ValueError(f"{len(shares)} shares do not fit {len(runs)} runs: give one --share for each")
    states = [torch.load(run, weights_only=True) for run in runs]
    total = sum(shares)
    torch.save(
        {
            name: sum(s / total * state[name].float() for s, state in zip(shares, states, strict=True)).half()
            for name in states[0]
        },
        out,
    )


if __name__ == "__main__":
    typer.run(main)
