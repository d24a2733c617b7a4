"""Layers that compute the same in less time on a processor, while they train.

B batch, C I O channels, H W pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks import winograd


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


# By type: 4 x 4 of stride 2, and one place over whole pictures.
_WAYS: dict[type[nn.Module], tuple[type[nn.Module], type[nn.Module]]] = {
    nn.Conv2d: (HalvingConv2d, WholeConv2d),
    nn.ConvTranspose2d: (DoublingConvTranspose2d, WholeConvTranspose2d),
}


def hasten(module: nn.Module, precision: torch.dtype) -> None:
    """Let the convolutions in `module` take the shorter way, those that have one on this processor.

    They get another class over the same weights, so that none changes its name. Of these types and no others:
    what wraps a weight (spectral norm) is a type of its own.
    """
    for layer in module.modules():
        if type(layer) not in _WAYS:
            continue
        halving, whole = _WAYS[type(layer)]
        kernel, stride, padding = (getattr(layer, name) for name in ("kernel_size", "stride", "padding"))
        if (kernel, stride, padding) == ((4, 4), (2, 2), (1, 1)):
            if winograd.pays(precision):
                layer.__class__ = halving
        elif padding == (0, 0) and kernel != (1, 1):
            layer.__class__ = whole
