"""Augmentations of a batch, on the device: B batch, C channels, H W pixels in [-1, 1].

All but `mirror` are seen by the discriminator on real and fake alike and let gradients through to the
generator (DiffAugment: Zhao et al. 2020), so that what they do is never learnt as part of the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from models.chance import Chance

Augmentation = Callable[[Tensor, Chance], Tensor]

_FULL_STRENGTH = 20_000  # pictures from p = 0 to 1; ADA's 500,000 are more than a run here may see


def mirror(pictures_BCHW: Tensor, chance: Chance) -> Tensor:
    turned = chance.uniform(len(pictures_BCHW), 1, 1, 1) < 0.5
    return torch.where(turned, pictures_BCHW.flip(3), pictures_BCHW)


def translate(pictures_BCHW: Tensor, chance: Chance) -> Tensor:
    """Shift by up to an eighth of the side; what comes in from outside is grey, so that a shift shows."""
    batch, _, height, _ = pictures_BCHW.shape
    reach = max(1, height // 8)
    shift_B2 = (chance.uniform(batch, 2, low=-reach, high=reach + 1)).floor().long()
    shifted_BCHW: Tensor = _Shift.apply(pictures_BCHW, shift_B2, reach)
    return shifted_BCHW


class _Shift(torch.autograd.Function):
    """Each picture moved by whole pixels of its own.

    Its gradient is the shift back, which can be differentiated again; what autograd makes of an indexed copy
    takes four times as long.
    """

    @staticmethod
    def forward(ctx: Any, pictures_BCHW: Tensor, shift_B2: Tensor, reach: int) -> Tensor:
        ctx.save_for_backward(shift_B2)
        ctx.reach = reach
        height, width = pictures_BCHW.shape[2:]
        padded_BCHW = F.pad(pictures_BCHW, (reach, reach, reach, reach))
        windows = padded_BCHW.unfold(2, height, 1).unfold(3, width, 1).permute(0, 2, 3, 4, 5, 1)
        picture_B = torch.arange(len(pictures_BCHW), device=pictures_BCHW.device)
        return windows[picture_B, shift_B2[:, 0] + reach, shift_B2[:, 1] + reach].permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *slopes_BCHW: Tensor) -> tuple[Tensor, None, None]:
        (shift_B2,) = ctx.saved_tensors
        return _Shift.apply(slopes_BCHW[0], -shift_B2, ctx.reach), None, None


def color(pictures_BCHW: Tensor, chance: Chance) -> Tensor:
    """Brightness by ± 0.25, saturation by a factor in [0.5, 1.5]."""
    saturated = _away_from(pictures_BCHW.mean(1, keepdim=True), pictures_BCHW, chance)
    return saturated + chance.uniform(len(pictures_BCHW), 1, 1, 1, low=-0.25, high=0.25)


def sharpness(pictures_BCHW: Tensor, chance: Chance) -> Tensor:
    """Away from or towards the picture blurred over 3 x 3 pixels, by a factor in [0.5, 1.5]."""
    blurred = F.avg_pool2d(F.pad(pictures_BCHW, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return _away_from(blurred, pictures_BCHW, chance)


def contrast(pictures_BCHW: Tensor, chance: Chance) -> Tensor:
    return _away_from(pictures_BCHW.mean((1, 2, 3), keepdim=True), pictures_BCHW, chance)


def cutout(pictures_BCHW: Tensor, chance: Chance) -> Tensor:
    """Grey out a square of half the side, its centre anywhere."""
    batch, _, height, width = pictures_BCHW.shape
    centre_B2 = chance.uniform(batch, 2) * height
    offset = torch.arange(height, device=pictures_BCHW.device) + 0.5
    rows_BH = (offset - centre_B2[:, :1]).abs() < height / 4
    columns_BW = (offset[:width] - centre_B2[:, 1:]).abs() < width / 4
    return pictures_BCHW.masked_fill(rows_BH[:, None, :, None] & columns_BW[:, None, None, :], 0)


def _away_from(origin: Tensor, pictures_BCHW: Tensor, chance: Chance) -> Tensor:
    factor = chance.uniform(len(pictures_BCHW), 1, 1, 1, low=0.5, high=1.5)
    return origin + (pictures_BCHW - origin) * factor


AUGMENTATIONS: dict[str, tuple[Augmentation, ...]] = {
    "mirror": (mirror,),
    "translation": (translate,),
    "color": (color,),
    "sharpness": (sharpness,),
    "diffaugment": (color, contrast, translate, cutout),
}


def augment(
    pictures_BCHW: Tensor, names: Sequence[str], chance: Chance, strength: Tensor | None = None
) -> Tensor:
    """Apply the named augmentations in order; with a `strength` in [0, 1] each change to each picture with
    that probability only (Karras et al. 2020)."""
    for name in names:
        for change in AUGMENTATIONS[name]:
            changed_BCHW = change(pictures_BCHW, chance)
            if strength is not None:
                struck = chance.uniform(len(pictures_BCHW), 1, 1, 1) < strength
                changed_BCHW = torch.where(struck, changed_BCHW, pictures_BCHW)
            pictures_BCHW = changed_BCHW
    return pictures_BCHW


class Strength:
    """How often augmentations strike, by how well the discriminator knows the real pictures.

    The sign heuristic of ADA (Karras et al. 2020, section 3.1): while the mean sign of its outputs on real
    pictures is above `target` it is overfitting, and p rises; else p falls.
    """

    def __init__(self, target: float, device: torch.device) -> None:
        self._target = target
        self.p = torch.zeros((), device=device)

    @torch.no_grad()
    def follow(self, called_real_B: Tensor) -> None:
        """`called_real_B`: 1 where a real picture was taken for real, else 0."""
        sign = 2 * called_real_B.mean() - 1 - self._target
        self.p.add_(sign.sign() * (len(called_real_B) / _FULL_STRENGTH)).clamp_(0, 1)
