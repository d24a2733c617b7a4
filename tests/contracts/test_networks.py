"""What every network of models.networks.NETWORKS keeps."""

from itertools import product

import pytest
import torch
from torch import nn

from models import config
from models.networks import NETWORKS, Shape

NORMS = config.NORMS
CASES = [(name, size) for name, network in NETWORKS.items() for size in network.sizes if size <= 64]


def shape(size: int, channels: int = 3, base: int = 4, norm_d: str = "batch", latent_dim: int = 6) -> Shape:
    return Shape(size, channels, latent_dim, base, base, norm_d)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_every_name_that_a_recipe_may_use_is_there() -> None:
    assert tuple(NETWORKS) == config.NETWORKS


@pytest.mark.parametrize(("name", "size"), CASES)
@pytest.mark.parametrize("channels", [1, 3])
def test_latents_become_pictures_and_pictures_become_logits(name: str, size: int, channels: int) -> None:
    built = shape(size, channels)
    pictures = NETWORKS[name].generator(built)(torch.randn(3, 6))
    assert pictures.shape == (3, channels, size, size)
    assert pictures.abs().max() <= 1
    assert NETWORKS[name].discriminator(built)(pictures).shape == (3,)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_largest_size_is_built_from_the_same_blocks(name: str) -> None:
    largest = shape(max(NETWORKS[name].sizes), base=1)
    pictures = NETWORKS[name].generator(largest)(torch.randn(1, 6))
    assert pictures.shape[2:] == (largest.size, largest.size)
    assert NETWORKS[name].discriminator(largest).eval()(pictures).shape == (1,)


@pytest.mark.parametrize(("name", "norm_d"), [*product(NETWORKS, NORMS)])
def test_every_weight_learns(name: str, norm_d: str) -> None:
    built = shape(32, norm_d=norm_d)
    generator, discriminator = NETWORKS[name].generator(built), NETWORKS[name].discriminator(built)
    discriminator(generator(torch.randn(4, 6))).square().sum().backward()
    for module in (generator, discriminator):
        for weight_name, weight in module.named_parameters():
            assert weight.grad is not None, weight_name
            assert weight.grad.isfinite().all()
            assert weight.grad.abs().max() > 0, weight_name


@pytest.mark.parametrize(("name", "norm_d"), [*product(NETWORKS, NORMS)])
def test_weights_start_as_the_paper_says(name: str, norm_d: str) -> None:
    torch.manual_seed(0)
    built = shape(64, base=32, norm_d=norm_d, latent_dim=100)
    for module in (NETWORKS[name].generator(built), NETWORKS[name].discriminator(built)):
        for weight_name, weight in module.named_parameters():
            if weight_name.endswith("bias"):
                assert weight.eq(0).all(), weight_name
                continue
            centre = 1.0 if weight.dim() == 1 else 0.0  # batch norm's factors have one dimension
            assert weight.mean().item() == pytest.approx(centre, abs=0.02)
            assert weight.std().item() == pytest.approx(0.02, rel=0.4)


@pytest.mark.parametrize(("name", "generator_weights"), [("dcgan", 3_576_704), ("dcgan-1024", 12_658_432)])
def test_at_64_px_the_networks_are_the_articles(name: str, generator_weights: int) -> None:
    """The PyTorch tutorial's networks have 3,576,704 and 2,765,568 weights (nz 100, ngf = ndf = 64)."""
    built = shape(64, base=64, latent_dim=100)
    assert parameters(NETWORKS[name].generator(built)) == generator_weights
    assert parameters(NETWORKS[name].discriminator(built)) == 2_765_568


@pytest.mark.parametrize("name", NETWORKS)
def test_spectral_norm_bounds_every_layer_of_the_discriminator(name: str) -> None:
    discriminator = NETWORKS[name].discriminator(shape(32, norm_d="spectral", base=8))
    pictures = torch.randn(4, 3, 32, 32)
    for _ in range(20):
        discriminator(pictures)  # power iterations
    for layer in discriminator.modules():
        if isinstance(layer, nn.Conv2d):
            largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
            assert 0.9 < largest.item() < 1.1
        assert not isinstance(layer, nn.BatchNorm2d)
