"""The pair of "DCGAN tutorial: fake celebrity images", 64 px only, c base channels.

Generator 16c-8c-4c-2c-3, batch norm in every block, the last one before its tanh included. Discriminator
c/2-c-2c-2c-1 of 4 x 4 convolutions without padding: 64 → 31 → 14 → 11 → 4 → 1 px.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from models.networks.dcgan import up
from models.networks.parts import init_dcgan, norm, normalised, to_pictures, two_parts
from models.networks.shape import Shape

_STRIDES = (2, 2, 1, 2)  # of the convolutions before the score's


def generator(shape: Shape) -> nn.Module:
    """B x latent_dim → B x C x 64 x 64."""
    widths = [shape.base_channels * factor for factor in (16, 8, 4, 2)]
    layers: list[nn.Module] = [nn.Unflatten(1, (shape.latent_dim, 1, 1))]
    layers += up(shape.latent_dim, widths[0], stride=1, padding=0)
    for before, after in pairwise(widths):
        layers += up(before, after, stride=2, padding=1)
    layers.append(nn.ConvTranspose2d(widths[-1], shape.channels, 4, 2, 1, bias=False))
    layers += [nn.BatchNorm2d(shape.channels), *to_pictures(shape)]
    return nn.Sequential(*layers).apply(init_dcgan)


def discriminator(shape: Shape) -> nn.Sequential:
    """B x C x 64 x 64 → features B x 2c x 4 x 4 → B logits."""
    c = shape.base_channels_d
    widths = [shape.channels, max(1, c // 2), c, 2 * c, 2 * c]
    layers: list[nn.Module] = []
    for (before, after), stride in zip(pairwise(widths), _STRIDES, strict=True):
        layers.append(nn.Conv2d(before, after, 4, stride, bias=shape.norm_d != "batch"))
        layers += [*norm(after, shape), nn.LeakyReLU(0.2, inplace=True)]
    score = nn.Conv2d(widths[-1], 1, 4, 2)
    return normalised(two_parts(layers, [score], shape).apply(init_dcgan), shape)
