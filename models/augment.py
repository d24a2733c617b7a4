"""Augmentations of a batch, on the device: B batch, C channels, H W pixels in [-1, 1].

All but `mirror` are seen by the discriminator on real and fake alike and let gradients through to the
generator (DiffAugment: Zhao et al. 2020), so that what they do is never learnt as part of the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from models.chance import Chance

Augmentation = Callable[[Tensor, Chance], Tensor]


def mirror(pictures_BCHW: Tensor, chance: Chance) -> Tensor:
    turned = chance.uniform(len(pictures_BCHW), 1, 1, 1) < 0.5
    return torch.where(turned, pictures_BCHW.flip(3), pictures_BCHW)


def translate(pictures_BCHW: Tensor, chance: Chance) -> Tensor:
    """Shift by up to an eighth of the side; what comes in from outside is grey, so that a shift shows."""
    batch, _, height, width = pictures_BCHW.shape
    reach = max(1, height // 8)
    shift_B2 = (chance.uniform(batch, 2, low=-reach, high=reach + 1)).floor().long()
    padded = F.pad(pictures_BCHW, (reach, reach, reach, reach))
    offset = torch.arange(height, device=padded.device)
    rows_BH11 = (shift_B2[:, :1] + reach + offset)[:, :, None, None]
    columns_B1W1 = (shift_B2[:, 1:] + reach + offset[:width])[:, None, :, None]
    index_B111 = torch.arange(batch, device=padded.device)[:, None, None, None]
    channels = torch.arange(padded.shape[1], device=padded.device)
    return padded[index_B111, channels, rows_BH11, columns_B1W1].permute(0, 3, 1, 2)


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


def augment(pictures_BCHW: Tensor, names: Sequence[str], chance: Chance) -> Tensor:
    """Apply the named augmentations in order."""
    for name in names:
        for change in AUGMENTATIONS[name]:
            pictures_BCHW = change(pictures_BCHW, chance)
    return pictures_BCHW
