"""4 x 4 convolutions of stride 2 by fewer multiplications: for processors, in float32.

On the even and odd rows and columns of its input, such a convolution is a sum of four of 2 x 2 and stride 1.
m x m places of those cost (m + 1)² multiplications a pair of channels instead of 4m² (Winograd 1980, for
networks Lavin & Gray 2016): input and weights are brought to (m + 1)² points, multiplied there, brought back.
Three linear maps and a batched matrix product, so autograd differentiates it any number of times; a
transposed convolution is the same, backwards. Sums are rounded otherwise than torch's: by some 1e-6 of the
largest.

B batch, C channels of the larger pictures, H W their pixels, O channels of the smaller ones, H/2 x W/2;
T tiles of m x m of those, P = (m + 1)² points.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

_POINTS = (0.0, 1.0, -1.0, 0.5)  # and infinity; the first m are used
_TILES = (4, 2)
_PER_NUMBER = 22.0  # multiplications in whose time a number is brought to a point or back, as measured
_WORTH = 0.8  # of the plain convolution's time


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


class _Tiling:
    """The three maps of one convolution, and their transposes."""

    def __init__(self, larger_BCHW: tuple[int, ...], out: int, tile: int) -> None:
        self.batch, self.channels, self.height, self.width = larger_BCHW
        self.out, self.tile, self.side = out, tile, tile + 1
        self.down, self.across = self.height // 2 // tile, self.width // 2 // tile
        self.to_output, self.to_weights, self.to_input = _matrices(tile)

    def spread(self, x_BCHW: Tensor) -> Tensor:
        """The larger pictures at the points: P x T x 4C."""
        side, step = self.side, 2 * self.tile
        padded = F.pad(x_BCHW.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        picture, row, column, _ = padded.stride()
        tiles = padded.as_strided(
            (self.batch, self.down, self.across, side, side, 2, 2, self.channels),
            (picture, step * row, step * column, 2 * row, 2 * column, row, column, 1),
        )
        return _each(self.to_input, tiles.reshape(-1, side * side, 4 * self.channels)).transpose(0, 1)

    def unspread(self, points_PTK: Tensor) -> Tensor:
        """The transpose of `spread`: neighbouring tiles overlap by a row and a column, and add up there."""
        tile, side, down, across = self.tile, self.side, self.down, self.across
        tiles = _each(self.to_input.T, points_PTK.transpose(0, 1))
        tiles = tiles.view(self.batch, down, across, side, side, 2, 2, self.channels)
        grid = tiles.new_empty(self.batch, down + 1, tile, 2, across + 1, tile, 2, self.channels)
        grid[:, down, 0] = 0
        grid[..., across, 0, :, :] = 0
        grid[:, :down, :, :, :across] = tiles[:, :, :, :tile, :tile].permute(0, 1, 3, 5, 2, 4, 6, 7)
        grid[:, 1:, 0, :, :across] += tiles[:, :, :, tile, :tile].permute(0, 1, 4, 2, 3, 5, 6)
        grid[:, :down, :, :, 1:, 0] += tiles[:, :, :, :tile, tile].permute(0, 1, 3, 4, 2, 5, 6)
        grid[:, 1:, 0, :, 1:, 0] += tiles[:, :, :, tile, tile].permute(0, 1, 3, 2, 4, 5)
        padded = grid.view(self.batch, (down + 1) * tile * 2, (across + 1) * tile * 2, self.channels)
        x_BHWC = padded[:, 1 : self.height + 1, 1 : self.width + 1]
        return x_BHWC.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

    def gather(self, points_PTO: Tensor) -> Tensor:
        """The smaller pictures from their points: B x O x H/2 x W/2."""
        tile = self.tile
        tiles = _each(self.to_output, points_PTO.transpose(0, 1))
        tiles = tiles.view(self.batch, self.down, self.across, tile, tile, self.out)
        y_BHWO = tiles.transpose(2, 3).reshape(self.batch, self.height // 2, self.width // 2, self.out)
        return y_BHWO.permute(0, 3, 1, 2)

    def ungather(self, y_BOHW: Tensor) -> Tensor:
        """The transpose of `gather`."""
        rows = y_BOHW.permute(0, 2, 3, 1).unflatten(1, (self.down, self.tile))
        tiles = rows.unflatten(3, (self.across, self.tile)).transpose(2, 3)
        return _each(self.to_output.T, tiles.reshape(-1, self.tile**2, self.out)).transpose(0, 1)

    def weigh(self, weight_OCHW: Tensor) -> Tensor:
        """The weights at the points: P x O x 4C."""
        taps = weight_OCHW.permute(0, 2, 3, 1).reshape(
            self.out, 2, 2, 2, 2, self.channels
        )  # tap, phase, twice
        lines = self.to_weights @ taps.permute(1, 3, 0, 2, 4, 5).reshape(4, -1)
        return lines.view(-1, self.out, 4 * self.channels)

    def unweigh(self, points_POK: Tensor) -> Tensor:
        """The transpose of `weigh`; of either layout in memory, for a copy of this is dear."""
        back = self.to_weights.T
        if points_POK.is_contiguous():
            taps = (back @ points_POK.flatten(1)).view(2, 2, self.out, 2, 2, self.channels)
            weight_OHWC = taps.permute(2, 0, 3, 1, 4, 5)
        else:
            lines = (back @ points_POK.transpose(1, 2).flatten(1)).view(-1, self.out).t().contiguous()
            weight_OHWC = lines.view(self.out, 2, 2, 2, 2, self.channels).transpose(2, 3)
        return weight_OHWC.reshape(self.out, 4, 4, self.channels).permute(0, 3, 1, 2)


def conv2d(x_BCHW: Tensor, weight_OCHW: Tensor, tile: int) -> Tensor:
    """`torch.nn.functional.conv2d` of 4 x 4 weights, stride 2, padding 1; H/2 and W/2 multiples of `tile`."""
    maps = _Tiling(x_BCHW.shape, len(weight_OCHW), tile)
    points_PTK = _Map.apply(x_BCHW, maps.spread, maps.unspread)
    points_POK = _Map.apply(weight_OCHW, maps.weigh, maps.unweigh)
    y_BOHW: Tensor = _Map.apply(torch.bmm(points_PTK, points_POK.transpose(1, 2)), maps.gather, maps.ungather)
    return y_BOHW


def conv_transpose2d(y_BOHW: Tensor, weight_OCHW: Tensor, tile: int) -> Tensor:
    """`torch.nn.functional.conv_transpose2d` of the same, from B x O x H/2 x W/2 to B x C x H x W."""
    batch, out, height, width = y_BOHW.shape
    maps = _Tiling((batch, weight_OCHW.shape[1], 2 * height, 2 * width), out, tile)
    points_PTO = _Map.apply(y_BOHW, maps.ungather, maps.gather)
    points_POK = _Map.apply(weight_OCHW, maps.weigh, maps.unweigh)
    x_BCHW: Tensor = _Map.apply(torch.bmm(points_PTO, points_POK), maps.unspread, maps.spread)
    return x_BCHW


class FastConv2d(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        batch, _, height, width = input.shape
        tile = choose_tile(batch, self.in_channels, self.out_channels, height // 2, width // 2)
        if not tile or not self.training:
            return super().forward(input)
        y_BOHW = conv2d(input, self.weight, tile)
        return y_BOHW if self.bias is None else y_BOHW + self.bias[:, None, None]


class FastConvTranspose2d(nn.ConvTranspose2d):
    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002 (torch's name)
        tile = choose_tile(len(input), self.out_channels, self.in_channels, *input.shape[2:])
        if not tile or not self.training or self.bias is not None:
            return super().forward(input, output_size)
        return conv_transpose2d(input, self.weight, tile)


_FAST: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv2d: FastConv2d,
    nn.ConvTranspose2d: FastConvTranspose2d,
}
_WHAT: Any = ((4, 4), (2, 2), (1, 1))  # kernel, stride, padding


def hasten(module: nn.Module) -> None:
    """Let 4 x 4 convolutions of stride 2 in `module` take this way while they train, where it is shorter."""
    for layer in module.modules():
        fast = _FAST.get(type(layer))
        if fast and (layer.kernel_size, layer.stride, layer.padding) == _WHAT:
            layer.__class__ = fast


@cache
def choose_tile(batch: int, channels: int, out: int, height: int, width: int) -> int:
    """The m for smaller pictures of height x width that takes the least time; 0 where the plain way does."""
    least, chosen = _WORTH * batch * height * width * 16 * channels * out, 0
    for tile in _TILES:
        if height % tile == 0 and width % tile == 0:
            points, tiles, inputs = (tile + 1) ** 2, batch * height * width // tile**2, 4 * channels
            numbers = 2 * tiles * (inputs + out) + 3 * inputs * out
            cost = points * (tiles * inputs * out + _PER_NUMBER * numbers)
            if cost < least:
                least, chosen = cost, tile
    return chosen


def _each(matrix_RP: Tensor, tiles_TPN: Tensor) -> Tensor:
    """The matrix on every tile. Many small products: a large one would stride through memory."""
    return torch.bmm(matrix_RP.expand(len(tiles_TPN), -1, -1), tiles_TPN)


@cache
def _matrices(tile: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points to outputs (m² x P), taps to points (P x 4), inputs to points (P x P), for squares (Toom, Cook).

    In a line: polynomials of 2 and m coefficients are multiplied by their values at m + 1 points, the last of
    them infinity; the transpose of that product is the sliding one.
    """
    values = np.vander(_POINTS[:tile], tile + 1, increasing=True)
    values = np.vstack([values, np.eye(tile + 1)[-1]])
    taps, outputs = values[:, :2].copy(), values[:, :tile].copy()
    taps[-1], outputs[-1] = (0, 1), np.eye(tile)[-1]
    lines = (outputs.T, taps, np.linalg.inv(values).T)
    to_output, to_weights, to_input = (torch.from_numpy(np.kron(line, line)).float() for line in lines)
    return to_output, to_weights, to_input
