"""A second discriminator, which sees pictures as a trained network does (Sauer et al. 2021).

EfficientNet-Lite1 knows edges, eyes and cloth from a million photographs, so heads on its layers need little
of a small dataset to tell real from generated. They let colours drift; the discriminator of pixels beside
them does not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.parametrizations import spectral_norm

from models import lite
from models.extras import SEES

_LEAST, _MOST = 64, 256  # px that smaller and larger pictures are brought to
_WIDTH = 64  # channels of a head
_END = 4  # px, the side from which a head convolves to one output


class Tap(NamedTuple):
    """Where a head is put: behind a block of Lite1, the first of its stage."""

    block: int
    channels: int
    stride: int  # of the picture's pixels


TAPS = (Tap(4, 40, 8), Tap(7, 80, 16), Tap(15, 192, 32))
_TAPPED = {tap.block for tap in TAPS}


def side_seen(size: int) -> int:
    """Side to which pictures of `size` px are brought before Lite1 sees them."""
    return min(max(size, _LEAST), _MOST)


class Sight(nn.Module):
    """Pictures B x C x H x W in [-1, 1] → what each of TAPS holds of them, B x channels x side x side.

    Frozen.
    """

    def __init__(self) -> None:
        super().__init__()
        network = lite.load(SEES)
        self._stem = nn.Sequential(*_folded(network._conv_stem, network._bn0), nn.ReLU6(inplace=True))
        self._blocks = nn.ModuleList(_Block(block) for block in network._blocks[: TAPS[-1].block + 1])

    def forward(self, pictures_BCHW: Tensor) -> list[Tensor]:
        x = pictures_BCHW.expand(-1, 3, -1, -1)
        size, side = x.shape[-1], side_seen(x.shape[-1])  # powers of two, both of them
        if size > side:
            x = F.avg_pool2d(x, size // side)
        elif size < side:
            x = F.interpolate(x, size=(side, side), mode="bilinear")
        x = self._stem(x.contiguous(memory_format=torch.channels_last))
        seen = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in _TAPPED:
                seen.append(x)
        return seen


class _Block(nn.Module):
    """An inverted bottleneck of Lite1, batch norm folded into its convolutions."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        arguments = block._block_args
        layers: list[nn.Module] = []
        if arguments.expand_ratio != 1:
            layers += [*_folded(block._expand_conv, block._bn0), nn.ReLU6(inplace=True)]
        layers += [*_folded(block._depthwise_conv, block._bn1), nn.ReLU6(inplace=True)]
        self._layers = nn.Sequential(*layers, *_folded(block._project_conv, block._bn2))
        self._skips = arguments.stride == 1 and arguments.input_filters == arguments.output_filters

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self._layers(x)
        return x + made if self._skips else made


def _folded(convolution: Any, norm: Any) -> list[nn.Module]:
    """Both as one convolution, padded as TensorFlow does for even sides: more on the right and below."""
    one = fuse_conv_bn_eval(convolution, norm)
    kernel, stride = one.kernel_size[0], one.stride[0]
    more = kernel - stride
    plain = nn.Conv2d(one.in_channels, one.out_channels, kernel, stride, groups=one.groups)
    plain.load_state_dict({"weight": one.weight, "bias": one.bias})
    plain.requires_grad_(False)
    if more % 2 == 0:
        plain.padding = (more // 2, more // 2)
        return [plain]
    left, right = more // 2, more - more // 2
    return [nn.ZeroPad2d((left, right, left, right)), plain]


class Heads(nn.ModuleList):
    """What `Sight` gives → B x 3 logits, one of each head; spectral norm holds them, nothing else."""

    def __init__(self, size: int) -> None:
        super().__init__(_head(tap, side_seen(size) // tap.stride) for tap in TAPS)

    def forward(self, seen: list[Tensor]) -> Tensor:
        return torch.cat([head(x) for head, x in zip(self, seen, strict=True)], 1)


def _head(tap: Tap, side: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    width = tap.channels
    while side > _END:
        layers += [spectral_norm(nn.Conv2d(width, _WIDTH, 4, 2, 1)), nn.LeakyReLU(0.2)]
        width, side = _WIDTH, side // 2
    layers += [spectral_norm(nn.Conv2d(width, _WIDTH, 3, padding=1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(_WIDTH, 1, side)), nn.Flatten())
