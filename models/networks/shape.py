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


class Network(NamedTuple):
    """Both modules come initialised; the generator maps B x latent_dim to B x C x H x W in [-1, 1], the
    discriminator B x C x H x W to B logits."""

    generator: Callable[[Shape], nn.Module]
    discriminator: Callable[[Shape], nn.Module]
    sizes: tuple[int, ...]
