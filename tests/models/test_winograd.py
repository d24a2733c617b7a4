"""Convolutions by fewer multiplications are the convolutions, to rounding."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

from models.networks import winograd
from models.networks.tiles import Fours, Tiles, Twos
from models.networks.winograd import choose_tiles

Convolve = Callable[[Tensor, Tensor], Tensor]


def gradients(convolve: Convolve, x: Tensor, weight: Tensor, slope: Tensor) -> list[Tensor]:
    """The outputs, their gradients, and the gradients of those, as gradient penalties need them."""
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    y = convolve(x, weight)
    first = torch.autograd.grad(y, (x, weight), slope, create_graph=True)
    second = torch.autograd.grad(first[0].square().sum() + first[1].square().sum(), (x, weight))
    return [y.detach(), *(one.detach() for one in first), *second]


@pytest.mark.parametrize("tiles", [Twos, Fours])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_same_numbers_and_gradients_of_both_orders(
    tiles: type[Tiles], transposed: bool, memory: torch.memory_format
) -> None:
    torch.manual_seed(0)
    larger, smaller = torch.randn(3, 6, 16, 24), torch.randn(3, 5, 8, 12)
    weight = torch.randn(5, 6, 4, 4).to(memory_format=memory)
    x, slope = (smaller, larger) if transposed else (larger, smaller)
    fast = partial(winograd.conv_transpose2d if transposed else winograd.conv2d, tiles=tiles)
    plain = partial(conv_transpose2d if transposed else conv2d, stride=2, padding=1)
    x, slope = x.to(memory_format=memory), slope.to(memory_format=memory)
    for ours, theirs in zip(
        gradients(fast, x, weight, slope), gradients(plain, x, weight, slope), strict=True
    ):
        assert ours.shape == theirs.shape
        assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()


@pytest.mark.parametrize("transposed", [False, True])
def test_bfloat16_loses_little_more_than_it_does_anyway(transposed: bool) -> None:
    torch.manual_seed(0)
    larger, smaller, weight = torch.randn(8, 32, 16, 16), torch.randn(8, 64, 8, 8), torch.randn(64, 32, 4, 4)
    x, slope = (smaller, larger) if transposed else (larger, smaller)
    fast = partial(winograd.conv_transpose2d if transposed else winograd.conv2d, tiles=Twos)
    plain = partial(conv_transpose2d if transposed else conv2d, stride=2, padding=1)
    exact = gradients(plain, x, weight, slope)[:3]
    short = x.bfloat16(), weight.bfloat16(), slope.bfloat16()
    for ours, usual, right in zip(
        gradients(fast, *short)[:3], gradients(plain, *short)[:3], exact, strict=True
    ):
        assert ours.dtype is torch.bfloat16
        assert error(ours, right) < 3 * error(usual, right) < 0.02


def error(of: Tensor, right: Tensor) -> float:
    return ((of.float() - right).square().mean() / right.square().mean()).sqrt().item()


LAYERS = ((3, 64, 32), (64, 128, 16), (128, 256, 8), (256, 512, 4))  # of 64 px with 64 channels


@pytest.mark.parametrize(
    ("dtype", "batch", "chosen"),
    [
        (torch.float32, 64, [None, Fours, Fours, Twos]),
        (torch.float32, 4, [None] * 4),
        (torch.bfloat16, 64, [None, None, Twos, Twos]),
        (torch.bfloat16, 4, [None] * 4),
        (torch.float16, 64, [None] * 4),
    ],
)
def test_the_way_is_chosen_by_what_it_costs(
    dtype: torch.dtype, batch: int, chosen: list[type[Tiles] | None]
) -> None:
    """The ends of the network and small batches go the plain way."""
    assert [choose_tiles((batch, out, side, side), of, dtype) for of, out, side in LAYERS] == chosen


@pytest.mark.parametrize("side", [17, 0])
def test_pictures_that_no_tiles_fill_go_the_plain_way(side: int) -> None:
    assert choose_tiles((64, 128, side, side), 64, torch.float32) is None


@pytest.mark.parametrize(
    ("precision", "can", "pays"),
    [
        (torch.float32, {"avx2": True, "sse4a": True}, True),
        (torch.float32, {"avx512_f": True}, True),
        (torch.float32, {"avx512_f": True, "sse4a": True}, False),
        (torch.bfloat16, {"avx2": True}, False),
        (torch.bfloat16, {"avx512_f": True, "avx512_bf16": True}, True),
        (torch.bfloat16, {"avx512_f": True, "avx512_bf16": True, "amx_bf16": True}, False),
    ],
)
def test_whether_it_pays_is_a_matter_of_the_processor(
    precision: torch.dtype, can: dict[str, bool], pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can)
    assert winograd.pays(precision) == pays
