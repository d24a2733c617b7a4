"""The networks by name. A new one is one file with two functions and one line in NETWORKS."""

from __future__ import annotations

from models.networks import bonsai, celeba, dcgan, portraits
from models.networks.shape import Network, Shape

__all__ = ["NETWORKS", "Network", "Shape"]

NETWORKS: dict[str, Network] = {
    "dcgan": Network(dcgan.generator, dcgan.discriminator, dcgan.SIZES),
    "dcgan-1024": Network(dcgan.generator_1024, dcgan.discriminator, dcgan.SIZES),
    "celeba": Network(celeba.generator, celeba.discriminator, celeba.SIZES, mean_of_halves=True),
    "portraits": Network(portraits.generator, portraits.discriminator, portraits.SIZES),
    "bonsai": Network(bonsai.generator, bonsai.discriminator, bonsai.SIZES, half_batches=True),
}
