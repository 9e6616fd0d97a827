"""The denoising network: it chooses among cleaned candidates, pixel by pixel, and adds a small correction."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_xanes.denoising.network.candidates import FRACTION_SPREAD, KRIGED, N_CANDIDATES, N_FEATURES, VARIATION

WIDTHS = (16, 48, 64, 96)
HALO = 64
"""Largest distance in pixels at which an input can change an output; a multiple of the coarsest pixel, 8."""


class Block(nn.Module):
    """Two convolutions; their result is added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]
        self.second.weight.data *= 0.3

    def forward(self, x: Tensor) -> Tensor:
        """Return the refined features, (B, width, H, W)."""
        out: Tensor = x + self.second(F.leaky_relu(self.first(x), 0.1))
        return out


def _smooth(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.LeakyReLU(0.1))


class MixtureNet(nn.Module):
    """A U-Net that returns a weight for each candidate, a bounded correction, and the logarithm of the error.

    The physics is in the candidates, so the output stays close to them. The error is computed from features that its
    loss does not train: with both losses the features get worse for either.
    """

    def __init__(self) -> None:
        super().__init__()
        pairs = list(pairwise(WIDTHS))
        self.first = _smooth(N_FEATURES, WIDTHS[0])
        self.down = nn.ModuleList(nn.Conv2d(4 * fine, coarse, 1) for fine, coarse in pairs)
        self.encode = nn.ModuleList(Block(width) for width in WIDTHS[1:])
        self.middle = Block(WIDTHS[-1])
        self.up = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in pairs)
        self.decode = nn.ModuleList(Block(width) for width in WIDTHS[1:-1])
        self.last = _smooth(2 * WIDTHS[0], WIDTHS[0])
        self.choice = nn.Conv2d(WIDTHS[0], N_CANDIDATES + 1, 1)
        self.error = nn.Conv2d(WIDTHS[0] + 1, 1, 1)
        for head in (self.choice, self.error):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]
        # Training starts from the two candidates that are good without any training.
        self.choice.bias.data[VARIATION] = 1.0  # type: ignore[union-attr]
        self.choice.bias.data[KRIGED] = 2.0  # type: ignore[union-attr]
        nn.init.constant_(self.error.bias, -1.5)  # type: ignore[arg-type]

    def forward(self, candidates: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cleaned map and the logarithm of its error, both (B, H, W)."""
        height, width = features.shape[-2:]
        x = F.pad(features, (0, -width % 8, 0, -height % 8), mode="replicate")
        levels = [self.first(x)]
        for down, encode in zip(self.down, self.encode, strict=True):
            levels.append(encode(down(F.pixel_unshuffle(levels[-1], 2))))
        x = self.middle(levels[-1])
        for k in (2, 1, 0):
            x = F.pixel_shuffle(self.up[k](x), 2)
            x = self.decode[k - 1](x + levels[k]) if k else self.last(torch.cat([x, levels[0]], dim=1))
        noise = features[:, N_CANDIDATES : N_CANDIDATES + 1]
        x = x[..., :height, :width]
        choice = self.choice(x).float()
        share = torch.softmax(choice[:, :N_CANDIDATES], dim=1)
        correction = FRACTION_SPREAD * torch.tanh(choice[:, N_CANDIDATES])
        clean = (share * candidates.clamp(-0.3, 1.3)).sum(dim=1) + correction
        log_error = self.error(torch.cat([x, noise], dim=1).detach()).float()[:, 0]
        return clean, log_error.clamp(-3.5, 1.0) - 1.2
