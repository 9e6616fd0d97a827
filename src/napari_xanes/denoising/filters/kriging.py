"""Kriging: the most likely map if the map and its slope on a guide are Gaussian random fields.

The power spectra of the fields are measured from the map itself by expectation maximization. The linear system is
solved by conjugate gradients on the whitened fields.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_MARGIN = 16  # pixels; keeps the periodic transform from joining opposite edges
_ROUNDS, _STEPS, _LAST_STEPS = 3, 6, 10
_BINS = 32
_COARSEST = 128.0  # pixels; below this frequency the first spectrum is flat, and bins are no finer

_SPREAD, _SLOPE = 0.2, 0.3
"""Standard deviations of the map and of its slope on the guide before they are measured."""

_SLOPE_REACH = 40.0  # pixels over which the slope is expected to be the same


def krige(weighted_estimate: Tensor, information: Tensor, guide: Tensor, mean: Tensor) -> Tensor:
    """Return the most likely map, (B, H, W).

    Parameters
    ----------
    weighted_estimate, information : Tensor, shape (B, H, W)
        Map times information, and information (one over variance).
    guide : Tensor, shape (B, H, W)
        Image that the map may follow.
    mean : Tensor, shape (B,)
        Mean of the map.
    """
    height, width = weighted_estimate.shape[-2:]
    grid = _frequency_grid(height, width, guide.device)
    count = grid.size[0] * grid.size[1]
    mean_information, typical = _information_of_fields(information, guide, count)
    # Whole maps are large, so the fields go through the Fourier transform one after the other, and waves are kept in
    # four arrays that serve all steps.
    state = torch.zeros(len(weighted_estimate), 2, *grid.multiplicity.shape, dtype=torch.complex64, device=guide.device)
    residual, direction, image = (torch.empty_like(state) for _ in range(3))
    padded = torch.zeros(len(weighted_estimate), *grid.size, device=guide.device)
    inside = padded[:, :height, :width]

    def combined(waves: Tensor, root: Tensor, work: Tensor) -> Tensor:
        """Return the map that the two fields make, (B, H, W)."""
        level, slope = (
            torch.fft.irfft2(_scale(work[:, i].copy_(waves[:, i]), root[:, i]), s=grid.size)[..., :height, :width]
            for i in (0, 1)
        )
        image: Tensor = level.addcmul_(slope, guide)
        return image

    def spread(values: Tensor, root: Tensor, out: Tensor) -> Tensor:
        """Return the transform of what values (B, H, W) say about the two fields: the adjoint of `combined`."""
        for number in (0, 1):
            torch.mul(values, guide if number else 1, out=inside)
            out[:, number] = torch.fft.rfft2(padded)
        return _scale(out, root)

    power = _initial_power(grid).repeat(len(weighted_estimate), 1, 1, 1)
    for number in range(_ROUNDS + 1):
        root = _for_pairs(power.sqrt())

        def normal(waves: Tensor, out: Tensor, root: Tensor = root) -> Tensor:
            return spread(combined(waves, root, out).mul_(information), root, out).add_(waves)

        target = torch.addcmul(weighted_estimate, information, mean[:, None, None], value=-1)
        spread(target, root, residual)
        del target
        if number:
            residual.sub_(normal(state, image))
        preconditioner = _for_pairs(torch.addcmul(torch.ones_like(power), power, typical).reciprocal_())
        _scale(direction.copy_(residual), preconditioner)
        size = grid.product(residual, direction)
        for _ in range(_LAST_STEPS if number == _ROUNDS else _STEPS):
            normal(direction, image)
            step = size / grid.product(direction, image).clamp(min=1e-20)
            state.addcmul_(direction, step)
            residual.addcmul_(image, -step)
            preconditioned = _scale(image.copy_(residual), preconditioner)
            previous, size = size, grid.product(residual, preconditioned)
            direction.mul_(size / previous.clamp(min=1e-20)).add_(preconditioned)
        if number < _ROUNDS:
            _scale(state, root)
            del root, preconditioner
            for waves, old, known in zip(state.unbind(1), power.unbind(1), mean_information.unbind(1), strict=True):
                measured = torch.view_as_real(waves).square().sum(dim=-1).div_(count)
                old.copy_(grid.radial_mean(measured.add_(old.reciprocal_().add_(known).reciprocal_())))
            _scale(state, _for_pairs(power.rsqrt()))  # the same fields, whitened by the new spectra
    return combined(state, root, image) + mean[:, None, None]


def _information_of_fields(information: Tensor, guide: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the mean information about the two fields, and that of an informative pixel, (B, 2, 1, 1).

    With the second one, the linear system is nearly diagonal in frequency where there is much information.
    """
    means, typical = [], []
    for image in (information, information * guide**2):
        means.append(image.sum((-2, -1), keepdim=True) / count)
        typical.append(image.square().sum((-2, -1), keepdim=True) / (means[-1] * count).clamp(min=1e-20))
    return torch.stack(means, dim=1), torch.stack(typical, dim=1)


@dataclass(frozen=True)
class _FrequencyGrid:
    """Frequencies of the padded image, whose ``size`` is in pixels.

    ``multiplicity`` (y, x) counts how often rfft2 would have stored each coefficient; ``bins`` assigns each
    coefficient to a ring, and ``bin_counts`` (N,) is the number of coefficients of each ring.
    """

    size: tuple[int, int]
    multiplicity: Tensor
    bins: Tensor
    bin_counts: Tensor

    def product(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the scalar product of two sets of waves (B, N, y, x), as (B, 1, 1, 1)."""
        total = 2 * _sum_of_products(first, second)
        for column in (0, -1)[: 2 - self.size[1] % 2]:  # which have no second one that was left out
            total = total - _sum_of_products(first[..., column], second[..., column])
        return total[:, None, None, None]

    def radial_mean(self, power: Tensor) -> Tensor:
        """Replace power (B, y, x) by its mean over rings, smoothed over neighbouring rings."""
        flat = (power * self.multiplicity).flatten(1).double()
        sums = torch.stack([torch.bincount(self.bins, image, _BINS) for image in flat])
        means = sums.to(power.dtype) / self.bin_counts
        ring = torch.arange(_BINS, device=power.device)
        kernel = torch.exp(-0.5 * ((ring[:, None] - ring) / 0.7) ** 2) * (self.bin_counts > 1e-6)
        means = means @ (kernel / kernel.sum(dim=1, keepdim=True).clamp(min=1e-9)).T
        return means.index_select(1, self.bins).reshape(power.shape).add_(math.ulp(1.0))


def _for_pairs(factors: Tensor) -> Tensor:
    """Return real factors (..., y, x) for the real and the imaginary parts of waves, (..., y, 2 x)."""
    return factors.repeat_interleave(2, dim=-1)


def _scale(waves: Tensor, factors: Tensor) -> Tensor:
    """Multiply waves in place with factors as from `_for_pairs`; torch would make complex numbers of real factors."""
    torch.view_as_real(waves).flatten(-2).mul_(factors)
    return waves


def _sum_of_products(first: Tensor, second: Tensor) -> Tensor:
    """Return the scalar products (B,) of complex numbers (B, ...), taken as pairs of real ones."""
    one, other = (torch.view_as_real(waves).flatten(1) for waves in (first, second))
    return torch.bmm(one[:, None], other[:, :, None])[:, 0, 0]


def _frequency_grid(height: int, width: int, device: torch.device) -> _FrequencyGrid:
    size = (_fast_length(height + _MARGIN), _fast_length(width + _MARGIN))
    frequency = _frequency(size, device)
    multiplicity = torch.full_like(frequency, 2.0)  # rfft2 keeps one of each pair
    multiplicity[:, 0] = 1
    if size[1] % 2 == 0:
        multiplicity[:, -1] = 1
    octaves = torch.log2(frequency * _COARSEST + 1)
    bins = (octaves / octaves.max() * _BINS).int().clamp(max=_BINS - 1).flatten()
    counts = torch.bincount(bins, multiplicity.flatten().double(), _BINS).to(multiplicity.dtype).clamp(min=1e-9)
    return _FrequencyGrid(size, multiplicity, bins, counts)


def _frequency(size: tuple[int, int], device: torch.device) -> Tensor:
    """Return the frequencies (y, x) of an image in cycles per pixel."""
    return torch.hypot(torch.fft.fftfreq(size[0], device=device)[:, None], torch.fft.rfftfreq(size[1], device=device))


def _initial_power(grid: _FrequencyGrid) -> Tensor:
    """Return the expected power (2, y, x) of the map and of its slope before they are measured."""
    count = grid.size[0] * grid.size[1]
    square = _frequency(grid.size, grid.multiplicity.device) ** 2
    shapes = ((_SPREAD**2, (square + _COARSEST**-2) ** -1.25), (_SLOPE**2, (square + _SLOPE_REACH**-2) ** -1.5))
    return torch.stack([variance * shape * (count / (shape * grid.multiplicity).sum()) for variance, shape in shapes])


def _fast_length(minimum: int) -> int:
    """Return the next length whose Fourier transform is fast: a product of small primes."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(minimum, real=True))
