"""What discriminator and generator are scored by. Outputs are logits, one per picture: B.

A loss is three functions; `LOSSES` names them. Everything is float32, whatever the networks computed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Loss(NamedTuple):
    discriminator: Callable[[Tensor, Tensor, float], Tensor]  # outputs on real and on fake, label smoothing
    generator: Callable[[Tensor], Tensor]  # outputs on fake
    score: Callable[[Tensor], Tensor]  # what metrics show of an output
    boundary: float  # an output above it calls the picture real


def _bce(outputs_B: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(outputs_B, torch.full_like(outputs_B, target))


def _bce_discriminator(real_B: Tensor, fake_B: Tensor, smoothing: float) -> Tensor:
    return _bce(real_B, 1 - smoothing) + _bce(fake_B, 0)


def _bce_generator(fake_B: Tensor) -> Tensor:
    return _bce(fake_B, 1)


def _lsgan_discriminator(real_B: Tensor, fake_B: Tensor, smoothing: float) -> Tensor:
    """Mao et al. 2017, equation 9: a = 0, b = c = 1."""
    return ((real_B - (1 - smoothing)).square().mean() + fake_B.square().mean()) / 2


def _lsgan_generator(fake_B: Tensor) -> Tensor:
    return (fake_B - 1).square().mean() / 2


def _hinge_discriminator(real_B: Tensor, fake_B: Tensor, _smoothing: float) -> Tensor:
    """Miyato et al. 2018, equation 16."""
    return F.relu(1 - real_B).mean() + F.relu(1 + fake_B).mean()


def _hinge_generator(fake_B: Tensor) -> Tensor:
    return -fake_B.mean()


def _as_it_is(outputs_B: Tensor) -> Tensor:
    return outputs_B


LOSSES: dict[str, Loss] = {
    "bce": Loss(_bce_discriminator, _bce_generator, torch.sigmoid, 0.0),
    "lsgan": Loss(_lsgan_discriminator, _lsgan_generator, _as_it_is, 0.5),
    "hinge": Loss(_hinge_discriminator, _hinge_generator, _as_it_is, 0.0),
}
