"""Ours, for few pictures and little compute: DCGAN's layers, cheap, under settings that learn fast.

At 64 px, c base channels: generator 8c-4c-2c-c-3, discriminator c-2c-4c-8c-1 with three quarters of its c,
for it is the dearer of the two and has a second one beside it (projected.py). What differs from DCGAN:
- The generator doubles sides by nearest neighbours and a 3 x 3 convolution (Odena et al. 2016): no grid of
  dots. It paints small first, each picture upsampled and added to the next (Karras et al. 2020, section 4.1):
  colours and rough shapes are there before the last layers have learnt anything.
- The discriminator has no norm unless asked for. Weights begin as large as keeps activations level (He et
  al. 2015), gradient penalties hold it (Huang et al. 2024).
- One more channel tells it how unlike each other the pictures of a batch are (Karras et al. 2018, section 3).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks.dcgan import convolutions, widths_for
from models.networks.parts import init_dcgan, init_he, normalised, to_pictures, two_parts
from models.networks.shape import Shape

_START = 4  # px
_GROUP = 8  # pictures that are compared with each other, where they make up the batch
_EPSILON = 1e-8  # below the root, whose slope at 0 is not finite


class Doubling(nn.Conv2d):
    """Nearest neighbours to twice the side, then a 3 x 3 convolution; its weights are that convolution's.

    Both are computed as one transposed 4 x 4 convolution of stride 2, in which every row and column of the
    3 x 3 stands twice: the same numbers for 4/9 of the multiplications.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 3, padding=1, bias=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        turned = self.weight.flip(2, 3).transpose(0, 1)
        tall = F.pad(turned, (0, 0, 0, 1)) + F.pad(turned, (0, 0, 1, 0))
        return F.conv_transpose2d(input, F.pad(tall, (0, 1)) + F.pad(tall, (1, 0)), stride=2, padding=1)


class Painter(nn.Module):
    """Grows features from 4 x 4; paints at 8 x 8, 16 x 16 …, at a quarter of the side and at all of it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = widths_for(shape.size, shape.base_channels)
        self.start = nn.Sequential(
            nn.Linear(shape.latent_dim, widths[0] * _START**2, bias=False),
            nn.Unflatten(1, (widths[0], _START, _START)),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(Doubling(before, after), nn.BatchNorm2d(after), nn.ReLU(inplace=True))
            for before, after in pairwise(widths)
        )
        self.sketches = nn.ModuleList(nn.Conv2d(width, shape.channels, 1) for width in widths[1:-1])
        self.last = Doubling(widths[-1], shape.channels)
        self.grow = nn.Upsample(scale_factor=2, mode="bilinear")
        self.end = nn.Sequential(*to_pictures(shape))

    def forward(self, latents_BL: Tensor) -> Tensor:
        x: Tensor = self.start(latents_BL)
        painted: Tensor | None = None
        for depth, block in enumerate(self.blocks):
            x = block(x)
            painted = None if painted is None else self.grow(painted)
            if depth < len(self.sketches):
                sketch = self.sketches[depth](x)
                painted = sketch if painted is None else painted + sketch
        x = self.last(x)
        pictures_BCHW: Tensor = self.end(x if painted is None else x + self.grow(painted))
        return pictures_BCHW


class Unlikeness(nn.Module):
    """One more channel: how far the pictures of a group are from each other, the same for all of them.

    The mean over channels and places of the standard deviation over the group.
    """

    def forward(self, features_BCHW: Tensor) -> Tensor:
        batch, _, height, width = features_BCHW.shape
        groups = batch // _GROUP if batch % _GROUP == 0 else 1
        grouped = features_BCHW.float().unflatten(0, (-1, groups))
        spread_G = (grouped.var(0, unbiased=False) + _EPSILON).sqrt().mean((1, 2, 3))
        spread_B = spread_G.repeat(batch // groups).to(features_BCHW.dtype)
        spread_B1HW = spread_B[:, None, None, None].expand(-1, 1, height, width)
        return torch.cat([features_BCHW, spread_B1HW], 1)


def generator(shape: Shape) -> nn.Module:
    """B x latent_dim → B x C x H x W."""
    return Painter(shape).apply(init_dcgan)


def discriminator(shape: Shape) -> nn.Sequential:
    """B x C x H x W → features B x (6c + 1) x 4 x 4 → B logits."""
    features, width = convolutions(replace(shape, base_channels_d=max(1, 3 * shape.base_channels_d // 4)))
    score = nn.Conv2d(width + 1, 1, _START)
    return normalised(two_parts([*features, Unlikeness()], [score], shape).apply(init_he), shape)
