"""The linear maps of winograd.py: pictures and weights to points, and back.

Tiles of m x m outputs have (m + 1)² points. In a line: polynomials of 2 and m coefficients are multiplied by
their values at m + 1 points, the last of them infinity (Toom, Cook); the transpose of that product is the
sliding one. On squares the maps act on rows and on columns.

B batch, C channels of the larger pictures, H W their pixels, O channels of the smaller ones, H/2 x W/2;
T tiles of m x m of those, P = (m + 1)² points, K = 4C: even and odd rows and columns are channels apart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_POINTS = (0.0, 1.0, -1.0, 0.5)  # and infinity; of tiles of 4


class Tiles(ABC):
    """The three maps of one convolution, and their transposes, which are their gradients."""

    tile: int

    def __init__(self, larger_BCHW: tuple[int, ...], out: int) -> None:
        self.batch, self.channels, self.height, self.width = larger_BCHW
        self.out = out
        self.down, self.across = self.height // 2 // self.tile, self.width // 2 // self.tile

    @abstractmethod
    def spread(self, x_BCHW: Tensor) -> Tensor:
        """The larger pictures at the points: P x T x K."""

    @abstractmethod
    def unspread(self, points_PTK: Tensor) -> Tensor:
        """The transpose of `spread`: neighbouring tiles overlap by a row and a column, and add up there."""

    @abstractmethod
    def gather(self, points_PTO: Tensor) -> Tensor:
        """The smaller pictures from their points: B x O x H/2 x W/2."""

    @abstractmethod
    def ungather(self, y_BOHW: Tensor) -> Tensor:
        """The transpose of `gather`."""

    @abstractmethod
    def weigh(self, weight_OCHW: Tensor) -> Tensor:
        """The weights at the points: P x O x K."""

    @abstractmethod
    def unweigh(self, points_POK: Tensor) -> Tensor:
        """The transpose of `weigh`."""

    def _pad(self, x_BCHW: Tensor) -> Tensor:
        """B x H+2 x W+2 x C."""
        return F.pad(x_BCHW.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))

    def _crop(self, padded_BHWC: Tensor) -> Tensor:
        x_BHWC = padded_BHWC[:, 1 : self.height + 1, 1 : self.width + 1]
        return x_BHWC.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

    def _picture(self, y_BHWO: Tensor) -> Tensor:
        return y_BHWO.view(self.batch, self.height // 2, self.width // 2, self.out).permute(0, 3, 1, 2)

    def _taps(self, weight_OCHW: Tensor) -> Tensor:
        """Taps of rows, of columns, then O, the even and odd rows, columns, C."""
        taps = weight_OCHW.permute(0, 2, 3, 1).reshape(self.out, 2, 2, 2, 2, self.channels)
        return taps.permute(1, 3, 0, 2, 4, 5)

    def _untap(self, taps: Tensor) -> Tensor:
        weight_OHWC = taps.permute(2, 0, 3, 1, 4, 5).reshape(self.out, 4, 4, self.channels)
        return weight_OHWC.permute(0, 3, 1, 2)


class Twos(Tiles):
    """m = 2 at the points 0, 1, infinity: sums and differences alone, so that bfloat16 keeps its digits."""

    tile = 2

    def spread(self, x_BCHW: Tensor) -> Tensor:
        batch, down, across, channels = self.batch, self.down, self.across, self.channels
        padded = self._pad(x_BCHW)
        rows = padded.new_empty(3, batch, down, 2, self.width + 2, channels)
        _differences(_windows(padded, 1).movedim(-1, 3), rows)
        points = padded.new_empty(3, 3, batch, down, across, 2, 2, channels)
        _differences(_windows(rows, 4).movedim(-1, -2), points.permute(1, 0, 2, 3, 5, 4, 6, 7))
        return points.view(9, -1, 4 * channels)

    def unspread(self, points_PTK: Tensor) -> Tensor:
        batch, down, across, channels = self.batch, self.down, self.across, self.channels
        points = points_PTK.reshape(3, 3, batch, down, across, 2, 2, channels)
        rows = points.new_empty(3, batch, down, 2, across + 1, 2, 2, channels)
        _overlap(points.permute(1, 0, 2, 3, 5, 4, 6, 7), rows.unbind(5), axis=4)
        padded = points.new_empty(batch, down + 1, 2, 2, across + 1, 2, 2, channels)
        _overlap(rows, padded.unbind(2), axis=1)
        return self._crop(padded.view(batch, 4 * (down + 1), 4 * (across + 1), channels))

    def gather(self, points_PTO: Tensor) -> Tensor:
        batch, down, across, out = self.batch, self.down, self.across, self.out
        points = points_PTO.reshape(3, 3, batch, down, across, out)
        rows = points.new_empty(2, 3, batch, down, across, out)
        _neighbours(points, rows)
        y = points.new_empty(batch, down, 2, across, 2, out)
        _neighbours(rows.transpose(0, 1), y.permute(4, 2, 0, 1, 3, 5))
        return self._picture(y)

    def ungather(self, y_BOHW: Tensor) -> Tensor:
        batch, down, across, out = self.batch, self.down, self.across, self.out
        tiles = y_BOHW.permute(0, 2, 3, 1).reshape(batch, down, 2, across, 2, out)
        rows = tiles.new_empty(3, batch, down, across, 2, out)
        _with_sum(tiles.movedim(2, 0), rows)
        points = tiles.new_empty(3, 3, batch, down, across, out)
        _with_sum(rows.movedim(4, 0), points.transpose(0, 1))
        return points.view(9, -1, out)

    def weigh(self, weight_OCHW: Tensor) -> Tensor:
        taps = self._taps(weight_OCHW)
        rows = taps.new_empty(3, *taps.shape[1:])
        _with_sum(taps, rows)
        points = taps.new_empty(3, 3, *taps.shape[2:])
        _with_sum(rows.transpose(0, 1), points.transpose(0, 1))
        return points.view(9, self.out, 4 * self.channels)

    def unweigh(self, points_POK: Tensor) -> Tensor:
        points: Tensor = points_POK.unflatten(0, (3, 3)).unflatten(-1, (2, 2, self.channels))
        rows = points[:2] + points[1:]
        return self._untap(rows[:, :2] + rows[:, 1:])


def _windows(lines: Tensor, axis: int) -> Tensor:
    """For every tile the inputs of its three points, first; of each the even and the odd line, last."""
    windows: Tensor = lines.unfold(axis, 6, 4).unflatten(-1, (3, 2))
    return windows.movedim(-2, 0)


def _differences(inputs: Tensor, points: Tensor) -> None:
    first, middle, last = inputs
    torch.sub(first, middle, out=points[0])
    points[1].copy_(middle)
    torch.sub(last, middle, out=points[2])


def _overlap(points: Tensor, lines: tuple[Tensor, ...], axis: int) -> None:
    """The transpose of `_differences`: a tile's last input is the first of the next."""
    first, middle, last = points
    ends, middles = lines
    tiles = first.shape[axis]
    within = middles.narrow(axis, 0, tiles)
    torch.sub(middle, first, out=within).sub_(last)
    between = (first.narrow(axis, 1, tiles - 1), last.narrow(axis, 0, tiles - 1))
    torch.add(*between, out=ends.narrow(axis, 1, tiles - 1))
    ends.select(axis, 0).copy_(first.select(axis, 0))
    ends.select(axis, tiles).copy_(last.select(axis, -1))


def _neighbours(points: Tensor, sums: Tensor) -> None:
    torch.add(points[:2], points[1:], out=sums)


def _with_sum(pair: Tensor, points: Tensor) -> None:
    """The transpose of `_neighbours`."""
    points[0].copy_(pair[0])
    torch.add(pair[0], pair[1], out=points[1])
    points[2].copy_(pair[1])


class Fours(Tiles):
    """m = 4, by matrices: fewer multiplications still, at points that cost bfloat16 too many digits."""

    tile, side = 4, 5

    def spread(self, x_BCHW: Tensor) -> Tensor:
        padded = self._pad(x_BCHW)
        picture, row, column, _ = padded.stride()
        tiles = padded.as_strided(
            (self.batch, self.down, self.across, self.side, self.side, 2, 2, self.channels),
            (picture, 8 * row, 8 * column, 2 * row, 2 * column, row, column, 1),
        )
        return _each(_matrices().to_input, tiles.reshape(-1, 25, 4 * self.channels)).transpose(0, 1)

    def unspread(self, points_PTK: Tensor) -> Tensor:
        tile, side, down, across = self.tile, self.side, self.down, self.across
        tiles = _each(_matrices().to_input.T, points_PTK.transpose(0, 1))
        tiles = tiles.view(self.batch, down, across, side, side, 2, 2, self.channels)
        grid = tiles.new_empty(self.batch, down + 1, tile, 2, across + 1, tile, 2, self.channels)
        grid[:, down, 0] = 0
        grid[..., across, 0, :, :] = 0
        grid[:, :down, :, :, :across] = tiles[:, :, :, :tile, :tile].permute(0, 1, 3, 5, 2, 4, 6, 7)
        grid[:, 1:, 0, :, :across] += tiles[:, :, :, tile, :tile].permute(0, 1, 4, 2, 3, 5, 6)
        grid[:, :down, :, :, 1:, 0] += tiles[:, :, :, :tile, tile].permute(0, 1, 3, 4, 2, 5, 6)
        grid[:, 1:, 0, :, 1:, 0] += tiles[:, :, :, tile, tile].permute(0, 1, 3, 2, 4, 5)
        return self._crop(
            grid.view(self.batch, (down + 1) * tile * 2, (across + 1) * tile * 2, self.channels)
        )

    def gather(self, points_PTO: Tensor) -> Tensor:
        tiles = _each(_matrices().to_output, points_PTO.transpose(0, 1))
        tiles = tiles.view(self.batch, self.down, self.across, self.tile, self.tile, self.out)
        return self._picture(tiles.transpose(2, 3).contiguous())

    def ungather(self, y_BOHW: Tensor) -> Tensor:
        rows = y_BOHW.permute(0, 2, 3, 1).unflatten(1, (self.down, self.tile))
        tiles = rows.unflatten(3, (self.across, self.tile)).transpose(2, 3)
        return _each(_matrices().to_output.T, tiles.reshape(-1, 16, self.out)).transpose(0, 1)

    def weigh(self, weight_OCHW: Tensor) -> Tensor:
        lines = _matrices().to_weights @ self._taps(weight_OCHW).reshape(4, -1)
        return lines.view(-1, self.out, 4 * self.channels)

    def unweigh(self, points_POK: Tensor) -> Tensor:
        taps = _matrices().to_weights.T @ points_POK.flatten(1)
        return self._untap(taps.view(2, 2, self.out, 2, 2, self.channels))


def _each(matrix_RP: Tensor, tiles_TPN: Tensor) -> Tensor:
    """The matrix on every tile. Many small products: a large one would stride through memory."""
    return torch.bmm(matrix_RP.expand(len(tiles_TPN), -1, -1), tiles_TPN)


class _Matrices(NamedTuple):
    """Of `Fours`, in float32."""

    to_output: Tensor  # 16 x 25
    to_weights: Tensor  # 25 x 4
    to_input: Tensor  # 25 x 25


@cache
def _matrices() -> _Matrices:
    values = np.vander(_POINTS, 5, increasing=True)
    values = np.vstack([values, np.eye(5)[-1]])
    taps, outputs = values[:, :2].copy(), values[:, :4].copy()
    taps[-1], outputs[-1] = (0, 1), np.eye(4)[-1]
    lines = (outputs.T, taps, np.linalg.inv(values).T)
    return _Matrices(*(torch.from_numpy(np.kron(line, line)).float() for line in lines))
