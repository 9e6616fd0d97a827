"""The denoising network: it chooses among cleaned candidates, pixel by pixel, and adds a small correction."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_xanes.denoising.network.candidates import FRACTION_SPREAD, KRIGED, N_CANDIDATES, N_FEATURES, VARIATION

WIDTHS = (16, 48, 64, 96)
HALO, FINE_HALO = 64, 8
"""Largest distances in pixels at which an input can change an output, and at which it can do so by way of the two
finest levels alone; multiples of the coarsest pixel, 8."""


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
        out: Tensor = self.second(F.leaky_relu(self.first(x), 0.1, inplace=True))
        return out.add_(x)


def _smooth(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.LeakyReLU(0.1, inplace=True))


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
        finest, fine = self.fine(padded(features))
        return self.mixed(candidates, features, finest, fine, self.coarse(fine))

    def fine(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the two finest levels, (B, 16, H, W) and (B, 48, H / 2, W / 2), of features (B, N_FEATURES, H, W)."""
        finest = self.first(features)
        return finest, self.encode[0](_halved(self.down[0], finest))

    def coarse(self, fine: Tensor) -> Tensor:
        """Return what the coarse levels know, (B, 64, H / 4, W / 4), from the second finest level."""
        middle = self.encode[1](_halved(self.down[1], fine))
        x = self.middle(self.encode[2](_halved(self.down[2], middle)))
        coarse: Tensor = self.decode[1](F.pixel_shuffle(self.up[2](x), 2).add_(middle))
        return coarse

    def mixed(
        self, candidates: Tensor, features: Tensor, finest: Tensor, fine: Tensor, coarse: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the cleaned map and the logarithm of its error, both (B, H, W), from what the levels know."""
        x = self.decode[0](F.pixel_shuffle(self.up[1](coarse), 2).add_(fine))
        x = F.pixel_shuffle(self.up[0](x), 2)
        x = self.last(torch.cat([x, finest], dim=1))[..., : features.shape[-2], : features.shape[-1]]
        choice = self.choice(x).to(torch.float32, memory_format=torch.contiguous_format)
        share = torch.softmax(choice[:, :N_CANDIDATES], dim=1)
        correction = FRACTION_SPREAD * torch.tanh(choice[:, N_CANDIDATES])
        clean = (share * candidates.clamp(-0.3, 1.3)).sum(dim=1) + correction
        noise = features[:, N_CANDIDATES : N_CANDIDATES + 1]
        log_error = self.error(torch.cat([x, noise], dim=1).detach()).float()[:, 0]
        return clean, log_error.clamp(-3.5, 1.0) - 1.2

    def transposed(self) -> MixtureNet:
        """Return a copy that does to a map what this network does to the transposed map, and transposes the result."""
        other = copy.deepcopy(self)
        for convolution in (module for module in other.modules() if isinstance(module, nn.Conv2d)):
            convolution.weight.data = convolution.weight.data.transpose(-2, -1)
        for down in other.down:
            down.weight.data = _as_squares(down).transpose(-2, -1).flatten(1)[..., None, None]
        for values in (values for up in other.up for values in up.parameters()):
            values.data = values.data.view(-1, 2, 2, *values.shape[1:]).transpose(1, 2).flatten(0, 2)
        return other.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def padded(features: Tensor) -> Tensor:
    """Return features whose height and width are multiples of the coarsest pixel; the last values continue."""
    height, width = features.shape[-2:]
    if height % 8 == 0 and width % 8 == 0:
        return features
    return F.pad(features, (0, -width % 8, 0, -height % 8), mode="replicate")


def _halved(down: nn.Module, x: Tensor) -> Tensor:
    """Apply a layer to squares of 2 x 2 pixels as if they were channels, without moving them there."""
    return F.conv2d(x, _as_squares(down), down.bias, stride=2)  # type: ignore[arg-type]


def _as_squares(down: nn.Module) -> Tensor:
    """Return weights for the channels that `pixel_unshuffle` makes as those of the pixels themselves."""
    weight: Tensor = down.weight  # type: ignore[assignment]
    return weight.view(len(weight), -1, 2, 2)
