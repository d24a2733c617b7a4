"""What discriminator and generator are scored by: B batch; outputs are logits, one per picture.

A loss is a few functions of what the discriminator made of real and of fake pictures; `LOSSES` names them.
Everything is float32, whatever the networks computed in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Judged(NamedTuple):
    """A discriminator's view of a batch."""

    features: Tensor  # B x what its first part gives
    outputs: Tensor  # B logits


class Loss(NamedTuple):
    discriminator: Callable[[Tensor, Tensor, float], Tensor]  # outputs on real and on fake, label smoothing
    generator: Callable[[Judged, Judged], Tensor]  # fake, real
    score: Callable[[Tensor], Tensor]  # what metrics show of an output
    boundary: float | None  # an output above it calls the picture real; None: only differences count
    compares: bool = False  # the generator's side needs the real pictures judged by the latest weights
    least: Callable[[float], float] = lambda _smoothing: 0.0  # of the discriminator's, at best


def called_real(loss: Loss, real_B: Tensor, fake_B: Tensor) -> tuple[Tensor, Tensor]:
    """1 where a picture is taken for real, else 0, of both batches."""
    boundary = (real_B.mean() + fake_B.mean()) / 2 if loss.boundary is None else loss.boundary
    return (real_B > boundary).float(), (fake_B > boundary).float()


def by_chance(loss: Loss, smoothing: float) -> float:
    """The discriminator's loss where it cannot tell at all."""
    undecided = torch.full((1,), loss.boundary or 0.0)
    return loss.discriminator(undecided, undecided, smoothing).item()


def _bce(outputs_B: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(outputs_B, torch.full_like(outputs_B, target))


def _bce_discriminator(real_B: Tensor, fake_B: Tensor, smoothing: float) -> Tensor:
    return _bce(real_B, 1 - smoothing) + _bce(fake_B, 0)


def _bce_generator(fake: Judged, _real: Judged) -> Tensor:
    return _bce(fake.outputs, 1)


def _bce_least(smoothing: float) -> float:
    """The entropy of the smoothed label."""
    return -sum(p * math.log(p) for p in (smoothing, 1 - smoothing) if p)


def _lsgan_discriminator(real_B: Tensor, fake_B: Tensor, smoothing: float) -> Tensor:
    """Mao et al. 2017, equation 9: a = 0, b = c = 1."""
    return ((real_B - (1 - smoothing)).square().mean() + fake_B.square().mean()) / 2


def _lsgan_generator(fake: Judged, _real: Judged) -> Tensor:
    return (fake.outputs - 1).square().mean() / 2


def _hinge_discriminator(real_B: Tensor, fake_B: Tensor, _smoothing: float) -> Tensor:
    """Miyato et al. 2018, equation 16."""
    return F.relu(1 - real_B).mean() + F.relu(1 + fake_B).mean()


def _hinge_generator(fake: Judged, _real: Judged) -> Tensor:
    return -fake.outputs.mean()


def _relativistic_discriminator(real_B: Tensor, fake_B: Tensor, _smoothing: float) -> Tensor:
    """Each real picture against one generated: Jolicoeur-Martineau 2019; as in R3GAN (Huang et al. 2024)."""
    return F.softplus(fake_B - real_B).mean()


def _relativistic_generator(fake: Judged, real: Judged) -> Tensor:
    return F.softplus(real.outputs - fake.outputs).mean()


def _matching_discriminator(real_B: Tensor, fake_B: Tensor, smoothing: float) -> Tensor:
    """Least squares of the sigmoid, as the portraits article found best."""
    return _lsgan_discriminator(real_B.sigmoid(), fake_B.sigmoid(), smoothing)


def _matching_generator(fake: Judged, real: Judged) -> Tensor:
    """Squared distance between the mean features of both batches (Salimans et al. 2016, section 3.1)."""
    return (fake.features.mean(0) - real.features.mean(0)).square().sum()


def _as_it_is(outputs_B: Tensor) -> Tensor:
    return outputs_B


LOSSES: dict[str, Loss] = {
    "bce": Loss(_bce_discriminator, _bce_generator, torch.sigmoid, 0.0, least=_bce_least),
    "lsgan": Loss(_lsgan_discriminator, _lsgan_generator, _as_it_is, 0.5),
    "hinge": Loss(_hinge_discriminator, _hinge_generator, _as_it_is, 0.0),
    "relativistic": Loss(
        _relativistic_discriminator, _relativistic_generator, _as_it_is, None, compares=True
    ),
    "feature-matching": Loss(_matching_discriminator, _matching_generator, torch.sigmoid, 0.0, compares=True),
}
