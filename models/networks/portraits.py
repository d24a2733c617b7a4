"""The pair of "Painting portraits using GANs with PyTorch": a discriminator with 1,024 features to match.

The generator is DCGAN's; the discriminator goes on from DCGAN's 4 x 4 end with a linear layer to the features
by which feature matching steers the generator (Salimans et al. 2016), then one to the score.
"""

from __future__ import annotations

from torch import nn

from models.networks.dcgan import convolutions, generator
from models.networks.parts import init_dcgan, normalised, two_parts
from models.networks.shape import Shape

__all__ = ["FEATURES", "discriminator", "generator"]

FEATURES = 1024


def discriminator(shape: Shape) -> nn.Sequential:
    """B x C x H x W → features B x 1,024 → B logits."""
    layers, width = convolutions(shape)
    layers += [nn.Flatten(), nn.Linear(width * 4 * 4, FEATURES), nn.LeakyReLU(0.2, inplace=True)]
    return normalised(two_parts(layers, [nn.Linear(FEATURES, 1)], shape).apply(init_dcgan), shape)
