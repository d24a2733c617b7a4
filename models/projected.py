"""The second discriminator of a run at work: heads on the layers of a trained network, by the hinge loss."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.config import TrainConfig
from models.descent import Descent, adam
from models.losses import LOSSES, Judged
from models.networks.projected import Heads, Sight

_HINGE = LOSSES["hinge"]


class Projected:
    """`heads` alone learn; B batch, C channels, H W pixels in [-1, 1]."""

    def __init__(self, heads: Heads, config: TrainConfig, device: torch.device) -> None:
        self._sight = Sight().to(device).to(memory_format=torch.channels_last)
        self.heads: nn.Module = heads.to(device).to(memory_format=torch.channels_last)
        self.optimizer = adam(self.heads, config.lr_d, config.beta1)

    def step(
        self,
        real_BCHW: Tensor,
        fake_BCHW: Tensor,
        augmented: Callable[[Tensor], Tensor],
        descent: Descent,
        autocast: torch.autocast,
    ) -> tuple[Tensor, Tensor]:
        """One step of the heads; their loss, and what it is then for the generator, to be differentiated.

        Each picture is augmented and seen once: the generator learns from what the heads learnt from.
        """
        with autocast:
            with torch.no_grad():
                real = self._sight(augmented(real_BCHW))
            fake = self._sight(augmented(fake_BCHW))
            told_real, told_fake = self.heads(real), self.heads([one.detach() for one in fake])
        loss = _HINGE.discriminator(told_real.float(), told_fake.float(), 0.0)
        descent.step(loss, self.heads, self.optimizer)
        with autocast:
            outputs = self.heads(fake).float()
        judged = Judged(outputs, outputs)
        return loss.detach(), _HINGE.generator(judged, judged)
