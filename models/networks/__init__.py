"""The networks by name. A new one is one file with two functions and one line in NETWORKS."""

from __future__ import annotations

from models.networks import dcgan
from models.networks.shape import Network, Shape

__all__ = ["NETWORKS", "Network", "Shape"]

NETWORKS: dict[str, Network] = {
    "dcgan": Network(dcgan.generator, dcgan.discriminator, dcgan.SIZES),
    "dcgan-1024": Network(dcgan.generator_1024, dcgan.discriminator, dcgan.SIZES),
}
