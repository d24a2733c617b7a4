"""Zero-centred gradient penalties on the discriminator (Mescheder et al. 2018; both as in R3GAN)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_penalty(judge: Callable[[Tensor], Tensor], pictures_BCHW: Tensor) -> Tensor:
    """Half the mean squared norm of the outputs' gradient by each picture, as it was before augmentation.

    `judge`: pictures → B outputs, augmentation included. The result can be differentiated once more.
    """
    pictures_BCHW = pictures_BCHW.detach().requires_grad_()
    (slope_BCHW,) = torch.autograd.grad(judge(pictures_BCHW).sum(), pictures_BCHW, create_graph=True)
    return slope_BCHW.float().square().sum((1, 2, 3)).mean() / 2
