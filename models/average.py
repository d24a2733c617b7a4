"""The exponential moving average of a generator: what is sampled from (Karras et al. 2018)."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn


class Average:
    """Follows `source`, its batch-norm statistics included; early steps are forgotten sooner."""

    def __init__(self, source: nn.Module, decay: float) -> None:
        self.module = deepcopy(source).eval().requires_grad_(False)
        self._decay = decay
        pairs = zip(self.module.state_dict().values(), source.state_dict().values(), strict=True)
        numbers = [(ours, theirs) for ours, theirs in pairs if ours.is_floating_point()]
        self._ours, self._theirs = [one[0] for one in numbers], [one[1] for one in numbers]

    @torch.no_grad()
    def update(self, step: int) -> None:
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._ours, self._theirs, 1 - decay)
