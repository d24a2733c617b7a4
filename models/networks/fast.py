"""Layers that compute the same in less time on a processor, while they train.

B batch, C I O channels, H W pixels.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks import winograd

_HALVING: Any = ((4, 4), (2, 2), (1, 1))  # kernel, stride, padding


class HalvingConv2d(nn.Conv2d):
    """4 x 4 of stride 2, by fewer multiplications where that is shorter."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        batch, _, height, width = input.shape
        dtype = _dtype(input)
        smaller = (batch, self.out_channels, height // 2, width // 2)
        tiles = winograd.choose_tiles(smaller, self.in_channels, dtype)
        if not tiles or not self.training:
            return super().forward(input)
        y_BOHW = winograd.conv2d(input.to(dtype), self.weight.to(dtype), tiles)
        return y_BOHW if self.bias is None else y_BOHW + self.bias[:, None, None]


class DoublingConvTranspose2d(nn.ConvTranspose2d):
    """4 x 4 of stride 2, likewise."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002 (torch's name)
        dtype = _dtype(input)
        tiles = winograd.choose_tiles(tuple(input.shape), self.out_channels, dtype)
        if not tiles or not self.training or self.bias is not None:
            return super().forward(input, output_size)
        return winograd.conv_transpose2d(input.to(dtype), self.weight.to(dtype), tiles)


class WholeConv2d(nn.Conv2d):
    """One place over whole pictures: a product of matrices, which takes a convolution ten times as long."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        if input.shape[2:] != self.kernel_size or not self.training:
            return super().forward(input)
        return F.linear(_flat(input), _flat(self.weight), self.bias)[:, :, None, None]


class WholeConvTranspose2d(nn.ConvTranspose2d):
    """Pictures from one place, likewise."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002 (torch's name)
        if input.shape[2:] != (1, 1) or not self.training or self.bias is not None:
            return super().forward(input, output_size)
        flat = input.flatten(1) @ _flat(self.weight)
        return flat.view(-1, *self.kernel_size, self.out_channels).permute(0, 3, 1, 2)


def _flat(x_BCHW: Tensor) -> Tensor:
    """B x H W C: no copy of what is laid out channels last."""
    return x_BCHW.permute(0, 2, 3, 1).flatten(1)


def _dtype(x: Tensor) -> torch.dtype:
    """In which autocast, or else the layer before, has a convolution computed."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def hasten(module: nn.Module, precision: torch.dtype) -> None:
    """Let the convolutions in `module` take the shorter way, those that have one on this processor."""
    halving = winograd.pays(precision)
    for layer in module.modules():
        # Of these types and no others: what wraps a weight (spectral norm) is a type of its own.
        if type(layer) is nn.Conv2d:
            _exchange(layer, HalvingConv2d if halving else nn.Conv2d, WholeConv2d)
        elif type(layer) is nn.ConvTranspose2d:
            _exchange(layer, DoublingConvTranspose2d if halving else nn.ConvTranspose2d, WholeConvTranspose2d)


def _exchange(
    layer: nn.Conv2d | nn.ConvTranspose2d, halving: type[nn.Module], whole: type[nn.Module]
) -> None:
    """Another class over the same weights, so that none changes its name."""
    if (layer.kernel_size, layer.stride, layer.padding) == _HALVING:
        layer.__class__ = halving  # type: ignore[assignment]
    elif layer.padding == (0, 0) and layer.kernel_size != (1, 1):
        layer.__class__ = whole  # type: ignore[assignment]
