"""4 x 4 convolutions of stride 2 by fewer multiplications, for processors.

On the even and odd rows and columns of its input, such a convolution is a sum of four of 2 x 2 and stride 1.
m x m places of those cost (m + 1)² multiplications a pair of channels instead of 4m² (Winograd 1980, for
networks Lavin & Gray 2016): input and weights are brought to (m + 1)² points, multiplied there, brought back
(tiles.py). Three linear maps and a batched matrix product, so autograd differentiates it any number of times;
a transposed convolution is the same, backwards. Sums are rounded otherwise than torch's: in float32 by some
1e-6 of the largest, in bfloat16 two to three times as much as there anyway.

B batch, C channels of the larger pictures, H W their pixels, O channels of the smaller ones, H/2 x W/2;
P points, T tiles, K inputs of a tile at a point.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.networks.tiles import Fours, Tiles, Twos

_TILES: dict[torch.dtype, tuple[type[Tiles], ...]] = {torch.float32: (Fours, Twos), torch.bfloat16: (Twos,)}


class _Costs(NamedTuple):
    """As measured, over a step's three products of each layer."""

    picture: float  # multiplications in whose time a number of a picture is brought to a point or back
    weight: float  # the same of the weights
    worth: float  # the part of the plain way's multiplications that all must stay below


_COSTS = {torch.float32: _Costs(44.0, 66.0, 0.8), torch.bfloat16: _Costs(80.0, 30.0, 1.0)}


class _Map(torch.autograd.Function):
    """A linear map with its transpose, which is its gradient."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]
    ) -> Tensor:
        context.turned = back, there
        return there(x)

    @staticmethod
    def backward(context: Any, slope: Tensor) -> Any:
        return _Map.apply(slope, *context.turned), None, None


class _Product(torch.autograd.Function):
    """P x T x O of P x T x K and P x O x K; a gradient of the weights that is laid out as they are."""

    @staticmethod
    def forward(context: Any, points_PTK: Tensor, points_POK: Tensor) -> Tensor:
        context.save_for_backward(points_PTK, points_POK)
        return torch.bmm(points_PTK, points_POK.transpose(1, 2))

    @staticmethod
    def backward(context: Any, slope_PTO: Tensor) -> Any:
        points_PTK, points_POK = context.saved_tensors
        wanted, weights_wanted = context.needs_input_grad
        return (
            torch.bmm(slope_PTO, points_POK) if wanted else None,
            torch.bmm(slope_PTO.transpose(1, 2), points_PTK) if weights_wanted else None,
        )


def conv2d(x_BCHW: Tensor, weight_OCHW: Tensor, tiles: type[Tiles]) -> Tensor:
    """`torch.nn.functional.conv2d` of 4 x 4 weights, stride 2, padding 1; H/2, W/2 multiples of a tile's."""
    maps = tiles(x_BCHW.shape, len(weight_OCHW))
    points_PTK = _Map.apply(x_BCHW, maps.spread, maps.unspread)
    points_POK = _Map.apply(weight_OCHW, maps.weigh, maps.unweigh)
    y_BOHW: Tensor = _Map.apply(_Product.apply(points_PTK, points_POK), maps.gather, maps.ungather)
    return y_BOHW


def conv_transpose2d(y_BOHW: Tensor, weight_OCHW: Tensor, tiles: type[Tiles]) -> Tensor:
    """`torch.nn.functional.conv_transpose2d` of the same, from B x O x H/2 x W/2 to B x C x H x W."""
    batch, out, height, width = y_BOHW.shape
    maps = tiles((batch, weight_OCHW.shape[1], 2 * height, 2 * width), out)
    points_PTO = _Map.apply(y_BOHW, maps.ungather, maps.gather)
    points_POK = _Map.apply(weight_OCHW, maps.weigh, maps.unweigh)
    x_BCHW: Tensor = _Map.apply(torch.bmm(points_PTO, points_POK), maps.unspread, maps.spread)
    return x_BCHW


@cache
def choose_tiles(
    smaller_BOHW: tuple[int, int, int, int], channels: int, dtype: torch.dtype
) -> type[Tiles] | None:
    """Those that take the least time; None where the plain way does."""
    batch, out, height, width = smaller_BOHW
    costs = _COSTS.get(dtype)
    if costs is None:
        return None
    least, chosen = costs.worth * batch * height * width * 16 * channels * out, None
    for kind in _TILES[dtype]:
        if height % kind.tile == 0 and width % kind.tile == 0:
            points, inputs = (kind.tile + 1) ** 2, 4 * channels
            tiles = batch * height * width // kind.tile**2
            of_maps = costs.picture * tiles * (inputs + out) + costs.weight * inputs * out
            cost = points * (tiles * inputs * out + of_maps)
            if cost < least:
                least, chosen = cost, kind
    return chosen


def pays(precision: torch.dtype) -> bool:
    """Whether this processor multiplies matrices as fast as it convolves.

    Not in float32 on AMD's with AVX-512, of which torch's matrix library (MKL) leaves half idle. In bfloat16
    on those with AVX-512 for it: without it everything is slow, and with AMX the maps would cost more than
    the multiplications that they save.
    """
    can = torch.cpu.get_capabilities()
    if precision is torch.float32:
        is_amd = bool(can.get("sse4a"))  # which no other has
        return not (is_amd and can.get("avx512_f"))
    return bool(can.get("avx512_bf16")) and not can.get("amx_bf16")
