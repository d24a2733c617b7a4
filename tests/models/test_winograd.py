"""Convolutions by fewer multiplications are the convolutions, to rounding."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from models.config import TrainConfig
from models.gan import Gan
from models.networks import NETWORKS, Shape, winograd
from models.networks.winograd import FastConv2d, FastConvTranspose2d, choose_tile, hasten

CPU = torch.device("cpu")
Convolve = Callable[[Tensor, Tensor], Tensor]


def gradients(convolve: Convolve, x: Tensor, weight: Tensor, slope: Tensor) -> list[Tensor]:
    """The outputs, their gradients, and the gradients of those, as gradient penalties need them."""
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    y = convolve(x, weight)
    first = torch.autograd.grad(y, (x, weight), slope, create_graph=True)
    second = torch.autograd.grad(first[0].square().sum() + first[1].square().sum(), (x, weight))
    return [y.detach(), *(one.detach() for one in first), *second]


@pytest.mark.parametrize("tile", [2, 4])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_same_numbers_and_gradients_of_both_orders(
    tile: int, transposed: bool, memory: torch.memory_format
) -> None:
    torch.manual_seed(0)
    larger, smaller = torch.randn(3, 6, 16, 24), torch.randn(3, 5, 8, 12)
    weight = torch.randn(5, 6, 4, 4).to(memory_format=memory)
    x, slope = (smaller, larger) if transposed else (larger, smaller)
    fast = partial(winograd.conv_transpose2d if transposed else winograd.conv2d, tile=tile)
    plain = partial(conv_transpose2d if transposed else conv2d, stride=2, padding=1)
    x, slope = x.to(memory_format=memory), slope.to(memory_format=memory)
    for ours, theirs in zip(
        gradients(fast, x, weight, slope), gradients(plain, x, weight, slope), strict=True
    ):
        assert ours.shape == theirs.shape
        assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()


def test_the_way_is_chosen_by_what_it_costs() -> None:
    """At 64 px, 64 channels: the ends of the network and small batches go the plain way."""
    layers = ((3, 64, 32), (64, 128, 16), (128, 256, 8), (256, 512, 4))
    assert [choose_tile(64, before, after, side, side) for before, after, side in layers] == [0, 4, 4, 2]
    assert [choose_tile(4, before, after, side, side) for before, after, side in layers] == [0, 0, 0, 0]
    assert choose_tile(64, 64, 128, 17, 17) == choose_tile(64, 64, 128, 0, 0) == 0


def test_only_layers_of_that_shape_are_hastened_and_only_while_they_train() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(64, 128, 4, 2, 1),
        nn.Conv2d(128, 128, 3, padding=1),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
    )
    x = torch.randn(64, 64, 32, 32)
    plain = layers(x)
    hasten(layers)
    assert [type(layer) for layer in layers] == [FastConv2d, nn.Conv2d, FastConvTranspose2d]
    assert torch.equal(layers.eval()(x), plain)
    fast = layers.train()(x)
    assert not torch.equal(fast, plain)  # it went the other way
    assert torch.allclose(fast, plain, atol=1e-5)


@pytest.mark.parametrize("network", ["dcgan", "modern"])
def test_processors_train_that_way_in_float32(network: str) -> None:
    config = TrainConfig(network=network, steps=1)
    shape = Shape(64, 3, 8, 4, 4, "batch")
    fast = [
        isinstance(one, FastConv2d) for one in Gan(shape, config, CPU, torch.float32).discriminator.modules()
    ]
    assert sum(fast) == sum(
        isinstance(one, nn.Conv2d) and one.stride == (2, 2)
        for one in NETWORKS[network].discriminator(shape).modules()
    )
    plain = Gan(shape, config, CPU, torch.bfloat16).discriminator
    assert not any(isinstance(one, FastConv2d) for one in plain.modules())
