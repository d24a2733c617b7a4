"""Layers that take a shorter way on processors are the layers, and only while they train."""

import copy

import pytest
import torch
from torch import Tensor, nn

from models.config import TrainConfig
from models.gan import Gan
from models.networks import NETWORKS, Shape, winograd
from models.networks.fast import (
    DoublingConvTranspose2d,
    HalvingConv2d,
    WholeConv2d,
    WholeConvTranspose2d,
    hasten,
)

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def a_processor_on_which_all_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "pays", lambda _precision: True)


def first_gradients(layer: nn.Module, x: Tensor, slope: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    y = layer(x)
    return [y.detach(), *torch.autograd.grad(y, [x, *layer.parameters()], slope)]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("layer", "shape", "kind"),
    [
        (nn.Conv2d(6, 5, 4), (3, 6, 4, 4), WholeConv2d),
        (nn.ConvTranspose2d(6, 5, 4), (3, 6, 1, 1), WholeConvTranspose2d),
    ],
)
def test_one_place_is_a_product_of_matrices(
    layer: nn.Conv2d | nn.ConvTranspose2d, shape: tuple[int, ...], kind: type[nn.Module], bias: bool
) -> None:
    torch.manual_seed(0)
    plain = copy.deepcopy(layer).to(memory_format=torch.channels_last)
    if not bias:
        plain.bias = None
    fast = copy.deepcopy(plain)
    hasten(fast, torch.float32)
    assert type(fast) is kind
    x = torch.randn(shape)
    slope = torch.randn(plain(x).shape)
    for ours, theirs in zip(first_gradients(fast, x, slope), first_gradients(plain, x, slope), strict=True):
        assert ours.shape == theirs.shape
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_pictures_larger_than_the_weights_are_convolved() -> None:
    plain = nn.Conv2d(6, 5, 4)
    fast = copy.deepcopy(plain)
    hasten(fast, torch.float32)
    x = torch.randn(3, 6, 7, 7)
    assert torch.equal(fast(x), plain(x))


def test_only_layers_of_that_shape_are_hastened_and_only_while_they_train() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(64, 128, 4, 2, 1),
        nn.Conv2d(128, 128, 3, padding=1),
        nn.Conv2d(128, 128, 1),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
    )
    x = torch.randn(64, 64, 32, 32)
    plain = layers(x)
    hasten(layers, torch.float32)
    assert [type(layer) for layer in layers] == [HalvingConv2d, nn.Conv2d, nn.Conv2d, DoublingConvTranspose2d]
    assert torch.equal(layers.eval()(x), plain)
    fast = layers.train()(x)
    assert not torch.equal(fast, plain)  # it went the other way
    assert torch.allclose(fast, plain, atol=1e-5)


def test_a_layer_under_spectral_norm_stays_as_it_is() -> None:
    layers = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Conv2d(8, 8, 4, 2, 1)))
    before = type(layers[0])
    hasten(layers, torch.float32)
    assert type(layers[0]) is before


@pytest.mark.parametrize("network", ["dcgan", "modern"])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_processors_train_that_way(network: str, precision: torch.dtype) -> None:
    config = TrainConfig(network=network, steps=1)
    shape = Shape(64, 3, 8, 4, 4, "batch")
    gan = Gan(shape, config, CPU, precision)
    assert sum(isinstance(one, HalvingConv2d) for one in gan.discriminator.modules()) == sum(
        isinstance(one, nn.Conv2d) and one.stride == (2, 2)
        for one in NETWORKS[network].discriminator(shape).modules()
    )


def test_a_compiled_network_stays_as_it_is() -> None:
    config = TrainConfig(network="dcgan", steps=1, compile=True)
    gan = Gan(Shape(16, 3, 8, 4, 4, "batch"), config, CPU, torch.float32)
    assert not any(isinstance(one, HalvingConv2d | WholeConv2d) for one in gan.discriminator.modules())
