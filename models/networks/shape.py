"""What a network is to the rest of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn


@dataclass(frozen=True, slots=True)
class Shape:
    """What the two networks of a run are built from."""

    size: int  # side of the pictures, px
    channels: int  # of the pictures: 3 or 1
    latent_dim: int
    base_channels: int
    base_channels_d: int
    norm_d: str  # batch | spectral | none
    output: str = "tanh"  # tanh | sigmoid; generators saved before there was a choice do not say
    dropout_d: float = 0.0  # share of the discriminator's features left out before its score


class Network(NamedTuple):
    """Both modules come initialised. The generator maps B x latent_dim to B x C x H x W in [-1, 1]; the
    discriminator is a Sequential of two parts, pictures B x C x H x W → features and features → B logits."""

    generator: Callable[[Shape], nn.Module]
    discriminator: Callable[[Shape], nn.Sequential]
    mean_of_halves: bool = False  # the discriminator's loss is the mean of real and fake, not their sum
    half_batches: bool = False  # the discriminator sees half a batch of each, the generator makes a whole one
