"""What every network of models.networks.NETWORKS keeps."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import nn

from models import config
from models.config import SIZES
from models.networks import NETWORKS, Shape

NORMS = config.NORMS
CASES = [(name, size) for name, sizes in SIZES.items() for size in sizes if size <= 64]


def shape(size: int, channels: int = 3, base: int = 4, norm_d: str = "batch", latent_dim: int = 6) -> Shape:
    return Shape(size, channels, latent_dim, base, base, norm_d)


def smallest(name: str, at_least: int = 32) -> int:
    return min(size for size in SIZES[name] if size >= at_least)


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


@pytest.mark.parametrize(("name", "size"), CASES)
def test_a_discriminator_is_features_then_a_score(name: str, size: int) -> None:
    pictures = torch.rand(3, 3, size, size) * 2 - 1
    discriminator = NETWORKS[name].discriminator(shape(size)).eval()
    features, score = discriminator
    seen = features(pictures)
    assert seen.shape[0] == 3
    assert seen[0].numel() > 1
    assert torch.equal(score(seen), discriminator(pictures))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_sigmoid_works_within_and_is_not_seen_outside(name: str) -> None:
    built = replace(shape(smallest(name)), output="sigmoid")
    generator, discriminator = NETWORKS[name].generator(built), NETWORKS[name].discriminator(built)
    assert any(isinstance(layer, nn.Sigmoid) for layer in generator.modules())
    assert not any(isinstance(layer, nn.Tanh) for layer in generator.modules())
    pictures = generator(torch.randn(8, 6) * 10)
    assert -1 <= pictures.min() < 0 < pictures.max() <= 1
    seen: list[torch.Tensor] = []
    convolution = next(layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d))
    convolution.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    discriminator(pictures)
    assert torch.allclose(seen[0], (pictures + 1) / 2)


@pytest.mark.parametrize("name", NETWORKS)
def test_dropout_stands_between_features_and_score_and_only_while_training(name: str) -> None:
    built = replace(shape(smallest(name)), dropout_d=0.5)
    discriminator = NETWORKS[name].discriminator(built)
    assert [type(layer) for part in discriminator for layer in part].count(nn.Dropout) == 1
    assert isinstance(discriminator[1][0], nn.Dropout)
    pictures = torch.rand(4, 3, built.size, built.size)
    discriminator.eval()
    assert torch.equal(discriminator(pictures), discriminator(pictures))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_largest_size_is_built_from_the_same_blocks(name: str) -> None:
    largest = shape(max(SIZES[name]), base=1)
    pictures = NETWORKS[name].generator(largest)(torch.randn(1, 6))
    assert pictures.shape[2:] == (largest.size, largest.size)
    assert NETWORKS[name].discriminator(largest).eval()(pictures).shape == (1,)


@pytest.mark.parametrize(("name", "norm_d"), [*product(NETWORKS, NORMS)])
def test_every_weight_learns(name: str, norm_d: str) -> None:
    built = shape(smallest(name), norm_d=norm_d)
    generator, discriminator = NETWORKS[name].generator(built), NETWORKS[name].discriminator(built)
    discriminator(generator(torch.randn(4, 6))).square().sum().backward()
    for module in (generator, discriminator):
        for weight_name, weight in module.named_parameters():
            assert weight.grad is not None, weight_name
            assert weight.grad.isfinite().all()
            assert weight.grad.abs().max() > 0, weight_name


@pytest.mark.parametrize(("name", "norm_d"), [*product(NETWORKS, NORMS)])
def test_weights_start_as_their_papers_say_or_as_keras_does(name: str, norm_d: str) -> None:
    torch.manual_seed(0)
    built = shape(64, base=32, norm_d=norm_d, latent_dim=100)
    generator, discriminator = NETWORKS[name].generator(built), NETWORKS[name].discriminator(built)
    for module in (generator, discriminator):
        for weight_name, weight in module.named_parameters():
            if weight_name.endswith("bias"):
                assert weight.eq(0).all(), weight_name
                continue
            if weight.numel() < 10:
                continue  # batch norm over three channels: too few to judge
            centre = 1.0 if weight.dim() == 1 else 0.0  # batch norm's factors have one dimension
            std = 0.02
            if name == "bonsai":
                fans = sum(weight.shape[:2]) * weight[0, 0].numel() if weight.dim() > 1 else 1
                std = (2 / fans) ** 0.5 if weight.dim() > 1 else 0.0
            if name == "modern" and module is discriminator and weight.dim() > 1:
                std = (2 / (1 + 0.2**2) / weight[0].numel()) ** 0.5  # He et al. 2015, slope 0.2
            assert weight.mean().item() == pytest.approx(centre, abs=0.02)
            assert weight.std().item() == pytest.approx(std, rel=0.4)


@pytest.mark.parametrize(
    ("name", "generator_weights", "discriminator_weights"),
    [
        ("dcgan", 3_576_704, 2_765_568),  # the PyTorch tutorial's, nz 100, ngf = ndf = 64
        ("dcgan-1024", 12_658_432, 2_765_568),
        ("celeba", 12_658_438, 430_273),
        ("portraits", 3_576_704, 11_148_033),
        ("bonsai", 3_750_275, 404_801),
    ],
)
def test_at_64_px_the_networks_are_the_articles(
    name: str, generator_weights: int, discriminator_weights: int
) -> None:
    built = shape(64, base=64, latent_dim=100, norm_d="none" if name == "bonsai" else "batch")
    assert parameters(NETWORKS[name].generator(built)) == generator_weights
    assert parameters(NETWORKS[name].discriminator(built)) == discriminator_weights


def test_the_celebrities_discriminator_narrows_as_the_article_says() -> None:
    sides: list[tuple[int, int]] = []
    discriminator = NETWORKS["celeba"].discriminator(shape(64, base=64))
    for layer in discriminator.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _, __, out: sides.append((out.shape[1], out.shape[2])))
    discriminator(torch.rand(2, 3, 64, 64))
    assert sides == [(32, 31), (64, 14), (128, 11), (128, 4), (1, 1)]


@pytest.mark.parametrize("name", NETWORKS)
def test_spectral_norm_bounds_every_layer_of_the_discriminator(name: str) -> None:
    size = smallest(name)
    discriminator = NETWORKS[name].discriminator(shape(size, norm_d="spectral", base=8))
    pictures = torch.randn(4, 3, size, size)
    for _ in range(20):
        discriminator(pictures)  # power iterations
    for layer in discriminator.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
            assert 0.9 < largest.item() < 1.1
        assert not isinstance(layer, nn.BatchNorm2d)
