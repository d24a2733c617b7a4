"""The second discriminator of a run at work: heads on the layers of a trained network, by the hinge loss."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.config import TrainConfig
from models.descent import Descent, adam
from models.losses import LOSSES
from models.networks.projected import Heads, Sight

_HINGE = LOSSES["hinge"]


class Projected:
    """`heads` alone learn; B batch, C channels, H W pixels in [-1, 1]."""

    def __init__(self, size: int, config: TrainConfig, device: torch.device) -> None:
        """For pictures of `size` px. Draws the heads' weights from torch's random numbers."""
        self.heads: nn.Module = Heads(size).to(device).to(memory_format=torch.channels_last)
        self._sight = Sight().to(device).to(memory_format=torch.channels_last)
        self.optimizer = adam(self.heads, config.lr_d, config.beta1)

    def step(
        self,
        real_BCHW: Tensor,
        fake_BCHW: Tensor,
        augmented: Callable[[Tensor], Tensor],
        descent: Descent,
        autocast: torch.autocast,
    ) -> tuple[Tensor, Tensor]:
        """One step of the heads; their loss, and the generator's by them, to be differentiated.

        Each picture is augmented and seen once: the generator learns from what the heads learnt from.
        """
        with autocast:
            with torch.no_grad():
                real = self._sight(augmented(real_BCHW))
            fake = self._sight(augmented(fake_BCHW))
            outputs = self.heads(real), self.heads([one.detach() for one in fake])
        loss = _HINGE.discriminator(outputs[0].float(), outputs[1].float(), 0.0)
        descent.step(loss, self.heads, self.optimizer)
        with autocast:
            return loss.detach(), -self.heads(fake).float().mean()  # the hinge loss of a generator
