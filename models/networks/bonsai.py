"""The pair of "Deep convolutional GAN: images in Python" (Keras), c base channels.

At 64 px the generator is dense to 8 x 8 x 2c, then three transposed convolutions growing 2c-4c-8c and a plain
convolution to 3; the discriminator c-2c-2c, flattened, one output. Other sizes drop or add blocks on the
large side; no layer is wider than 8c. No batch norm in the generator; weights begin as Keras's do.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from models.networks.parts import init_glorot, norm, normalised, to_pictures, two_parts
from models.networks.shape import Shape

_START = 8  # px, where it begins and the discriminator ends


def generator(shape: Shape) -> nn.Module:
    """B x latent_dim → B x C x H x W."""
    c = shape.base_channels
    widths = [2 * c, *(c * min(8, 2 ** (power + 1)) for power in range(_blocks(shape)))]
    layers: list[nn.Module] = [
        nn.Linear(shape.latent_dim, widths[0] * _START**2),
        nn.Unflatten(1, (widths[0], _START, _START)),
    ]
    for before, after in pairwise(widths):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    layers += [nn.Conv2d(widths[-1], shape.channels, 5, 1, 2), *to_pictures(shape)]
    return nn.Sequential(*layers).apply(init_glorot)


def discriminator(shape: Shape) -> nn.Sequential:
    """B x C x H x W → features B x 2c·8·8 (c·8·8 at 16 px) → B logits."""
    c = shape.base_channels_d
    widths = [shape.channels, c, *([2 * c] * (_blocks(shape) - 1))]
    layers: list[nn.Module] = []
    for depth, (before, after) in enumerate(pairwise(widths)):
        normed = norm(after, shape) if depth else []
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=not normed), *normed]
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    layers.append(nn.Flatten())
    score = nn.Linear(widths[-1] * _START**2, 1)
    return normalised(two_parts(layers, [score], shape).apply(init_glorot), shape)


def _blocks(shape: Shape) -> int:
    """Doublings from 8 px to the pictures' size."""
    return (shape.size // _START).bit_length() - 1
