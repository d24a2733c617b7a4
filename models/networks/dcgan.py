"""DCGAN (Radford et al. 2016), as the PyTorch tutorial and the articles build it.

At 64 px, c base channels: generator 8c-4c-2c-c-3 (`dcgan`) or 16c-8c-4c-2c-3 (`dcgan-1024`), discriminator
c-2c-4c-8c-1. Other sizes add or drop blocks next to the 4 x 4 end; no layer is wider than at 64 px.
All convolutions are 4 x 4: stride 2 and padding 1 double or halve the side, stride 1 without padding
goes from 1 to 4 and back.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from torch import nn

from models.networks.parts import init_dcgan, norm, normalised, to_pictures, two_parts
from models.networks.shape import Shape

_WIDEST = 8  # times the base channels


def generator(shape: Shape) -> nn.Module:
    """B x latent_dim → B x C x H x W."""
    widths = widths_for(shape.size, shape.base_channels)
    layers: list[nn.Module] = [nn.Unflatten(1, (shape.latent_dim, 1, 1))]
    layers += up(shape.latent_dim, widths[0], stride=1, padding=0)
    for before, after in pairwise(widths):
        layers += up(before, after, stride=2, padding=1)
    layers += [nn.ConvTranspose2d(widths[-1], shape.channels, 4, 2, 1, bias=False), *to_pictures(shape)]
    return nn.Sequential(*layers).apply(init_dcgan)


def generator_1024(shape: Shape) -> nn.Module:
    """The paper's generator is the tutorial's with twice the channels."""
    return generator(replace(shape, base_channels=2 * shape.base_channels))


def discriminator(shape: Shape) -> nn.Sequential:
    """B x C x H x W → features B x 8c x 4 x 4 → B logits."""
    features, width = convolutions(shape)
    score = nn.Conv2d(width, 1, 4, 1, 0, bias=shape.norm_d != "batch")
    return normalised(two_parts(features, [score], shape).apply(init_dcgan), shape)


def convolutions(shape: Shape) -> tuple[list[nn.Module], int]:
    """From pictures to 4 x 4, and the channels there; biases only where no batch norm brings its own."""
    widths = [shape.channels, *widths_for(shape.size, shape.base_channels_d)[::-1]]
    layers: list[nn.Module] = []
    for depth, (before, after) in enumerate(pairwise(widths)):
        layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=shape.norm_d != "batch"))
        layers += norm(after, shape) if depth else []
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    return layers, widths[-1]


def up(before: int, after: int, *, stride: int, padding: int) -> list[nn.Module]:
    """One block of the generator."""
    convolution = nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


def widths_for(size: int, base: int) -> list[int]:
    """Channels from the 4 x 4 end outwards: each doubling of the side halves them, down to `base`."""
    doublings = size.bit_length() - 4  # between 4 x 4 and half of `size`
    return [base * min(_WIDEST, 2**power) for power in range(doublings, -1, -1)]
