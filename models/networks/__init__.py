"""The networks by name. A new one is one file with two functions and one line in NETWORKS."""

from __future__ import annotations

from models.config import TrainConfig, check_size
from models.networks import bonsai, celeba, dcgan, modern, portraits
from models.networks.shape import Network, Shape

__all__ = ["NETWORKS", "Network", "Shape", "shape_for"]

NETWORKS: dict[str, Network] = {
    "dcgan": Network(dcgan.generator, dcgan.discriminator),
    "dcgan-1024": Network(dcgan.generator_1024, dcgan.discriminator),
    "celeba": Network(celeba.generator, celeba.discriminator, mean_of_halves=True),
    "portraits": Network(portraits.generator, portraits.discriminator),
    "bonsai": Network(bonsai.generator, bonsai.discriminator, half_batches=True),
    "modern": Network(modern.generator, modern.discriminator),
}


def shape_for(config: TrainConfig, size: int, channels: int) -> Shape:
    """What the networks of `config` are built for; raises ConfigError where it has none for this size."""
    check_size(config.network, size)
    base_d = config.base_channels_d or config.base_channels
    return Shape(
        size, channels, config.latent_dim, config.base_channels, base_d, config.norm_d, config.output,
        config.dropout_d,
    )  # fmt: skip
